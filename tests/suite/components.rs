//! Components run under the contract of core modules: returns, failures, limits, kinds, grants, cache.

use std::time::Duration;

use ampule::{Event, Form, Job, Kind, LimitOverrides, LogLevel, TrapCode, World};
use ampule_tests::guest::{fixture, returning};
use ampule_tests::{builder, failure, failure_of, kwargs, load, refusal, run, run_wat, run_wat_with, runner, value};
use serde_json::json;

/// A component whose `run` does this, with this data.
fn component(body: &str, data: &str) -> String {
    fixture("component").replace("BODY", body).replace("DATA", data)
}

#[tokio::test]
async fn the_kwargs_reach_run_and_a_value_in_ok_is_one_last_return() {
    let text =
        component("(call $return (local.get $ptr) (local.get $len)) (call $some (i32.const 1024) (i32.const 1))", "7");
    let outcome = run_wat_with(&text, |job| job.kwargs(kwargs(json!({"testvar": 3})))).await;
    assert_eq!(outcome.returns, [json!({"testvar": 3}), json!(7)]);
    assert_eq!(value(outcome), json!([{"testvar": 3}, 7]));
}

#[tokio::test]
async fn no_return_and_no_value_in_ok_is_null() {
    let outcome = run_wat(&component("(call $ok)", "")).await;
    assert!(outcome.returns.is_empty());
    assert_eq!(value(outcome), json!(null));
}

#[tokio::test]
async fn a_failure_that_is_returned_is_the_guests_with_all_that_it_says() {
    let text = component("(call $return (i32.const 1039) (i32.const 1)) (call $failed)", "OddlySorry12:345");
    let failure = failure_of(&text.replace("12:345", "12:349")).await;
    assert_eq!(failure.kind, Kind::Guest);
    assert_eq!(failure.error_type.as_deref(), Some("Oddly"));
    assert_eq!(failure.message, "Sorry");
    assert_eq!(failure.traceback.as_deref(), Some("12:34"));
    assert_eq!(failure.retry, Some(true));
    assert_eq!(failure.returns, [json!(9)]);
}

#[tokio::test]
async fn a_failure_of_type_panic_is_a_panic() {
    assert_eq!(failure_of(&component("(call $failed)", "panicsorry12:34")).await.kind, Kind::Panic);
}

#[tokio::test]
async fn an_exit_keeps_its_code_and_what_was_returned() {
    let text = |call: &str| component(&format!("(call $return (i32.const 1024) (i32.const 1)) {call} (call $ok)"), "7");
    for (call, code) in [
        ("(call $exit (i32.const 3))", Some(3)),
        ("(call $exit (i32.const 255))", Some(255)),
        ("(call $wasi_exit (i32.const 1))", Some(1)),
        ("(call $exit (i32.const 0))", None),
        ("(call $wasi_exit (i32.const 0))", None),
    ] {
        let outcome = run_wat(&text(call)).await;
        assert_eq!(outcome.returns, [json!(7)], "{call}");
        match code {
            Some(_) => {
                let failure = failure(outcome);
                assert_eq!((failure.kind, failure.code), (Kind::Exit, code), "{call}");
            }
            None => assert_eq!(value(outcome), json!(7), "{call}"),
        }
    }
}

#[tokio::test]
async fn what_is_no_json_is_a_bad_return_wherever_it_is_returned() {
    for body in
        ["(call $return (i32.const 1024) (i32.const 3)) (call $ok)", "(call $some (i32.const 1024) (i32.const 3))"]
    {
        let failure = failure_of(&component(body, "{x}")).await;
        assert_eq!(failure.kind, Kind::BadReturn, "{body}");
    }
}

#[tokio::test]
async fn a_text_that_is_not_the_guests_ends_the_run() {
    for body in
        ["(call $return (i32.const 65535) (i32.const 2)) (call $ok)", "(call $some (i32.const -1) (i32.const 1))"]
    {
        let failure = failure_of(&component(body, "")).await;
        assert_eq!((failure.kind, failure.trap), (Kind::Trap, Some(TrapCode::HostCall)), "{body}");
    }
}

