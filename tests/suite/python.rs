//! The laws of the Python interpreter: its values, its failures, its library, and what it cannot reach.
//!
//! The sources are tables, run by `snippet::check`; a law that needs more than one run has a test of its own.

mod ends;
mod failures;
mod library;
mod sealed;
mod values;

use ampule::{Job, Outcome, Runner};
use ampule_tests::{run, snippet};

fn python() -> Runner {
    snippet::speaking("python").build().expect("a small runner can be built")
}

/// Runs one source, in a runner of its own, as the job that `describe` makes of it.
async fn run_source(source: &str, describe: impl FnOnce(Job) -> Job) -> Outcome {
    run(&python(), describe(Job::source("python", source).name("job"))).await
}
