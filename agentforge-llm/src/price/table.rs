//! A table of prices, and the look into it.

use std::collections::BTreeMap;

use agentforge_core::{Error, ErrorKind, Result, model::Price, money::Currency, time::Timestamp};
use serde::Deserialize;

use super::row::Row;
use crate::pattern::fits;

/// Under which name the table has the hosts of this crate, where that is another than theirs.
const HOSTS: &[(&str, &str)] = &[
    ("openai-responses", "openai"),
    ("xai", "x-ai"),
    ("xai-responses", "x-ai"),
    ("bedrock", "aws"),
    ("foundry", "azure"),
    ("vertex", "google"),
    ("gemini", "google"),
];

/// Prices by provider and model.
#[derive(Debug, Clone)]
pub struct PriceTable {
    version: String,
    currency: Currency,
    providers: BTreeMap<String, Provider>,
    own: Vec<Own>,
}

/// A price of one's own.
#[derive(Debug, Clone)]
struct Own {
    provider: String,
    pattern: String,
    price: Price,
}

#[derive(Deserialize)]
struct Written {
    source: String,
    version: String,
    currency: String,
    providers: BTreeMap<String, Provider>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Provider {
    /// Providers whose models it serves at their prices.
    #[serde(default)]
    also: Vec<String>,
    models: Vec<Model>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    names: Vec<String>,
    #[serde(default)]
    unless: Vec<String>,
    /// None when it is known that nobody can say.
    prices: Vec<Row>,
}

impl PriceTable {
    /// The table that comes with this crate.
    pub fn builtin() -> Self {
        // A test reads it; should it ever be unreadable, every price is unknown, and caps in money stop.
        Self::from_json(include_str!("prices.json")).unwrap_or_else(|_| Self::empty())
    }

    /// A table without prices.
    pub fn empty() -> Self {
        Self {
            version: "none".to_owned(),
            currency: Currency::USD,
            providers: BTreeMap::new(),
            own: Vec::new(),
        }
    }

    /// A table in the form that the [module](super) describes.
    pub fn from_json(text: &str) -> Result<Self> {
        let written: Written = serde_json::from_str(text).map_err(|error| {
            Error::new(ErrorKind::Decode, format!("the text is no table of prices: {error}"))
        })?;
        let currency = written.currency.parse()?;
        let version = format!("{} {}", written.source, written.version);
        Ok(Self { version, currency, providers: written.providers, own: Vec::new() })
    }

    /// With a price of one's own for the models of a provider whose names fit a pattern, such as `our-*`. It comes before
    /// those of the table, and the last given before the others.
    #[must_use]
    pub fn with_price(mut self, provider: &str, pattern: &str, price: Price) -> Self {
        self.own.insert(0, Own { provider: provider.to_owned(), pattern: pattern.to_owned(), price });
        self
    }

    /// Where the table comes from, and its version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What a model costs at an instant; unknown is `None`.
    pub fn price(&self, provider: &str, model: &str, at: Timestamp) -> Option<Price> {
        if let Some(own) = self.own.iter().find(|own| own.provider == provider && fits(&own.pattern, model)) {
            return Some(own.price.clone());
        }
        let listed = HOSTS.iter().find(|(host, _)| *host == provider).map_or(provider, |(_, listed)| listed);
        let provider = self.providers.get(listed)?;
        let found = self.find(provider, model).or_else(|| self.find(provider, &with_dashes(model)?))?;
        // Before the first day of which anybody knows, the oldest price stands.
        let row = found.prices.iter().rfind(|row| row.holds(at)).or_else(|| found.prices.first())?;
        Some(row.price(self.currency))
    }