#[tokio::test]
async fn progress_and_log_lines_are_told_as_they_happen() {
    let text = component(
        "(call $progress (i32.const 1024) (i32.const 3)) (call $log (i32.const 3) (i32.const 1027) (i32.const 4)) (call $ok)",
        "0.5warn",
    );
    let runner = runner();
    let program = load(&runner, &text).await;
    let handle = runner.run_async(Job::new(&program)).expect("accepted");
    let mut events = handle.events();
    let outcome = handle.await;
    assert_eq!(events.next().await, Some(Event::Progress(json!(0.5))));
    let Some(Event::Log(line)) = events.next().await else { panic!("a line was logged") };
    assert_eq!((line.level, line.message.as_str()), (LogLevel::Warn, "warn"));
    assert_eq!(outcome.output.logs.len(), 1);
}

#[tokio::test]
async fn the_limits_hold_a_component_as_they_hold_a_module() {
    let endless = component("(loop $again (br $again)) (call $ok)", "");
    let outcome = run_wat_with(&endless, |job| job.timeout(Duration::from_millis(50))).await;
    assert_eq!(failure(outcome).kind, Kind::TimedOut);
    let outcome = run_wat_with(&endless, |job| job.fuel(100_000)).await;
    assert_eq!(failure(outcome).kind, Kind::OutOfFuel);
    let trapped = failure_of(&component("(unreachable)", "")).await;
    assert_eq!((trapped.kind, trapped.trap), (Kind::Trap, Some(TrapCode::Unreachable)));
    let greedy =
        component("(if (i32.eq (memory.grow (i32.const 100)) (i32.const -1)) (then (unreachable))) (call $ok)", "");
    let outcome = run_wat_with(&greedy, |job| job.memory_bytes(1 << 20)).await;
    assert_eq!(failure(outcome).kind, Kind::OutOfMemory);
    assert!(run_wat_with(&greedy, |job| job.memory_bytes(8 << 20)).await.result.is_ok());
}

#[tokio::test]
async fn too_large_a_failure_is_a_bad_call() {
    let runner = builder().build().expect("a runner");
    let text = component(
        "(call $failed) (drop) (i32.store (i32.const 32) (i32.const 60000)) (i32.const 16)",
        "OddlySorry12:34",
    );
    let program = load(&runner, &text).await;
    assert_eq!(failure(run(&runner, Job::new(&program)).await).message.len(), 60_000);
}

#[tokio::test]
async fn a_command_of_wasi_runs_and_its_error_is_status_one() {
    let text = fixture("component_command");
    assert_eq!(value(run_wat(&text.replace("RESULT", "0")).await), json!(null));
    let failure = failure_of(&text.replace("RESULT", "1")).await;
    assert_eq!((failure.kind, failure.code), (Kind::Exit, Some(1)));
}

