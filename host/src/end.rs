//! The end of a run: exactly one callback, on the caller's runtime, then the handle resolves.
//!
//! Whoever runs a job holds its [`End`]. Dropping it without an outcome, because the runner went away or the host
//! panicked, is an end too: no run is ever left without one.

mod outbox;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

pub(crate) use self::outbox::Outbox;

use crate::call::{BoxError, Callbacks};
use crate::events::EventQueue;
use crate::failure::{Failure, Kind};
use crate::handle::{Control, Status};
use crate::job::Digest;
use crate::live::Alive;
use crate::outcome::{self, Outcome};

/// The right and the duty to end one run.
pub(crate) struct End(Option<Box<Parts>>);

pub(crate) struct Parts {
    pub(crate) callbacks: Callbacks,
    pub(crate) caller: Handle,
    pub(crate) control: Control,
    pub(crate) events: Arc<EventQueue>,
    pub(crate) resolve: oneshot::Sender<Outcome>,
    pub(crate) program: Option<Digest>,
    pub(crate) called: Instant,
    /// Set when the run has ended.
    pub(crate) outcome: Option<Outcome>,
    pub(crate) outbox: Arc<Outbox>,
    /// Counted by the runner until the callback has returned.
    pub(crate) alive: Alive,
}

impl End {
    pub(crate) fn new(parts: Parts) -> Self {
        End(Some(Box::new(parts)))
    }

    /// When the run was asked for.
    pub(crate) fn called(&self) -> Instant {
        self.0.as_ref().map_or_else(Instant::now, |parts| parts.called)
    }

    /// Delivers the outcome of a run, soon.
    pub(crate) fn finish(mut self, outcome: Outcome) {
        if let Some(parts) = self.0.take() {
            // With others under way there will be more to send in a moment.
            let alone = parts.alive.is_alone();
            let outbox = parts.finish(outcome);
            if alone {
                outbox.flush();
            }
        }
    }

    /// Delivers a failure of a job of which nothing ran, now.
    pub(crate) fn refuse(mut self, failure: Failure) {
        if let Some(parts) = self.0.take() {
            parts.refuse(failure);
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if let Some(parts) = self.0.take() {
            parts.refuse(if std::thread::panicking() {
                Failure::new(Kind::Host, "the host panicked while running the job")
            } else {
                Failure::new(Kind::Cancelled, "the runner was dropped")
            });
        }
    }
}

impl Parts {
    fn refuse(self: Box<Self>, failure: Failure) {
        let outcome = outcome::never_ran(self.control.id(), self.program, failure, self.called.elapsed());
        self.finish(outcome).flush();
    }

    fn finish(mut self: Box<Self>, outcome: Outcome) -> Arc<Outbox> {
        self.control.set_status(Status::Ended);
        self.events.close();
        log_end(&outcome);
        self.outcome = Some(outcome);
        let outbox = Arc::clone(&self.outbox);
        outbox.push(Delivery(Some(self)));
        outbox
    }
}

/// An outcome on its way. Dropped before it ran, because the caller's runtime is gone, it still resolves the handle.
pub(crate) struct Delivery(Option<Box<Parts>>);

impl Delivery {
    /// The runtime that the callback is to be called on.
    pub(crate) fn caller(&self) -> &Handle {
        &self.0.as_ref().expect("taken only by what consumes it").caller
    }

    /// Whether there is no callback to call.
    pub(crate) fn is_silent(&self) -> bool {
        let callbacks = self.0.as_ref().map(|parts| &parts.callbacks);
        callbacks.is_none_or(|callbacks| callbacks.at_return.is_none() && callbacks.at_err.is_none())
    }

    /// Calls back and resolves the handle.
    pub(crate) fn run(mut self) {
        self.deliver(call_back);
    }

    fn deliver(&mut self, callback: impl FnOnce(Callbacks, &Outcome) -> Vec<Failure>) {
        let Some(parts) = self.0.take() else { return };
        let Parts { outcome: Some(mut outcome), callbacks, alive, resolve, .. } = *parts else { return };
        outcome.callback_failures = callback(callbacks, &outcome);
        // Whoever awaits the handle finds the run gone from the runner's count.
        drop(alive);
        // Nobody may be waiting; the handle was dropped then.
        let _ = resolve.send(outcome);
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.deliver(|_, outcome| {
            let failure = Failure::new(Kind::Callback, "not called: the caller's runtime has shut down");
            tracing::error!(job_id = %outcome.id, failure = failure.message, "callback failed");
            vec![failure]
        });
    }
}

/// Calls the one callback that is due, and `at_err` once more if `at_return` failed. Returns what failed.
fn call_back(callbacks: Callbacks, outcome: &Outcome) -> Vec<Failure> {
    let Callbacks { at_return, at_return_kwargs, at_err, at_err_kwargs, quiet } = callbacks;
    let mut failures = Vec::new();
    let failure = match (&outcome.result, at_return) {
        (Ok(_), None) => return failures,
        (Ok(value), Some(at_return)) => {
            let value = value.clone();
            let Err(failure) = guarded("at_return", || at_return(value, at_return_kwargs)) else { return failures };
            failures.push(failure.clone());
            failure
        }
        (Err(_), _) if quiet => return failures,
        (Err(failure), _) => failure.clone(),
    };
    match at_err {
        None => {
            let backtrace = failure.backtrace.as_ref().map(ToString::to_string).unwrap_or_default();
            tracing::error!(job_id = %outcome.id, kind = %failure.kind, failure = failure.message, backtrace, "job failed");
        }
        Some(at_err) => {
            if let Err(failure) = guarded("at_err", || at_err(failure, at_err_kwargs)) {
                tracing::error!(job_id = %outcome.id, failure = failure.message, "callback failed");
                failures.push(failure);
            }
        }
    }
    failures
}

fn guarded(name: &str, callback: impl FnOnce() -> Result<(), BoxError>) -> Result<(), Failure> {
    let failed = |message: String| Err(Failure::new(Kind::Callback, format!("{name}: {message}")));
    match catch_unwind(AssertUnwindSafe(callback)) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => failed(error.to_string()),
        Err(panic) => failed(format!("panicked: {}", panic_text(&*panic))),
    }
}

/// What a panic said, where it said it in text.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("with a value that is no text")
}

fn log_end(outcome: &Outcome) {
    tracing::debug!(
        job_id = %outcome.id,
        kind = outcome.result.as_ref().map_or_else(|failure| failure.kind.as_str(), |_| "returned"),
        wall_us = outcome.usage.wall.as_micros() as u64,
        fuel = outcome.usage.fuel.map(outcome::Fuel::units),
        memory_peak_bytes = outcome.usage.memory_peak_bytes,
        "run ended"
    );
}
