//! Native closures: the callbacks and the handle of a job, on threads and slots of their own, and no sandbox.
//!
//! Cancelling one is in `cancel.rs`; one that outlives its runner is in `shutdown.rs`.

use std::sync::mpsc;

use ampule::{Closure, Error, Failure, Job, Kind, Status, Value};
use ampule_tests::guest::returning;
use ampule_tests::recorder::Recorder;
use ampule_tests::{builder, ended, failure, load, run, runner, until_running, value};
use serde_json::json;

#[tokio::test]
async fn a_closure_has_the_callbacks_and_the_handle_of_a_job() {
    let (runner, recorder) = (runner(), Recorder::default());
    let outcome =
        ended(runner.run_thread(recorder.on(Closure::new(|| Ok::<_, Failure>([8, 13])))).expect("accepted")).await;
    assert_eq!(recorder.only_call().end, Ok(json!([8, 13])));
    assert_eq!((outcome.result, outcome.program), (Ok(json!([8, 13])), None));
}

#[tokio::test]
async fn a_closure_that_errs_is_guest_and_one_that_panics_is_panic() {
    let (runner, recorder) = (runner(), Recorder::default());
    let errs = runner.run_thread(recorder.on(Closure::new(|| Err::<(), _>("no luck"))));
    let errs = failure(ended(errs.expect("accepted")).await);
    let panics = runner.run_thread(recorder.on(Closure::new(|| -> Result<(), Failure> { panic!("no hope") })));
    let panics = failure(ended(panics.expect("accepted")).await);
    assert_eq!((errs.kind, errs.message.as_str()), (Kind::Guest, "no luck"));
    assert_eq!((panics.kind, panics.message.as_str()), (Kind::Panic, "no hope"));
    assert_eq!(recorder.calls().len(), 2);
}

#[tokio::test]
async fn a_closures_value_without_a_json_form_is_a_failure() {
    let runner = runner();
    let outcome = ended(runner.run_thread(Closure::new(|| Ok::<_, Failure>(f64::INFINITY))).expect("accepted")).await;
    assert_eq!(failure(outcome).kind, Kind::Guest);
}

#[tokio::test]
async fn closures_run_on_neither_the_callers_nor_the_guests_workers() {
    let runner = builder().guest_threads(1).build().expect("a runner");
    let program = load(&runner, &returning(&["1"])).await;
    let (release, held) = mpsc::channel::<()>();
    let blocking = runner.run_thread(Closure::new(move || held.recv())).expect("accepted");
    until_running(&blocking).await;
    assert_eq!(value(run(&runner, Job::new(&program)).await), 1, "the only guest thread is free");
    release.send(()).expect("the closure listens");
    assert_eq!(value(ended(blocking).await), Value::Null);
}

#[tokio::test]
async fn closures_have_slots_of_their_own() {
    let runner = builder().native_threads(1).max_waiting(1).build().expect("a runner");
    let (release, held) = mpsc::channel::<()>();
    let blocking = runner.run_thread(Closure::new(move || held.recv())).expect("a slot");
    until_running(&blocking).await;
    let waiting = runner.run_thread(Closure::new(|| Ok::<_, Failure>(2))).expect("a turn");
    let refused = runner.run_thread(Closure::new(|| Ok::<_, Failure>(3)));
    assert!(matches!(refused, Err(Error::Busy { .. })), "{refused:?}");
    assert_eq!(waiting.status(), Status::Waiting);
    release.send(()).expect("the closure listens");
    ended(blocking).await;
    assert_eq!(value(ended(waiting).await), 2);
}
