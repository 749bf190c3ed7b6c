//! Money as integers: nano-units of a currency, never a float.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{Error, Result};

/// An amount of one currency: `{"currency":"USD","nanos":"123"}` outside.
///
/// ```
/// use agentforge_core::money::{Currency, Money};
/// let price = Money::new(Currency::USD, 1_250_000_000);
/// assert_eq!(price.to_string(), "USD 1.25");
/// assert!(price.checked_add(Money::zero("EUR".parse()?)).is_err());
/// # Ok::<(), agentforge_core::error::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    currency: Currency,
    nanos: i64,
}

/// An ISO 4217 code.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The dollar of the United States, in which providers quote their prices.
    pub const USD: Currency = Currency(*b"USD");

    /// The three letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl std::str::FromStr for Currency {
    type Err = Error;

    fn from_str(code: &str) -> Result<Self> {
        match code.as_bytes() {
            [a, b, c] if [a, b, c].iter().all(|letter| letter.is_ascii_uppercase()) => Ok(Self([*a, *b, *c])),
            _ => Err(Error::invalid(format!("`{code}` is no currency; expected three capital letters"))),
        }
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Money {
    /// An amount in nano-units.
    pub const fn new(currency: Currency, nanos: i64) -> Self {
        Self { currency, nanos }
    }

    /// Nothing, in a currency.
    pub const fn zero(currency: Currency) -> Self {
        Self::new(currency, 0)
    }

    /// The currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The nano-units.
    pub const fn nanos(self) -> i64 {
        self.nanos
    }

    /// The sum; two currencies or an overflow are an error, never a wrong number.
    pub fn checked_add(self, other: Money) -> Result<Money> {
        if self.currency != other.currency {
            return Err(Error::invalid(format!("cannot add {} to {}", other.currency, self.currency)));
        }
        self.nanos
            .checked_add(other.nanos)
            .map(|nanos| Money::new(self.currency, nanos))
            .ok_or_else(|| Error::invalid("the sum of money overflows"))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.nanos < 0 { "-" } else { "" };
        let nanos = self.nanos.unsigned_abs();
        let (whole, fraction) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
        let digits = format!("{fraction:09}");
        let shown = digits.trim_end_matches('0');
        write!(f, "{} {sign}{whole}.{shown:0<2}", self.currency)
    }
}

#[derive(Serialize, Deserialize)]
struct Wire {
    currency: String,
    nanos: String,
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire { currency: self.currency.code().to_owned(), nanos: self.nanos.to_string() }
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        let nanos = wire.nanos.parse().map_err(|_| de::Error::custom("`nanos` is no integer in a string"))?;
        Ok(Self::new(wire.currency.parse().map_err(de::Error::custom)?, nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_well() {
        let usd = |nanos| Money::new(Currency::USD, nanos).to_string();
        assert_eq!(usd(0), "USD 0.00");
        assert_eq!(usd(1_500_000_000), "USD 1.50");
        assert_eq!(usd(-42), "USD -0.000000042");
    }

    #[test]
    fn a_sum_that_overflows_is_an_error() {
        let most = Money::new(Currency::USD, i64::MAX);
        assert!(most.checked_add(Money::new(Currency::USD, 1)).is_err());
    }
}
