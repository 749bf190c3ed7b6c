//! Where requests may go. Pure: it reads an address as text, and what a name turned out to mean.
//!
//! An address is read once, by the rules of browsers, and what was read is what a client connects to; so no second
//! reader can see another host in it. What only a careless or hostile writer would write is refused besides.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::{
    AddressKind, HostPattern, Network,
    name::{self, Name},
};
use crate::error::Error;

/// How an address says that TLS is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// `http://`
    Http,
    /// `https://`
    Https,
}

/// Which ports may be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ports {
    /// All of them.
    Any,
    /// These.
    Only(Vec<u16>),
}

/// Where requests may go: by default to the open internet, over `http` and `https`, on ports 80 and 443.
///
/// Whatever lies beside the program (private networks, this machine, this link, addresses that lead into them) is
/// refused unless it is listed. A cloud's own services are refused unless each is listed as a single address.
///
/// ```
/// use agentforge_core::http::EgressPolicy;
///
/// let policy = EgressPolicy::default();
/// assert!(policy.check_url("https://api.example.com/v1").is_ok());
/// assert!(policy.check_url("http://0xa9fea9fe/latest/meta-data").is_err());
///
/// let policy: EgressPolicy = serde_json::from_str(
///     r#"{"networks": ["10.1.0.0/16"], "hosts": ["wiki.corp"], "ports": {"only": [443, 8443]}}"#,
/// )?;
/// assert!(policy.check_url("https://wiki.corp:8443/").is_ok());
/// assert!(policy.check_url("https://10.1.2.3/").is_ok());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EgressPolicy {
    /// The schemes that may be used.
    pub schemes: Vec<Scheme>,
    /// The ports that may be reached.
    pub ports: Ports,
    /// Hosts of one's own network, which may have private addresses and those of this machine.
    pub hosts: Vec<HostPattern>,
    /// Blocks of addresses that may be reached though they are not of the open internet.
    pub networks: Vec<Network>,
    /// When there are any, names outside these are refused, and addresses without a name unless a network has them.
    pub only: Vec<HostPattern>,
    /// Names that are refused, whatever else is said.
    pub never: Vec<HostPattern>,
}

impl Default for EgressPolicy {
    fn default() -> Self {
        Self {
            schemes: vec![Scheme::Http, Scheme::Https],
            ports: Ports::Only(vec![80, 443]),
            hosts: Vec::new(),
            networks: Vec::new(),
            only: Vec::new(),
            never: Vec::new(),
        }
    }
}

/// Why an address is refused. Its rule repeats nothing of the address; [`Refusal::host`] names the host where one could
/// be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    host: Option<String>,
    rule: String,
}

impl Refusal {
    fn new(host: Option<&str>, rule: impl Into<String>) -> Self {
        Self { host: host.map(str::to_owned), rule: rule.into() }
    }

    /// The host.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The rule in words.
    pub fn rule(&self) -> &str {
        &self.rule
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.host {
            Some(host) => write!(f, "requests to {host} are refused: {}", self.rule),
            None => write!(f, "the address is refused: {}", self.rule),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let error = Self::denied(refusal.to_string());
        match refusal.host {
            Some(host) => error.with("host", host),
            None => error,
        }
    }
}

/// An address that a policy let through as far as its text says. Its `Debug` shows the origin alone.
#[derive(Clone, PartialEq, Eq)]
pub struct CheckedUrl(Url);

impl CheckedUrl {
    /// The whole address as it was read.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The host: a name in lower case, or an address, IPv6 in brackets.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The port, also where it is the scheme's own.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or_default()
    }

    /// The path, percent-encoded, from its first slash on.
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// The path with the query, if there is one.
    pub fn path_and_query(&self) -> String {
        self.0.query().map_or_else(|| self.path().to_owned(), |query| format!("{}?{query}", self.path()))
    }

    /// Scheme, host and port, as `https://api.example.com`.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Whether TLS is spoken.
    pub fn is_secure(&self) -> bool {
        self.0.scheme() == "https"
    }

    #[cfg(feature = "http")]
    pub(super) const fn url(&self) -> &Url {
        &self.0
    }
}

impl std::fmt::Debug for CheckedUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CheckedUrl({})", self.origin())
    }
}

/// No address that means well is longer.
const LONGEST: usize = 16 * 1024;

impl EgressPolicy {
    /// Also this block of addresses.
    #[must_use]
    pub fn allow_network(mut self, network: Network) -> Self {
        self.networks.push(network);
        self
    }

    /// Also this host of one's own network.
    #[must_use]
    pub fn allow_host(mut self, host: HostPattern) -> Self {
        self.hosts.push(host);
        self
    }

    /// Any port.
    #[must_use]
    pub fn allow_any_port(mut self) -> Self {
        self.ports = Ports::Any;
        self
    }

    /// Also this machine, on any port: for tests and for programs that run beside their servers.
    #[must_use]
    pub fn allow_loopback(mut self) -> Self {
        self.networks.extend(Network::LOOPBACK);
        self.allow_any_port()
    }

    /// Only over TLS.
    #[must_use]
    pub fn secure_only(mut self) -> Self {
        self.schemes = vec![Scheme::Https];
        self
    }

