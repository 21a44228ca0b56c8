//! Claims jobs from a queue, runs them and settles how they ended.

use std::sync::Arc;
use std::time::Duration;

use crate::call::BoxError;
use crate::kwargs::Kwargs;
use crate::queue::{Ended, Error, Queue, Retention, WorkerId};
use crate::runner::Runner;

/// Runs the jobs of a queue. Dropping it stops everything, without waiting.
#[derive(Debug)]
pub struct Worker;

/// Describes a worker.
#[derive(Debug)]
pub struct WorkerBuilder;

/// How a worker ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Jobs that ended within the grace period and were settled.
    pub finished: usize,
    /// Jobs that were stopped and handed back to the queue.
    pub handed_back: usize,
    /// Jobs whose end the queue could not be told of: their leases expire.
    pub abandoned: usize,
}

impl Worker {
    /// Starts the description of a worker.
    pub fn builder(_runner: Runner, _queue: Arc<dyn Queue>) -> WorkerBuilder {
        unimplemented!()
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> WorkerId {
        unimplemented!()
    }

    /// How many jobs it holds.
    #[must_use]
    pub fn running(&self) -> usize {
        unimplemented!()
    }

    /// Takes no more jobs, waits up to `grace` for those it holds, stops the rest and hands them back.
    pub async fn shutdown(self, _grace: Duration) -> Drained {
        unimplemented!()
    }
}

impl WorkerBuilder {
    /// Serves these queues only. Default: all.
    #[must_use]
    pub fn queues(self, _queues: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self
    }

    /// How many jobs at once.
    #[must_use]
    pub fn slots(self, _slots: usize) -> Self {
        self
    }

    /// How long a job may be held without a word. Default 30 s.
    #[must_use]
    pub fn lease(self, _lease: Duration) -> Self {
        self
    }

    /// How often leases are renewed. Default 5 s.
    #[must_use]
    pub fn renew_every(self, _period: Duration) -> Self {
        self
    }

    /// How often it looks for jobs although nothing woke it. Default 1 s, with jitter.
    #[must_use]
    pub fn poll_every(self, _period: Duration) -> Self {
        self
    }

    /// How long ended jobs are kept.
    #[must_use]
    pub fn retention(self, _retention: Retention) -> Self {
        self
    }

    /// Registers a closure that callbacks may name.
    #[must_use]
    pub fn closure<E: Into<BoxError>>(
        self,
        _name: impl Into<String>,
        _closure: impl Fn(Ended, Kwargs) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn start(self) -> Result<Worker, Error> {
        unimplemented!()
    }
}
