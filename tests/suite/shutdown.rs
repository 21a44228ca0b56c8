//! Stopping every run with its runner: dropped, or shut down with a grace that is kept, spent or given up.
//!
//! Stopping a single run is in `cancel.rs`; that nothing is left of a thousand is in `soak.rs`.

use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use ampule::{Call, Closure, Error, Failure, Job, JobHandle, Kind, Runner, Status};
use ampule_tests::guest::{fixture, returning, sleeping};
use ampule_tests::recorder::Recorder;
use ampule_tests::{LATER, builder, ended, failure, load, run, runner, soon, until, until_running, value};
use serde_json::json;

// Dropping the runner.

/// A run that will not end by itself, once it has begun.
async fn looping(runner: &Runner, recorder: &Recorder) -> JobHandle {
    let program = load(runner, &fixture("loop")).await;
    let handle = runner.run_async(recorder.on(Call::from(Job::new(&program)))).expect("a slot");
    until_running(&handle).await;
    handle
}

#[tokio::test]
async fn a_runner_dropped_in_async_code_ends_every_run_as_cancelled() {
    let recorder = Recorder::default();
    let runner = builder().pool_size(2).build().expect("a runner");
    let (loops, sleeps) = (load(&runner, &fixture("loop")).await, load(&runner, &sleeping()).await);
    let looping = runner.run_async(recorder.on(Call::from(Job::new(&loops)))).expect("a slot");
    let asleep = runner.run_async(recorder.on(Call::from(Job::new(&sleeps)))).expect("a slot");
    until_running(&looping).await;
    until_running(&asleep).await;
    let waiting = runner.run_async(recorder.on(Call::from(Job::new(&loops)))).expect("a turn");
    let delayed = runner.delay(LATER, recorder.on(Call::from(Job::new(&loops)))).expect("accepted");
    drop((runner, loops, sleeps));
    for handle in [looping, asleep, waiting, delayed] {
        assert_eq!(failure(ended(handle).await).kind, Kind::Cancelled);
    }
    assert_eq!(recorder.calls().len(), 4);
}

#[test]
fn a_runner_dropped_outside_of_async_code_ends_every_run_as_cancelled() {
    let caller = tokio::runtime::Runtime::new().expect("a runtime");
    let runner = runner();
    let handle = caller.block_on(looping(&runner, &Recorder::default()));
    drop(runner);
    assert_eq!(failure(caller.block_on(ended(handle))).kind, Kind::Cancelled);
}

#[tokio::test]
async fn a_runner_dropped_just_as_a_loop_begins_ends_it_too() {
    for round in 0..100 {
        let runner = builder().pool_size(1).guest_threads(1).build().expect("a runner");
        let program = load(&runner, &fixture("loop")).await;
        let handle = runner.run_async(Job::new(&program)).expect("a slot");
        while handle.status() != Status::Running {
            std::hint::spin_loop();
        }
        drop((runner, program));
        let outcome = tokio::time::timeout(Duration::from_secs(20), handle).await;
        let kind = outcome.map(|outcome| failure(outcome).kind);
        assert_eq!(kind, Ok(Kind::Cancelled), "round {round}: the guest was left without anyone to stop it");
    }
}

#[tokio::test]
async fn a_clone_keeps_the_runner_alive() {
    let runner = runner();
    let clone = runner.clone();
    let program = load(&runner, &returning(&["1"])).await;
    drop(runner);
    assert_eq!(value(run(&clone, Job::new(&program)).await), 1);
}

#[test]
fn a_callers_runtime_that_is_gone_does_not_keep_the_handle_waiting() {
    let (runner, recorder) = (runner(), Recorder::default());
    let caller = tokio::runtime::Runtime::new().expect("a runtime");
    let handle = caller.block_on(looping(&runner, &recorder));
    drop(caller);
    handle.cancel();
    let other = tokio::runtime::Runtime::new().expect("a runtime");
    let outcome = other.block_on(ended(handle));
    assert_eq!((recorder.calls().len(), outcome.callback_failures.len()), (0, 1), "nobody was there to be called");
    assert_eq!(failure(outcome).kind, Kind::Cancelled);
}

// Shutting down.

#[tokio::test]
async fn a_shutdown_waits_for_runs_that_end_in_time() {
    let (runner, recorder) = (runner(), Recorder::default());
    let program = load(&runner, &fixture("count").replace("COUNT", "5000000")).await;
    let handle = runner.run_async(recorder.on(Call::from(Job::new(&program)))).expect("a slot");
    let shutdown = soon("the shutdown ends", runner.shutdown(LATER)).await;
    assert_eq!((shutdown.stopped, shutdown.left), (0, 0));
    assert_eq!(recorder.only_call().end, Ok(json!(1)), "the callback was called before the shutdown ended");
    assert_eq!(value(ended(handle).await), 1);
}

