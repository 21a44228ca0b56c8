//! Which addresses may be connected to. Decided from the address and the operator's networks alone.
//!
//! Of IPv6 only what is global unicast and has no other use can pass; whatever carries an address of IPv4 in it is judged
//! by that one as well, since some gateway on the way may unpack it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::network::Network;

/// Judges an address.
///
/// # Errors
/// What kind of address it is, for the log and for whoever wrote it himself.
pub(super) fn judge(address: IpAddr, allowed: &[Network]) -> Result<(), &'static str> {
    if is_metadata(address) {
        let is_allowed = allowed.iter().any(|network| network.is_only(address));
        return if is_allowed { Ok(()) } else { Err("a cloud's metadata service") };
    }
    if !allowed.iter().any(|network| network.contains(address)) {
        special(address).map_or(Ok(()), Err)?;
    }
    let IpAddr::V6(address) = address else { return Ok(()) };
    embedded(address).into_iter().flatten().try_for_each(|inner| judge(IpAddr::V4(inner), allowed))
}

/// What the address is used for, if it is not one of those that anybody on the internet may have.
fn special(address: IpAddr) -> Option<&'static str> {
    let listed = SPECIAL.iter().find(|(network, _)| network.contains(address)).map(|(_, name)| *name);
    let is_outside = address.is_ipv6() && !GLOBAL_UNICAST.contains(address);
    listed.or_else(|| is_outside.then_some("not global unicast"))
}

/// Where clouds tell a machine its secrets, some of it at addresses that look public.
fn is_metadata(address: IpAddr) -> bool {
    const METADATA: [IpAddr; 6] = [
        IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
        // Containers of AWS.
        IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
        // Alibaba.
        IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
        // Oracle.
        IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
        // Azure.
        IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
        // AWS.
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    ];
    METADATA.contains(&address)
}

/// The addresses of IPv4 that are written into one of IPv6, in every way that gateways know.
fn embedded(address: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let bits = address.to_bits();
    let at = |shift: u32| Some(Ipv4Addr::from_bits((bits >> shift) as u32));
    let last = at(0);
    match address.segments() {
        // Nowhere and this machine: addresses of their own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => [None, None],
        // Compatible and mapped (RFC 4291), translated (RFC 2765), NAT64 (RFC 6052, RFC 8215).
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => [last, None],
        [0x64, 0xff9b, 0 | 1, ..] => [last, None],
        // 6to4 (RFC 3056).
        [0x2002, ..] => [at(80), None],
        // Teredo (RFC 4380): the server, and the client with every bit turned.
        [0x2001, 0, ..] => [at(64), last.map(|client| Ipv4Addr::from_bits(!client.to_bits()))],
        // ISATAP (RFC 5214), within any network.
        [_, _, _, _, 0 | 0x200, 0x5efe, ..] => [last, None],
        _ => [None, None],
    }
}

/// What IANA gives out to networks of the internet, all of it so far.
const GLOBAL_UNICAST: Network = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// The special-purpose registries of IANA (RFC 6890 and after), multicast, and what was used before.
const SPECIAL: [(Network, &str); 32] = [
    (v4([0, 0, 0, 0], 8), "unspecified"),
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([100, 64, 0, 0], 10), "shared by a carrier"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    (v4([169, 254, 0, 0], 16), "link-local"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 0, 0, 0], 24), "reserved for protocols"),
    (v4([192, 0, 2, 0], 24), "for documentation"),
    (v4([192, 88, 99, 0], 24), "a relay of 6to4"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([198, 18, 0, 0], 15), "for benchmarks"),
    (v4([198, 51, 100, 0], 24), "for documentation"),
    (v4([203, 0, 113, 0], 24), "for documentation"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([255, 255, 255, 255], 32), "broadcast"),
    (v4([240, 0, 0, 0], 4), "reserved"),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "unspecified"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback"),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), "compatible with IPv4"),
    (v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96), "mapped from IPv4"),
    (v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96), "translated by NAT64"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "translated by NAT64"),
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), "discarded"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), "tunnelled by Teredo"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "reserved for protocols"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "for documentation"),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), "tunnelled by 6to4"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "for documentation"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "unique to a site"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link-local"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "local to a site"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
];

