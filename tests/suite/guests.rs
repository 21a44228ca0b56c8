//! The example jobs of `jobs/`, built by `build.rs` with the guest SDK: what the two ends say to each other, and what a
//! real program looks like when it goes wrong.
//!
//! What the jobs compute is tested natively, beside them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ampule::{Event, Fuel, Grants, Job, Kind, Kwargs, Outcome, Program, Runner, TrapCode};
use ampule_tests::{builder, ended, failure, run, runner, soon, value};
use serde_json::{Value, json};

fn input() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../jobs/input")
}

async fn job(runner: &Runner, name: &str) -> Program {
    let path = Path::new(env!("AMPULE_JOBS_DIR")).join(name).with_extension("wasm");
    runner.load_file(path).await.expect("build.rs built it")
}

async fn run_job(name: &str, kwargs: Value, describe: impl FnOnce(Job) -> Job) -> Outcome {
    let runner = runner();
    let program = job(&runner, name).await;
    let kwargs = Kwargs::try_from(kwargs).expect("an object");
    run(&runner, describe(Job::new(&program).kwargs(kwargs))).await
}

fn as_it_is(job: Job) -> Job {
    job
}

// Jobs that do their work.

#[tokio::test]
async fn the_adder_returns_both_its_sums() {
    let outcome = run_job("adder", json!({"testvar": 3}), as_it_is).await;
    assert!(matches!(outcome.usage.fuel, Some(Fuel::Exact(_))));
    assert_eq!((outcome.result, outcome.returns), (Ok(json!([8, 13])), vec![json!(8), json!(13)]));
}

#[tokio::test]
async fn a_job_reads_a_real_file_from_a_directory_that_it_was_granted() {
    let outcome = run_job("csv_stats", json!({}), |job| job.directory(input(), "/data")).await;
    let columns = value(outcome);
    let names: Vec<_> = columns.as_array().expect("a list").iter().map(|column| &column["name"]).collect();
    assert_eq!(names, ["name", "continent", "mouth", "length_km", "basin_km2", "discharge_m3_per_s"]);
}

#[tokio::test]
async fn a_job_without_its_directory_says_so_itself() {
    let failure = failure(run_job("csv_stats", json!({}), as_it_is).await);
    assert_eq!((failure.kind, failure.error_type.as_deref()), (Kind::Guest, Some("unreadable_file")));
}

#[tokio::test]
async fn a_job_counts_the_words_of_a_real_file() {
    let kwargs = json!({"path": "/data/poem.txt", "top": 1});
    let counts = value(run_job("word_count", kwargs, |job| job.directory(input(), "/data")).await);
    assert_eq!((&counts["lines"], &counts["top"].as_array().map(Vec::len)), (&json!(31), &Some(1)));
}

#[tokio::test]
async fn a_job_makes_html_of_markdown() {
    let page = value(run_job("markdown", json!({"text": "# A *b*"}), as_it_is).await);
    assert_eq!(page, "<h1>A <em>b</em></h1>\n");
}

#[tokio::test]
async fn a_job_writes_a_picture_where_it_may_write_and_nowhere_else() {
    let out = tempfile::tempdir().expect("a directory");
    let grants = Grants::none().directory(input(), "/data").writable_directory(out.path(), "/out");
    let written = value(run_job("thumbnail", json!({"side": 48}), |job| job.grants(grants)).await);
    let picture = std::fs::read(out.path().join("picture.thumbnail.png")).expect("it was written");
    assert_eq!((&written["size"], &written["bytes"]), (&json!([48, 32]), &json!(picture.len())));
    assert!(picture.starts_with(b"\x89PNG"));

    let read_only = Grants::none().directory(input(), "/data").directory(out.path(), "/out");
    let failure = failure(run_job("thumbnail", json!({"side": 40}), |job| job.grants(read_only)).await);
    assert_eq!((failure.kind, failure.error_type.as_deref()), (Kind::Guest, Some("unwritable_file")));
}

#[tokio::test]
async fn a_job_tells_how_far_it_is_while_it_counts() {
    let runner = runner();
    let program = job(&runner, "primes").await;
    let handle = runner.run_async(Job::new(&program).kwarg("below", 1_000_000).expect("a number")).expect("accepted");
    let mut events = handle.events();
    let Some(Event::Progress(first)) = soon("it tells", events.next()).await else { panic!("it tells its progress") };
    assert!(first.as_u64().is_some_and(|percent| percent <= 100), "{first}");
    assert_eq!(value(ended(handle).await), 78_498);
}

