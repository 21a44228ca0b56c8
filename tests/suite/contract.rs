//! The contract of a run, `design.md` §2: what `_return` means, and that every run ends in exactly one callback.
//!
//! What stops a run from outside is in `cancel.rs`; why a run fails by itself is in `kinds.rs`.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ampule::{
    Call, Closure, Error, Event, Failure, Fuel, Job, Kind, Kwargs, LimitOverrides, Limits, LogLevel, LogLine, RESERVED,
    Status, Value,
};
use ampule_tests::guest::{fixture, returning, speaking};
use ampule_tests::recorder::Recorder;
use ampule_tests::{
    builder, ended, failure, load, log, run, run_wat, run_wat_with, runner, soon, until, until_running, value,
};
use serde_json::json;
use tokio::runtime::Handle;

/// Longer than any test takes: no timeout ends what should end otherwise.
const LATER: Duration = Duration::from_secs(3_600);

fn kwargs(json: Value) -> Kwargs {
    Kwargs::try_from(json).expect("an object")
}

// What `_return` means.

#[tokio::test]
async fn no_return_is_null_with_an_empty_list() {
    let outcome = run_wat(&returning(&[])).await;
    assert_eq!((outcome.result, outcome.returns), (Ok(Value::Null), vec![]));
}

#[tokio::test]
async fn one_return_is_the_value_as_it_is_falsy_ones_included() {
    for text in ["0", "-0.5", "\"\"", "[]", "{}", "false", "null", "[1,2]", "[[]]"] {
        let outcome = run_wat(&returning(&[text])).await;
        let expected: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!((outcome.result, outcome.returns), (Ok(expected.clone()), vec![expected]), "{text}");
    }
}

#[tokio::test]
async fn more_returns_are_the_list_in_order() {
    let outcome = run_wat(&returning(&["8", "13", "null"])).await;
    assert_eq!((outcome.result, outcome.returns), (Ok(json!([8, 13, null])), vec![json!(8), json!(13), json!(null)]));
}

#[tokio::test]
async fn a_list_and_its_elements_returned_can_be_told_apart() {
    let list = run_wat(&returning(&["[1,2]"])).await;
    let elements = run_wat(&returning(&["1", "2"])).await;
    assert_eq!(list.result, elements.result);
    assert_eq!((list.returns.len(), elements.returns.len()), (1, 2));
}

#[tokio::test]
async fn a_value_keeps_its_digits_and_the_order_of_its_keys() {
    let text = r#"{"z":0.1,"a":9007199254740993,"m":-18.25}"#;
    let outcome = run_wat(&returning(&[text])).await;
    assert_eq!(value(outcome).to_string(), text);
}

#[tokio::test]
async fn the_alias_in_env_returns_too() {
    let outcome = run_wat(&returning(&["3"]).replacen("\"ampule\"", "\"env\"", 1)).await;
    assert_eq!(value(outcome), 3);
}

#[tokio::test]
async fn leaving_with_status_0_is_a_return() {
    let outcome = run_wat(&fixture("exit").replace("CODE", "0")).await;
    assert_eq!(value(outcome), 1);
}

// The end of a run.

#[tokio::test]
async fn a_value_goes_to_at_return_once_with_its_own_kwargs() {
    let (runner, recorder) = (runner(), Recorder::default());
    let program = load(&runner, &returning(&["3"])).await;
    let call = recorder.on(Call::from(Job::new(&program)));
    let call = call.at_return_kwargs(kwargs(json!({"to": "return"}))).at_err_kwargs(kwargs(json!({"to": "err"})));
    let outcome = run(&runner, call).await;
    let called = recorder.only_call();
    assert_eq!((called.end, called.kwargs), (Ok(json!(3)), kwargs(json!({"to": "return"}))));
    assert_eq!((outcome.result, outcome.callback_failures), (Ok(json!(3)), vec![]));
}

#[tokio::test]
async fn a_failure_goes_to_at_err_once_with_its_own_kwargs() {
    let (runner, recorder) = (runner(), Recorder::default());
    let program = load(&runner, &fixture("unreachable")).await;
    let call = recorder.on(Call::from(Job::new(&program)));
    let call = call.at_return_kwargs(kwargs(json!({"to": "return"}))).at_err_kwargs(kwargs(json!({"to": "err"})));
    let outcome = run(&runner, call).await;
    let called = recorder.only_call();
    assert_eq!(called.kwargs, kwargs(json!({"to": "err"})));
    assert_eq!(called.end, outcome.result, "the callback is told what the handle is told");
}

