//! Leases: a run whose lease cannot be kept is stopped, and what it would have said does not count.

use std::time::Duration;

use ampule::Kind;
use ampule::queue::{AttemptEnd, Callback, Change, Error, State};
use ampule_tests::faulty::{Fault, Verb};
use ampule_tests::guest::{fixture, returning, sleeping};
use ampule_tests::{LATER, soon, until};

use super::{Site, at_once};

fn away() -> Fault {
    Fault::Before(Error::Unavailable("gone".into()))
}

impl Site {
    /// Time passes for the queue, so that every lease of before is over.
    async fn all_leases_expire(&self) {
        let later = self.queue.clock().await.expect("a clock") + LATER;
        assert!(self.queue.reclaim(Some(later)).await.expect("leases are looked at") > 0);
    }
}

#[tokio::test]
async fn a_job_is_kept_for_as_long_as_it_takes() {
    let site = Site::new().await;
    let describe = || site.describe().lease(Duration::from_secs(5)).renew_every(Duration::from_millis(100));
    let id = site.put(site.job(&sleeping()).await).await;
    let [_first, _second] = [describe().start(), describe().start()];
    site.until_running(id).await;
    let renewals = site.faulty.calls(Verb::Renew);
    until("it is kept longer than one lease", || site.faulty.calls(Verb::Renew) > renewals + 60).await;
    let record = site.record(id).await;
    assert_eq!((record.summary.state, record.summary.attempt), (State::Running, 1));
}

#[tokio::test]
async fn a_run_whose_lease_was_lost_is_stopped_and_settles_nothing() {
    let site = Site::new().await;
    let id = site.put(site.job(&fixture("loop")).await.retry(at_once(3))).await;
    let worker = site.describe().renew_every(Duration::from_millis(50)).start().expect("a worker");
    site.until_running(id).await;
    // It is due again an hour from now, by the queue's clock of then.
    site.all_leases_expire().await;
    site.until_idle().await;
    soon("it holds nothing", worker.shutdown(LATER)).await;
    let record = site.record(id).await;
    assert_eq!((record.summary.state, record.summary.attempt), (State::Queued, 1), "nobody said that it ended");
    assert_eq!(record.attempts[0].end, AttemptEnd::Lost);
}

#[tokio::test]
async fn a_run_whose_lease_cannot_be_renewed_in_time_is_stopped_and_runs_again_when_it_can() {
    let site = Site::new().await;
    let id = site.put(site.job(&fixture("loop")).await.retry(at_once(1))).await;
    let _worker = site.describe().lease(Duration::from_secs(3)).start().expect("a worker");
    site.until_running(id).await;
    for verb in [Verb::Renew, Verb::Settle, Verb::Claim, Verb::Reclaim] {
        site.faulty.fail_always(verb, away());
    }
    site.until_idle().await;
    site.faulty.mend();
    let record = site.until("it runs again", id, |record| record.summary.attempt == 2).await;
    assert_eq!((record.attempts[0].end, record.summary.tries), (AttemptEnd::HandedBack, 1));
    site.change(id, Change::Cancel).await;
    assert_eq!(site.ended(id).await.summary.state, State::Cancelled);
}

#[tokio::test]
async fn a_queue_that_does_not_answer_is_a_queue_that_cannot_be_reached() {
    let site = Site::new().await;
    let id = site.put(site.job(&sleeping()).await).await;
    let _worker = site.describe().lease(Duration::from_millis(400)).start().expect("a worker");
    site.until_running(id).await;
    site.faulty.fail_always(Verb::Renew, Fault::Hang);
    site.until_idle().await;
}

#[tokio::test]
async fn what_ended_after_its_lease_was_given_away_does_not_count() {
    let site = Site::new().await;
    let brief = fixture("sleep").replace("NANOSECONDS", "2000000000");
    let id = site.put(site.job(&brief).await.retry(at_once(3))).await;
    let _worker = site.start();
    site.until_running(id).await;
    site.all_leases_expire().await;
    site.until_idle().await;
    site.change(id, Change::RunNow).await;
    let record = site.ended(id).await;
    let ends: Vec<_> = record.attempts.iter().map(|attempt| attempt.end).collect();
    assert_eq!(ends, [AttemptEnd::Lost, AttemptEnd::Completed], "the first one's end came too late");
}

#[tokio::test]
async fn a_cancelled_run_is_stopped_though_it_would_never_end() {
    let site = Site::new().await;
    for guest in [fixture("loop"), sleeping()] {
        let id = site.put(site.job(&guest).await.retry(at_once(3))).await;
        let worker = site.describe().renew_every(Duration::from_secs(15)).start().expect("a worker");
        site.until_running(id).await;
        site.change(id, Change::Cancel).await;
        let record = site.ended(id).await;
        assert_eq!((record.summary.state, record.summary.kind), (State::Cancelled, Some(Kind::Cancelled)));
        assert_eq!(record.attempts.last().expect("an attempt").end, AttemptEnd::Cancelled);
        site.until_idle().await;
        worker.shutdown(Duration::ZERO).await;
    }
}

#[tokio::test]
async fn a_job_that_kills_every_worker_ends_as_lost() {
    let site = Site::new().await;
    let job = site.job(&fixture("loop")).await.retry(at_once(3));
    let id = site.put(job.at_err(Callback::job(site.job(&returning(&["1"])).await))).await;
    for attempt in 1..=3 {
        let worker = site.start();
        site.until("it runs", id, |record| record.summary.attempt == attempt).await;
        site.until_running(id).await;
        // Dropped, it says nothing, as if it had been killed.
        drop(worker);
        site.until_idle().await;
        site.all_leases_expire().await;
        if attempt < 3 {
            // It would wait for the end of a lease by the queue's clock of then.
            site.change(id, Change::RunNow).await;
        }
    }
    let record = site.ended(id).await;
    assert_eq!((record.summary.state, record.summary.kind), (State::Failed, Some(Kind::Lost)));
    assert_eq!((record.summary.attempt, record.summary.tries), (3, 3));
    assert!(record.attempts.iter().all(|attempt| attempt.end == AttemptEnd::Lost));
}