#[tokio::test]
async fn a_shutdown_stops_runs_that_do_not_end_in_time() {
    let (runner, recorder) = (builder().pool_size(1).build().expect("a runner"), Recorder::default());
    let program = load(&runner, &fixture("loop")).await;
    let running = runner.run_async(recorder.on(Call::from(Job::new(&program)))).expect("a slot");
    let waiting = runner.run_async(recorder.on(Call::from(Job::new(&program)))).expect("a turn");
    until_running(&running).await;
    let shutdown = soon("the shutdown ends", runner.shutdown(Duration::from_millis(20))).await;
    assert_eq!((shutdown.stopped, shutdown.left), (2, 0));
    assert_eq!(recorder.calls().len(), 2);
    assert_eq!(failure(ended(running).await).kind, Kind::Cancelled);
    assert_eq!(failure(ended(waiting).await).kind, Kind::Cancelled);
}

#[tokio::test]
async fn a_shutdown_cancels_what_is_delayed_and_counts_it_once() {
    for grace in [Duration::ZERO, LATER] {
        let runner = runner();
        let program = load(&runner, &returning(&["1"])).await;
        let delayed = runner.delay(LATER, Job::new(&program)).expect("accepted");
        let shutdown = soon("the shutdown ends", runner.shutdown(grace)).await;
        assert_eq!((shutdown.stopped, shutdown.left), (1, 0), "{grace:?}");
        assert_eq!(failure(ended(delayed).await).kind, Kind::Cancelled);
    }
}

#[tokio::test]
async fn after_a_shutdown_nothing_is_taken_and_a_second_one_finds_nothing() {
    let runner = runner();
    let program = load(&runner, &returning(&["1"])).await;
    runner.shutdown(LATER).await;
    let refused = runner.run_async(Job::new(&program));
    assert!(matches!(refused, Err(Error::ShuttingDown)), "{refused:?}");
    let refused = runner.delay(LATER, Job::new(&program));
    assert!(matches!(refused, Err(Error::ShuttingDown)), "{refused:?}");
    let refused = runner.run_thread(Closure::new(|| Ok::<_, Failure>(1)));
    assert!(matches!(refused, Err(Error::ShuttingDown)), "{refused:?}");
    let again = soon("the shutdown ends", runner.shutdown(LATER)).await;
    assert_eq!((again.stopped, again.left, runner.load_now().alive), (0, 0, 0));
}

#[tokio::test]
async fn while_it_shuts_down_a_runner_takes_nothing_new_and_lets_the_running_end() {
    let runner = runner();
    let (sleeps, returns) = (load(&runner, &sleeping()).await, load(&runner, &returning(&["1"])).await);
    let running = runner.run_async(Job::new(&sleeps)).expect("a slot");
    until_running(&running).await;
    let closing = tokio::spawn({
        let runner = runner.clone();
        async move { runner.shutdown(LATER).await }
    });
    until("the runner is closing", || matches!(runner.run_async(Job::new(&returns)), Err(Error::ShuttingDown))).await;
    assert_eq!(running.status(), Status::Running);
    running.cancel();
    ended(running).await;
    soon("the shutdown ends", closing).await.expect("it does not panic");
}

/// Asks for a shutdown, and gives up waiting for it.
async fn give_up_a_shutdown(runner: &Runner) {
    let mut shutdown = std::pin::pin!(runner.shutdown(LATER));
    std::future::poll_fn(|context| {
        assert!(shutdown.as_mut().poll(context).is_pending(), "it waits for a run");
        Poll::Ready(())
    })
    .await;
}

#[tokio::test]
async fn a_shutdown_that_is_given_up_half_way_does_no_harm() {
    let (runner, recorder) = (runner(), Recorder::default());
    let running = looping(&runner, &recorder).await;
    give_up_a_shutdown(&runner).await;
    running.cancel();
    assert_eq!(failure(ended(running).await).kind, Kind::Cancelled);
}

#[tokio::test]
async fn dropping_a_runner_whose_shutdown_was_given_up_ends_its_runs() {
    let (runner, recorder) = (runner(), Recorder::default());
    let program = load(&runner, &sleeping()).await;
    let running = runner.run_async(recorder.on(Call::from(Job::new(&program).timeout(LATER)))).expect("a slot");
    until_running(&running).await;
    give_up_a_shutdown(&runner).await;
    drop((runner, program));
    assert_eq!(failure(ended(running).await).kind, Kind::Cancelled);
}

#[tokio::test]
async fn a_closure_that_outlives_the_shutdown_is_reported_as_left() {
    let runner = runner();
    let (release, held) = mpsc::channel::<()>();
    let handle = runner.run_thread(Closure::new(move || held.recv())).expect("a slot");
    until_running(&handle).await;
    let shutdown = soon("the shutdown ends", runner.shutdown(Duration::ZERO)).await;
    assert_eq!(shutdown.left, 1);
    assert_eq!(failure(ended(handle).await).kind, Kind::Cancelled);
    release.send(()).expect("the thread still listens");
}
