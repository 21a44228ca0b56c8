//! The parts that are played in the chaos tests: producers and workers that note all they do in a journal.
//!
//! A test plays them itself, or a child does that can be killed (`bin/queue_child.rs`).

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ampule::queue::{self, Ended, Queue};
use ampule::{BoxError, Drained, Kwargs, Runner, Value, Worker};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::dice::Dice;
use crate::journal::{Journal, Note};
use crate::order::{FAILED, Order, RETURNED};
use crate::witness::Witness;

/// What a process is to do. Written as JSON, it is how a child is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    /// Where the queue is.
    pub url: String,
    /// Where the journal is.
    pub journal: PathBuf,
    /// How many jobs a worker runs at once.
    pub slots: usize,
    /// How many workers there are.
    pub workers: usize,
    /// How long a lease is.
    pub lease_ms: u64,
    /// How long a worker that is to end waits for its jobs.
    pub grace_ms: u64,
    /// What decides what a producer asks for.
    pub seed: u64,
    /// The first number that it gives.
    pub first: u64,
    /// How long it rests between two times that it asks.
    pub pause_ms: u64,
}

impl Part {
    /// One worker of four slots, with leases of three seconds.
    #[must_use]
    pub fn new(url: impl Into<String>, journal: impl Into<PathBuf>) -> Self {
        Part {
            url: url.into(),
            journal: journal.into(),
            slots: 4,
            workers: 1,
            lease_ms: 3_000,
            grace_ms: 10_000,
            seed: 0,
            first: 100,
            pause_ms: 10,
        }
    }

    /// The queue, and the journal.
    ///
    /// # Errors
    /// Whatever keeps either from being opened.
    pub async fn open(&self) -> Result<(Arc<dyn Queue>, Arc<Journal>), BoxError> {
        let queue = queue::open(&self.url.parse()?).await?;
        Ok((queue, Arc::new(Journal::open(&self.journal)?)))
    }
}

/// Workers that note all they do.
#[derive(Debug)]
pub struct Working {
    workers: Vec<Worker>,
    runner: Runner,
    journal: Arc<Journal>,
}

impl Working {
    /// Starts the workers of a part on a queue.
    ///
    /// # Errors
    /// Whatever keeps them from it.
    pub fn start(part: &Part, queue: Arc<dyn Queue>, journal: &Arc<Journal>) -> Result<Self, BoxError> {
        let runner = Runner::builder().pool_size(part.slots * part.workers).guest_threads(2).build()?;
        let lease = Duration::from_millis(part.lease_ms);
        let worker = || {
            Worker::builder(runner.clone(), Arc::clone(&queue))
                .slots(part.slots)
                .lease(lease)
                .renew_every(lease / 5)
                .poll_every(Duration::from_millis(200))
                .closure(RETURNED, noting(RETURNED, Arc::clone(journal)))
                .closure(FAILED, noting(FAILED, Arc::clone(journal)))
                .start()
        };
        let workers = (0..part.workers).map(|_| worker()).collect::<Result<_, _>>()?;
        Ok(Working { workers, runner, journal: Arc::clone(journal) })
    }

    /// Ends the workers, with this grace.
    pub async fn stop(self, grace: Duration) {
        for worker in self.workers {
            let Drained { finished, handed_back, abandoned, .. } = worker.shutdown(grace).await;
            self.journal.note(Note::Drained { finished, handed_back, abandoned });
        }
        self.runner.shutdown(grace).await;
    }
}

fn noting(
    closure: &'static str,
    journal: Arc<Journal>,
) -> impl Fn(Ended, Kwargs) -> Result<(), BoxError> + Send + Sync + 'static {
    move |ended, kwargs| {
        let n = kwargs.get("n").and_then(Value::as_u64).ok_or("the closure's own kwargs hold n")?;
        let value = ended.result.ok().and_then(|value| value.as_u64());
        journal.note(Note::Told { closure: closure.to_owned(), job: ended.job, n, value });
        Ok(())
    }
}

/// Asks for jobs, and notes what it means to ask for and what was acknowledged. What the queue cannot take now is asked
/// for again until it is taken. Ends when it is told to, with everything acknowledged.
///
/// # Panics
/// If the queue refuses for good.
pub async fn produce(part: &Part, queue: &dyn Queue, journal: &Journal, enough: &AtomicBool) {
    let mut dice = Dice::new(part.seed);
    let mut n = part.first;
    while !enough.load(Ordering::Relaxed) {
        let mut orders = Vec::new();
        for _ in 0..=dice.below(4) {
            orders.push(Order::any(n, &mut dice));
            n += 4;
        }
        ask(queue, journal, orders).await;
        tokio::time::sleep(Duration::from_millis(part.pause_ms)).await;
    }
}

/// A producer in this process.
#[derive(Debug)]
pub struct Producing {
    enough: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Producing {
    /// Starts one.
    #[must_use]
    pub fn start(part: Part, queue: Arc<dyn Queue>, journal: Arc<Journal>) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&enough);
        let task = tokio::spawn(async move { produce(&part, &*queue, &journal, &told).await });
        Producing { enough, task }
    }

    /// Ends it, with everything acknowledged that it asked for.
    ///
    /// # Panics
    /// If it was refused.
    pub async fn stop(self) {
        self.enough.store(true, Ordering::Relaxed);
        self.task.await.expect("a producer ends when it is told to");
    }
}

/// Asks for these jobs until they are acknowledged.
///
/// # Panics
/// If the queue refuses for good.
pub async fn ask(queue: &dyn Queue, journal: &Journal, orders: Vec<Order>) {
    let jobs: Vec<_> = orders.iter().map(|order| order.job(journal.directory())).collect();
    for (job, order) in jobs.iter().zip(orders) {
        journal.note(Note::Meant { id: job.id, order });
    }
    let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
    loop {
        match queue.enqueue(jobs.clone(), None).await {
            Ok(answers) => {
                assert_eq!(answers.iter().map(|answer| answer.id).collect::<Vec<_>>(), ids);
                return journal.note_for_good(Note::Acknowledged(ids));
            }
            Err(error) if error.is_temporary() => {
                journal.note(Note::Remark(format!("enqueue: {error}")));
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => panic!("the queue refuses jobs: {error}"),
        }
    }
}

/// A queue that notes what passes.
#[must_use]
pub fn witnessed(queue: Arc<dyn Queue>, journal: &Arc<Journal>) -> Arc<dyn Queue> {
    Witness::new(queue, Arc::clone(journal))
}
