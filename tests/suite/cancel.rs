//! Stopping one run from outside, wherever it is, and holding one back: cancelled, delayed, paused.
//!
//! Stopping all of them with their runner is in `shutdown.rs`.

use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use ampule::{Call, Closure, Error, Job, Kind, Runner, Status};
use ampule_tests::guest::{fixture, returning, sleeping};
use ampule_tests::recorder::Recorder;
use ampule_tests::{LATER, builder, ended, failure, load, runner, soon, until, until_running, value};
use serde_json::json;

// Cancelling.

#[tokio::test]
async fn a_running_loop_can_be_cancelled_and_at_err_is_told_once() {
    let (runner, recorder) = (runner(), Recorder::default());
    let program = load(&runner, &fixture("loop")).await;
    let handle = runner.run_async(recorder.on(Call::from(Job::new(&program)))).expect("a slot");
    until_running(&handle).await;
    handle.cancel();
    handle.cancel();
    let outcome = ended(handle).await;
    assert_eq!(outcome.usage.fuel, None, "it was interrupted");
    assert_eq!(failure(outcome).kind, Kind::Cancelled);
    assert_eq!(recorder.only_call().end.expect_err("it was cancelled").kind, Kind::Cancelled);
}

#[tokio::test]
async fn a_sleeping_run_can_be_cancelled() {
    let runner = runner();
    let program = load(&runner, &sleeping()).await;
    let handle = runner.run_async(Job::new(&program)).expect("a slot");
    until_running(&handle).await;
    handle.cancel();
    assert_eq!(failure(ended(handle).await).kind, Kind::Cancelled);
}

#[tokio::test]
async fn a_loop_in_the_start_section_can_be_cancelled() {
    let runner = runner();
    let program = load(&runner, &fixture("start_loop")).await;
    let handle = runner.run_async(Job::new(&program)).expect("a slot");
    until_running(&handle).await;
    handle.cancel();
    assert_eq!(failure(ended(handle).await).kind, Kind::Cancelled);
}

#[tokio::test]
async fn a_run_that_waits_for_a_slot_can_be_cancelled_and_leaves_the_line() {
    let runner = builder().pool_size(1).max_waiting(1).build().expect("a runner");
    let (loops, returns) = (load(&runner, &fixture("loop")).await, load(&runner, &returning(&["1"])).await);
    let running = runner.run_async(Job::new(&loops)).expect("a slot");
    until_running(&running).await;
    let waiting = runner.run_async(Job::new(&returns)).expect("a turn");
    waiting.cancel();
    let outcome = ended(waiting).await;
    assert_eq!((&outcome.returns[..], outcome.usage.fuel), (&[][..], None), "nothing of it ran");
    assert_eq!(failure(outcome).kind, Kind::Cancelled);
    assert_eq!((runner.load_now().waiting, running.status()), (0, Status::Running));
    let next = runner.run_async(Job::new(&returns)).expect("a turn again");
    running.cancel();
    assert_eq!(value(ended(next).await), 1);
    ended(running).await;
}

#[tokio::test]
async fn a_run_that_waits_for_memory_can_be_cancelled_and_gives_back_its_slot() {
    let runner = builder().memory_budget_bytes(1 << 20).build().expect("a runner");
    let holding = "(module (memory 12) (func (export \"run\") (loop $again (br $again))))";
    let program = load(&runner, holding).await;
    let first = runner.run_async(Job::new(&program)).expect("a slot");
    until_running(&first).await;
    let second = runner.run_async(Job::new(&program)).expect("a slot, and no memory yet");
    second.cancel();
    assert_eq!(failure(ended(second).await).kind, Kind::Cancelled);
    first.cancel();
    ended(first).await;
    until("every slot is free again", || runner.load_now().free_slots == 4).await;
}

#[tokio::test]
async fn cancelling_what_has_ended_changes_nothing() {
    let (runner, recorder) = (runner(), Recorder::default());
    let program = load(&runner, &returning(&["1"])).await;
    let handle = runner.run_async(recorder.on(Call::from(Job::new(&program)))).expect("a slot");
    let control = handle.control();
    let outcome = ended(handle).await;
    control.cancel();
    assert_eq!((outcome.result, control.status()), (Ok(json!(1)), Status::Ended));
    assert_eq!(recorder.only_call().end, Ok(json!(1)));
}

#[tokio::test]
async fn a_run_cancelled_after_returns_keeps_them_in_the_failure() {
    let runner = runner();
    let program = load(&runner, &fixture("loop_after_return")).await;
    let handle = runner.run_async(Job::new(&program)).expect("a slot");
    let mut events = handle.events();
    soon("it returns", events.next()).await;
    handle.cancel();
    assert_eq!(failure(ended(handle).await).returns, [1]);
}

#[tokio::test]
async fn a_cancelled_closure_ends_while_its_thread_goes_on() {
    let (runner, recorder) = (runner(), Recorder::default());
    let (release, held) = mpsc::channel::<()>();
    let handle = runner.run_thread(recorder.on(Closure::new(move || held.recv()))).expect("a slot");
    until_running(&handle).await;
    handle.cancel();
    assert_eq!(failure(ended(handle).await).kind, Kind::Cancelled);
    assert_eq!(recorder.calls().len(), 1);
    release.send(()).expect("the thread still listens");
}

// Delays.

