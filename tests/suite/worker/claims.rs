//! What a worker takes: what it serves, and never more than it has slots for.

use std::collections::BTreeSet;
use std::time::Duration;

use ampule::queue::{Change, Error, NewJob, State};
use ampule::{Interpreter, Job, Worker};
use ampule_tests::faulty::Verb;
use ampule_tests::guest::{fixture, returning, sleeping};
use ampule_tests::{builder, until};

use super::Site;

impl Site {
    async fn running(&self) -> u64 {
        self.queue.queues(None).await.expect("the queue is read").iter().map(|queue| queue.running).sum()
    }
}

#[tokio::test]
async fn no_more_is_claimed_than_there_are_slots() {
    let site = Site::new().await;
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(site.put(site.job(&sleeping()).await).await);
    }
    let worker = site.describe().slots(3).poll_every(Duration::from_millis(1)).start().expect("a worker");
    until("every slot is taken", || worker.running() == 3).await;
    let claims = site.faulty.calls(Verb::Claim);
    let beats = site.faulty.calls(Verb::Beat);
    until("the worker had time for more", || site.faulty.calls(Verb::Beat) > beats).await;
    assert_eq!((site.running().await, site.faulty.calls(Verb::Claim)), (3, claims), "it does not even ask");
    site.change(ids[0], Change::Cancel).await;
    site.ended(ids[0]).await;
    site.until_in(State::Running, ids[3]).await;
    assert_eq!(site.running().await, 3);
}

#[tokio::test]
async fn two_workers_share_a_queue_and_no_job_runs_twice() {
    let site = Site::new().await;
    let mut ids = Vec::new();
    for _ in 0..60 {
        ids.push(site.put(site.job(&fixture("sleep").replace("NANOSECONDS", "5000000")).await).await);
    }
    let workers =
        [site.describe().slots(2).start(), site.describe().slots(2).start()].map(|worker| worker.expect("a worker"));
    let mut who = BTreeSet::new();
    for id in ids {
        let record = site.ended(id).await;
        assert_eq!((record.summary.state, record.attempts.len()), (State::Completed, 1));
        who.extend(record.summary.worker);
    }
    assert_eq!(who, workers.iter().map(Worker::id).collect());
}

#[tokio::test]
async fn a_worker_serves_the_queues_that_it_was_told_to() {
    let site = Site::new().await;
    let other = site.put(site.job(&returning(&["1"])).await.queue("other")).await;
    let mail = site.put(site.job(&returning(&["1"])).await.queue("mail")).await;
    let worker = site.describe().queues(["mail"]).start().expect("a worker");
    site.ended(mail).await;
    assert_eq!(site.state(other).await, State::Queued);
    worker.shutdown(Duration::ZERO).await;
    let _all = site.start();
    site.ended(other).await;
}

#[tokio::test]
async fn a_language_that_the_runner_does_not_have_is_left_to_others() {
    let site = Site::new().await;
    let source = site.put(NewJob::new(Job::source("json", "[7]"))).await;
    let program = site.put(site.job(&returning(&["1"])).await).await;
    let _worker = site.start();
    site.ended(program).await;
    assert_eq!(site.state(source).await, State::Queued);
    let json = Interpreter::new("json", ampule::assemble(&fixture("interpreter")).expect("a program"));
    site.runner.add_interpreter(json);
    site.ended(source).await;
}

#[tokio::test]
async fn a_busy_runner_hands_back_what_it_cannot_take_and_nothing_is_lost() {
    let site = Site::with(builder().pool_size(1).max_waiting(1).build().expect("a runner")).await;
    let mut ids = Vec::new();
    for _ in 0..12 {
        ids.push(site.put(site.job(&fixture("sleep").replace("NANOSECONDS", "1000000")).await).await);
    }
    let worker = site.describe().slots(8).poll_every(Duration::from_millis(20));
    let _worker = worker.start().expect("a worker");
    for id in ids {
        let record = site.ended(id).await;
        assert_eq!((record.summary.state, record.summary.tries), (State::Completed, 1));
    }
}

#[tokio::test]
async fn a_worker_that_makes_no_sense_is_refused_with_what_was_expected() {
    let site = Site::new().await;
    let field = |refused: Result<Worker, Error>| match refused {
        Err(Error::Invalid { field, .. }) => field,
        other => panic!("expected a refusal, found {other:?}"),
    };
    let hour = Duration::from_secs(3_600);
    assert_eq!(field(site.describe().slots(0).start()), "slots");
    assert_eq!(field(site.describe().slots(10_001).start()), "slots");
    assert_eq!(field(site.describe().lease(Duration::ZERO).start()), "lease");
    assert_eq!(field(site.describe().lease(hour).renew_every(hour).start()), "renew_every");
    assert_eq!(field(site.describe().poll_every(Duration::ZERO).start()), "poll_every");
    assert_eq!(field(site.describe().queues(["no spaces"]).start()), "queue");
    let closure = |_: ampule::queue::Ended, _: ampule::Kwargs| Ok::<(), std::io::Error>(());
    assert_eq!(field(site.describe().closure("", closure).start()), "closure");
    let describe = site.describe();
    let outside = std::thread::spawn(move || describe.start()).join().expect("it does not panic");
    assert_eq!(field(outside), "runtime");
}

#[tokio::test]
async fn a_worker_is_seen_as_long_as_it_works() {
    let site = Site::new().await;
    let worker = site.describe().slots(7).host("tower:1").start().expect("a worker");
    let seen = || async {
        let workers = site.queue.workers(None).await.expect("the queue is read");
        workers.into_iter().find(|info| info.id == worker.id())
    };
    let info = ampule_tests::soon("it is heard of", async {
        loop {
            if let Some(info) = seen().await {
                return info;
            }
            tokio::time::sleep(super::LOOK_EVERY).await;
        }
    })
    .await;
    assert_eq!((&*info.host, info.slots, info.running, info.draining), ("tower:1", 7, 0, false));
    assert_eq!(info.serves, "all queues");
    let id = worker.id();
    worker.shutdown(Duration::ZERO).await;
    let workers = site.queue.workers(None).await.expect("the queue is read");
    assert!(workers.iter().all(|info| info.id != id), "its last word is that it has ended");
}
