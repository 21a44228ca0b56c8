//! The queue goes away and comes back, or the compiler does: workers stay, and every job ends once.

use std::os::unix::fs::symlink;
use std::time::Duration;

use ampule::Compiler;
use ampule::queue::{AttemptEnd, Error, JobRecord, State};
use ampule_tests::faulty::{Fault, Verb};
use ampule_tests::guest::{fixture, returning};
use ampule_tests::{builder, until};

use super::{Site, at_once};

fn unavailable() -> Error {
    Error::Unavailable("gone".into())
}

const ALL: [Verb; 9] = [
    Verb::Claim,
    Verb::Renew,
    Verb::Report,
    Verb::Settle,
    Verb::Reclaim,
    Verb::Program,
    Verb::Schedules,
    Verb::Beat,
    Verb::Prune,
];

#[tokio::test]
async fn a_worker_outlives_an_outage_of_everything_and_goes_on() {
    let site = Site::new().await;
    let before = site.put(site.job(&fixture("sleep").replace("NANOSECONDS", "2000000000")).await).await;
    let _worker = site.start();
    site.until_running(before).await;
    ALL.iter().for_each(|verb| site.faulty.fail_always(*verb, Fault::Before(unavailable())));
    let during = site.put(site.job(&returning(&["2"])).await).await;
    site.until_idle().await;
    let (claims, settles) = (site.faulty.calls(Verb::Claim), site.faulty.calls(Verb::Settle));
    until("both are tried again", || {
        site.faulty.calls(Verb::Claim) > claims + 2 && site.faulty.calls(Verb::Settle) > settles + 2
    })
    .await;
    site.faulty.mend();
    for id in [before, during] {
        let record = site.ended(id).await;
        assert_eq!((record.summary.state, record.attempts.len()), (State::Completed, 1));
    }
}

#[tokio::test]
async fn an_end_is_written_down_once_there_is_room_for_it() {
    let site = Site::new().await;
    for fault in [Error::Full("the disk".into()), unavailable()] {
        for nth in 1..=3 {
            site.faulty.fail_nth(Verb::Settle, nth, Fault::Before(fault.clone()));
        }
        let id = site.put(site.job(&returning(&["1"])).await.retry(at_once(1))).await;
        let worker = site.start();
        let record = site.ended(id).await;
        assert_eq!((record.summary.state, record.attempts.len()), (State::Completed, 1));
        worker.shutdown(Duration::ZERO).await;
    }
}

#[tokio::test]
async fn an_end_whose_answer_was_lost_counts_once() {
    let site = Site::new().await;
    site.faulty.fail_next(Verb::Settle, Fault::After(unavailable()));
    let id = site.put(site.job(&returning(&["1"])).await).await;
    let worker = site.start();
    site.ended(id).await;
    until("it asked again", || site.faulty.calls(Verb::Settle) >= 2).await;
    worker.shutdown(Duration::ZERO).await;
    let record = site.record(id).await;
    assert_eq!((record.summary.state, record.attempts.len()), (State::Completed, 1));
}

#[tokio::test]
async fn an_end_that_the_queue_cannot_bear_does_not_keep_the_others() {
    let site = Site::new().await;
    // The group and then the first of it are refused, for good.
    let refused = Fault::Before(Error::Database("no such thing".into()));
    site.faulty.fail_always(Verb::Settle, refused.clone());
    let first = site.put(site.job(&returning(&["1"])).await.retry(at_once(2))).await;
    let worker = site.describe().lease(Duration::from_secs(3)).start().expect("a worker");
    until("it was refused", || site.faulty.calls(Verb::Settle) > 0).await;
    site.faulty.mend();
    let second = site.put(site.job(&returning(&["2"])).await).await;
    assert_eq!(site.ended(second).await.summary.attempt, 1);
    let record = site.ended(first).await;
    assert_eq!((record.attempts[0].end, record.summary.state), (AttemptEnd::Lost, State::Completed));
    worker.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn a_program_that_cannot_be_fetched_now_is_fetched_later() {
    let site = Site::new().await;
    site.faulty.fail_next(Verb::Program, Fault::Before(unavailable()));
    let id = site.put(site.job(&returning(&["1"])).await.retry(at_once(1))).await;
    let _worker = site.describe().poll_every(Duration::from_millis(20)).start().expect("a worker");
    let record = site.ended(id).await;
    assert_eq!((record.summary.state, record.summary.tries), (State::Completed, 1));
    assert_eq!(record.attempts[0].end, AttemptEnd::HandedBack);
}

#[tokio::test]
async fn a_program_that_cannot_be_compiled_now_is_compiled_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let (executable, log) = (folder.path().join("compiler"), folder.path().join("log").display().to_string());
    let compiler = Compiler::Child { executable: executable.clone(), arguments: vec!["compile".to_owned(), log] };
    let site = Site::with(builder().compiler(compiler).build().expect("a runner")).await;
    let id = site.put(site.job(&returning(&["1"])).await.retry(at_once(1))).await;
    let _worker = site.describe().poll_every(Duration::from_millis(20)).start().expect("a worker");
    let is_over = |record: &JobRecord| record.summary.attempt > 1 || record.summary.state.is_end();
    site.until("it is handed out again", id, is_over).await;
    symlink(env!("CARGO_BIN_EXE_alone"), executable).expect("a link");
    let record = site.ended(id).await;
    assert_eq!((record.summary.state, record.summary.tries), (State::Completed, 1), "{:?}", record.attempts);
    assert_eq!(record.attempts[0].end, AttemptEnd::HandedBack);
}

#[tokio::test]
async fn a_job_that_has_ended_is_not_renewed_without_a_pause_once_its_lease_is_over() {
    let site = Site::new().await;
    for verb in [Verb::Renew, Verb::Settle] {
        site.faulty.fail_always(verb, Fault::Before(unavailable()));
    }
    site.put(site.job(&returning(&["1"])).await).await;
    let _worker = site.describe().lease(Duration::from_millis(500)).start().expect("a worker");
    // Each wait is longer than the one before, so this is long after the end of the lease.
    until("its end is told again and again", || site.faulty.calls(Verb::Settle) > 7).await;
    let (renewals, settles) = (site.faulty.calls(Verb::Renew), site.faulty.calls(Verb::Settle));
    assert!(renewals < settles + 100, "{renewals} renewals");
}

#[tokio::test]
async fn an_answer_that_never_comes_is_not_waited_for_for_ever() {
    let site = Site::new().await;
    site.faulty.fail_next(Verb::Claim, Fault::Hang);
    site.faulty.fail_next(Verb::Settle, Fault::HangAfter);
    site.faulty.fail_nth(Verb::Settle, 2, Fault::Hang);
    let ids = [site.put(site.job(&returning(&["1"])).await).await, site.put(site.job(&returning(&["2"])).await).await];
    let _worker = site.describe().slots(1).lease(Duration::from_millis(900)).start().expect("a worker");
    for id in ids {
        assert_eq!(site.ended(id).await.summary.state, State::Completed);
    }
}
