//! The server's clock, as far as its answers tell: the database's is not told, and the two hardly differ.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, header};

use crate::queue::Timestamp;

/// How far two clocks may be apart before it is worth a word: a `Date` is in whole seconds, and takes time to come.
const TOLERANCE_SECONDS: i64 = 2;

/// How far a server's clock is ahead of ours.
#[derive(Debug, Default)]
pub(super) struct Clock {
    is_known: AtomicBool,
    ahead_seconds: AtomicI64,
}

impl Clock {
    /// Takes in the `Date` of an answer that just came.
    pub(super) fn learn(&self, headers: &HeaderMap) {
        let date = headers.get(header::DATE).and_then(|value| value.to_str().ok());
        let Some(date) = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()) else { return };
        self.ahead_seconds.store((date.to_utc() - Utc::now()).num_seconds(), Ordering::Relaxed);
        self.is_known.store(true, Ordering::Release);
    }

    /// The time there, once an answer came.
    pub(super) fn now(&self) -> Option<Timestamp> {
        if !self.is_known.load(Ordering::Acquire) {
            return None;
        }
        let ahead = self.ahead_seconds.load(Ordering::Relaxed);
        let ahead = if ahead.abs() <= TOLERANCE_SECONDS { 0 } else { ahead };
        Some(Utc::now() + TimeDelta::seconds(ahead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(date: Timestamp) -> HeaderMap {
        let text = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        HeaderMap::from_iter([(header::DATE, text.parse().expect("a header"))])
    }

    #[test]
    fn a_clock_that_is_far_off_is_followed_and_one_that_is_near_is_not() {
        let clock = Clock::default();
        assert_eq!(clock.now(), None, "nobody told it yet");
        let hour = TimeDelta::hours(1);
        clock.learn(&headers(Utc::now() + hour));
        let ahead = clock.now().expect("it was told") - Utc::now();
        assert!((hour - ahead).num_seconds().abs() <= TOLERANCE_SECONDS, "{ahead}");
        clock.learn(&headers(Utc::now()));
        assert!((clock.now().expect("it was told") - Utc::now()).num_seconds() == 0);
        clock.learn(&HeaderMap::new());
        assert!(clock.now().is_some(), "an answer without a date changes nothing");
    }
}
