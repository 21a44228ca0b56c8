//! Claims jobs from a queue, runs them and settles how they ended.
//!
//! A job's way through a worker is a pipeline of files: `claim` takes it, `start` hands it to the runner, `attempt` makes
//! an end of its outcome, `settle` writes that down. Ends of other jobs are told by `closures` and `http`. Beside it `renew` keeps the leases, `report` passes on what runs
//! tell, and `upkeep` does for the queue what somebody must.

mod attempt;
mod builder;
mod claim;
mod closures;
mod held;
mod http;
mod pace;
mod programs;
mod renew;
mod report;
mod settle;
mod settled;
mod shared;
mod start;
mod upkeep;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub use self::builder::WorkerBuilder;
use self::held::Stop;
pub use self::http::{DeliverHttp, Delivering, HttpDelivery, NotTold};
pub use self::settled::SettledJob;
use self::shared::Shared;
use crate::queue::{Queue, WorkerId};
use crate::runner::Runner;

/// How long runs that were told to stop are waited for: a guest stops at its next yield, some milliseconds away.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the last settlements and the last word may take: longer than a database needs to start again.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs the jobs of a queue. Dropping it stops everything, without waiting: what it held is run again by others when the
/// leases have expired. [`Worker::shutdown`] hands it back instead.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use ampule::queue::{self, Callback, Ended, NewJob};
/// use ampule::{Job, Kwargs, Runner, Worker};
///
/// let queue = queue::open(&"sqlite:ampule.db".parse()?).await?;
/// let runner = Runner::builder().build()?;
/// let told = |ended: Ended, _: Kwargs| {
///     println!("{} ended: {:?}", ended.name, ended.result);
///     Ok::<(), std::io::Error>(())
/// };
/// let worker = Worker::builder(runner, queue.clone()).slots(8).closure("told", told).start()?;
/// let job = Job::source("javascript", "6 * 7").name("answer");
/// queue.enqueue(vec![NewJob::new(job).at_return(Callback::closure("told"))], None).await?;
/// worker.shutdown(Duration::from_secs(30)).await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Worker {
    shared: Arc<Shared>,
    /// Ends by itself when the worker takes no more.
    claiming: JoinHandle<()>,
    /// End when all is over.
    others: Vec<JoinHandle<()>>,
}

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
    /// Starts the description of a worker. The runner is not shut down with it.
    pub fn builder(runner: Runner, queue: Arc<dyn Queue>) -> WorkerBuilder {
        WorkerBuilder::new(runner, queue)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> WorkerId {
        self.shared.id
    }

    /// How many jobs it runs.
    #[must_use]
    pub fn running(&self) -> usize {
        self.shared.running()
    }

    /// Takes no more jobs, waits up to `grace` for those it runs, stops the rest and hands them back, writes down all
    /// that ended, and stops. Dropping the future is dropping the worker.
    pub async fn shutdown(mut self, grace: Duration) -> Drained {
        let shared = Arc::clone(&self.shared);
        shared.closing.raise();
        // What is claimed at this moment comes back as leases that somebody must hand back, so the claim is waited for.
        let _ = timeout(FLUSH_TIMEOUT, &mut self.claiming).await;
        if timeout(grace, shared.idle()).await.is_err() {
            shared.stopping.raise();
            shared.held.stop_all(Stop::Shutdown);
            if timeout(STOP_TIMEOUT, shared.idle()).await.is_err() {
                tracing::warn!(running = shared.running(), "some runs do not stop");
            }
        }
        let _ = timeout(FLUSH_TIMEOUT, shared.nothing_held()).await;
        shared.over.raise();
        for task in &mut self.others {
            if timeout(FLUSH_TIMEOUT, &mut *task).await.is_err() {
                task.abort();
            }
        }
        let drained = Drained {
            finished: shared.finished.load(Ordering::Relaxed),
            handed_back: shared.handed_back.load(Ordering::Relaxed),
            abandoned: shared.held.len(),
        };
        tracing::debug!(worker = %shared.id, ?drained, "worker stopped");
        drained
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.closing.raise();
        self.shared.stopping.raise();
        self.shared.held.stop_all(Stop::Shutdown);
        self.shared.over.raise();
        self.claiming.abort();
        self.others.iter().for_each(JoinHandle::abort);
    }
}

/// Starts the loops.
fn start(shared: Arc<Shared>, ends: mpsc::UnboundedReceiver<SettledJob>) -> Worker {
    let claiming = tokio::spawn(claim::run(Arc::clone(&shared)));
    let others = vec![
        tokio::spawn(settle::run(Arc::clone(&shared), ends)),
        tokio::spawn(renew::run(Arc::clone(&shared))),
        tokio::spawn(report::run(Arc::clone(&shared))),
        tokio::spawn(upkeep::run(Arc::clone(&shared))),
    ];
    tracing::debug!(worker = %shared.id, slots = shared.config.slots, "worker started");
    Worker { shared, claiming, others }
}
