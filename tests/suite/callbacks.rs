//! The closures that are told of the end: where they are called, what is logged in their place, and what happens if they
//! fail themselves.
//!
//! Which of the two is called, and that it is called once, is in `contract.rs`.

use std::thread;

use ampule::{Call, Closure, Failure, Job, Kind};
use ampule_tests::guest::{fixture, returning};
use ampule_tests::recorder::Recorder;
use ampule_tests::{ended, failure, kwargs, load, log, run, run_wat, runner, until};
use serde_json::json;
use tokio::runtime::Handle;

// Where they run.

#[test]
fn callbacks_run_on_the_callers_runtime_and_not_on_a_guest_thread() {
    let mut caller = tokio::runtime::Builder::new_multi_thread();
    let caller = caller.worker_threads(1).thread_name("caller").enable_all().build().expect("a runtime");
    let recorder = Recorder::default();
    caller.block_on(async {
        let runner = runner();
        for text in [returning(&["1"]), fixture("unreachable")] {
            let program = load(&runner, &text).await;
            run(&runner, recorder.on(Call::from(Job::new(&program)))).await;
        }
        run_thread_to_its_end(&runner, &recorder).await;
    });
    let calls = recorder.calls();
    let places: Vec<_> = calls.iter().map(|called| (called.thread.as_str(), called.runtime)).collect();
    assert_eq!(places, [("caller", Some(caller.handle().id())); 3]);
}

async fn run_thread_to_its_end(runner: &ampule::Runner, recorder: &Recorder) {
    let call = recorder.on(Closure::new(|| Ok::<_, Failure>(1)));
    ended(runner.run_thread(call).expect("the closure is accepted")).await;
}

#[tokio::test]
async fn a_caller_with_one_thread_is_called_back_on_it() {
    let (runner, recorder) = (runner(), Recorder::default());
    let program = load(&runner, &returning(&["1"])).await;
    run(&runner, recorder.on(Call::from(Job::new(&program)))).await;
    let called = recorder.only_call();
    assert_eq!(called.thread, thread::current().name().unwrap_or_default());
    assert_eq!(called.runtime, Some(Handle::current().id()));
}

#[tokio::test]
async fn a_callback_may_run_the_next_job() {
    let (runner, recorder) = (runner(), Recorder::default());
    let (first, second) = (load(&runner, &returning(&["1"])).await, load(&runner, &returning(&["2"])).await);
    let (runner_too, recorder_too) = (runner.clone(), recorder.clone());
    let call = Job::new(&first).at_return(move |_, _| {
        runner_too.run_async(recorder_too.on(Call::from(Job::new(&second)))).map(ampule::JobHandle::detach)
    });
    run(&runner, call).await;
    until("the second run ends", || !recorder.calls().is_empty()).await;
    assert_eq!(recorder.only_call().end, Ok(json!(2)));
}

// What is logged.

#[tokio::test]
async fn without_at_err_a_failure_is_logged_with_kind_message_and_backtrace() {
    log::listen();
    let outcome = run_wat(&fixture("unreachable")).await;
    let lines = log::lines_with(&outcome.id.to_string());
    let [line] = &lines[..] else { panic!("one line is logged: {lines:?}") };
    for word in ["ERROR", "kind=trap", "unreachable", "lift_the_lid"] {
        assert!(line.contains(word), "{word} stands in {line}");
    }
}

#[tokio::test]
async fn with_at_err_a_failure_is_not_logged_as_an_error() {
    log::listen();
    let (runner, recorder) = (runner(), Recorder::default());
    let program = load(&runner, &fixture("unreachable")).await;
    let outcome = run(&runner, recorder.on(Call::from(Job::new(&program)))).await;
    assert_eq!(log::lines_with(&outcome.id.to_string()), [""; 0]);
}

