//! What an address is for, by the registries of IANA and the habits of clouds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressKind {
    /// A machine of the open internet.
    Public,
    /// A private network: RFC 1918, and unique local addresses.
    Private,
    /// This machine.
    Loopback,
    /// This link, where clouds put the service that gives keys away.
    LinkLocal,
    /// What the customers of one provider share: RFC 6598.
    Carrier,
    /// Many machines at once.
    Multicast,
    /// A service of a cloud that trusts whoever reaches it.
    Metadata,
    /// An address of one family inside one of the other, or a tunnel: mapped, NAT64, 6to4, Teredo. Where it ends, only
    /// the network knows.
    Translated,
    /// Nothing that a client should reach: unspecified, documentation, benchmarks, kept for later.
    Reserved,
}

impl AddressKind {
    /// The kind of an address.
    ///
    /// ```
    /// use agentforge_core::http::AddressKind;
    /// assert_eq!(AddressKind::of([169, 254, 169, 254].into()), AddressKind::Metadata);
    /// assert_eq!(AddressKind::of([9, 9, 9, 9].into()), AddressKind::Public);
    /// ```
    pub fn of(address: IpAddr) -> Self {
        if METADATA.contains(&address) {
            return Self::Metadata;
        }
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }

    /// The kind in words, after "it is".
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Public => "an address of the open internet",
            Self::Private => "an address of a private network",
            Self::Loopback => "an address of this machine",
            Self::LinkLocal => "an address of this link",
            Self::Carrier => "an address that a provider's customers share",
            Self::Multicast => "an address of many machines",
            Self::Metadata => "the address of a cloud's own service",
            Self::Translated => "an address inside another one, which may lead into a private network",
            Self::Reserved => "a reserved address",
        }
    }
}

/// Whether an address is one of the open internet.
pub fn is_public(address: IpAddr) -> bool {
    AddressKind::of(address) == AddressKind::Public
}

/// Services of clouds that give keys to whoever asks, also the few outside the link's own range.
const METADATA: &[IpAddr] = &[
    // Nearly every cloud; Amazon's containers and their tokens; Tencent.
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 0, 23)),
    // Alibaba, Oracle, and Azure's host agent.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // Amazon, Amazon's containers, Oracle, Google.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

fn of_v4(address: Ipv4Addr) -> AddressKind {
    match address.octets() {
        [127, ..] => AddressKind::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => AddressKind::Private,
        [169, 254, ..] => AddressKind::LinkLocal,
        [100, 64..=127, ..] => AddressKind::Carrier,
        [224..=239, ..] => AddressKind::Multicast,
        // Relays of 6to4.
        [192, 88, 99, _] => AddressKind::Translated,
        // This network, protocols, documentation, measuring, and all from 240 on.
        [0 | 240..=255, ..]
        | [192, 0, 0 | 2, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => AddressKind::Reserved,
        _ => AddressKind::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> AddressKind {
    if address.is_unspecified() {
        return AddressKind::Reserved;
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressKind::Loopback,
        // Compatible, mapped and translated addresses of IPv4; both prefixes of NAT64; 6to4; Teredo.
        [0, 0, 0, 0, 0, 0 | 0xffff, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..]
        | [0x64, 0xff9b, ..]
        | [0x2002, ..]
        | [0x2001, 0, ..] => AddressKind::Translated,
        // Benchmarks, old identifiers, and documentation.
        [0x2001, 1..=0x1ff | 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => AddressKind::Reserved,
        [0xfc00..=0xfdff, ..] => AddressKind::Private,
        // Those of a site are deprecated, and as near as those of a link.
        [0xfe80..=0xfeff, ..] => AddressKind::LinkLocal,
        [0xff00..=0xffff, ..] => AddressKind::Multicast,
        // All that is given out for the internet begins with these three bits.
        [0x2000..=0x3fff, ..] => AddressKind::Public,
        _ => AddressKind::Reserved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_from_its_first_to_its_last_address() {
        let check = |expected: AddressKind, addresses: &[&str]| {
            for text in addresses {
                assert_eq!(AddressKind::of(text.parse().unwrap()), expected, "{text}");
            }
        };
        check(AddressKind::Loopback, &["127.0.0.0", "127.0.0.1", "127.255.255.255", "::1"]);
        check(
            AddressKind::Private,
            &["10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255"],
        );
        check(AddressKind::Private, &["fc00::", "fdff:ffff::1", "fd00:ec2::253"]);
        check(
            AddressKind::LinkLocal,
            &["169.254.0.0", "169.254.255.255", "fe80::", "fe80::1", "febf::1", "fec0::1"],
        );
        check(AddressKind::Carrier, &["100.64.0.0", "100.127.255.255"]);
        check(AddressKind::Multicast, &["224.0.0.0", "239.255.255.255", "ff02::1", "ffff::"]);
        check(
            AddressKind::Reserved,
            &["0.0.0.0", "0.255.255.255", "240.0.0.0", "255.255.255.255", "192.0.0.1", "192.0.2.7", "::"],
        );
        check(
            AddressKind::Reserved,
            &["198.18.0.0", "198.19.255.255", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
        );
        check(
            AddressKind::Reserved,
            &["2001:2::1", "2001:10::1", "2001:20::1", "100::1", "4000::1", "5f00::1", "fe00::1"],
        );
        check(
            AddressKind::Translated,
            &["::ffff:8.8.8.8", "::ffff:127.0.0.1", "::127.0.0.1", "::ffff:0:127.0.0.1", "::2"],
        );
        check(
            AddressKind::Translated,
            &["64:ff9b::a00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2001::1", "192.88.99.1"],
        );
        check(
            AddressKind::Metadata,
            &["169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"],
        );
        check(
            AddressKind::Public,
            &["1.1.1.1", "9.255.255.255", "11.0.0.0", "126.255.255.255", "128.0.0.0", "172.15.255.255"],
        );
        check(
            AddressKind::Public,
            &[
                "172.32.0.0",
                "100.63.255.255",
                "100.128.0.0",
                "169.253.255.255",
                "169.255.0.0",
                "223.255.255.255",
            ],
        );
        check(
            AddressKind::Public,
            &["192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "168.63.129.15"],
        );
        check(AddressKind::Public, &["2000::", "2001:200::1", "2606:4700::1111", "2003::1", "3ffe::1"]);
    }
}
