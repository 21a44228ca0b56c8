//! How often something may happen: a leaky bucket that is one number (GCRA, as in ITU-T I.371).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::super::settings::Rate;

/// When the next request is due if they came evenly, in nanoseconds since an instant that the caller keeps.
#[derive(Debug, Default)]
pub(super) struct Pace(AtomicU64);

impl Pace {
    /// Takes one at this moment, or says how long to wait until one may be taken.
    pub(super) fn take(&self, rate: Rate, now: Duration) -> Result<(), Duration> {
        let now = nanoseconds(now);
        // Nothing may happen less often than once a second, or less than once at once.
        let interval = 1_000_000_000 / u64::from(rate.per_second.max(1));
        let ahead = interval * u64::from(rate.burst.max(1) - 1);
        let mut due = self.0.load(Ordering::Relaxed);
        loop {
            let early = due.saturating_sub(now.saturating_add(ahead));
            if early > 0 {
                return Err(Duration::from_nanos(early));
            }
            let next = due.max(now).saturating_add(interval);
            match self.0.compare_exchange_weak(due, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(found) => due = found,
            }
        }
    }
}

/// Whole seconds to wait, at least one: what `Retry-After` can say.
pub(super) fn retry_after(wait: Duration) -> u32 {
    u32::try_from(wait.as_nanos().div_ceil(1_000_000_000)).unwrap_or(u32::MAX).max(1)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 10, burst: 3 };

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_burst_passes_and_then_one_each_interval() {
        let pace = Pace::default();
        let taken: Vec<_> = [0, 0, 0, 0, 99, 100, 100, 200].map(|now| pace.take(RATE, at(now))).into();
        let expected = [Ok(()), Ok(()), Ok(()), Err(at(100)), Err(at(1)), Ok(()), Err(at(100)), Ok(())].to_vec();
        assert_eq!(taken, expected);
    }

    #[test]
    fn who_waits_as_long_as_was_said_passes() {
        let pace = Pace::default();
        let mut now = at(5_000);
        for _ in 0..1_000 {
            if let Err(wait) = pace.take(RATE, now) {
                now += wait;
                assert_eq!(pace.take(RATE, now), Ok(()), "{now:?}");
            }
        }
    }

    #[test]
    fn a_pause_gives_the_burst_back_and_no_more() {
        let pace = Pace::default();
        let passes = |now| (0..10).filter(|_| pace.take(RATE, now).is_ok()).count();
        assert_eq!((passes(at(0)), passes(at(60_000))), (3, 3));
    }

    #[test]
    fn many_threads_take_no_more_than_there_is() {
        let pace = Pace::default();
        let rate = Rate { per_second: 1, burst: 50 };
        let passed: usize = std::thread::scope(|scope| {
            let takers = [(); 4].map(|()| scope.spawn(|| (0..100).filter(|_| pace.take(rate, at(1)).is_ok()).count()));
            takers.into_iter().map(|taker| taker.join().unwrap()).sum()
        });
        assert_eq!(passed, 50);
    }

    #[test]
    fn a_rate_of_nothing_is_one_a_second() {
        let pace = Pace::default();
        let none = Rate { per_second: 0, burst: 0 };
        assert_eq!((pace.take(none, at(0)), pace.take(none, at(1))), (Ok(()), Err(at(999))));
    }

    #[test]
    fn what_is_said_in_seconds_is_never_too_short() {
        assert_eq!([0, 1, 1_000, 1_001].map(|wait| retry_after(at(wait))), [1, 1, 1, 2]);
    }
}
