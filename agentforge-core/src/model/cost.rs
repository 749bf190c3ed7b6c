//! What an answer used and cost.

use serde::{Deserialize, Serialize};

use crate::{
    error::Result,
    money::{Currency, Money},
};

/// Tokens; what the provider did not say is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens that went in, cached ones included.
    pub input: Option<u64>,
    /// Tokens that came out, reasoning included.
    pub output: Option<u64>,
    /// Of the input, those read from the provider's cache.
    pub cached: Option<u64>,
    /// Of the input, those written to the provider's cache.
    pub cache_written: Option<u64>,
    /// Of the output, those spent on reasoning.
    pub reasoning: Option<u64>,
    /// Of the input, those of sound.
    pub audio_input: Option<u64>,
    /// Of the output, those of sound.
    pub audio_output: Option<u64>,
}

impl Usage {
    /// The sum; a number that only one side knows is kept.
    #[must_use]
    pub fn plus(self, other: Usage) -> Self {
        fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
            match (a, b) {
                (Some(a), Some(b)) => Some(a.saturating_add(b)),
                (known, None) | (None, known) => known,
            }
        }
        Self {
            input: sum(self.input, other.input),
            output: sum(self.output, other.output),
            cached: sum(self.cached, other.cached),
            cache_written: sum(self.cache_written, other.cache_written),
            reasoning: sum(self.reasoning, other.reasoning),
            audio_input: sum(self.audio_input, other.audio_input),
            audio_output: sum(self.audio_output, other.audio_output),
        }
    }
}

/// What tokens cost, in nano-units of a currency per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Input.
    pub input: Money,
    /// Input from the provider's cache; the price of input when unknown.
    pub cached: Option<Money>,
    /// Output.
    pub output: Money,
}

impl Price {
    /// The price of a model that runs inside the process.
    pub const FREE: Price =
        Price { input: Money::zero(Currency::USD), cached: None, output: Money::zero(Currency::USD) };

    /// What a usage costs; unknown when the provider did not say what was used. Rounded up, so that a cap holds.
    pub fn cost_of(&self, usage: &Usage) -> Result<Cost> {
        if *self == Self::FREE {
            return Ok(Cost::Known(Money::zero(self.input.currency())));
        }
        let (Some(input), Some(output)) = (usage.input, usage.output) else { return Ok(Cost::Unknown) };
        let cached = usage.cached.unwrap_or(0).min(input);
        let fresh = share(input.saturating_sub(cached), self.input);
        let cached = share(cached, self.cached.unwrap_or(self.input));
        fresh.checked_add(cached)?.checked_add(share(output, self.output)).map(Cost::Known)
    }
}

fn share(tokens: u64, per_million: Money) -> Money {
    let nanos = (i128::from(tokens) * i128::from(per_million.nanos())).div_euclid(1_000_000);
    let rest = (i128::from(tokens) * i128::from(per_million.nanos())).rem_euclid(1_000_000);
    let nanos = nanos.saturating_add(i128::from(rest > 0));
    Money::new(per_million.currency(), i64::try_from(nanos).unwrap_or(i64::MAX))
}

/// What was spent. Unknown is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// This much.
    Known(Money),
    /// Nobody can say; a limit in money stops here.
    Unknown,
}

impl Cost {
    /// Nothing.
    pub const ZERO: Cost = Cost::Known(Money::zero(Currency::USD));

    /// The sum; unknown as soon as one side is.
    pub fn plus(self, other: Cost) -> Result<Cost> {
        match (self, other) {
            (Cost::Known(a), Cost::Known(b)) => a.checked_add(b).map(Cost::Known),
            _ => Ok(Cost::Unknown),
        }
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Cost::Known(money) => write!(f, "{money}"),
            Cost::Unknown => f.write_str("unknown cost"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(nanos: i64) -> Money {
        Money::new(Currency::USD, nanos)
    }

    #[test]
    fn cached_input_has_its_own_price_and_the_sum_is_rounded_up() {
        let price =
            Price { input: usd(3_000_000_000), cached: Some(usd(300_000_000)), output: usd(15_000_000_001) };
        let usage = Usage { input: Some(100), cached: Some(40), output: Some(1), ..Usage::default() };
        let expected = 60 * 3_000 + 40 * 300 + 15_001;
        assert_eq!(price.cost_of(&usage).unwrap(), Cost::Known(usd(expected)));
    }

    #[test]
    fn a_missing_usage_makes_the_cost_unknown_and_unknown_stays_unknown() {
        let price = Price { input: usd(1), cached: None, output: usd(1) };
        let unknown = price.cost_of(&Usage::default()).unwrap();
        assert_eq!(unknown, Cost::Unknown);
        assert_eq!(Cost::ZERO.plus(unknown).unwrap(), Cost::Unknown);
    }
}
