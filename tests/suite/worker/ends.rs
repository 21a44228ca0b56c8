//! How jobs end: returned, failed, tried again, refused.

use std::time::Duration;

use ampule::queue::{AttemptEnd, Change, NewJob, State};
use ampule::{Interpreter, Job, Kind};
use ampule_tests::guest::{fixture, returning, sleeping, speaking};
use ampule_tests::{LATER, builder, snippet};
use serde_json::json;

use super::{Site, at_once};

const FAILS: &[u8] = br#"{"type": "Sad", "message": "no luck"}"#;
const FAILS_FOR_GOOD: &[u8] = br#"{"type": "Sad", "message": "no luck", "retry": false}"#;

#[tokio::test]
async fn a_program_from_the_queues_store_runs_and_its_record_tells_all() {
    let site = Site::new().await;
    let id = site.put(site.job(&fixture("kwargs")).await).await;
    let asked = Job::new(site.store(&fixture("kwargs")).await).kwarg("x", [1, 2]).expect("JSON").name("echo");
    let named = site.put(NewJob::new(asked)).await;
    let worker = site.start();
    let record = site.ended(id).await;
    assert_eq!(record.summary.state, State::Completed);
    let outcome = record.outcome.expect("an outcome");
    assert_eq!((outcome.id, outcome.result), (id, Ok(json!({}))));
    let record = site.ended(named).await;
    let outcome = record.outcome.expect("an outcome");
    assert_eq!(outcome.result, Ok(json!({"x": [1, 2]})));
    assert!(outcome.usage.fuel.is_some() && outcome.program == record.summary.program);
    let [attempt] = &record.attempts[..] else { panic!("one attempt: {:?}", record.attempts) };
    assert_eq!((attempt.attempt, attempt.worker, attempt.end), (1, worker.id(), AttemptEnd::Completed));
    assert_eq!((record.summary.tries, record.summary.worker), (1, Some(worker.id())));
}

#[tokio::test]
async fn source_strings_run_in_the_languages_that_the_runner_has() {
    let json = Interpreter::new("json", ampule::assemble(&fixture("interpreter")).expect("a program"));
    let site = Site::with(snippet::speaking("javascript").interpreter(json).build().expect("a runner")).await;
    let answer = Job::source("javascript", "_return(x + 1); _return('two')").kwarg("x", 41).expect("JSON");
    let answer = site.put(NewJob::new(answer)).await;
    let plain = site.put(NewJob::new(Job::source("json", "[7]"))).await;
    let _worker = site.start();
    assert_eq!(site.ended(plain).await.outcome.expect("an outcome").result, Ok(json!([7])));
    let outcome = site.ended(answer).await.outcome.expect("an outcome");
    assert_eq!((outcome.result, outcome.returns), (Ok(json!([42, "two"])), vec![json!(42), json!("two")]));
}

#[tokio::test]
async fn a_failure_is_tried_again_and_every_attempt_is_kept() {
    let site = Site::new().await;
    let job = site.job(&speaking(&[("$return", b"1"), ("$fail", FAILS)], "")).await;
    let id = site.put(job.retry(at_once(3))).await;
    let _worker = site.start();
    let record = site.ended(id).await;
    assert_eq!((record.summary.state, record.summary.kind), (State::Failed, Some(Kind::Guest)));
    assert_eq!((record.summary.attempt, record.summary.tries), (3, 3));
    let ends: Vec<_> = record.attempts.iter().map(|attempt| (attempt.attempt, attempt.end)).collect();
    assert_eq!(ends, [(1, AttemptEnd::Failed), (2, AttemptEnd::Failed), (3, AttemptEnd::Failed)]);
    for attempt in &record.attempts {
        let failure = attempt.outcome.as_ref().expect("how it went").result.as_ref().expect_err("it failed");
        assert_eq!((failure.kind, &*failure.message, &failure.returns[..]), (Kind::Guest, "no luck", &[json!(1)][..]));
    }
}

#[tokio::test]
async fn a_job_that_failed_waits_for_as_long_as_its_policy_says() {
    let site = Site::new().await;
    let mut retry = at_once(2);
    retry.backoff = ampule::queue::Backoff::Delays(vec![Duration::from_millis(400)]);
    let id = site.put(site.job(&speaking(&[("$fail", FAILS)], "")).await.retry(retry)).await;
    let _worker = site.start();
    let record = site.ended(id).await;
    let [first, second] = &record.attempts[..] else { panic!("two attempts: {:?}", record.attempts) };
    assert!(second.started_at >= first.ended_at.expect("it has ended") + Duration::from_millis(400));
}

