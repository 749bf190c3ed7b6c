//! A price as a table holds it, and when it holds.

use std::{borrow::Cow, fmt, str::FromStr};

use agentforge_core::{
    model::{Price, PriceTier},
    money::{Currency, Money},
    time::Timestamp,
};
use jiff::{civil, tz::TimeZone};
use serde::{Deserialize, Deserializer, de};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    #[serde(default)]
    from: Option<Parsed<civil::Date>>,
    #[serde(default)]
    daily: Option<(Parsed<civil::Time>, Parsed<civil::Time>)>,
    input: Nanos,
    #[serde(default)]
    cached: Option<Nanos>,
    #[serde(default)]
    cache_written: Option<Nanos>,
    #[serde(default)]
    audio_input: Option<Nanos>,
    output: Nanos,
    #[serde(default)]
    audio_output: Option<Nanos>,
    #[serde(default)]
    tiers: Vec<Tier>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tier {
    above: u64,
    input: Nanos,
    #[serde(default)]
    cached: Option<Nanos>,
    #[serde(default)]
    cache_written: Option<Nanos>,
    output: Nanos,
}

/// What is written as text.
#[derive(Debug, Clone, Copy)]
struct Parsed<T>(T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

/// An amount as text, since some readers of JSON lose digits; never below zero.
#[derive(Debug, Clone, Copy)]
struct Nanos(i64);

impl<'de> Deserialize<'de> for Nanos {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        match text.parse() {
            Ok(nanos) if nanos >= 0 => Ok(Self(nanos)),
            _ => Err(de::Error::custom(format!("`{text}` is no amount of nano-units"))),
        }
    }
}

impl Row {
    /// Whether it holds at an instant.
    pub(super) fn holds(&self, at: Timestamp) -> bool {
        let Ok(instant) = jiff::Timestamp::from_microsecond(at.as_micros()) else { return false };
        let civil = instant.to_zoned(TimeZone::UTC).datetime();
        let begun = self.from.is_none_or(|Parsed(from)| civil.date() >= from);
        let in_hours = self.daily.is_none_or(|(Parsed(from), Parsed(until))| {
            let time = civil.time();
            if from <= until { from <= time && time < until } else { from <= time || time < until }
        });
        begun && in_hours
    }

    pub(super) fn price(&self, currency: Currency) -> Price {
        let money = |nanos: Nanos| Money::new(currency, nanos.0);
        let maybe = |nanos: Option<Nanos>| nanos.map(money);
        let tier = |tier: &Tier| PriceTier {
            above: tier.above,
            input: money(tier.input),
            cached: maybe(tier.cached),
            cache_written: maybe(tier.cache_written),
            output: money(tier.output),
        };
        Price {
            input: money(self.input),
            cached: maybe(self.cached),
            cache_written: maybe(self.cache_written),
            audio_input: maybe(self.audio_input),
            output: money(self.output),
            audio_output: maybe(self.audio_output),
            tiers: self.tiers.iter().map(tier).collect(),
        }
    }
}
