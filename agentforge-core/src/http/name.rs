//! Reading an address as text: what a client would connect to, and what is written so that people or other readers see
//! something else in it.

use std::net::Ipv4Addr;

use url::Url;

use super::{AddressKind, network::is_plain};

/// What a name says by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// A name of the internet.
    Plain,
    /// No name that can be looked up.
    Unreadable,
    /// A name of this machine or its own network.
    Inside,
    /// A name below a domain that answers with whatever address was asked for.
    Anywhere,
    /// A name that holds an address, which some domains answer with.
    Spelled(AddressKind),
}

/// Ends of names that mean this machine or its own network.
const INSIDE: &[&str] = &[
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "home.arpa",
];

/// Public domains whose names mean this machine, or any address that the name spells.
const ANYWHERE: &[&str] = &[
    "lacolhost.com",
    "local.gd",
    "localdomain.pw",
    "localtest.me",
    "lvh.me",
    "nip.io",
    "sslip.io",
    "traefik.me",
    "vcap.me",
    "xip.io",
];

/// Names of clouds' own services outside the ends above.
const METADATA: &[&str] = &["metadata.goog", "metadata.packet.net", "metadata.tencentyun.com"];

impl Name {
    pub(super) fn of(host: &str) -> Self {
        let host = host.strip_suffix('.').unwrap_or(host);
        if !is_plain(host) {
            return Self::Unreadable;
        }
        let ends_in = |ends: &[&str]| {
            let below =
                |end: &str| host.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            ends.iter().any(|end| below(end))
        };
        if !host.contains('.') || ends_in(INSIDE) || ends_in(METADATA) {
            return Self::Inside;
        }
        if ends_in(ANYWHERE) {
            return Self::Anywhere;
        }
        let kind = spelled(host).map(|address| AddressKind::of(address.into()));
        match kind {
            Some(kind) if kind != AddressKind::Public => Self::Spelled(kind),
            _ => Self::Plain,
        }
    }
}

/// The first address that a name spells: four labels in a row that are bytes, or one label that begins with four bytes
/// between hyphens.
fn spelled(host: &str) -> Option<Ipv4Addr> {
    // Most names hold no digit at all.
    if !host.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let labels: Vec<&str> = host.split('.').collect();
    labels.windows(4).map(<[&str]>::to_vec).find_map(four).or_else(|| {
        let cut = labels.iter().map(|label| label.split('-').collect::<Vec<_>>());
        cut.filter(|parts| parts.len() == 4).find_map(four)
    })
}

fn four(parts: Vec<&str>) -> Option<Ipv4Addr> {
    parts.join(".").parse().ok()
}

/// The address in a text; an error is the rule against it.
pub(super) fn read(text: &str, longest: usize) -> Result<Url, &'static str> {
    if text.len() > longest {
        return Err("it is longer than any address needs to be");
    }
    if text.chars().any(|letter| letter.is_control() || letter.is_whitespace() || letter == '\\') {
        return Err("it holds blanks, control characters or backslashes; write them percent-encoded");
    }
    let written = authority(text).ok_or("it must begin with a scheme, two slashes and a host")?;
    if written.contains('@') {
        return Err("it holds a user name or a password; keys belong into headers");
    }
    if written.contains('%') {
        return Err("its host is percent-encoded; write it plainly");
    }
    Url::parse(text).map_err(|_| "its host or port cannot be read, or can be read in several ways")
}

/// What stands between the two slashes and the path, as it was written.
fn authority(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    rest.split(['/', '?', '#']).next().filter(|authority| !authority.is_empty())
}

/// The rule against a host that is written with letters which mean others; `host` is what was read.
pub(super) fn disguise(text: &str, host: &str) -> Option<&'static str> {
    let written = authority(text)?;
    if written.is_ascii() {
        return None;
    }
    // The older and the newer rules of international names read these as different hosts.
    if written.contains(['ß', 'ẞ', 'ς', '\u{200c}', '\u{200d}']) {
        return Some(
            "its name means one host by the older rules and another by the newer; write its xn-- form",
        );
    }
    let foreign = written.split(['.', '。', '．', '｡']).filter(|label| !label.is_ascii()).count();
    let encoded = host.split('.').filter(|label| label.starts_with("xn--")).count();
    let dots = written.contains(['。', '．', '｡']);
    (dots || foreign > encoded)
        .then_some("its host is written in letters that stand for others; write it plainly")
}
