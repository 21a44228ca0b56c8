//! The time and the chance of a deterministic run: a clock that only sleeping moves, and a seeded stream of bytes.
//!
//! `abi/poll.rs` and `abi/sleep.rs` move the clock; `wasi.rs` hands both to a run.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand_core::TryRng;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// Where the monotonic clock of a run begins, in nanoseconds: not at zero, which Go's runtime takes for a broken clock.
const START_NS: u64 = 1_000_000_000;

/// The clock of one run. Clones show the same time.
#[derive(Clone, Debug)]
pub(crate) struct VirtualClock {
    start: Duration,
    monotonic_ns: Arc<AtomicU64>,
    /// The times that are waited for, and by how many.
    waits: Arc<Mutex<BTreeMap<u64, usize>>>,
}

/// A wait for a time of the clock, known to all others until it is dropped.
pub(crate) struct Wait<'a> {
    clock: &'a VirtualClock,
    until_ns: u64,
}

impl VirtualClock {
    pub(crate) fn starting_at(unix_seconds: u64) -> Self {
        VirtualClock {
            start: Duration::from_secs(unix_seconds),
            monotonic_ns: Arc::new(AtomicU64::new(START_NS)),
            waits: Arc::default(),
        }
    }

    /// Says that somebody waits for this monotonic time.
    pub(crate) fn wait_until(&self, until_ns: u64) -> Wait<'_> {
        *self.waits().entry(until_ns).or_default() += 1;
        Wait { clock: self, until_ns }
    }

    fn waits(&self) -> MutexGuard<'_, BTreeMap<u64, usize>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The monotonic time.
    pub(crate) fn monotonic_ns(&self) -> u64 {
        self.monotonic_ns.load(Ordering::Relaxed)
    }

    /// The monotonic time at which so many nanoseconds since 1970 have passed.
    pub(crate) fn monotonic_at(&self, unix_ns: u64) -> u64 {
        START_NS.saturating_add(unix_ns.saturating_sub(self.start_unix_ns()))
    }

    fn start_unix_ns(&self) -> u64 {
        u64::try_from(self.start.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Nanoseconds since 1970.
    pub(crate) fn unix_ns(&self) -> u64 {
        self.start_unix_ns().saturating_add(self.monotonic_ns() - START_NS)
    }

    /// Jumps ahead to a monotonic time; never back.
    pub(crate) fn advance_to(&self, monotonic_ns: u64) {
        self.monotonic_ns.fetch_max(monotonic_ns, Ordering::Relaxed);
    }
}

impl Wait<'_> {
    /// Whether nobody waits for an earlier time.
    pub(crate) fn is_first(&self) -> bool {
        self.clock.waits().first_key_value().is_some_and(|(until_ns, _)| *until_ns == self.until_ns)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut waits = self.clock.waits();
        if let Some(count) = waits.get_mut(&self.until_ns) {
            *count -= 1;
            if *count == 0 {
                waits.remove(&self.until_ns);
            }
        }
    }
}

impl HostMonotonicClock for VirtualClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        self.monotonic_ns()
    }
}

impl HostWallClock for VirtualClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(self.unix_ns())
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): every seed gives another stream, the same on every machine and in
/// every version. Not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct SeededRandom(u64);

impl SeededRandom {
    pub(crate) fn new(seed: u64) -> Self {
        SeededRandom(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

impl TryRng for SeededRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.next() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        // The first outputs for seed 1234567, as in the reference implementation's test vectors.
        let mut random = SeededRandom::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn the_clock_moves_only_ahead_and_every_clone_shows_it() {
        let clock = VirtualClock::starting_at(100);
        let other = clock.clone();
        assert!(other.monotonic_ns() > 0, "a runtime may take zero for a broken clock");
        clock.advance_to(START_NS + 5);
        clock.advance_to(START_NS + 3);
        assert_eq!((other.monotonic_ns(), other.unix_ns()), (START_NS + 5, 100_000_000_005));
        assert_eq!(other.monotonic_at(100_000_000_007), START_NS + 7);
        assert_eq!(other.monotonic_at(1), START_NS);
    }

    #[test]
    fn of_several_waits_the_earliest_is_first_until_it_is_dropped() {
        let clock = VirtualClock::starting_at(0);
        let (late, early, also_early) = (clock.wait_until(5), clock.wait_until(1), clock.wait_until(1));
        assert!(early.is_first() && also_early.is_first() && !late.is_first());
        drop(early);
        assert!(!late.is_first());
        drop(also_early);
        assert!(late.is_first());
    }
}