#[tokio::test]
async fn a_failure_after_returns_goes_to_at_err_alone_and_keeps_them() {
    let (runner, recorder) = (runner(), Recorder::default());
    let program = load(&runner, &speaking(&[("$return", b"8"), ("$return", b"13")], "unreachable")).await;
    let outcome = run(&runner, recorder.on(Call::from(Job::new(&program)))).await;
    let told = recorder.only_call().end.expect_err("it failed");
    assert_eq!((told.kind, told.returns), (Kind::Trap, vec![json!(8), json!(13)]));
    assert_eq!(outcome.returns, [8, 13]);
}

#[tokio::test]
async fn a_refusal_goes_to_at_err_once_too() {
    let (runner, recorder) =
        (builder().allow(ampule::Allowance::nothing()).build().expect("a runner"), Recorder::default());
    let program = load(&runner, &returning(&["1"])).await;
    let job = Job::new(&program).directory("/", "/data");
    run(&runner, recorder.on(Call::from(job))).await;
    assert_eq!(recorder.only_call().end.expect_err("it was refused").kind, Kind::Denied);
}

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
async fn the_handle_resolves_after_the_callback() {
    let (runner, recorder) = (runner(), Recorder::default());
    let program = load(&runner, &returning(&["1"])).await;
    let handle = runner.run_async(recorder.on(Call::from(Job::new(&program)))).expect("accepted");
    until("the run ends", || handle.status() == Status::Ended).await;
    ended(handle).await;
    assert_eq!(recorder.calls().len(), 1);
}

#[tokio::test]
async fn without_callbacks_the_handle_still_resolves() {
    let returned = run_wat(&returning(&["1"])).await;
    let failed = run_wat(&fixture("unreachable")).await;
    assert_eq!(returned.result, Ok(json!(1)));
    assert_eq!(failure(failed).kind, Kind::Trap);
}

#[tokio::test]
async fn without_at_return_a_value_is_in_the_outcome_alone() {
    let (runner, recorder) = (runner(), Recorder::default());
    let program = load(&runner, &returning(&["1"])).await;
    let outcome = run(&runner, Job::new(&program).at_err(recorder.at_err())).await;
    assert_eq!((outcome.result, recorder.calls().len()), (Ok(json!(1)), 0));
}

#[tokio::test]
async fn without_at_err_a_failure_does_not_go_to_at_return() {
    let (runner, recorder) = (runner(), Recorder::default());
    let program = load(&runner, &fixture("unreachable")).await;
    let outcome = run(&runner, Job::new(&program).at_return(recorder.at_return())).await;
    assert_eq!((failure(outcome).kind, recorder.calls().len()), (Kind::Trap, 0));
}

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

// Handles, ids and admission.

#[tokio::test]
async fn dropping_the_handle_does_not_cancel() {
    let (runner, recorder) = (runner(), Recorder::default());
    let program = load(&runner, &fixture("count").replace("COUNT", "1000000")).await;
    drop(runner.run_async(recorder.on(Call::from(Job::new(&program)))).expect("accepted"));
    until("the callback is called", || !recorder.calls().is_empty()).await;
    assert_eq!(recorder.only_call().end, Ok(json!(1)));
}

#[tokio::test]
async fn ids_are_unique_and_sort_by_time() {
    let runner = runner();
    let program = load(&runner, &returning(&[])).await;
    let mut ids = Vec::new();
    for _ in 0..50 {
        let handle = runner.run_async(Job::new(&program)).expect("accepted");
        let id = handle.id();
        assert_eq!(ended(handle).await.id, id);
        ids.push(id);
    }
    let sorted: BTreeSet<_> = ids.iter().copied().collect();
    assert_eq!(sorted.into_iter().collect::<Vec<_>>(), ids);
    assert!(ids.iter().all(|id| id.to_string().as_bytes()[14] == b'7'), "version 7: {ids:?}");
}

#[tokio::test]
async fn an_outcome_names_the_program_that_ran() {
    let runner = runner();
    let program = load(&runner, &returning(&[])).await;
    assert_eq!(run(&runner, Job::new(&program)).await.program, Some(program.digest()));
}

