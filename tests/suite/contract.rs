//! The contract of a run, `design.md` §2: what `_return` means, and that every run ends in exactly one callback.
//!
//! Where callbacks run and what happens if they fail is in `callbacks.rs`; what stops a run from outside is in
//! `cancel.rs` and `shutdown.rs`; why a run fails by itself is in `kinds.rs`.

use std::collections::BTreeSet;
use std::time::Duration;

use ampule::{Call, Closure, Error, Event, Failure, Job, Kind, LimitOverrides, LogLevel, LogLine, Status, Value};
use ampule_tests::guest::{fixture, returning, speaking};
use ampule_tests::recorder::Recorder;
use ampule_tests::{builder, ended, failure, kwargs, load, run, run_wat, runner, soon, until, until_running, value};
use serde_json::json;

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

// Handles, ids and names.

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
async fn dropping_the_handle_does_not_cancel() {
    let (runner, recorder) = (runner(), Recorder::default());
    let program = load(&runner, &fixture("count").replace("COUNT", "1000000")).await;
    drop(runner.run_async(recorder.on(Call::from(Job::new(&program)))).expect("accepted"));
    until("the callback is called", || !recorder.calls().is_empty()).await;
    assert_eq!(recorder.only_call().end, Ok(json!(1)));
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
