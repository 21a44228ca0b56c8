//! Who presents tokens that are none: counted by address, so that guessing is slow and costs little.
//!
//! It bounds only attempts that fail. A token that is good passes from any address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many failures an address has in one window: a person who pastes the wrong token does not reach it.
const MAX_FAILURES: u32 = 20;
const WINDOW: Duration = Duration::from_secs(60);
/// How many addresses are told apart, some hundred kilobytes; those past it share one count.
const MAX_ADDRESSES: usize = 4_096;
/// How often a full table is searched for windows that are over.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// The failures of the last minute.
#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    windows: HashMap<IpAddr, Window>,
    /// Of all those for whom there is no room.
    others: Option<Window>,
    swept_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    began_at: Instant,
    failures: u32,
}

impl Guesses {
    /// Counts a failure. Says how long this address is to wait, if it had too many.
    pub(super) fn failed(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        self.table().window(network(address), now).fail(now)
    }

    /// Whether the address had too many failures.
    pub(super) fn is_suspect(&self, address: IpAddr, now: Instant) -> bool {
        let table = self.table();
        let window = table.windows.get(&network(address)).or(table.others.as_ref().filter(|_| table.is_full()));
        window.is_some_and(|window| !window.is_over(now) && window.failures >= MAX_FAILURES)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn is_full(&self) -> bool {
        self.windows.len() >= MAX_ADDRESSES
    }

    fn window(&mut self, address: IpAddr, now: Instant) -> &mut Window {
        let fresh = Window { began_at: now, failures: 0 };
        if self.is_full() && self.swept_at.is_none_or(|swept_at| now >= swept_at + SWEEP_EVERY) {
            self.windows.retain(|_, window| !window.is_over(now));
            self.swept_at = Some(now);
        }
        if self.is_full() && !self.windows.contains_key(&address) {
            return self.others.get_or_insert(fresh);
        }
        self.windows.entry(address).or_insert(fresh)
    }
}

impl Window {
    fn is_over(&self, now: Instant) -> bool {
        now >= self.began_at + WINDOW
    }

    fn fail(&mut self, now: Instant) -> Option<Duration> {
        if self.is_over(now) {
            *self = Window { began_at: now, failures: 0 };
        }
        self.failures = self.failures.saturating_add(1);
        (self.failures > MAX_FAILURES).then(|| self.began_at + WINDOW - now)
    }
}

/// Who counts as one: an IPv4 address, or the 64 bits of an IPv6 address that one customer has to itself.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn the_twenty_first_failure_of_a_minute_is_told_to_wait_for_its_end() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        for _ in 0..20 {
            assert_eq!(guesses.failed(address(1), now), None);
        }
        let later = now + Duration::from_secs(45);
        assert!(guesses.is_suspect(address(1), later));
        assert_eq!(guesses.failed(address(1), later), Some(Duration::from_secs(15)));
        assert_eq!(guesses.failed(address(2), later), None);
        let after = now + WINDOW;
        assert!(!guesses.is_suspect(address(1), after));
        assert_eq!(guesses.failed(address(1), after), None);
    }

    #[test]
    fn the_addresses_of_one_network_are_one_guesser() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        for host in 0..20_u16 {
            guesses.failed(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, host).into(), now);
        }
        let suspect = |text: &str| guesses.is_suspect(text.parse().unwrap(), now);
        assert!(suspect("2001:db8:0:1:ffff::1") && !suspect("2001:db8:0:2::1"));
        for _ in 0..20 {
            guesses.failed("::ffff:192.0.2.1".parse().unwrap(), now);
        }
        assert!(suspect("192.0.2.1") && !suspect("192.0.2.2"));
    }

    #[test]
    fn however_many_addresses_guess_the_table_stays_small_and_nobody_escapes() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        let refused = (0..10_000).filter(|number| guesses.failed(address(*number), now).is_some()).count();
        assert_eq!(guesses.table().windows.len(), MAX_ADDRESSES);
        assert_eq!(refused, 10_000 - MAX_ADDRESSES - MAX_FAILURES as usize);
        assert!(guesses.is_suspect(address(20_000), now));
        let after = now + WINDOW;
        assert_eq!(guesses.failed(address(20_000), after), None);
        assert_eq!(guesses.table().windows.len(), 1);
    }
}