#[tokio::test]
async fn interpreters_of_either_form_run_a_source_and_only_interpreters_do() {
    for name in ["interpreter", "component_interpreter"] {
        let runner = runner();
        let program = load(&runner, &fixture(name)).await;
        let mut job = Job::new(&program);
        job.source = Some(r#"{"a": [1, 2]}"#.to_owned());
        assert_eq!(value(run(&runner, job).await), json!({"a": [1, 2]}), "{name}");
    }
    let without = failure_of(&fixture("component_interpreter")).await;
    assert_eq!(without.kind, Kind::BadProgram);
    assert!(without.message.contains("expected a source"), "{}", without.message);
    for text in [component("(call $ok)", ""), returning(&["1"])] {
        let outcome = run_wat_with(&text, |mut job| {
            job.source = Some("1".to_owned());
            job
        })
        .await;
        let failure = failure(outcome);
        assert_eq!(failure.kind, Kind::BadProgram);
        assert!(failure.message.contains("expected an interpreter"), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_source_over_its_limit_is_refused_by_its_size() {
    let runner = runner();
    let program = load(&runner, &fixture("interpreter")).await;
    let mut job = Job::new(&program).limits(LimitOverrides { source_bytes: Some(3), ..LimitOverrides::default() });
    job.source = Some("1234".to_owned());
    let failure = failure(run(&runner, job).await);
    assert_eq!(failure.kind, Kind::BadProgram);
    assert!(failure.message.contains("at most 3 bytes, found 4"), "{}", failure.message);
}

#[tokio::test]
async fn a_component_comes_out_of_the_cache_as_it_went_in() {
    let directory = tempfile::tempdir().expect("a directory");
    let home = directory.path().join("cache");
    let wasm = ampule::assemble(&component("(call $some (i32.const 1024) (i32.const 1))", "7")).expect("text");
    let mut inspections = Vec::new();
    for _ in 0..2 {
        let runner = builder().cache_directory(&home).build().expect("a runner");
        let program = runner.load(wasm.clone()).await.expect("a program");
        assert_eq!(value(run(&runner, Job::new(&program)).await), json!(7));
        inspections.push(program.inspection().clone());
    }
    assert_eq!(inspections[0], inspections[1]);
    let kept = std::fs::read_dir(&home).expect("the cache").count();
    assert_eq!(kept, 2, "the key and one program");
}

#[tokio::test]
async fn an_inspection_names_the_form_the_worlds_and_the_interfaces() {
    let inspect = |text: &str| runner().inspect(&ampule::assemble(text).expect("text")).expect("a program").0;
    let job = inspect(&component("(call $ok)", ""));
    assert_eq!((job.form, job.worlds()), (Form::Component, vec![World::Job]));
    let interfaces: Vec<&str> = job.imports.iter().map(|import| import.module.as_str()).collect();
    assert_eq!(interfaces, ["ampule:job/types@0.1.0", "ampule:job/host@0.1.0", "wasi:cli/exit@0.2.0"]);
    assert_eq!(job.exports[0].name, "run");
    assert_eq!(
        job.exports[0].signature,
        "func(kwargs: string) -> result<option<string>, record { type: string, message: string, \
         traceback: option<string>, retry: option<bool> }>"
    );
    assert_eq!(inspect(&fixture("component_interpreter")).worlds(), [World::Interpreter]);
    assert_eq!(inspect(&fixture("component_command").replace("RESULT", "0")).worlds(), [World::Command]);
    assert_eq!(inspect(&fixture("interpreter")).worlds(), [World::Job, World::Interpreter]);
    assert_eq!(inspect(&returning(&["1"])).worlds(), [World::Job]);
    assert_eq!(job.initial_memory_bytes, 65_536);
}

#[tokio::test]
async fn a_component_that_no_run_could_start_is_refused_by_what_it_lacks() {
    let cases = [
        ("(component)", "ampule:job/job"),
        (r#"(component (import "wasi:http/types@0.2.0" (instance)))"#, "wasi:http/types"),
        (r#"(component (import "wasi:cli/exit@0.3.0" (instance)))"#, "wasi:cli/exit@0.3.0"),
        (r#"(component (import "ampule:job/host@0.2.0" (instance)))"#, "ampule:job/host@0.2.0"),
        // A function of the right name and another type.
        (
            r#"(component (core module $m (func (export "run")))
                (core instance $i (instantiate $m))
                (func (export "run") (canon lift (core func $i "run"))))"#,
            "ampule:job/job",
        ),
        // What is not allowed in a module is not allowed in a module inside.
        ("(component (core module (memory 1) (memory 1)))", "memor"),
        ("(component (core module (memory 1 1 shared)))", "shared"),
        ("(component (core module (func (param externref))))", "gc types"),
        ("(component (component (core module (memory i64 1))))", "memory64"),
    ];
    for (text, word) in cases {
        let failure = refusal(text).await;
        assert_eq!(failure.kind, Kind::BadProgram, "{text}");
        assert!(failure.message.contains(word), "{word:?} stands in {:?}", failure.message);
    }
}
