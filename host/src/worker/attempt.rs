//! One attempt at a job, from its claim to its settlement: what is kept of the lease while the job runs, and what is made
//! of the outcome.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::closures;
use super::held::Stop;
use super::report;
use super::settled::About;
use super::shared::{Seat, Shared};
use crate::failure::{Failure, Kind};
use crate::job::{Job, JobId};
use crate::outcome::{Fuel, Outcome, never_ran};
use crate::queue::{Delivery, Ended, Lease, LeaseKey, Payload, RetryPolicy, Settlement, Verdict, Work, follow_up};

/// What is kept of a lease while its job runs. Dropped without an end, it lets the lease expire.
pub(super) struct Attempt {
    pub(super) key: LeaseKey,
    pub(super) shared: Arc<Shared>,
    seat: Option<Seat>,
    tries: u32,
    retry: RetryPolicy,
    about: About,
    trace: Option<String>,
    /// The payload without what the run took with it; none if nobody is told of the end.
    told: Option<Box<Payload>>,
    claimed: Instant,
    is_settled: bool,
}

impl Attempt {
    /// Takes a lease apart: what is kept, and what is to be done.
    pub(super) fn of(seat: Seat, mut lease: Lease, claimed: Instant) -> (Self, Work) {
        let about = About::of(&mut lease);
        let Lease { key, tries, payload, .. } = lease;
        let Payload { work, retry, at_return, at_err, trace } = payload;
        let of_delivery = trace.clone().filter(|_| about.is_delivery);
        let told = (at_return.is_some() || at_err.is_some())
            .then(|| Payload { work: remains_of(&work), retry: RetryPolicy::never(), at_return, at_err, trace })
            .map(Box::new);
        let shared = Arc::clone(seat.shared());
        let (seat, trace, is_settled) = (Some(seat), of_delivery, false);
        (Attempt { key, shared, seat, tries, retry, about, trace, told, claimed, is_settled }, work)
    }

    /// Whose it is.
    pub(super) fn tenant(&self) -> Option<String> {
        self.about.tenant.clone()
    }

    /// The trace of a delivery.
    pub(super) fn trace(&self) -> Option<String> {
        self.trace.clone()
    }

    /// The run has ended: the slot is free, and the end is on its way to the queue.
    pub(super) fn finish(mut self, outcome: Outcome) {
        self.seat = None;
        if self.about.is_delivery || self.claimed.elapsed() < report::AFTER {
            return self.settle(outcome);
        }
        // What it told last is stored before its end is.
        tokio::spawn(async move {
            report::last(&self.shared, self.key).await;
            self.settle(outcome);
        });
    }

    /// Nothing ran, and this is why.
    pub(super) fn fail(mut self, failure: Failure) {
        self.seat = None;
        let outcome = never_ran(self.key.job, self.about.program, failure, Duration::ZERO);
        self.settle(outcome);
    }

    /// Somebody else is to do it. It is not tried again here for a while, if the reason lies with this runner.
    pub(super) fn hand_back(mut self) {
        self.seat = None;
        self.send(Verdict::HandBack, None, None);
    }

    /// It could not be done now.
    pub(super) fn put_off(mut self, wait: Duration) {
        self.seat = None;
        self.send(Verdict::PutOff(wait), None, None);
    }

    fn settle(mut self, mut outcome: Outcome) {
        if self.about.is_delivery {
            outcome.result = outcome.result.map_err(closures::failed);
        }
        log_end(&self.key, self.about.tenant.as_deref(), &outcome);
        let stop = match &outcome.result {
            Err(failure) if failure.kind == Kind::Cancelled => self.shared.held.stop_of(&self.key),
            _ => None,
        };
        match verdict(self.key.job, self.tries, &self.retry, &outcome.result, stop) {
            None => {}
            Some(Verdict::HandBack) => self.send(Verdict::HandBack, None, None),
            Some(verdict @ Verdict::Retry(_)) => self.send(verdict, Some(outcome), None),
            Some(verdict) => {
                let told = self.told.as_deref();
                let next =
                    told.and_then(|told| follow_up(self.key.job, self.about.tenant.as_deref(), told, &outcome.result));
                if next.is_none() {
                    log_untold(&self.key, self.about.tenant.as_deref(), &outcome);
                }
                self.send(verdict, Some(outcome), next.map(Box::new));
            }
        }
    }