#[tokio::test]
async fn what_a_failure_says_stays_on_its_line_of_the_log() {
    log::listen();
    let (runner, forged) = (runner(), "no\nERROR FORGED");
    let failing = runner.run_thread(Closure::new(move || Err::<(), _>(forged))).expect("the closure is accepted");
    let program = load(&runner, &returning(&["1"])).await;
    let untold = run(&runner, Job::new(&program).at_return(move |_, _| Err(forged))).await;
    let call = Job::new(&program).at_return(move |_, _| Err(forged)).at_err(move |_, _| Err(forged));
    let told = run(&runner, call).await;
    for id in [ended(failing).await.id, untold.id, told.id] {
        let lines = log::lines_with(&id.to_string());
        assert!(lines.len() == 1 && lines[0].contains("no\\nERROR FORGED"), "{lines:?}");
    }
}

// Callbacks that fail themselves.

#[tokio::test]
async fn an_at_return_that_errs_is_told_to_at_err_once_as_callback() {
    let (runner, recorder) = (runner(), Recorder::default());
    let program = load(&runner, &returning(&["1"])).await;
    let call = Job::new(&program).at_return(|_, _| Err("the mail was full")).at_err(recorder.at_err());
    let outcome = run(&runner, call.at_err_kwargs(kwargs(json!({"to": "err"})))).await;
    let called = recorder.only_call();
    let told = called.end.expect_err("it failed");
    assert_eq!((told.kind, called.kwargs), (Kind::Callback, kwargs(json!({"to": "err"}))));
    assert!(told.message.contains("the mail was full"), "{}", told.message);
    assert_eq!((outcome.result, outcome.callback_failures.len()), (Ok(json!(1)), 1), "the run itself returned");
}

#[tokio::test]
async fn an_at_return_that_panics_is_told_to_at_err_once_as_callback() {
    let (runner, recorder) = (runner(), Recorder::default());
    let program = load(&runner, &returning(&["1"])).await;
    let call = Job::new(&program).at_return(|_, _| -> Result<(), Failure> { panic!("out of ink") });
    let outcome = run(&runner, call.at_err(recorder.at_err())).await;
    let told = recorder.only_call().end.expect_err("it failed");
    assert_eq!(told.kind, Kind::Callback);
    assert!(told.message.contains("out of ink"), "{}", told.message);
    assert_eq!(outcome.callback_failures, [told]);
}

#[tokio::test]
async fn an_at_err_that_errs_or_panics_is_kept_in_the_outcome() {
    let runner = runner();
    let program = load(&runner, &fixture("unreachable")).await;
    let erring = run(&runner, Job::new(&program).at_err(|_, _| Err("no ink"))).await;
    let panicking = Job::new(&program).at_err(|_, _| -> Result<(), Failure> { panic!("no ink") });
    let panicking = run(&runner, panicking).await;
    for outcome in [erring, panicking] {
        let [kept] = &outcome.callback_failures[..] else { panic!("one failed: {:?}", outcome.callback_failures) };
        assert_eq!((kept.kind, kept.message.contains("no ink")), (Kind::Callback, true), "{}", kept.message);
        assert_eq!(failure(outcome).kind, Kind::Trap, "the run's own failure stays");
    }
}

#[tokio::test]
async fn callbacks_that_both_fail_are_both_kept_and_the_handle_resolves() {
    let runner = runner();
    let program = load(&runner, &returning(&["1"])).await;
    let call = Job::new(&program).at_return(|_, _| Err("first")).at_err(|_, _| Err("second"));
    let outcome = run(&runner, call).await;
    let messages: Vec<_> = outcome.callback_failures.iter().map(|failure| failure.message.as_str()).collect();
    assert_eq!(messages, ["at_return: first", "at_err: second"]);
}

#[tokio::test]
async fn an_at_return_that_fails_without_at_err_is_kept_and_logged() {
    log::listen();
    let runner = runner();
    let program = load(&runner, &returning(&["1"])).await;
    let outcome = run(&runner, Job::new(&program).at_return(|_, _| Err("no ink"))).await;
    assert_eq!(outcome.callback_failures.len(), 1);
    assert_eq!(log::lines_with(&outcome.id.to_string()).len(), 1);
}
