//! A length of time in a definition: ISO 8601 such as `PT48H` or `P2D`, or a number of seconds.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use agentforge_core::error::Error;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time. Days have 24 hours; months and years have no fixed length and are refused.
///
/// ```
/// use agentforge_process::Period;
/// let two_days: Period = "P2D".parse()?;
/// assert_eq!(two_days, "PT48H".parse()?);
/// assert_eq!(two_days.as_duration().as_secs(), 172_800);
/// # Ok::<(), agentforge_core::error::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(Duration);

impl Period {
    /// The length of a duration.
    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// The length.
    pub const fn as_duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Period {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::invalid(format!(
                "`{text}` is no length of time; write weeks, days, hours, minutes or seconds as in `PT48H` or `P2D`"
            ))
        };
        if !text.starts_with('P') {
            return Err(wrong());
        }
        let span: jiff::Span = text.parse().map_err(|_| wrong())?;
        let length = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
        Duration::try_from(length).map(Self).map_err(|_| wrong())
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = jiff::SignedDuration::try_from(self.0).unwrap_or(jiff::SignedDuration::MAX);
        fmt::Display::fmt(&length, f)
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Period;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an ISO 8601 duration such as `PT48H`, or a number of seconds")
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Period, E> {
                Ok(Period(Duration::from_secs(seconds)))
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Period, E> {
                let seconds =
                    u64::try_from(seconds).map_err(|_| E::custom("a length of time is not negative"))?;
                self.visit_u64(seconds)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Period, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Period {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Seconds, or weeks, days, hours, minutes and seconds as in `PT48H` or `P2D`.",
            "type": ["integer", "string"],
            "minimum": 0,
            "format": "duration",
            "pattern": "^P[^YM]*(T.*)?$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read_and_written() {
        for (text, seconds) in
            [("PT48H", 172_800), ("P2D", 172_800), ("P1W", 604_800), ("PT90S", 90), ("PT0S", 0)]
        {
            let period: Period = text.parse().unwrap();
            assert_eq!(period.as_duration().as_secs(), seconds, "{text}");
            assert_eq!(period.to_string().parse::<Period>().unwrap(), period, "{period}");
        }
        assert_eq!(serde_json::from_str::<Period>("90").unwrap(), "PT90S".parse().unwrap());
        for text in ["P1M", "P1Y", "-PT1S", "two days", "", "48h"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Period>("-1").is_err());
    }
}
