//! How long to wait until the next look, and after a failure: never the same for two workers.

use std::time::Duration;

use tokio::time::timeout;

use crate::queue::{Answer, Error, WorkerId};

/// The first wait after a failure: a lock that another writer holds is free by then.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// The longest: what a database that starts again can bear, from a hundred workers.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// An answer, for which no longer than this is waited: a connection that died without a word gives none.
pub(super) async fn answered<T>(answer: Answer<'_, T>, patience: Duration) -> Result<T, Error> {
    timeout(patience, answer).await.unwrap_or_else(|_| Err(Error::Unavailable("no answer".to_owned())))
}

/// A source of waits that differ from worker to worker. Not for secrets.
pub(super) struct Jitter(u64);

impl Jitter {
    /// The number tells the loops of one worker apart.
    pub(super) fn new(worker: WorkerId, number: u64) -> Self {
        let [.., a, b, c, d, e, f] = worker.to_bytes();
        Jitter(u64::from_le_bytes([a, b, c, d, e, f, number as u8, 1]))
    }

    /// A wait within a fifth of this, both ways.
    pub(super) fn around(&mut self, wait: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        wait.mul_f64(0.8 + 0.4 * (self.0 >> 40) as f64 / (1u64 << 24) as f64)
    }
}

/// Whether the queue can be reached, as one loop knows it. An outage is told of twice: when it begins and when it ends.
pub(super) struct Reach {
    what: &'static str,
    failures: u32,
    jitter: Jitter,
}

impl Reach {
    /// `what` is what the loop does, for the log.
    pub(super) fn new(what: &'static str, jitter: Jitter) -> Self {
        Reach { what, failures: 0, jitter }
    }

    /// How long to wait before the next try.
    pub(super) fn failed(&mut self, error: &Error) -> Duration {
        match (self.failures, error.is_temporary()) {
            (0, true) => tracing::warn!(what = self.what, %error, "the queue did not answer; trying again"),
            (0, false) => tracing::error!(what = self.what, %error, "the queue refused; trying again"),
            _ => tracing::debug!(what = self.what, %error, failures = self.failures, "still trying"),
        }
        let wait = FIRST_WAIT.saturating_mul(1 << self.failures.min(10)).min(LONGEST_WAIT);
        self.failures = self.failures.saturating_add(1);
        self.jitter.around(wait)
    }

    pub(super) fn succeeded(&mut self) {
        if self.failures > 0 {
            tracing::info!(what = self.what, failures = self.failures, "the queue answers again");
            self.failures = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_spread_and_grow_to_a_ceiling() {
        let second = Duration::from_secs(1);
        let mut jitter = Jitter::new(WorkerId::fresh(), 1);
        let waits: Vec<_> = (0..1_000).map(|_| jitter.around(second)).collect();
        assert!(waits.iter().all(|wait| (second * 4 / 5..=second * 6 / 5).contains(wait)));
        let early = waits.iter().filter(|wait| **wait < second).count();
        assert!((300..700).contains(&early), "{early} of 1000 are early");

        let mut reach = Reach::new("claim", jitter);
        let away = Error::Unavailable("gone".into());
        let waits: Vec<_> = (0..40).map(|_| reach.failed(&away)).collect();
        assert!(waits[0] <= FIRST_WAIT * 6 / 5 && waits[39] >= LONGEST_WAIT * 4 / 5);
        reach.succeeded();
        assert!(reach.failed(&away) <= FIRST_WAIT * 6 / 5);
    }
}
