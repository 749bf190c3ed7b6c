//! Instants and the clock port.
//!
//! An instant is UTC with microseconds, so that every store returns exactly what it was given. Zones are IANA names
//! stored beside an instant by whoever shows it to people.

use std::{fmt, str::FromStr, time::Duration};

use futures::future::BoxFuture;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::Error;

/// An instant in UTC with microsecond precision: RFC 3339 outside, a count of microseconds in SQL.
///
/// ```
/// use agentforge_core::time::Timestamp;
/// let at: Timestamp = "2026-03-01T09:30:00.000001Z".parse()?;
/// assert_eq!(at.to_string(), "2026-03-01T09:30:00.000001Z");
/// # Ok::<(), agentforge_core::error::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Timestamp = Timestamp(jiff::Timestamp::UNIX_EPOCH);

    /// The earliest instant that there is.
    pub const EARLIEST: Timestamp = Timestamp(jiff::Timestamp::MIN);

    /// The instant of a count of microseconds since 1970; out of range is invalid input.
    pub fn from_micros(micros: i64) -> Result<Self, Error> {
        jiff::Timestamp::from_microsecond(micros)
            .map(Self)
            .map_err(|_| Error::invalid(format!("{micros} microseconds is outside the range of instants")))
    }

    /// Microseconds since 1970.
    pub fn as_micros(self) -> i64 {
        self.0.as_microsecond()
    }

    /// The instant in the type of the time library.
    pub fn as_jiff(self) -> jiff::Timestamp {
        self.0
    }

    /// This instant moved forward; saturates at the end of time.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.as_micros().saturating_add(micros)).unwrap_or(Self(jiff::Timestamp::MAX))
    }

    /// The time from an earlier instant to this one; zero when it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        let micros = self.as_micros().saturating_sub(earlier.as_micros());
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

impl From<jiff::Timestamp> for Timestamp {
    /// Drops what is finer than a microsecond.
    fn from(at: jiff::Timestamp) -> Self {
        Self(jiff::Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.0)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.parse::<jiff::Timestamp>().map(Self::from).map_err(|error| {
            Error::invalid(format!("`{text}` is no instant; expected RFC 3339 such as 2026-03-01T09:30:00Z"))
                .caused_by(error)
        })
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Where time comes from. An adapter over an async runtime gives real sleeps; [`crate::testing`] has a fixed
/// one.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;

    /// Completes once the clock has reached the instant; at once when it lies in the past.
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()>;
}