#[tokio::test]
async fn a_delayed_job_runs_when_its_delay_is_over() {
    let (runner, recorder) = (runner(), Recorder::default());
    let program = load(&runner, &returning(&["1"])).await;
    let handle =
        runner.delay(Duration::from_millis(20), recorder.on(Call::from(Job::new(&program)))).expect("accepted");
    assert_eq!(value(ended(handle).await), 1);
    assert_eq!(recorder.calls().len(), 1);
    assert!(runner.delayed(None).is_empty());
}

#[tokio::test]
async fn a_delayed_job_holds_no_slot_and_is_listed_by_its_name() {
    let runner = runner();
    let program = load(&runner, &returning(&["1"])).await;
    let before = SystemTime::now();
    let first = runner.delay(LATER, Job::new(&program).name("brew")).expect("accepted");
    let second = runner.delay(LATER, Job::new(&program).name("bake")).expect("accepted");
    let load = runner.load_now();
    assert_eq!((load.alive, load.waiting, load.free_slots), (2, 0, 4));
    assert_eq!((first.status(), second.status()), (Status::Delayed, Status::Delayed));
    let all: Vec<_> = runner.delayed(None).into_iter().map(|delayed| delayed.control.id()).collect();
    assert_eq!(all, [first.id(), second.id()], "oldest first");
    let brewing = runner.delayed(Some("brew"));
    assert_eq!(brewing.iter().map(|delayed| delayed.control.id()).collect::<Vec<_>>(), [first.id()]);
    assert!(brewing[0].due >= before + LATER);
    assert!(runner.delayed(Some("fry")).is_empty());
}

#[tokio::test]
async fn a_delayed_job_can_be_hurried() {
    let runner = runner();
    let program = load(&runner, &returning(&["1"])).await;
    let handle = runner.delay(LATER, Job::new(&program).name("brew")).expect("accepted");
    runner.delayed(Some("brew"))[0].control.run_now();
    assert_eq!(value(ended(handle).await), 1);
}

#[tokio::test]
async fn a_delayed_job_that_is_cancelled_never_runs() {
    let (runner, recorder) = (runner(), Recorder::default());
    let program = load(&runner, &returning(&["1"])).await;
    let handle = runner.delay(LATER, recorder.on(Call::from(Job::new(&program)))).expect("accepted");
    handle.cancel();
    handle.control().run_now();
    let outcome = ended(handle).await;
    assert_eq!((&outcome.returns[..], outcome.usage.fuel), (&[][..], None));
    assert_eq!(failure(outcome).kind, Kind::Cancelled);
    assert_eq!(recorder.only_call().end.expect_err("it was cancelled").kind, Kind::Cancelled);
    assert!(runner.delayed(None).is_empty());
}

#[tokio::test]
async fn a_paused_job_does_not_run_when_its_delay_is_over_and_does_when_resumed() {
    let runner = runner();
    let program = load(&runner, &returning(&["1"])).await;
    // Long enough not to be over before it is paused.
    let paused = runner.delay(Duration::from_secs(5), Job::new(&program)).expect("accepted");
    paused.control().pause();
    let later = runner.delay(Duration::from_millis(5_050), Job::new(&program)).expect("accepted");
    assert_eq!(value(ended(later).await), 1, "the later one passes the paused one");
    assert_eq!(paused.status(), Status::Delayed);
    paused.control().resume();
    assert_eq!(value(ended(paused).await), 1);
}

#[tokio::test]
async fn a_paused_job_can_be_hurried_and_cancelled() {
    let runner = runner();
    let program = load(&runner, &returning(&["1"])).await;
    let hurried = runner.delay(LATER, Job::new(&program)).expect("accepted");
    let cancelled = runner.delay(LATER, Job::new(&program)).expect("accepted");
    hurried.control().pause();
    cancelled.control().pause();
    hurried.control().run_now();
    cancelled.cancel();
    assert_eq!(value(ended(hurried).await), 1);
    assert_eq!(failure(ended(cancelled).await).kind, Kind::Cancelled);
}

#[tokio::test]
async fn a_resumed_job_waits_for_the_rest_of_its_delay() {
    let runner = runner();
    let program = load(&runner, &returning(&["1"])).await;
    let resumed = runner.delay(LATER, Job::new(&program)).expect("accepted");
    resumed.control().pause();
    resumed.control().resume();
    let other = runner.delay(Duration::from_millis(20), Job::new(&program)).expect("accepted");
    ended(other).await;
    assert_eq!(resumed.status(), Status::Delayed);
}

#[tokio::test]
async fn a_delayed_job_that_is_due_waits_for_a_slot_however_long_the_line_is() {
    let runner = builder().pool_size(1).max_waiting(0).build().expect("a runner");
    let (loops, returns) = (load(&runner, &fixture("loop")).await, load(&runner, &returning(&["1"])).await);
    let running = runner.run_async(Job::new(&loops)).expect("a slot");
    until_running(&running).await;
    let delayed = runner.delay(Duration::ZERO, Job::new(&returns)).expect("accepted");
    until("it is due", || delayed.status() == Status::Waiting).await;
    running.cancel();
    assert_eq!(value(ended(delayed).await), 1);
    ended(running).await;
}

#[tokio::test]
async fn a_delay_of_more_than_thirty_days_is_refused() {
    let runner: Runner = runner();
    let program = load(&runner, &returning(&["1"])).await;
    let refused = runner.delay(ampule::MAX_TIMEOUT + Duration::from_secs(1), Job::new(&program));
    assert!(matches!(refused, Err(Error::Limit { field: "delay", .. })), "{refused:?}");
}
