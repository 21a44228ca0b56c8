//! The laws of the JavaScript interpreter: its values, its failures, its library, how a run ends, and what it cannot
//! reach.
//!
//! The sources are tables, run by `snippet::check`; a law that needs more than one run has a test of its own.

mod ends;
mod failures;
mod library;
mod sealed;
mod values;

use ampule::{Job, Outcome, Runner};
use ampule_tests::{run, snippet};

fn javascript() -> Runner {
    snippet::speaking("javascript").build().expect("a small runner can be built")
}

/// Runs one source, in a runner of its own, as the job that `describe` makes of it.
async fn run_source(source: &str, describe: impl FnOnce(Job) -> Job) -> Outcome {
    run(&javascript(), describe(Job::source("javascript", source).name("job"))).await
}
