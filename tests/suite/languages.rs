//! The one job of `jobs/languages/`, in every language that this machine could build: the interface is the same to all.
//!
//! `jobs/languages/build all` makes them, or says in a file what the machine lacks. What is not run is printed.

use std::path::{Path, PathBuf};

use ampule::{Job, Kind, Program, Runner};
use ampule_tests::{failure, load, run, runner};
use serde_json::json;

/// The program in `language`, unless this machine does not have it for a reason that is known.
async fn program(runner: &Runner, language: &str) -> Option<Program> {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/languages");
    let file = |extension: &str| -> PathBuf { programs.join(language).with_extension(extension) };
    let wasm = file("wasm");
    if wasm.exists() {
        return Some(runner.load_file(wasm).await.expect("what a compiler makes is accepted"));
    }
    let missing = std::fs::read_to_string(file("missing")).ok();
    let why =
        missing.unwrap_or_else(|| panic!("expected {}, found none; run `jobs/languages/build all`", wasm.display()));
    eprintln!("not run: {language}: {}", why.trim());
    None
}

/// It hands out both sums in order, and says itself what is wrong with its arguments.
async fn adds(runner: &Runner, program: &Program) {
    for (testvar, sums) in [(3, [8, 13]), (-7, [-2, 3]), (0, [5, 10])] {
        let outcome = run(runner, Job::new(program).kwarg("testvar", testvar).expect("a number")).await;
        assert_eq!(outcome.result, Ok(json!(sums)));
        assert_eq!(outcome.returns, sums);
    }
    for bad in [json!("three"), json!("3"), json!(1.5), json!(true), json!([3]), json!({"testvar": 3})] {
        let job = Job::new(program).kwarg("testvar", bad.clone()).expect("a value");
        let failure = failure(run(runner, job).await);
        assert_eq!((failure.kind, failure.error_type.as_deref()), (Kind::Guest, Some("bad_kwargs")), "{bad}");
    }
    let failure = failure(run(runner, Job::new(program)).await);
    assert_eq!((failure.kind, failure.error_type.as_deref()), (Kind::Guest, Some("bad_kwargs")), "no testvar");
}

async fn language_adds(language: &str) {
    let runner = runner();
    if let Some(program) = program(&runner, language).await {
        adds(&runner, &program).await;
    }
}

// Core modules.

#[tokio::test]
async fn a_job_in_wasm_text_adds() {
    let runner = runner();
    let program = load(&runner, include_str!("../../jobs/languages/wat/adder.wat")).await;
    adds(&runner, &program).await;
}

#[tokio::test]
async fn a_job_in_rust_without_the_sdk_adds() {
    language_adds("rust-wasip1").await;
}

#[tokio::test]
async fn a_job_in_assemblyscript_adds() {
    language_adds("assemblyscript").await;
}

#[tokio::test]
async fn a_job_in_c_adds() {
    language_adds("c").await;
}

#[tokio::test]
async fn a_job_in_zig_adds() {
    language_adds("zig").await;
}

#[tokio::test]
async fn a_job_in_go_adds() {
    language_adds("go").await;
}

// Components.

#[tokio::test]
async fn a_job_in_rust_that_is_a_component_adds() {
    language_adds("rust-wasip2").await;
}

#[tokio::test]
async fn a_job_in_javascript_adds() {
    language_adds("javascript").await;
}

#[tokio::test]
async fn a_job_in_python_adds() {
    language_adds("python").await;
}