#[test]
fn outside_a_runtime_a_run_is_an_error() {
    let caller = tokio::runtime::Runtime::new().expect("a runtime");
    let (runner, recorder) = (runner(), Recorder::default());
    let program = caller.block_on(load(&runner, &returning(&["1"])));
    let refused = runner.run_async(recorder.on(Call::from(Job::new(&program))));
    let refused_thread = runner.run_thread(Closure::new(|| Ok::<_, Failure>(1)));
    let refused_delay = runner.delay(Duration::ZERO, Job::new(&program));
    assert!(matches!(refused, Err(Error::NoRuntime)), "{refused:?}");
    assert!(matches!(refused_thread, Err(Error::NoRuntime)), "{refused_thread:?}");
    assert!(matches!(refused_delay, Err(Error::NoRuntime)), "{refused_delay:?}");
    assert_eq!((recorder.calls().len(), runner.load_now().alive), (0, 0));
}

#[tokio::test]
async fn a_run_beyond_those_that_may_wait_is_busy_and_calls_nobody_back() {
    let runner = builder().pool_size(1).max_waiting(1).build().expect("a runner");
    let recorder = Recorder::default();
    let program = load(&runner, &fixture("loop")).await;
    let running = runner.run_async(Job::new(&program)).expect("a slot");
    until_running(&running).await;
    let waiting = runner.run_async(Job::new(&program)).expect("a turn");
    let refused = runner.run_async(recorder.on(Call::from(Job::new(&program))));
    assert!(matches!(refused, Err(Error::Busy { waiting: 1, max_waiting: 1 })), "{refused:?}");
    assert_eq!((waiting.status(), runner.load_now().waiting, runner.load_now().free_slots), (Status::Waiting, 1, 0));
    running.cancel();
    waiting.cancel();
    let kinds = (failure(ended(running).await).kind, failure(ended(waiting).await).kind);
    assert_eq!(kinds, (Kind::Cancelled, Kind::Cancelled));
    assert_eq!(recorder.calls().len(), 0);
}

#[tokio::test]
async fn a_run_that_waited_runs_when_a_slot_is_free() {
    let runner = builder().pool_size(1).build().expect("a runner");
    let (loops, returns) = (load(&runner, &fixture("loop")).await, load(&runner, &returning(&["2"])).await);
    let running = runner.run_async(Job::new(&loops)).expect("a slot");
    until_running(&running).await;
    let waiting = runner.run_async(Job::new(&returns)).expect("a turn");
    running.cancel();
    assert_eq!(value(ended(waiting).await), 2);
    ended(running).await;
}

