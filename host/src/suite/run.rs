//! Runs one case in a sandbox of its own and keeps all that is judged.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::Case;
use crate::call::BoxError;
use crate::error::Error;
use crate::events::Event;
use crate::failure::Failure;
use crate::handle::Control;
use crate::job::{Job, JobId, ProgramRef};
use crate::outcome::{Outcome, never_ran};
use crate::runner::Runner;

/// Events that may wait to be looked at, where progress is expected: more than any suite should compare by hand.
const EVENTS: usize = 100_000;

/// What a case means by its subject, loaded.
#[derive(Clone, Debug)]
pub struct Runnable {
    /// The name of its jobs, for people.
    pub name: String,
    /// What runs.
    pub loaded: Loaded,
    /// The compilers that made it, where it tells; see [`built_by`](super::built_by).
    pub built_by: Option<String>,
}

/// What runs, as a runner knows it.
#[derive(Clone, Debug)]
pub enum Loaded {
    /// A program that the runner holds.
    Program(ProgramRef),
    /// A program that is none, and why: every case of it ends in this failure.
    Refused(Box<Failure>),
    /// Source text in a language that the runner knows.
    Source {
        /// The language.
        language: String,
        /// The text.
        text: String,
    },
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Observed {
    /// How it ended.
    pub outcome: Outcome,
    /// Every progress report, in order.
    pub progress: Vec<Value>,
    /// How many events were lost because they came too fast.
    pub dropped_events: u64,
}

/// Runs a case and keeps what came of it; [`judge`](super::judge) compares that with what the case expects.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use ampule::Runner;
/// use ampule::suite::{Loaded, Runnable, Suite, judge, run};
///
/// let directory = tempfile::tempdir()?;
/// let file = directory.path().join("nothing.suite.toml");
/// std::fs::write(&file, r#"
///     program = "nothing"
///     [[case]]
///     name = "nothing comes of nothing"
///     result_json = "null"
///     budget = { fuel = 10 }
/// "#)?;
/// let suite = Suite::read(&file)?;
/// let runner = Runner::builder().pool_size(1).build()?;
/// let program = runner.load_wat(r#"(module (func (export "run")))"#).await?;
/// let loaded = Loaded::Program((&program).into());
/// let runnable = Runnable { name: "nothing".into(), loaded, built_by: None };
/// let observed = run(&runner, &suite.cases[0], &runnable, directory.path()).await?;
/// assert!(judge(&suite.cases[0], &observed, None).passed());
/// # Ok(()) }) }
/// ```
///
/// `own` is a directory that nobody else uses, in which the case's `scratch` is made.
/// Dropping the future cancels the run.
///
/// # Errors
/// What [`Runner::run_async`] refuses, and [`Error::Io`] if the directories cannot be made.
pub async fn run(runner: &Runner, case: &Case, runnable: &Runnable, own: &Path) -> Result<Observed, Error> {
    let mut grants = case.inputs.all_grants();
    for (index, guest) in case.inputs.scratch.iter().enumerate() {
        let host = own.join(index.to_string());
        make_empty(&host).map_err(|error| Error::Io { path: host.clone(), error })?;
        grants = grants.writable_directory(host, guest);
    }
    let job = match &runnable.loaded {
        Loaded::Program(program) => Job::new(program.clone()),
        Loaded::Source { language, text } => Job::source(language, text),
        Loaded::Refused(failure) => return Ok(refused(failure)),
    };
    let mut limits = case.limits.clone();
    if case.watches_progress() {
        limits.event_count = Some(EVENTS);
    }
    let job = job.name(&runnable.name).kwargs(case.inputs.kwargs.clone()).grants(grants).limits(limits);
    // The failure is in the outcome; a job without `at_err` has it logged.
    let handle = runner.run_async(job.at_err(|_, _| Ok::<(), BoxError>(())))?;
    let stop = CancelOnDrop(handle.control());
    let (mut events, mut progress) = (handle.events(), Vec::new());
    while let Some(event) = events.next().await {
        if let Event::Progress(value) = event {
            progress.push(value);
        }
    }
    let outcome = handle.await;
    drop(stop);
    Ok(Observed { outcome, progress, dropped_events: events.dropped() })
}

fn refused(failure: &Failure) -> Observed {
    let outcome = never_ran(JobId::fresh(), None, failure.clone(), Duration::ZERO);
    Observed { outcome, progress: Vec::new(), dropped_events: 0 }
}

fn make_empty(directory: &Path) -> io::Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    fs::create_dir_all(directory)
}

/// Cancelling what has ended changes nothing.
struct CancelOnDrop(Control);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