#[tokio::test]
async fn a_job_that_says_that_another_try_is_not_worth_it_gets_none() {
    let site = Site::new().await;
    let job = site.job(&speaking(&[("$fail", FAILS_FOR_GOOD)], "")).await;
    let id = site.put(job.retry(at_once(3))).await;
    let _worker = site.start();
    let record = site.ended(id).await;
    assert_eq!((record.summary.state, record.summary.attempt), (State::Failed, 1));
}

#[tokio::test]
async fn a_program_that_is_refused_fails_its_jobs_once_each() {
    let site = Site::new().await;
    let digest = site.queue.put_program(b"no program at all", None, None).await.expect("it is stored");
    let ids = [
        site.put(NewJob::new(Job::new(digest)).retry(at_once(3))).await,
        site.put(NewJob::new(Job::new(digest))).await,
    ];
    let _worker = site.start();
    for id in ids {
        let record = site.ended(id).await;
        assert_eq!((record.summary.kind, record.summary.attempt), (Some(Kind::BadProgram), 1));
        assert_eq!(record.outcome.expect("an outcome").program, Some(digest));
    }
}

#[tokio::test]
async fn kwargs_that_the_program_refuses_are_the_jobs_fault() {
    let site = Site::new().await;
    let guest = fixture("schema").replace("SCHEMA", r#"{\"required\": [\"x\"]}"#);
    let job = Job::new(site.store(&guest).await);
    let id = site.put(NewJob::new(job).retry(at_once(3))).await;
    let _worker = site.start();
    let record = site.ended(id).await;
    assert_eq!((record.summary.kind, record.summary.attempt), (Some(Kind::BadKwargs), 1));
}

#[tokio::test]
async fn what_the_runner_does_not_meter_is_the_hosts_failure() {
    let site = Site::with(builder().metering(false).build().expect("a runner")).await;
    let job = NewJob::new(Job::new(site.store(&returning(&["1"])).await).fuel(1_000)).retry(at_once(2));
    let id = site.put(job).await;
    let _worker = site.start();
    let record = site.ended(id).await;
    assert_eq!((record.summary.kind, record.summary.attempt), (Some(Kind::Host), 2));
}

#[tokio::test]
async fn a_job_whose_time_has_passed_runs_at_once_and_one_whose_time_has_not_waits() {
    let site = Site::new().await;
    let now = site.queue.clock().await.expect("a clock");
    let overdue = site.put(site.job(&returning(&["1"])).await.run_at(now - LATER)).await;
    let soon = site.put(site.job(&returning(&["2"])).await.run_at(now + Duration::from_millis(300))).await;
    let later = site.put(site.job(&returning(&["3"])).await.run_at(now + LATER)).await;
    let _worker = site.describe().poll_every(LATER).start().expect("a worker");
    assert_eq!(site.ended(overdue).await.summary.state, State::Completed);
    let record = site.ended(soon).await;
    assert!(record.summary.started_at.expect("it ran") >= record.summary.run_at);
    assert_eq!(site.state(later).await, State::Queued);
    site.change(later, Change::RunNow).await;
    assert_eq!(site.ended(later).await.summary.state, State::Completed);
}

#[tokio::test]
async fn a_timeout_counts_from_the_start_of_the_run() {
    let site = Site::new().await;
    let digest = site.store(&sleeping()).await;
    let id = site.put(NewJob::new(Job::new(digest).timeout(Duration::from_millis(50)))).await;
    let _worker = site.start();
    assert_eq!(site.ended(id).await.summary.kind, Some(Kind::TimedOut));
}

#[tokio::test]
async fn a_job_that_was_acknowledged_before_anybody_listened_is_found() {
    let site = Site::new().await;
    let mut ids = Vec::new();
    for _ in 0..100 {
        ids.push(site.put(site.job(&returning(&["1"])).await).await);
    }
    let _worker = site.start();
    for id in ids {
        let record = site.ended(id).await;
        assert_eq!((record.summary.state, record.attempts.len()), (State::Completed, 1));
    }
}