    /// Nowhere but to this host, and those that were given in the same way.
    #[must_use]
    pub fn only_host(mut self, host: HostPattern) -> Self {
        self.only.push(host);
        self
    }

    /// Never to this host.
    #[must_use]
    pub fn never_host(mut self, host: HostPattern) -> Self {
        self.never.push(host);
        self
    }

    /// Fails with `denied` unless the text of an address may be connected to. Looks no name up:
    /// [`check_address`](Self::check_address) is for what a name means.
    pub fn check_url(&self, url: &str) -> Result<CheckedUrl, Error> {
        self.judge(url).map_err(Error::from)
    }

    /// Fails with `denied` unless a host may be reached at this address.
    pub fn check_address(&self, host: &str, address: IpAddr) -> Result<(), Error> {
        self.judge_address(host, address).map_err(Error::from)
    }

    /// The same as [`check_url`](Self::check_url), with the bare reason.
    pub fn judge(&self, text: &str) -> Result<CheckedUrl, Refusal> {
        let url = name::read(text, LONGEST).map_err(|rule| Refusal::new(None, rule))?;
        let checked = self.judge_url(url)?;
        match name::disguise(text, checked.host()) {
            Some(rule) => Err(Refusal::new(Some(checked.host()), rule)),
            None => Ok(checked),
        }
    }

    /// The address that a reply leads to, seen from the one that was asked.
    #[cfg(feature = "http")]
    pub(super) fn judge_next(&self, from: &CheckedUrl, location: &str) -> Result<CheckedUrl, Refusal> {
        let next = from.0.join(location);
        let next = next.map_err(|_| Refusal::new(None, "it cannot be read; a redirect led to it"))?;
        self.judge_url(next)
    }

    fn judge_url(&self, url: Url) -> Result<CheckedUrl, Refusal> {
        let host_name = url.host_str().map(str::to_owned);
        let refused = |rule: String| Err(Refusal::new(host_name.as_deref(), rule));
        let known = match url.scheme() {
            "http" => self.schemes.contains(&Scheme::Http),
            "https" => self.schemes.contains(&Scheme::Https),
            _ => false,
        };
        if !known {
            let allowed = self.schemes.iter().map(|scheme| match scheme {
                Scheme::Http => "http",
                Scheme::Https => "https",
            });
            return refused(format!("its scheme is not allowed, only {}", list(allowed)));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refused("it holds a user name or a password; keys belong into headers".to_owned());
        }
        match url.host() {
            None => return refused("it names no host".to_owned()),
            Some(Host::Ipv4(address)) => self.judge_literal(&url, address.into())?,
            Some(Host::Ipv6(address)) => self.judge_literal(&url, address.into())?,
            Some(Host::Domain(domain)) => self.judge_name(domain)?,
        }
        let port = url.port_or_known_default().unwrap_or_default();
        match &self.ports {
            Ports::Only(ports) if !ports.contains(&port) => {
                refused(format!("port {port} is not allowed, only {}", list(ports.iter())))
            }
            _ => Ok(CheckedUrl(url)),
        }
    }

    fn judge_literal(&self, url: &Url, address: IpAddr) -> Result<(), Refusal> {
        let host = url.host_str().unwrap_or_default();
        if !self.only.is_empty() && !self.networks.iter().any(|network| network.contains(address)) {
            return Err(Refusal::new(Some(host), "only certain hosts are allowed, and it is none of them"));
        }
        self.judge_address(host, address)
    }

    fn judge_name(&self, host: &str) -> Result<(), Refusal> {
        let refused = |rule: &str| Err(Refusal::new(Some(host), rule));
        let among = |patterns: &[HostPattern]| patterns.iter().any(|pattern| pattern.matches(host));
        if among(&self.never) {
            return refused("the host is on the list of those that are never reached");
        }
        let own = among(&self.hosts);
        if !self.only.is_empty() && !own && !among(&self.only) {
            return refused("only certain hosts are allowed, and it is none of them");
        }
        match Name::of(host) {
            Name::Plain => Ok(()),
            Name::Unreadable => refused("its host is no plain name or address"),
            _ if own => Ok(()),
            // Names inside are the host's own business once it listed networks: what they mean decides.
            Name::Inside if !self.networks.is_empty() => Ok(()),
            Name::Inside => refused("its name means a machine of the server's own network"),
            Name::Anywhere => refused("its name is one by which everybody reaches any private address"),
            Name::Spelled(kind) => refused(&format!("its name spells {}", kind.words())),
        }
    }

    /// The same as [`check_address`](Self::check_address), with the bare reason.
    pub fn judge_address(&self, host: &str, address: IpAddr) -> Result<(), Refusal> {
        let kind = AddressKind::of(address);
        let listed = |single: bool| {
            self.networks.iter().any(|network| network.contains(address) && (!single || network.is_single()))
        };
        let allowed = match kind {
            AddressKind::Public => true,
            AddressKind::Metadata => listed(true),
            AddressKind::Private | AddressKind::Loopback | AddressKind::Carrier => {
                listed(false) || self.hosts.iter().any(|pattern| pattern.matches(host))
            }
            _ => listed(false),
        };
        if allowed {
            return Ok(());
        }
        let rule = format!("it is {}, which the policy does not list", kind.words());
        Err(Refusal::new(Some(host), rule))
    }
}

fn list<T: ToString>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
