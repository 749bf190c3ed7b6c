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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Input.
    pub input: Money,
    /// Input from the provider's cache; the price of input when unknown.
    pub cached: Option<Money>,
    /// Input written to the provider's cache; the price of input when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_written: Option<Money>,
    /// Input of sound; the price of input when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_input: Option<Money>,
    /// Output.
    pub output: Money,
    /// Output of sound; the price of output when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_output: Option<Money>,
    /// What all tokens of a request cost instead when its input is long, by growing length.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<PriceTier>,
}

/// What all tokens of a request cost whose input is longer than so many tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceTier {
    /// How much input still has the price below.
    pub above: u64,
    /// Input.
    pub input: Money,
    /// Input from the provider's cache; the price of input when unknown.
    pub cached: Option<Money>,
    /// Input written to the provider's cache; the price of input when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_written: Option<Money>,
    /// Output.
    pub output: Money,
}

impl Price {
    /// The price of a model that runs inside the process.
    pub const FREE: Price = Price::new(Money::zero(Currency::USD), Money::zero(Currency::USD));

    /// A price of input and output alone.
    pub const fn new(input: Money, output: Money) -> Self {
        Self {
            input,
            cached: None,
            cache_written: None,
            audio_input: None,
            output,
            audio_output: None,
            tiers: Vec::new(),
        }
    }

    /// What a usage costs; unknown when the provider did not say what was used. Rounded up, so that a cap holds.
    pub fn cost_of(&self, usage: &Usage) -> Result<Cost> {
        if *self == Self::FREE {
            return Ok(Cost::Known(Money::zero(self.input.currency())));
        }
        let (Some(input), Some(output)) = (usage.input, usage.output) else { return Ok(Cost::Unknown) };
        let tier = self.tiers.iter().filter(|tier| input > tier.above).max_by_key(|tier| tier.above);
        let of_input = tier.map_or(self.input, |tier| tier.input);
        let of_output = tier.map_or(self.output, |tier| tier.output);
        let of_cached = tier.map_or(self.cached, |tier| tier.cached).unwrap_or(of_input);
        let of_written = tier.map_or(self.cache_written, |tier| tier.cache_written).unwrap_or(of_input);
        let (mut fresh, mut spoken) = (input, output);
        let take = |of: &mut u64, part: Option<u64>| {
            let part = part.unwrap_or(0).min(*of);
            *of = of.saturating_sub(part);
            part
        };
        let shares = [
            (take(&mut fresh, usage.cached), of_cached),
            (take(&mut fresh, usage.cache_written), of_written),
            (take(&mut fresh, usage.audio_input), self.audio_input.unwrap_or(of_input)),
            (fresh, of_input),
            (take(&mut spoken, usage.audio_output), self.audio_output.unwrap_or(of_output)),
            (spoken, of_output),
        ];
        let nothing = Money::zero(of_input.currency());
        let sum = shares
            .into_iter()
            .try_fold(nothing, |sum, (tokens, price)| sum.checked_add(share(tokens, price)))?;
        Ok(Cost::Known(sum))
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
            Price { cached: Some(usd(300_000_000)), ..Price::new(usd(3_000_000_000), usd(15_000_000_001)) };
        let usage = Usage { input: Some(100), cached: Some(40), output: Some(1), ..Usage::default() };
        let expected = 60 * 3_000 + 40 * 300 + 15_001;
        assert_eq!(price.cost_of(&usage).unwrap(), Cost::Known(usd(expected)));
    }

    #[test]
    fn a_missing_usage_makes_the_cost_unknown_and_unknown_stays_unknown() {
        let price = Price::new(usd(1), usd(1));
        let unknown = price.cost_of(&Usage::default()).unwrap();
        assert_eq!(unknown, Cost::Unknown);
        assert_eq!(Cost::ZERO.plus(unknown).unwrap(), Cost::Unknown);
    }

    #[test]
    fn long_input_moves_every_token_to_its_tier_and_each_kind_has_its_price() {
        let million = |dollars: i64| usd(dollars * 1_000_000_000);
        let tier = PriceTier {
            above: 100,
            input: million(20),
            cached: Some(million(2)),
            cache_written: None,
            output: million(40),
        };
        let price = Price {
            cached: Some(million(1)),
            cache_written: Some(million(12)),
            audio_output: Some(million(80)),
            tiers: vec![tier, PriceTier { above: 200, input: million(30), ..tier }],
            ..Price::new(million(10), million(20))
        };
        let usage = |input| Usage {
            input: Some(input),
            cached: Some(10),
            cache_written: Some(20),
            output: Some(5),
            audio_output: Some(2),
            ..Usage::default()
        };
        let cost = |input| price.cost_of(&usage(input)).unwrap();
        assert_eq!(cost(100), Cost::Known(usd(1_000 * (10 + 20 * 12 + 70 * 10 + 2 * 80 + 3 * 20))));
        assert_eq!(cost(101), Cost::Known(usd(1_000 * (10 * 2 + 20 * 20 + 71 * 20 + 2 * 80 + 3 * 40))));
        assert_eq!(cost(201), Cost::Known(usd(1_000 * (10 * 2 + 20 * 30 + 171 * 30 + 2 * 80 + 3 * 40))));
        // More cached than came in does not happen; if it is said, no token is paid twice.
        let odd = Usage {
            input: Some(5),
            cached: Some(9),
            cache_written: Some(9),
            output: Some(0),
            ..Usage::default()
        };
        assert_eq!(price.cost_of(&odd).unwrap(), Cost::Known(usd(5_000)));
    }
}
