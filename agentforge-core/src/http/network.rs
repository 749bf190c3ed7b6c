//! Blocks of addresses and patterns of names: the words of a policy.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{Error, Result};

/// A block of addresses: `10.1.0.0/16`, `fd00::/8`, or one address alone.
///
/// ```
/// use agentforge_core::http::Network;
/// let office: Network = "10.1.0.0/16".parse()?;
/// assert!(office.contains([10, 1, 2, 3].into()) && !office.contains([10, 2, 0, 1].into()));
/// # Ok::<(), agentforge_core::error::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

impl Network {
    /// This machine, in both families.
    pub const LOOPBACK: [Self; 2] = [
        Self { first: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), bits: 8 },
        Self { first: IpAddr::V6(Ipv6Addr::LOCALHOST), bits: 128 },
    ];

    /// Whether an address lies in the block. The two families are apart: a mapped address is none of IPv4.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => {
                masked(address, self.bits) == number(self.first)
            }
            _ => false,
        }
    }

    /// Whether the block is one address.
    pub fn is_single(self) -> bool {
        self.bits == width(self.first)
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn masked(address: IpAddr, bits: u8) -> u128 {
    let free = u32::from(width(address).saturating_sub(bits));
    let mask = u128::MAX.checked_shl(free).unwrap_or(0);
    number(address) & mask
}

impl FromStr for Network {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::invalid(format!("`{text}` is no block of addresses: {why}"));
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let first: IpAddr =
            address.parse().map_err(|_| wrong("write an address, or a block such as 10.1.0.0/16"))?;
        let bits = match bits {
            Some(bits) => bits.parse().map_err(|_| wrong("after the slash stands a count of bits"))?,
            None => width(first),
        };
        if bits > width(first) {
            return Err(wrong("an address has not that many bits"));
        }
        if masked(first, bits) != number(first) {
            return Err(wrong("its address has bits beyond the block; write the first address of it"));
        }
        Ok(Self { first, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_single() { self.first.fmt(f) } else { write!(f, "{}/{}", self.first, self.bits) }
    }
}

/// A name of a host, or all names below one: `api.example.com`, `*.example.com`.
///
/// ```
/// use agentforge_core::http::HostPattern;
/// let all: HostPattern = "*.example.com".parse()?;
/// assert!(all.matches("a.b.Example.com.") && !all.matches("example.com"));
/// # Ok::<(), agentforge_core::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPattern {
    /// In lower case, without the dot of the root.
    name: String,
    below: bool,
}

impl HostPattern {
    /// Whether a host is meant.
    pub fn matches(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        if !self.below {
            return host.eq_ignore_ascii_case(&self.name);
        }
        let Some(at) = host.len().checked_sub(self.name.len() + 1) else { return false };
        at > 0
            && host.as_bytes().get(at) == Some(&b'.')
            && host.get(at + 1..).is_some_and(|end| end.eq_ignore_ascii_case(&self.name))
    }
}

impl FromStr for HostPattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
        if address || !is_plain(&name) {
            return Err(Error::invalid(format!(
                "`{text}` is no name of a host; write one such as api.example.com or *.example.com, and addresses \
                 as networks"
            )));
        }
        Ok(Self { name, below })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.below { "*." } else { "" }, self.name)
    }
}

/// Whether a name consists of labels that are letters, digits, hyphens and underscores.
pub(super) fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    name.len() <= 253
        && name.split('.').all(|label| !label.is_empty() && label.len() <= 63 && label.bytes().all(plain))
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

as_text!(Network, HostPattern);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_what_shares_its_first_bits() {
        let check = |block: &str, address: &str, expected: bool| {
            let block: Network = block.parse().unwrap();
            assert_eq!(block.contains(address.parse().unwrap()), expected, "{block} {address}");
        };
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.0", false);
        check("127.0.0.1", "127.0.0.1", true);
        check("127.0.0.1", "127.0.0.2", false);
        check("0.0.0.0/0", "203.0.113.9", true);
        check("0.0.0.0/0", "::1", false);
        check("::/0", "::ffff:10.0.0.1", true);
        check("10.0.0.0/8", "::ffff:10.0.0.1", false);
        check("fd00::/8", "fdff::1", true);
        check("fd00::/8", "fe00::1", false);
        check("::1/128", "::1", true);
    }

    #[test]
    fn a_block_is_written_from_its_first_address() {
        for wrong in ["10.0.0.1/8", "10.0.0.0/33", "10/8", "", "x", "::/129", "10.0.0.0/-1", "10.0.0.0/"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
        for same in ["10.0.0.0/8", "127.0.0.1", "fd00::/8", "0.0.0.0/0"] {
            assert_eq!(same.parse::<Network>().unwrap().to_string(), same);
        }
    }

    #[test]
    fn a_pattern_means_a_name_or_those_below_it() {
        let check = |pattern: &str, host: &str, expected: bool| {
            let pattern: HostPattern = pattern.parse().unwrap();
            assert_eq!(pattern.matches(host), expected, "{pattern} {host}");
        };
        check("api.example.com", "API.example.com.", true);
        check("api.example.com", "x.api.example.com", false);
        check("*.example.com", "a.example.com", true);
        check("*.example.com", "example.com", false);
        check("*.example.com", ".example.com", false);
        check("*.example.com", "badexample.com", false);
        check("*.example.com", "example.com.evil.net", false);
        for wrong in ["", "*", "*.", "a..b", "a*b", "10.0.0.1", "http://a", "a:80", "ä.example", "::1"] {
            assert!(wrong.parse::<HostPattern>().is_err(), "{wrong}");
        }
    }
}