#[tokio::test]
async fn a_job_searches_a_directory_with_all_below_it() {
    let found = run_job("grep", json!({"pattern": "^Danube,"}), |job| job.directory(input(), "/data")).await;
    let found = value(found);
    assert_eq!(found["matches"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["matches"][0]["path"], "/data/rivers.csv");
}

#[tokio::test]
async fn an_hours_sleep_takes_no_time_in_a_deterministic_run() {
    let kwargs = json!({"seconds": 3600.0});
    let outcome = run_job("sleeper", kwargs, |job| job.grants(Grants::none().deterministic(1))).await;
    assert_eq!(value(outcome), 3600.0);
}

#[tokio::test]
async fn a_real_program_uses_the_same_fuel_twice() {
    let used = async || {
        run_job("markdown", json!({"text": "# A\n\n* b\n* c"}), |job| job.grants(Grants::none().deterministic(5)))
            .await
            .usage
            .fuel
    };
    let (first, second) = (used().await, used().await);
    assert!(matches!(first, Some(Fuel::Exact(_))));
    assert_eq!(first, second);
}

// Kwargs by schema.

#[tokio::test]
async fn the_schema_that_the_sdk_writes_is_checked_before_the_run() {
    for kwargs in [json!({}), json!({"testvar": "three"}), json!({"testvar": 3, "other": 1}), json!({"testvar": 1.5})] {
        let outcome = run_job("adder", kwargs.clone(), as_it_is).await;
        assert_eq!(outcome.usage.fuel, None, "nothing of it ran");
        let failure = failure(outcome);
        assert_eq!(failure.kind, Kind::BadKwargs, "{kwargs}");
    }
}

#[tokio::test]
async fn a_job_carries_its_schemas_and_what_it_says_of_itself() {
    let runner = runner();
    let (adder, primes) = (job(&runner, "adder").await, job(&runner, "primes").await);
    let (adder, primes) = (adder.inspection(), primes.inspection());
    assert_eq!(adder.kwargs_schema.as_ref().expect("a schema")["required"], json!(["testvar"]));
    assert_eq!(primes.result_schema.as_ref().expect("a schema")["type"], "integer");
    assert_eq!(adder.about.as_ref().expect("it says what it is")["name"], "adder");
}

// Jobs that go wrong.

#[tokio::test]
async fn an_error_returned_is_guest_with_its_type_and_hint() {
    let error = failure(run_job("flaky", json!({"how": "error"}), as_it_is).await);
    let retry = failure(run_job("flaky", json!({"how": "retry"}), as_it_is).await);
    assert_eq!((error.kind, error.error_type.as_deref(), error.retry), (Kind::Guest, Some("bad_weather"), Some(false)));
    assert_eq!((retry.kind, retry.error_type.as_deref(), retry.retry), (Kind::Guest, Some("busy"), Some(true)));
    assert_eq!(error.message, "expected sun, found rain");
}

#[tokio::test]
async fn a_panic_is_panic_with_its_message_and_place() {
    let failure = failure(run_job("flaky", json!({"how": "panic"}), as_it_is).await);
    assert_eq!(failure.kind, Kind::Panic);
    for word in ["the job panicked because it was told to", "flaky.rs:"] {
        assert!(failure.message.contains(word), "{word} stands in {}", failure.message);
    }
}

#[tokio::test]
async fn a_process_exit_is_exit_with_its_code() {
    let failure = failure(run_job("flaky", json!({"how": "exit", "code": 200}), as_it_is).await);
    assert_eq!((failure.kind, failure.code), (Kind::Exit, Some(200)));
}

#[tokio::test]
async fn a_trap_has_a_backtrace_of_rust_names_and_lines() {
    let failure = failure(run_job("flaky", json!({"how": "trap"}), as_it_is).await);
    assert_eq!((failure.kind, failure.trap), (Kind::Trap, Some(TrapCode::Unreachable)));
    let frames = failure.backtrace.expect("a trap has one").frames;
    let place = |function: &str| {
        let frame = frames.iter().find(|frame| frame.function.ends_with(function));
        frame.unwrap_or_else(|| panic!("{function} is on the stack: {frames:?}")).location.clone().unwrap_or_default()
    };
    for function in ["look_inside", "lift_the_lid", "open_the_box"] {
        assert!(place(function).contains("flaky.rs:"), "{function}: {frames:?}");
    }
}

#[tokio::test]
async fn each_excess_runs_into_the_limit_that_is_its_own() {
    let excess = async |how: &str| {
        let timeout = match how {
            "grow" | "returns" => Duration::from_secs(60),
            _ => Duration::from_millis(500),
        };
        let limits = |job: Job| job.timeout(timeout).memory_bytes(16 << 20);
        let outcome = run_job("runaway", json!({ "how": how }), limits).await;
        failure(outcome)
    };
    assert_eq!(excess("loop").await.kind, Kind::TimedOut);
    assert_eq!(excess("sleep").await.kind, Kind::TimedOut);
    assert_eq!(excess("flood").await.kind, Kind::TimedOut, "output is cut, and no reason to fail");
    assert_eq!(excess("log").await.kind, Kind::TimedOut, "a log is cut, and no reason to fail");
    assert_eq!(excess("grow").await.kind, Kind::OutOfMemory);
    assert_eq!(excess("returns").await.kind, Kind::BadReturn);
}

#[tokio::test]
async fn a_recursion_without_end_in_a_real_program_is_a_trap() {
    let failure = failure(run_job("runaway", json!({"how": "recurse"}), as_it_is).await);
    let codes = [Some(TrapCode::StackOverflow), Some(TrapCode::MemoryOutOfBounds)];
    assert_eq!(failure.kind, Kind::Trap);
    assert!(codes.contains(&failure.trap), "wasm's stack or the program's own: {:?}", failure.trap);
}

#[tokio::test]
async fn every_job_is_accepted_without_its_debugging_information_too() {
    let mut limits = ampule::ProgramLimits::default();
    limits.debug_bytes = 0;
    let runner = builder().program_limits(limits).build().expect("a runner");
    let flaky = job(&runner, "flaky").await;
    let outcome = run(&runner, Job::new(&flaky).kwarg("how", "trap").expect("a string")).await;
    let frames = failure(outcome).backtrace.expect("a trap has one").frames;
    assert!(frames.iter().any(|frame| frame.function.ends_with("look_inside")), "names stay: {frames:?}");
    assert!(frames.iter().all(|frame| frame.location.is_none()), "lines go: {frames:?}");
}
