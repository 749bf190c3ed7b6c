//! Which addresses lie in the open internet. An address that a stranger gave must not lead a server into the network
//! that it stands in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use agentforge_core::{Error, Result};

use super::address;

/// Ends of names that mean this machine or its own network.
const INSIDE: &[&str] = &["localhost", "local", "internal", "intranet", "lan", "home.arpa"];

/// Fails unless a base address is `https://` and leads into the open internet as far as its text says: no address of a
/// private network, this machine or this link, in whatever way of writing, and no name that means one. What a name
/// resolves to only the transport can see. `source` names the address in the error, which never repeats it.
///
/// ```
/// use agentforge_llm::host::check_public;
/// assert!(check_public("https://api.example.com/v1", "the address").is_ok());
/// assert!(check_public("https://169.254.169.254/", "the address").is_err());
/// assert!(check_public("http://api.example.com/v1", "the address").is_err());
/// ```
pub fn check_public(base_url: &str, source: &str) -> Result<()> {
    let refused =
        |why: &str| Err(Error::invalid(format!("{source} is refused: {why}")).with("field", "base_url"));
    let base_url = address::base_url(base_url, source)?;
    let Some(rest) = base_url.strip_prefix("https://") else {
        return refused("it must begin with https://");
    };
    let authority = rest.split('/').next().unwrap_or_default();
    if let Some(bracketed) = authority.strip_prefix('[') {
        let (literal, port) = bracketed.split_once(']').unwrap_or((bracketed, "?"));
        return match (literal.parse::<Ipv6Addr>(), is_port(port)) {
            (Ok(address), true) if is_public(address.into()) => Ok(()),
            (Ok(_), true) => refused(PRIVATE),
            _ => refused("its host is no address that can be read"),
        };
    }
    let (host, port) = match authority.find(':') {
        Some(colon) => authority.split_at(colon),
        None => (authority, ""),
    };
    // Nothing else than plain names: what is escaped may mean another host to the client than it does here.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.' || byte == b'_';
    if !is_port(port) || !host.bytes().all(plain) {
        return refused("its host is no plain name or address");
    }
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    if is_numeric(host.rsplit('.').next().unwrap_or_default()) {
        return match host.parse::<Ipv4Addr>() {
            Ok(address) if is_public(address.into()) => Ok(()),
            Ok(_) => refused(PRIVATE),
            Err(_) => {
                refused("its host is a number that can be read in several ways; write four plain numbers")
            }
        };
    }
    let means = |end: &str| host.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    if !host.contains('.') || INSIDE.iter().any(|end| means(end)) {
        return refused("its name means a machine of the server's own network");
    }
    Ok(())
}

const PRIVATE: &str = "it lies in a private network, on this machine or on this link";

/// Nothing, or a colon and a number.
fn is_port(text: &str) -> bool {
    text.is_empty()
        || text.strip_prefix(':').is_some_and(|port| port.is_empty() || port.parse::<u16>().is_ok())
}

/// Whether clients read a host whose last part this is as an IPv4 address, also one in hexadecimal or in octal.
fn is_numeric(last: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let hexadecimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits(last) || last.strip_prefix("0x").is_some_and(hexadecimal)
}

/// Whether an address lies in the open internet: not private, of this machine or link, shared, reserved or for many,
/// also not inside an address that translates or tunnels to one.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    // This network, what is reserved, what a provider's customers share, protocols, measuring, and relays of 6to4.
    let reserved = matches!(
        (a, b, c),
        (0 | 240..=255, ..) | (100, 64..=127, _) | (192, 0, 0) | (198, 18 | 19, _) | (192, 88, 99)
    );
    !(reserved
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let inside = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // An address of IPv4 in one of IPv6, the well-known translation, and 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => inside(high, low),
        // Tunnels, benchmarks, old identifiers, and documentation.
        [0x2001, 0..=0x1ff | 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        // All that is given out for the internet begins with these three bits.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_ones_own_network_are_refused_however_they_are_written() {
        for inside in [
            "http://api.example.com",
            "https://127.0.0.1/v1",
            "https://127.1",
            "https://2130706433/",
            "https://0x7f.0.0.1",
            "https://0x7f000001",
            "https://0177.0.0.1",
            "https://127.0.0.1.",
            "https://10.1.2.3:8443",
            "https://172.31.0.1",
            "https://192.168.0.1",
            "https://169.254.169.254/latest",
            "https://100.64.0.1",
            "https://0.0.0.0",
            "https://255.255.255.255",
            "https://224.0.0.1",
            "https://[::1]:443",
            "https://[::]",
            "https://[fe80::1]",
            "https://[fd00::1]",
            "https://[::ffff:127.0.0.1]",
            "https://[::ffff:7f00:1]",
            "https://[::127.0.0.1]",
            "https://[64:ff9b::a00:1]",
            "https://[2002:7f00:1::]",
            "https://[2001::1]",
            "https://[::1%25eth0]",
            "https://[::1",
            "https://localhost",
            "https://LOCALHOST:8000",
            "https://a.localhost.",
            "https://box",
            "https://metadata.google.internal",
            "https://printer.local",
            "https://me@api.example.com",
            "https://api.example.com\\@127.0.0.1",
            "https://%31%32%37.0.0.1",
            "https://bedrock.{region}.example.com",
            "https://api.example.com:99999",
            "https://..",
            "https://.",
        ] {
            let error = check_public(inside, "the address").err();
            let error = error.unwrap_or_else(|| panic!("{inside} was let through"));
            assert!(
                error.message().starts_with("the address") && !error.message().contains("127"),
                "{error}"
            );
        }
    }

    #[test]
    fn addresses_of_the_internet_pass() {
        for outside in [
            "https://api.openai.com/v1",
            "https://API.example.com:8443/a/b/",
            "https://8.8.8.8",
            "https://[2606:4700::1111]:443/v1",
            "https://[::ffff:8.8.8.8]",
            "https://localhost.example.com",
            "https://my_gateway.example.com.",
            "https://172.32.0.1",
        ] {
            check_public(outside, "the address").unwrap();
        }
    }
}
