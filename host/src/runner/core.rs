//! What all runs of a runner share, and how it is drained and stopped.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::{Handle, Runtime};

use super::Delayed;
use crate::admission::Admission;
use crate::catalog::Catalog;
use crate::end::Outbox;
use crate::error::{Error, LoadError};
use crate::failure::{Failure, Kind};
use crate::grants::Allowance;
use crate::inspect::bad_program;
use crate::interpreter::Seat;
use crate::job::{Job, JobId};
use crate::limits::Limits;
use crate::live::{Flag, Live};
use crate::loader::Loader;
use crate::memory::MemoryBudget;
use crate::program::Program;
use crate::ticker::Ticker;

/// How long runs that were told to stop, and threads that were told to end, are waited for.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// What all runs of a runner share.
pub(super) struct Core {
    pub(super) ticker: Ticker,
    pub(super) loader: Arc<Loader>,
    pub(super) catalog: Catalog,
    pub(super) limits: Limits,
    pub(super) metering: bool,
    pub(super) allowance: Allowance,
    pub(super) budget: MemoryBudget,
    pub(super) sealed: Admission,
    pub(super) native: Admission,
    pub(super) live: Live,
    pub(super) outbox: Arc<Outbox>,
    /// No new runs, and no delayed ones.
    pub(super) closing: Flag,
    /// Running ones stop too.
    pub(super) stopping: Flag,
    /// Runs that were stopped because the runner was.
    pub(super) cut_short: AtomicUsize,
    pub(super) delayed: Mutex<BTreeMap<JobId, Delayed>>,
}

/// The guests' runtime. Dropping it waits for nothing, which a runtime of its own accord would: runs are dropped where
/// they stand, and their ends tell their callers.
pub(super) struct Guests(pub(super) Option<Runtime>);

impl Drop for Guests {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// How a shutdown went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shutdown {
    /// Runs that were stopped because the grace period was over, or that were still delayed.
    pub stopped: usize,
    /// Native closures that go on, for nothing stops them.
    pub left: usize,
    /// Runs whose callback was not called yet, because the caller's runtime has not come to it.
    pub undelivered: usize,
}

impl Core {
    /// Drains and joins everything. Blocks.
    pub(super) fn shut_down(&self, mut guests: Guests, grace: Duration) -> Shutdown {
        let Some(runtime) = guests.0.take() else { return self.shutdown_report() };
        runtime.block_on(async {
            if tokio::time::timeout(grace, self.live.drained()).await.is_err() {
                self.stopping.raise();
                // What does not stop even so is in the report.
                let _ = tokio::time::timeout(STOP_TIMEOUT, self.live.drained()).await;
            }
        });
        let report = self.shutdown_report();
        self.ticker.stop();
        self.ticker.join();
        runtime.shutdown_timeout(if report.left > 0 { Duration::ZERO } else { STOP_TIMEOUT });
        report
    }

    pub(super) fn shutdown_report(&self) -> Shutdown {
        Shutdown {
            stopped: self.cut_short.load(Ordering::Relaxed),
            left: self.native.taken_slots(),
            undelivered: self.live.count(),
        }
    }

    /// Resolves when the run is told to stop because the runner does.
    pub(super) async fn told_to_stop(&self) {
        self.stopping.raised().await;
        self.cut_short.fetch_add(1, Ordering::Relaxed);
    }

    /// The interpreter, prepared. Goes on to the end even if the future is dropped.
    pub(super) async fn prepare(self: &Arc<Self>, guests: &Handle, seat: Arc<Seat>) -> Result<Program, LoadError> {
        let (core, threads) = (Arc::clone(self), guests.clone());
        let prepared = guests.spawn(async move {
            let interpreter = seat.interpreter.clone();
            let digest = interpreter.digest();
            let wasm = move || interpreter.wasm().map_err(LoadError::from);
            seat.prepared(|| core.loader.load(&core.catalog, &threads, digest, wasm)).await.cloned()
        });
        prepared.await.map_err(|_| Error::ShuttingDown)?
    }

    /// Why the job is refused before anything of it runs, if it is. What only the program can tell is left to
    /// [`Loaded::refusal`](crate::program::Loaded::refusal).
    pub(super) fn refusal(&self, job: &Job, limits: &Limits, kwargs_bytes: usize) -> Option<Failure> {
        if let Some(why) = self.allowance.refusal(&job.grants) {
            return Some(Failure::new(Kind::Denied, why));
        }
        if kwargs_bytes > limits.kwargs_bytes {
            let limit = limits.kwargs_bytes;
            let why = format!("kwargs: expected at most {limit} bytes of JSON, found {kwargs_bytes}");
            return Some(Failure::new(Kind::BadKwargs, why));
        }
        let source_bytes = job.source.as_ref().map_or(0, String::len);
        if source_bytes > limits.source_bytes {
            let limit = limits.source_bytes;
            return Some(bad_program(format!("source: expected at most {limit} bytes, found {source_bytes}")));
        }
        None
    }

    pub(super) fn delayed(&self) -> MutexGuard<'_, BTreeMap<JobId, Delayed>> {
        self.delayed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
