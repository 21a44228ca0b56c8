//! The laws of a worker, on a real queue in a file: what it runs, how it settles, what it does when the queue is away,
//! and how it stops.
//!
//! What the queue itself promises is in the queue's own suite. Nothing here waits for a time to pass; each test waits for
//! what must become true.

mod callbacks;
mod claims;
mod ends;
mod events;
mod http;
mod leases;
mod outages;
mod stops;

use std::sync::Arc;
use std::time::Duration;

use ampule::queue::{Backoff, Change, JobRecord, NewJob, Queue, RetryPolicy, Selection, State};
use ampule::{Digest, Job, JobId, Runner, Worker, WorkerBuilder};
use ampule_tests::faulty::FaultyQueue;
use ampule_tests::place::Place;
use ampule_tests::{LATER, builder, soon};

/// How often a condition that needs a look at the queue is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A queue of one's own, which can be made to fail, and a runner.
struct Site {
    queue: Arc<dyn Queue>,
    faulty: Arc<FaultyQueue>,
    runner: Runner,
    _place: Place,
}

impl Site {
    async fn new() -> Self {
        Site::with(builder().build().expect("a small runner can be built")).await
    }

    async fn with(runner: Runner) -> Self {
        let place = Place::sqlite();
        let queue = place.open().await;
        let faulty = FaultyQueue::new(Arc::clone(&queue));
        Site { queue, faulty, runner, _place: place }
    }

    /// The description of a worker whose queue can be made to fail.
    fn describe(&self) -> WorkerBuilder {
        Worker::builder(self.runner.clone(), Arc::clone(&self.faulty) as Arc<dyn Queue>).slots(4)
    }

    fn start(&self) -> Worker {
        self.describe().start().expect("a worker can be started")
    }

    /// Stores a program; no runner has seen it then.
    async fn store(&self, text: &str) -> Digest {
        let wasm = ampule::assemble(text).expect("the text is a program");
        self.queue.put_program(&wasm, None, None).await.expect("the program is stored")
    }

    /// A job of a program that is stored for it, which may take as long as it likes.
    async fn job(&self, text: &str) -> NewJob {
        NewJob::new(Job::new(self.store(text).await).timeout(LATER))
    }

    async fn put(&self, job: NewJob) -> JobId {
        self.queue.enqueue(vec![job], None).await.expect("the job is taken in")[0].id
    }

    async fn record(&self, id: JobId) -> JobRecord {
        self.queue.get(id).await.expect("the queue is read").expect("the job is known")
    }

    async fn state(&self, id: JobId) -> State {
        self.record(id).await.summary.state
    }

    /// Waits until what is known of a job fits.
    async fn until(&self, law: &str, id: JobId, fits: impl Fn(&JobRecord) -> bool) -> JobRecord {
        soon(law, async {
            loop {
                let record = self.record(id).await;
                if fits(&record) {
                    return record;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        })
        .await
    }

    /// Waits until a job is in this state.
    async fn until_in(&self, state: State, id: JobId) -> JobRecord {
        self.until(&format!("the job comes to be {state}"), id, |record| record.summary.state == state).await
    }

    /// Waits until a job has ended.
    async fn ended(&self, id: JobId) -> JobRecord {
        self.until("the job ends", id, |record| record.summary.state.is_end()).await
    }

    /// Waits until a worker runs the job.
    async fn until_running(&self, id: JobId) {
        self.until_in(State::Running, id).await;
        ampule_tests::until("the runner runs it", || self.runner.load_now().alive > 0).await;
    }

    async fn change(&self, id: JobId, change: Change) {
        let changed = self.queue.change(&Selection::Ids(vec![id]), &change, None).await.expect("the change is made");
        assert_eq!(changed, [id], "{change:?} applies");
    }

    /// Waits until nothing runs.
    async fn until_idle(&self) {
        ampule_tests::until("every run is stopped", || self.runner.load_now().alive == 0).await;
    }
}

/// Tries again at once, so often in all.
fn at_once(attempts: u32) -> RetryPolicy {
    RetryPolicy { attempts, backoff: Backoff::Delays(vec![Duration::ZERO]), ..RetryPolicy::default() }
}
