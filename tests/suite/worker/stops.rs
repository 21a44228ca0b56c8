//! How a worker stops: what it runs is finished or handed back, and what it holds is written down.

use std::time::Duration;

use ampule::queue::{AttemptEnd, Callback, Ended, Error, State};
use ampule::{Drained, Kwargs};
use ampule_tests::faulty::{Fault, Verb};
use ampule_tests::guest::{fixture, returning, sleeping};
use ampule_tests::{LATER, soon, until};

use super::{Site, at_once};

fn counts(drained: Drained) -> (usize, usize, usize) {
    (drained.finished, drained.handed_back, drained.abandoned)
}

#[tokio::test]
async fn what_ends_within_the_grace_is_settled() {
    let site = Site::new().await;
    let id = site.put(site.job(&fixture("sleep").replace("NANOSECONDS", "2000000000")).await).await;
    let worker = site.start();
    site.until_running(id).await;
    let drained = soon("it stops", worker.shutdown(LATER)).await;
    assert_eq!(counts(drained), (1, 0, 0));
    assert_eq!(site.state(id).await, State::Completed);
}

#[tokio::test]
async fn what_is_handed_back_runs_elsewhere_and_the_attempt_does_not_count() {
    let site = Site::new().await;
    let job = site.job(&fixture("loop")).await.retry(at_once(1));
    let id = site.put(job.at_err(Callback::closure("never"))).await;
    for handed_back in 1..=3 {
        let worker = site.start();
        site.until_running(id).await;
        let drained = soon("it stops", worker.shutdown(Duration::ZERO)).await;
        assert_eq!(counts(drained), (0, 1, 0));
        let record = site.record(id).await;
        assert_eq!((record.summary.state, record.summary.tries), (State::Queued, 0), "it was nobody's fault");
        assert_eq!(record.attempts.len(), handed_back);
        assert!(record.attempts.iter().all(|attempt| attempt.end == AttemptEnd::HandedBack));
        site.until_idle().await;
    }
}

#[tokio::test]
async fn a_worker_that_stops_takes_no_more() {
    let site = Site::new().await;
    let worker = site.start();
    soon("it stops", worker.shutdown(Duration::ZERO)).await;
    let claims = site.faulty.calls(Verb::Claim);
    let id = site.put(site.job(&returning(&["1"])).await).await;
    let next = site.describe().queues(["another"]).start().expect("a worker");
    until("another looked", || site.faulty.calls(Verb::Claim) > claims).await;
    assert_eq!(site.state(id).await, State::Queued);
    drop(next);
}

#[tokio::test]
async fn what_is_being_claimed_when_the_worker_stops_is_handed_back() {
    let site = Site::new().await;
    let id = site.put(site.job(&returning(&["1"])).await).await;
    site.faulty.fail_next(Verb::Claim, Fault::Late(Duration::from_millis(300)));
    let worker = site.start();
    until("it asks", || site.faulty.calls(Verb::Claim) == 1).await;
    let drained = soon("it stops", worker.shutdown(Duration::ZERO)).await;
    assert_eq!(counts(drained), (0, 1, 0));
    let record = site.record(id).await;
    assert_eq!((record.summary.state, record.summary.tries), (State::Queued, 0));
}

#[tokio::test]
async fn ends_that_cannot_be_written_down_are_abandoned_and_said_to_be() {
    let site = Site::new().await;
    let id = site.put(site.job(&sleeping()).await).await;
    let worker = site.start();
    site.until_running(id).await;
    site.faulty.fail_always(Verb::Settle, Fault::Before(Error::Unavailable("gone".into())));
    let drained = soon("it stops", worker.shutdown(Duration::ZERO)).await;
    assert_eq!(counts(drained), (0, 0, 1));
    assert_eq!(site.state(id).await, State::Running, "until the lease is over");
}

#[tokio::test]
async fn a_worker_that_is_dropped_stops_what_it_runs() {
    let site = Site::new().await;
    for guest in [fixture("loop"), sleeping()] {
        let id = site.put(site.job(&guest).await).await;
        let worker = site.start();
        site.until_running(id).await;
        drop(worker);
        site.until_idle().await;
        assert_eq!(site.state(id).await, State::Running, "the lease is left to expire");
    }
}

#[tokio::test]
async fn a_shutdown_that_is_given_up_is_a_worker_that_is_dropped() {
    let site = Site::new().await;
    let id = site.put(site.job(&fixture("loop")).await).await;
    let worker = site.start();
    site.until_running(id).await;
    let given_up = tokio::time::timeout(Duration::from_millis(50), worker.shutdown(LATER)).await;
    assert!(given_up.is_err());
    site.until_idle().await;
}

#[tokio::test]
async fn a_closure_that_blocks_is_handed_back_and_told_again() {
    let site = Site::new().await;
    let job = site.job(&returning(&["1"])).await;
    let id = site.put(job.at_return(Callback::closure("slow"))).await;
    let (began, begins) = std::sync::mpsc::channel();
    let (_blocks, blocked) = std::sync::mpsc::channel::<()>();
    let blocked = std::sync::Mutex::new(blocked);
    let slow = move |_: Ended, _: Kwargs| {
        began.send(()).expect("the test listens");
        // Until the test is over.
        blocked.lock().expect("nobody panicked").recv()
    };
    let worker = site.describe().closure("slow", slow).start().expect("a worker");
    site.ended(id).await;
    until("the closure is called", || begins.try_recv().is_ok()).await;
    let drained = soon("it stops", worker.shutdown(Duration::ZERO)).await;
    assert_eq!(counts(drained), (0, 1, 0));
}

#[tokio::test]
async fn a_runner_that_is_shut_down_hands_its_jobs_back() {
    let site = Site::new().await;
    let id = site.put(site.job(&fixture("loop")).await.retry(at_once(1))).await;
    let _worker = site.start();
    site.until_running(id).await;
    soon("the runner stops", site.runner.shutdown(Duration::ZERO)).await;
    let record = site.until("it is handed back", id, |record| record.summary.state == State::Queued).await;
    assert_eq!((record.summary.tries, record.attempts[0].end), (0, AttemptEnd::HandedBack));
}