    fn send(&mut self, verdict: Verdict, outcome: Option<Outcome>, follow_up: Option<Box<crate::queue::NewJob>>) {
        let settlement = Settlement { key: self.key, verdict, outcome, follow_up };
        // Nobody takes it if the worker was dropped: then the lease expires.
        self.is_settled = self.shared.ends.send(std::mem::take(&mut self.about).settled(settlement)).is_ok();
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.is_settled {
            self.shared.held.remove([&self.key]);
            self.shared.made_room();
        }
    }
}

/// What becomes of the job, decided from its policy, how the run ended, and what it was stopped for; nothing if that is
/// no longer this worker's to say.
fn verdict(
    job: JobId,
    tries: u32,
    retry: &RetryPolicy,
    result: &Result<Value, Failure>,
    stop: Option<Stop>,
) -> Option<Verdict> {
    let failure = match result {
        Ok(_) => return Some(Verdict::Completed),
        Err(failure) => failure,
    };
    Some(match (failure.kind, stop) {
        (Kind::Cancelled, Some(Stop::Asked)) => Verdict::Cancelled,
        (Kind::Cancelled, Some(Stop::Lost)) => return None,
        // The fence tells whether it was somebody else's by then. Without a stop of ours it was the runner that went away.
        (Kind::Cancelled, Some(Stop::Unsure | Stop::Shutdown) | None) => Verdict::HandBack,
        _ => retry.wait(job, tries, failure).map_or(Verdict::Failed, Verdict::Retry),
    })
}

/// As much of the work as telling of its end needs.
fn remains_of(work: &Work) -> Work {
    match work {
        Work::Job(job) => Work::Job(Job::new("").name(job.name.clone())),
        // Who is told that it failed is told of that, not of what it would have told.
        Work::Delivery(Delivery { to, kwargs, ended: Ended { job, name, result: _ } }) => {
            let ended = Ended { job: *job, name: name.clone(), result: Ok(Value::Null) };
            Work::Delivery(Delivery { to: to.clone(), kwargs: kwargs.clone(), ended })
        }
    }
}

fn log_end(key: &LeaseKey, tenant: Option<&str>, outcome: &Outcome) {
    tracing::debug!(
        job_id = %key.job,
        attempt = key.attempt,
        tenant,
        program = outcome.program.map(tracing::field::display),
        kind = outcome.result.as_ref().map_or_else(|failure| failure.kind.as_str(), |_| "returned"),
        wall_us = outcome.usage.wall.as_micros() as u64,
        fuel = outcome.usage.fuel.map(Fuel::units),
        memory_peak_bytes = outcome.usage.memory_peak_bytes,
        "attempt ended"
    );
}

/// A failure of which nobody is told is in the log at least.
fn log_untold(key: &LeaseKey, tenant: Option<&str>, outcome: &Outcome) {
    let Err(failure) = &outcome.result else { return };
    let backtrace = failure.backtrace.as_ref().map(ToString::to_string).unwrap_or_default();
    tracing::error!(
        job_id = %key.job,
        attempt = key.attempt,
        tenant,
        kind = %failure.kind,
        failure = failure.message,
        backtrace,
        "job failed"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_was_stopped_for_decides_what_becomes_of_its_job() {
        let verdict_of =
            |kind, stop| verdict(JobId::fresh(), 1, &RetryPolicy::never(), &Err(Failure::new(kind, "no")), stop);
        assert_eq!(verdict_of(Kind::Cancelled, Some(Stop::Asked)), Some(Verdict::Cancelled));
        assert_eq!(verdict_of(Kind::Cancelled, Some(Stop::Lost)), None);
        for stop in [Some(Stop::Unsure), Some(Stop::Shutdown), None] {
            assert_eq!(verdict_of(Kind::Cancelled, stop), Some(Verdict::HandBack));
        }
        assert_eq!(verdict_of(Kind::TimedOut, Some(Stop::Asked)), Some(Verdict::Failed), "it was over by then");
    }

    #[test]
    fn a_failure_is_tried_again_as_long_as_the_policy_allows() {
        let failed = Err(Failure::new(Kind::Guest, "no"));
        let verdict_after = |tries| verdict(JobId::fresh(), tries, &RetryPolicy::attempts(2), &failed, None);
        assert!(matches!(verdict_after(1), Some(Verdict::Retry(wait)) if wait > Duration::ZERO));
        assert_eq!(verdict_after(2), Some(Verdict::Failed));
        let returned = verdict(JobId::fresh(), 1, &RetryPolicy::default(), &Ok(Value::Null), None);
        assert_eq!(returned, Some(Verdict::Completed));
    }
}
