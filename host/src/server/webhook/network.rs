//! Networks of addresses, as operators write them and as tables name them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// All addresses that begin alike, such as `10.0.0.0/8`. An address of IPv4 is never in a network of IPv6, and the other
/// way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    prefix_bits: u8,
}

impl Network {
    pub(super) const fn v4(first: Ipv4Addr, prefix_bits: u8) -> Self {
        Network { first: IpAddr::V4(first), prefix_bits }
    }

    pub(super) const fn v6(first: Ipv6Addr, prefix_bits: u8) -> Self {
        Network { first: IpAddr::V6(first), prefix_bits }
    }

    /// Whether the address is one of it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let differing = first.to_bits() ^ address.to_bits();
                differing.checked_shr(32 - u32::from(self.prefix_bits)).unwrap_or(0) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let differing = first.to_bits() ^ address.to_bits();
                differing.checked_shr(128 - u32::from(self.prefix_bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    /// Whether it is this address and no other.
    pub(super) fn is_only(&self, address: IpAddr) -> bool {
        self.first == address && self.prefix_bits == longest_prefix(address)
    }
}

fn longest_prefix(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl FromStr for Network {
    type Err = String;

    /// `ADDRESS/BITS`, with zeros past these bits, or one address.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a network such as 10.0.0.0/8 or fd00::/8, or an address, found {text:?}");
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let first: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = longest_prefix(first);
        let prefix_bits = bits.map_or(Ok(longest), str::parse).map_err(|_| wrong())?;
        if prefix_bits > longest {
            return Err(wrong());
        }
        let network = Network { first, prefix_bits };
        let rest_is_zero = match first {
            IpAddr::V4(first) => first.to_bits().checked_shl(prefix_bits.into()).unwrap_or(0) == 0,
            IpAddr::V6(first) => first.to_bits().checked_shl(prefix_bits.into()).unwrap_or(0) == 0,
        };
        if !rest_is_zero {
            return Err(format!("expected zeros past the first {prefix_bits} bits of a network, found {text:?}"));
        }
        Ok(network)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        let network: Network = network.parse().expect("a network");
        network.contains(address.parse().expect("an address"))
    }

    #[test]
    fn a_network_has_the_addresses_that_begin_as_it_does() {
        assert!(contains("10.0.0.0/8", "10.255.255.255") && !contains("10.0.0.0/8", "11.0.0.0"));
        assert!(contains("172.16.0.0/12", "172.31.0.1") && !contains("172.16.0.0/12", "172.32.0.1"));
        assert!(contains("192.0.2.7", "192.0.2.7") && !contains("192.0.2.7", "192.0.2.6"));
        assert!(contains("0.0.0.0/0", "255.255.255.255") && contains("::/0", "ffff::"));
        assert!(contains("fc00::/7", "fdff::1") && !contains("fc00::/7", "fe00::1"));
        assert!(!contains("127.0.0.0/8", "::ffff:127.0.0.1") && !contains("::/0", "127.0.0.1"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "10.0.0/8", "::/129", "::1/64", "localhost", "/8"] {
            text.parse::<Network>().expect_err(text);
        }
        let network: Network = "fd00::/8".parse().expect("a network");
        assert_eq!(network.to_string(), "fd00::/8");
    }
}
