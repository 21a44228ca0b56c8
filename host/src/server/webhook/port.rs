//! Ranges of ports, as operators write them.

use std::fmt;
use std::str::FromStr;

/// Ports from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PortRange {
    /// The lowest.
    pub first: u16,
    /// The highest.
    pub last: u16,
}

impl PortRange {
    /// Whether the port is one of them.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl FromStr for PortRange {
    type Err = String;

    /// `PORT` or `FIRST-LAST`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a port such as 8080, or a range such as 8000-8999, found {text:?}");
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(wrong);
        let range = PortRange { first: port(first)?, last: port(last)? };
        if range.first > range.last { Err(wrong()) } else { Ok(range) }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { self.first.fmt(f) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_a_port_or_two() {
        let range: PortRange = "8000-8001".parse().expect("a range");
        assert!(range.contains(8000) && range.contains(8001) && !range.contains(8002) && !range.contains(7999));
        assert_eq!(
            (range.to_string().as_str(), "80".parse::<PortRange>().expect("a port").to_string().as_str()),
            ("8000-8001", "80")
        );
        for text in ["", "0", "65536", "9-8", "80-", "-80", "http", "80-90-100"] {
            text.parse::<PortRange>().expect_err(text);
        }
    }
}
