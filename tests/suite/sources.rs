//! Source strings: which interpreter runs them, when it is prepared, and what is said if there is none. The language is
//! JSON here, whose value is the text; Python and JavaScript have files of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ampule::{Digest, Error, Interpreter, Job, Kind, Readiness, Runner};
use ampule_tests::guest::{fixture, returning};
use ampule_tests::{builder, ended, failure, run, runner, soon, value};
use serde_json::json;

fn wasm(text: &str) -> Vec<u8> {
    ampule::assemble(text).expect("the text is a program")
}

/// A runner that knows JSON, and how often the interpreter's bytes were fetched.
fn knowing_json() -> (Runner, Arc<AtomicUsize>) {
    let (wasm, fetched) = (wasm(&fixture("interpreter")), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&fetched);
    let interpreter = Interpreter::fetched("json", Digest::of(&wasm), move || {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(wasm.clone())
    });
    (builder().interpreter(interpreter).build().expect("a runner"), fetched)
}

#[tokio::test]
async fn a_source_runs_with_callbacks_and_handle_as_a_program_does() {
    let (runner, _) = knowing_json();
    let (told, hears) = tokio::sync::oneshot::channel();
    let call = Job::source("json", "[1, 2]")
        .at_return(move |value, _| told.send(value).map_err(|value| format!("nobody hears {value}")));
    let outcome = run(&runner, call).await;
    assert_eq!(outcome.program, Some(runner.languages()[0].digest));
    assert_eq!(value(outcome), json!([1, 2]));
    assert_eq!(soon("at_return is called", hears).await, Ok(json!([1, 2])));
}

#[tokio::test]
async fn an_interpreter_is_prepared_once_however_many_need_it_first() {
    let (runner, fetched) = knowing_json();
    assert_eq!(runner.languages()[0].readiness, Readiness::Uncompiled);
    let handles: Vec<_> =
        (0..20).map(|n| runner.run_async(Job::source("json", n.to_string())).expect("accepted")).collect();
    for (n, handle) in handles.into_iter().enumerate() {
        assert_eq!(value(ended(handle).await), n);
    }
    assert_eq!(runner.languages()[0].readiness, Readiness::Loaded);
    assert_eq!(fetched.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_interpreter_in_the_cache_is_not_fetched() {
    let directory = tempfile::tempdir().expect("a directory");
    let home = directory.path().join("cache");
    let wasm = wasm(&fixture("interpreter"));
    let digest = Digest::of(&wasm);
    let first = builder().cache_directory(&home).interpreter(Interpreter::new("json", wasm)).build().expect("a runner");
    first.prepare("json").await.expect("an interpreter");
    let unfetchable = Interpreter::fetched("json", digest, || panic!("it is in the cache"));
    let second = builder().cache_directory(&home).interpreter(unfetchable).build().expect("a runner");
    assert_eq!(second.languages()[0].readiness, Readiness::Cached);
    assert_eq!(value(run(&second, Job::source("json", "7")).await), 7);
}

#[tokio::test]
async fn a_language_without_an_interpreter_is_an_error_that_names_those_there_are() {
    let (runner, _) = knowing_json();
    let error = runner.run_async(Job::source("ruby", "1")).expect_err("nobody speaks it");
    assert!(matches!(&error, Error::UnknownLanguage { language, known } if language == "ruby" && known == &["json"]));
    assert_eq!(error.to_string(), "no interpreter for the language `ruby`; known here: json");
    assert!(runner.remove_interpreter("json") && !runner.remove_interpreter("json"));
    assert!(matches!(runner.run_async(Job::source("json", "1")), Err(Error::UnknownLanguage { .. })));
}

#[tokio::test]
async fn an_interpreter_that_cannot_be_had_fails_each_job_and_may_come_back() {
    let wasm = wasm(&fixture("interpreter"));
    let other = Interpreter::fetched("json", Digest::of(b"another"), {
        let wasm = wasm.clone();
        move || Ok(wasm.clone())
    });
    let runner = builder().interpreter(other).build().expect("a runner");
    let lost = failure(run(&runner, Job::source("json", "1")).await);
    assert_eq!(lost.kind, Kind::Host);
    assert!(lost.message.contains("expected the bytes of sha256:"), "{}", lost.message);
    runner.add_interpreter(Interpreter::new("json", wasm));
    assert_eq!(value(run(&runner, Job::source("json", "1")).await), 1);
}

#[tokio::test]
async fn a_program_that_reads_no_source_is_no_interpreter() {
    let runner = runner();
    runner.add_interpreter(Interpreter::new("json", wasm(&returning(&["1"]))));
    for _ in 0..2 {
        let refused = failure(run(&runner, Job::source("json", "1")).await);
        assert_eq!(refused.kind, Kind::BadProgram);
        assert!(refused.message.contains("expected an interpreter"), "{}", refused.message);
    }
    runner.add_interpreter(Interpreter::new("json", b"no program".to_vec()));
    assert_eq!(failure(run(&runner, Job::source("json", "1")).await).kind, Kind::BadProgram);
}

#[tokio::test]
async fn a_job_can_be_cancelled_while_its_interpreter_is_prepared() {
    let wasm = wasm(&fixture("interpreter"));
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let slow = Interpreter::fetched("json", Digest::of(&wasm), move || {
        // Until the test lets go of the other end.
        let _ = wait.lock().expect("no panic").recv();
        Ok(wasm.clone())
    });
    let runner = builder().interpreter(slow).build().expect("a runner");
    let cancelled = runner.run_async(Job::source("json", "1")).expect("accepted");
    let patient = runner.run_async(Job::source("json", "2")).expect("accepted");
    cancelled.control().cancel();
    assert_eq!(failure(ended(cancelled).await).kind, Kind::Cancelled);
    drop(go);
    assert_eq!(value(ended(patient).await), 2);
}