#[tokio::test]
async fn nobody_overtakes_those_who_wait() {
    // With one guest thread the runs also come to the line in the order of their calls.
    let runner = builder().pool_size(1).guest_threads(1).build().expect("a runner");
    let (loops, returns) = (load(&runner, &fixture("loop")).await, load(&runner, &returning(&[])).await);
    let running = runner.run_async(Job::new(&loops)).expect("a slot");
    until_running(&running).await;
    let (sender, order) = mpsc::channel();
    let waiting: Vec<_> = (0..8)
        .map(|number| {
            let sender = sender.clone();
            let call = Job::new(&returns).at_return(move |_, _| sender.send(number));
            runner.run_async(call).expect("a turn")
        })
        .collect();
    running.cancel();
    for handle in waiting {
        ended(handle).await;
    }
    assert_eq!(order.try_iter().collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
    ended(running).await;
}

#[tokio::test]
async fn a_handle_shows_where_its_run_is() {
    let runner = runner();
    let program = load(&runner, &fixture("loop")).await;
    let handle = runner.run_async(Job::new(&program)).expect("accepted");
    until_running(&handle).await;
    handle.cancel();
    let control = handle.control();
    ended(handle).await;
    assert_eq!(control.status(), Status::Ended);
}

// Timeouts.

#[tokio::test]
async fn a_timeout_counts_from_the_start_of_the_run_and_not_from_the_call() {
    let runner = builder().pool_size(1).build().expect("a runner");
    let loops = load(&runner, &fixture("loop")).await;
    // Works for long enough that the clock is looked at while it does.
    let counts = load(&runner, &fixture("count").replace("COUNT", "50000000")).await;
    let first = runner.run_async(Job::new(&loops).timeout(Duration::from_millis(3_000))).expect("a slot");
    let second = runner.run_async(Job::new(&counts).timeout(Duration::from_millis(2_500))).expect("a turn");
    assert_eq!(failure(ended(first).await).kind, Kind::TimedOut);
    assert_eq!(value(ended(second).await), 1, "it waited longer than its timeout, and then had all of it");
}

#[tokio::test]
async fn a_timeout_covers_a_sleep_in_a_host_call() {
    let text = fixture("sleep").replace("NANOSECONDS", "3600000000000");
    let outcome = run_wat_with(&text, |job| job.timeout(Duration::from_millis(50))).await;
    assert_eq!(failure(outcome).kind, Kind::TimedOut);
}

#[tokio::test]
async fn a_timeout_of_zero_is_refused() {
    let runner = runner();
    let program = load(&runner, &returning(&[])).await;
    let refused = runner.run_async(Job::new(&program).timeout(Duration::ZERO));
    assert!(matches!(refused, Err(Error::Limit { field: "timeout", .. })), "{refused:?}");
    let refused = runner.run_async(Job::new(&program).timeout(ampule::MAX_TIMEOUT + Duration::from_secs(1)));
    assert!(matches!(refused, Err(Error::Limit { field: "timeout", .. })), "{refused:?}");
    let mut limits = Limits::default();
    limits.timeout = Duration::ZERO;
    let refused = builder().limits(limits).build();
    assert!(matches!(refused, Err(Error::Limit { field: "timeout", .. })), "{refused:?}");
}

#[tokio::test]
async fn a_fuel_budget_of_zero_is_refused() {
    let runner = runner();
    let program = load(&runner, &returning(&[])).await;
    let refused = runner.run_async(Job::new(&program).fuel(0));
    assert!(matches!(refused, Err(Error::Limit { field: "fuel", .. })), "{refused:?}");
}

#[tokio::test]
async fn a_fuel_budget_is_refused_where_fuel_is_not_counted() {
    let runner = builder().metering(false).build().expect("a runner");
    let program = load(&runner, &returning(&["1"])).await;
    let refused = runner.run_async(Job::new(&program).fuel(1_000));
    assert!(matches!(refused, Err(Error::Limit { field: "fuel", .. })), "{refused:?}");
    let outcome = run(&runner, Job::new(&program)).await;
    assert_eq!((outcome.result, outcome.usage.fuel), (Ok(json!(1)), None));
}

#[tokio::test]
async fn a_jobs_own_limits_win_over_the_runners_and_can_lift_its_budget() {
    let mut limits = Limits::default();
    limits.fuel = Some(10);
    let runner = builder().limits(limits).build().expect("a runner");
    let program = load(&runner, &fixture("count").replace("COUNT", "1000")).await;
    let under_the_runners = run(&runner, Job::new(&program)).await;
    let under_its_own = run(&runner, Job::new(&program).fuel(100_000)).await;
    let under_none = run(&runner, Job::new(&program).fuel(u64::MAX)).await;
    assert_eq!(failure(under_the_runners).kind, Kind::OutOfFuel);
    assert_eq!((value(under_its_own), value(under_none)), (json!(1), json!(1)));
}

// Events.

#[tokio::test]
async fn events_come_in_order_and_end_with_the_run() {
    let runner = runner();
    let calls: [(&str, &[u8]); 4] =
        [("$return", b"1"), ("$progress", b"{\"half\":true}"), ("$log", b"hm"), ("$return", b"2")];
    let program = load(&runner, &speaking(&calls, "")).await;
    let handle = runner.run_async(Job::new(&program)).expect("accepted");
    let mut events = handle.events();
    let mut seen = Vec::new();
    soon("the events end", async {
        while let Some(event) = events.next().await {
            seen.push(event);
        }
    })
    .await;
    let line = LogLine { level: LogLevel::Info, message: "hm".to_owned() };
    let progress = Event::Progress(json!({"half": true}));
    assert_eq!(seen, [Event::Return(json!(1)), progress, Event::Log(line), Event::Return(json!(2))]);
    assert_eq!(events.dropped(), 0);
}

#[tokio::test]
async fn events_come_while_the_run_goes_on() {
    let runner = runner();
    let program = load(&runner, &fixture("loop_after_return")).await;
    let handle = runner.run_async(Job::new(&program)).expect("accepted");
    let mut events = handle.events();
    assert_eq!(soon("the event comes", events.next()).await, Some(Event::Return(json!(1))));
    assert_eq!(handle.status(), Status::Running);
    handle.cancel();
    assert_eq!(failure(ended(handle).await).returns, [1]);
    assert_eq!(soon("the events end", events.next()).await, None);
}

#[tokio::test]
async fn events_that_nobody_takes_are_dropped_oldest_first_and_counted() {
    let runner = runner();
    let program = load(&runner, &returning(&["1", "2", "3", "4", "5"])).await;
    let overrides = LimitOverrides { event_count: Some(2), ..LimitOverrides::default() };
    let handle = runner.run_async(Job::new(&program).limits(overrides)).expect("accepted");
    let mut events = handle.events();
    assert_eq!(ended(handle).await.returns, [1, 2, 3, 4, 5], "a slow listener costs the run nothing");
    assert_eq!((events.next().await, events.dropped()), (Some(Event::Return(json!(4))), 3));
}

// Kwargs.

#[tokio::test]
async fn kwargs_reach_the_job_as_they_are_and_the_callbacks_kwargs_do_not() {
    let runner = runner();
    let program = load(&runner, &fixture("kwargs")).await;
    let text = r#"{"b":0.1,"a":{"z":[],"y":null},"n":-9007199254740993,"ü":"\u0000"}"#;
    let call =
        Job::new(&program).kwargs(Kwargs::from_json(text).expect("an object")).at_return(|_, _| Ok::<_, Failure>(()));
    let outcome = run(&runner, call.at_return_kwargs(kwargs(json!({"secret": 1})))).await;
    assert_eq!(value(outcome).to_string(), text);
}

#[tokio::test]
async fn no_kwargs_are_an_empty_object() {
    assert_eq!(value(run_wat(&fixture("kwargs")).await), json!({}));
}

#[test]
fn names_reserved_for_the_call_are_refused_wherever_kwargs_come_from() {
    for name in RESERVED {
        let json = format!(r#"{{"{name}":1}}"#);
        assert!(Job::new("adder").kwarg(name, 1).is_err(), "{name}");
        assert!(Kwargs::from_json(&json).is_err(), "{name}");
        assert!(Kwargs::try_from(json!({ name: 1 })).is_err(), "{name}");
        assert!(serde_json::from_str::<Kwargs>(&json).is_err(), "{name}");
        assert!(serde_json::from_str::<Job>(&format!(r#"{{"program":"adder","kwargs":{json}}}"#)).is_err(), "{name}");
    }
}

#[test]
fn what_has_no_json_form_is_refused_at_the_call() {
    let error = Job::new("adder").kwarg("x", f64::NAN).expect_err("a number that JSON cannot carry");
    assert!(error.to_string().contains("`x`") && error.source().is_none(), "{error}");
}

#[tokio::test]
async fn kwargs_over_their_limit_are_refused_and_at_it_they_are_not() {
    let limits = |bytes| LimitOverrides { kwargs_bytes: Some(bytes), ..LimitOverrides::default() };
    let describe = |bytes| move |job: Job| job.kwargs(kwargs(json!({"x": 1}))).limits(limits(bytes));
    let fits = run_wat_with(&fixture("kwargs"), describe(7)).await;
    let refused = failure(run_wat_with(&fixture("kwargs"), describe(6)).await);
    assert_eq!(value(fits), json!({"x": 1}));
    assert_eq!(refused.kind, Kind::BadKwargs);
    assert!(refused.message.contains('6') && refused.message.contains('7'), "{}", refused.message);
}

#[tokio::test]
async fn a_program_is_found_by_its_digest_and_by_the_name_it_was_given() {
    let runner = runner();
    let (one, two) = (load(&runner, &returning(&["1"])).await, load(&runner, &returning(&["2"])).await);
    runner.register("number", &one);
    let by_name = run(&runner, Job::new("number")).await;
    runner.register("number", &two);
    let by_new_name = run(&runner, Job::new("number")).await;
    let by_digest = run(&runner, Job::new(one.digest())).await;
    assert_eq!((value(by_name), value(by_new_name), value(by_digest)), (json!(1), json!(2), json!(1)));
    assert_eq!(runner.names(), ["number"]);
}

#[tokio::test]
async fn a_program_that_nobody_loaded_is_unknown() {
    let refused = runner().run_async(Job::new("nobody"));
    assert!(matches!(&refused, Err(Error::UnknownProgram(name)) if name == "nobody"), "{refused:?}");
}

// Native closures.

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

// What a run used, and who it disturbs.

#[tokio::test]
async fn more_work_is_more_fuel_exactly() {
    let fuel = async |count: &str| run_wat(&fixture("count").replace("COUNT", count)).await.usage.fuel;
    let (ten, eleven, twelve) = (fuel("10").await, fuel("11").await, fuel("12").await);
    let units = [ten, eleven, twelve].map(|fuel| fuel.map_or(0, Fuel::units));
    assert!(matches!(ten, Some(Fuel::Exact(_))), "{ten:?}");
    assert!(units[0] > 0 && units[1] > units[0]);
    assert_eq!(units[2] - units[1], units[1] - units[0]);
}

#[tokio::test]
async fn a_budget_over_the_fuel_used_is_enough_and_half_of_it_is_not() {
    let text = fixture("count").replace("COUNT", "1000");
    let used = run_wat(&text).await.usage.fuel.expect("it returned").units();
    let enough = run_wat_with(&text, |job| job.fuel(used + 1)).await;
    let scarce = run_wat_with(&text, |job| job.fuel(used / 2)).await;
    assert_eq!((enough.usage.fuel, enough.result), (Some(Fuel::Exact(used)), Ok(json!(1))));
    assert_eq!(scarce.usage.fuel, Some(Fuel::Exact(used / 2)));
    assert_eq!(failure(scarce).kind, Kind::OutOfFuel);
}

#[tokio::test]
async fn a_count_of_fuel_that_is_called_exact_does_not_depend_on_the_budget() {
    let text = fixture("count").replace("COUNT", "1000");
    let used = run_wat(&text).await.usage.fuel.expect("it returned").units();
    for budget in used - 10..used + 10 {
        // Fuel is looked at in loops and calls alone, so the last stretch may go over the budget.
        let outcome = run_wat_with(&text, |job| job.fuel(budget)).await;
        match (&outcome.result, outcome.usage.fuel) {
            (Ok(_), Some(Fuel::Exact(units))) => assert_eq!(units, used, "with a budget of {budget}"),
            (Ok(_), told) => assert!(matches!(told, Some(Fuel::AtLeast(units)) if units <= used), "{told:?}"),
            (Err(failure), told) => {
                assert_eq!((failure.kind, told), (Kind::OutOfFuel, Some(Fuel::Exact(budget))));
                assert!(budget < used);
            }
        }
    }
}

#[tokio::test]
async fn the_peak_of_memory_is_counted() {
    let text = fixture("start_large").replace("PAGES", "3").replace("ELEMENTS", "1");
    let usage = run_wat(&text).await.usage;
    assert_eq!((usage.memory_peak_bytes, usage.memory_refused), (3 * 65_536, false));
}

#[tokio::test]
async fn the_callers_timers_fire_while_guests_keep_every_guest_thread_busy() {
    let runner = runner();
    let program = load(&runner, &fixture("loop")).await;
    let busy: Vec<_> = (0..4).map(|_| runner.run_async(Job::new(&program).timeout(LATER)).expect("a slot")).collect();
    for handle in &busy {
        until_running(handle).await;
    }
    let mut interval = tokio::time::interval(Duration::from_millis(1));
    for _ in 0..50 {
        soon("the caller's timer fires", interval.tick()).await;
    }
    assert!(busy.iter().all(|handle| handle.status() == Status::Running));
    for handle in busy {
        handle.cancel();
        assert_eq!(failure(ended(handle).await).kind, Kind::Cancelled);
    }
}

#[tokio::test]
async fn a_short_run_ends_while_endless_ones_keep_every_guest_thread_busy() {
    let runner = builder().guest_threads(1).build().expect("a runner");
    let (loops, returns) = (load(&runner, &fixture("loop")).await, load(&runner, &returning(&["1"])).await);
    let busy: Vec<_> = (0..3).map(|_| runner.run_async(Job::new(&loops).timeout(LATER)).expect("a slot")).collect();
    for handle in &busy {
        until_running(handle).await;
    }
    assert_eq!(value(run(&runner, Job::new(&returns)).await), 1);
    assert!(busy.iter().all(|handle| handle.status() == Status::Running));
    for handle in busy {
        handle.cancel();
        assert_eq!(failure(ended(handle).await).kind, Kind::Cancelled);
    }
}

#[tokio::test]
async fn a_resolved_handle_means_that_the_runner_counts_the_run_no_more() {
    let runner = runner();
    let program = load(&runner, &returning(&["1"])).await;
    for number in 0..500 {
        run(&runner, Job::new(&program)).await;
        let load = runner.load_now();
        assert_eq!((load.alive, load.waiting, load.free_slots), (0, 0, 4), "run {number}");
    }
}