const fn v4([a, b, c, d]: [u8; 4], prefix_bits: u8) -> Network {
    Network::v4(Ipv4Addr::new(a, b, c, d), prefix_bits)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], prefix_bits: u8) -> Network {
    Network::v6(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix_bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(address: &str, allowed: &[&str]) -> Result<(), &'static str> {
        let allowed: Vec<Network> = allowed.iter().map(|network| network.parse().expect("a network")).collect();
        judge(address.parse().expect("an address"), &allowed)
    }

    #[test]
    fn only_what_anybody_could_reach_passes() {
        for address in
            ["1.1.1.1", "9.255.255.255", "172.32.0.1", "198.20.0.1", "2606:4700::1111", "2001:4860:4860::8888"]
        {
            assert_eq!(judged(address, &[]), Ok(()), "{address}");
        }
        for (address, kind) in [
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "unspecified"),
            ("10.1.2.3", "private"),
            ("100.127.255.255", "shared by a carrier"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("169.254.1.1", "link-local"),
            ("172.31.255.255", "private"),
            ("192.0.0.8", "reserved for protocols"),
            ("192.0.2.1", "for documentation"),
            ("192.88.99.1", "a relay of 6to4"),
            ("192.168.0.1", "private"),
            ("198.19.255.255", "for benchmarks"),
            ("198.51.100.1", "for documentation"),
            ("203.0.113.1", "for documentation"),
            ("239.255.255.255", "multicast"),
            ("240.0.0.1", "reserved"),
            ("255.255.255.255", "broadcast"),
            ("169.254.169.254", "a cloud's metadata service"),
            ("100.100.100.200", "a cloud's metadata service"),
            ("168.63.129.16", "a cloud's metadata service"),
            ("192.0.0.192", "a cloud's metadata service"),
            ("fd00:ec2::254", "a cloud's metadata service"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::7f00:1", "compatible with IPv4"),
            ("::808:808", "compatible with IPv4"),
            ("::ffff:127.0.0.1", "mapped from IPv4"),
            ("::ffff:8.8.8.8", "mapped from IPv4"),
            ("::ffff:0:127.0.0.1", "not global unicast"),
            ("64:ff9b::7f00:1", "translated by NAT64"),
            ("64:ff9b:1::1", "translated by NAT64"),
            ("100::1", "discarded"),
            ("2001::1", "tunnelled by Teredo"),
            ("2001:2::1", "reserved for protocols"),
            ("2001:db8::1", "for documentation"),
            ("2002:7f00:1::", "tunnelled by 6to4"),
            ("3fff::1", "for documentation"),
            ("4000::1", "not global unicast"),
            ("5f00::1", "not global unicast"),
            ("fc00::1", "unique to a site"),
            ("fe80::1", "link-local"),
            ("fec0::1", "local to a site"),
            ("ff02::1", "multicast"),
            ("2606:4700::5efe:7f00:1", "loopback"),
            ("2606:4700::200:5efe:a00:1", "private"),
        ] {
            assert_eq!(judged(address, &[]), Err(kind), "{address}");
        }
    }

    #[test]
    fn what_the_operator_allows_passes_and_nothing_beside_it() {
        assert_eq!(judged("10.1.2.3", &["10.1.0.0/16"]), Ok(()));
        assert_eq!(judged("10.2.2.3", &["10.1.0.0/16"]), Err("private"));
        assert_eq!(judged("::1", &["::1"]), Ok(()));
        assert_eq!(judged("127.0.0.1", &["::1"]), Err("loopback"));
        assert_eq!(judged("::ffff:127.0.0.1", &["127.0.0.0/8"]), Err("mapped from IPv4"));
    }

    #[test]
    fn an_address_within_another_is_judged_too() {
        let gateway = ["64:ff9b::/96"];
        assert_eq!(judged("64:ff9b::808:808", &gateway), Ok(()));
        assert_eq!(judged("64:ff9b::a00:1", &gateway), Err("private"));
        assert_eq!(judged("64:ff9b::a9fe:a9fe", &gateway), Err("a cloud's metadata service"));
        assert_eq!(judged("2002:a00:1::", &["2002::/16"]), Err("private"));
        assert_eq!(judged("2002:808:808::", &["2002::/16"]), Ok(()));
        // The server 8.8.8.8 and the client 127.0.0.1, and the other way round.
        assert_eq!(judged("2001:0:808:808::80ff:fffe", &["2001::/32"]), Err("loopback"));
        assert_eq!(judged("2001:0:7f00:1::f7f7:f7f7", &["2001::/32"]), Err("loopback"));
        assert_eq!(judged("::ffff:10.0.0.1", &["::ffff:0:0/96"]), Err("private"));
        assert_eq!(judged("::ffff:10.0.0.1", &["::ffff:0:0/96", "10.0.0.0/8"]), Ok(()));
    }

    #[test]
    fn a_metadata_service_takes_a_word_of_its_own() {
        assert_eq!(judged("169.254.169.254", &["169.254.0.0/16"]), Err("a cloud's metadata service"));
        assert_eq!(judged("169.254.169.254", &["169.254.169.254"]), Ok(()));
        assert_eq!(judged("fd00:ec2::254", &["fc00::/7"]), Err("a cloud's metadata service"));
    }
}