    fn find<'a>(&'a self, provider: &'a Provider, model: &str) -> Option<&'a Model> {
        let also = provider.also.iter().filter_map(|name| self.providers.get(name));
        std::iter::once(provider)
            .chain(also)
            .flat_map(|provider| &provider.models)
            .find(|listed| listed.is(model))
    }
}

impl Model {
    fn is(&self, model: &str) -> bool {
        self.names.iter().any(|pattern| fits(pattern, model))
            && !self.unless.iter().any(|pattern| fits(pattern, model))
    }
}

/// A name that ends in a day written together, with dashes: some gateways write `model-20251211`.
fn with_dashes(model: &str) -> Option<String> {
    let (name, day) = model.rsplit_once('-')?;
    let is_day = day.len() == 8 && day.bytes().all(|letter| letter.is_ascii_digit());
    let (year, month, day) = (day.get(..4)?, day.get(4..6)?, day.get(6..)?);
    is_day.then(|| format!("{name}-{year}-{month}-{day}"))
}

#[cfg(test)]
mod tests {
    use agentforge_core::{
        model::{Cost, Usage},
        money::Money,
    };

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn table(models: &str) -> PriceTable {
        let text = format!(
            r#"{{"source":"t","version":"1","currency":"USD","providers":{{"openai":{{"also":["other"],"models":[{models}]}},
            "other":{{"models":[{{"names":["lent"],"prices":[{{"input":"7","output":"8"}}]}}]}}}}}}"#
        );
        PriceTable::from_json(&text).unwrap()
    }

    fn input(price: Option<Price>) -> Option<i64> {
        price.map(|price| price.input.nanos())
    }

    #[test]
    fn the_table_of_this_crate_is_read_and_knows_models_of_every_large_provider() {
        let table = PriceTable::from_json(include_str!("prices.json")).unwrap();
        assert!(table.version().starts_with("genai-prices "));
        let now = at("2026-11-01T00:00:00Z");
        for (provider, model) in [
            ("openai", "gpt-4o"),
            ("openai-responses", "gpt-4o-2024-08-06"),
            ("anthropic", "claude-3-5-haiku-20241022"),
            ("google", "gemini-2.5-pro"),
            ("mistral", "mistral-large-latest"),
            ("groq", "llama-3.3-70b-versatile"),
            ("deepseek", "deepseek-chat"),
            ("bedrock", "us.anthropic.claude-3-5-haiku-20241022-v1:0"),
            ("azure", "gpt-4o"),
            ("foundry", "claude-haiku-4-5"),
            ("vertex", "claude-haiku-4-5@20251001"),
            ("vertex", "gemini-2.5-pro"),
        ] {
            let price = table.price(provider, model, now);
            assert!(
                price.as_ref().is_some_and(|price| price.input.nanos() > 0),
                "{provider}:{model}: {price:?}"
            );
        }
        assert!(table.price("openai", "no-such-model", now).is_none());
        assert!(table.price("nobody", "gpt-4o", now).is_none());
    }

    #[test]
    fn a_price_of_the_table_comes_to_the_cost_that_the_provider_asks() {
        let price =
            PriceTable::builtin().price("anthropic", "claude-3-5-haiku-latest", at("2025-01-01T00:00:00Z"));
        let usage = Usage {
            input: Some(1_000),
            cached: Some(200),
            cache_written: Some(300),
            output: Some(100),
            ..Usage::default()
        };
        // 500 at $0.80, 200 at $0.08, 300 at $1.00 and 100 at $4.00 a million.
        let nanos = 500 * 800 + 200 * 80 + 300 * 1_000 + 100 * 4_000;
        assert_eq!(price.unwrap().cost_of(&usage).unwrap(), Cost::Known(Money::new(Currency::USD, nanos)));
    }

    #[test]
    fn of_the_prices_that_hold_the_last_counts() {
        let table = table(
            r#"{"names":["m"],"prices":[{"input":"1","output":"1"},{"from":"2026-02-01","input":"2","output":"1"},
               {"daily":["22:00","04:00"],"input":"3","output":"1"}]}"#,
        );
        for (instant, expected) in [
            ("2026-01-31T12:00:00Z", 1),
            ("2026-02-01T12:00:00Z", 2),
            ("2026-02-01T23:00:00Z", 3),
            ("2026-02-01T03:59:59Z", 3),
            ("2026-02-01T04:00:00Z", 2),
        ] {
            assert_eq!(input(table.price("openai", "M", at(instant))), Some(expected), "{instant}");
        }
    }

    #[test]
    fn before_the_first_known_day_the_oldest_price_stands() {
        let table = table(r#"{"names":["m"],"prices":[{"from":"2026-02-01","input":"2","output":"1"}]}"#);
        assert_eq!(input(table.price("openai", "m", at("2020-01-01T00:00:00Z"))), Some(2));
    }

    #[test]
    fn the_first_model_that_fits_counts_even_without_a_price() {
        let table = table(
            r#"{"names":["m-tts"],"prices":[]},{"names":["m*"],"unless":["*-live"],"prices":[{"input":"1","output":"1"}]}"#,
        );
        let price = |model| input(table.price("openai", model, at("2026-01-01T00:00:00Z")));
        assert_eq!((price("m-tts"), price("m-1"), price("m-live")), (None, Some(1), None));
        assert_eq!((price("lent"), price("gone")), (Some(7), None));
    }

    #[test]
    fn a_day_written_together_is_found_with_dashes() {
        let table = table(r#"{"names":["m-2025-12-11"],"prices":[{"input":"1","output":"1"}]}"#);
        assert_eq!(input(table.price("openai", "m-20251211", at("2026-01-01T00:00:00Z"))), Some(1));
    }

    #[test]
    fn prices_of_ones_own_come_first_and_the_last_given_before_the_others() {
        let money = |nanos| Money::new(Currency::USD, nanos);
        let table = table(r#"{"names":["m*"],"prices":[{"input":"1","output":"1"}]}"#)
            .with_price("openai", "M*", Price::new(money(5), money(5)))
            .with_price("openai", "m-2", Price::new(money(6), money(6)));
        let price = |model| input(table.price("openai", model, at("2026-01-01T00:00:00Z")));
        assert_eq!((price("m-1"), price("m-2")), (Some(5), Some(6)));
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_place() {
        for text in [
            "",
            "{}",
            r#"{"source":"t","version":"1","currency":"dollar","providers":{}}"#,
            r#"{"source":"t","version":"1","currency":"USD","providers":{"p":{"models":[{"names":["m"],"prices":[{"input":"-1","output":"1"}]}]}}}"#,
            r#"{"source":"t","version":"1","currency":"USD","providers":{"p":{"models":[{"names":["m"],"prices":[{"input":1.5,"output":"1"}]}]}}}"#,
        ] {
            assert!(PriceTable::from_json(text).is_err(), "{text}");
        }
    }
}
