//! Runs many cases at once, up to a number, and judges each. What comes back is in the order of the suites, whichever
//! run ended first.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::judge::{Judgement, judge};
use super::run::{Observed, Runnable, run};
use super::{Case, Suite};
use crate::error::Error;
use crate::failure::Kind;
use crate::runner::Runner;

/// Which cases to run, and how.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The suites.
    pub suites: Arc<Vec<Suite>>,
    /// The cases to run, in the order in which they are started.
    pub selected: Vec<Selected>,
    /// How many may run at once.
    pub jobs: usize,
    /// How often a case that failed is run again.
    pub retries: u32,
    /// Whether nothing more is started when a case failed.
    pub fail_fast: bool,
    /// Whether a case that only its records speak against has passed, for they will be written.
    pub bless: bool,
    /// A directory that nobody else uses, for what cases write.
    pub own: PathBuf,
}

/// One case to run.
#[derive(Clone, Debug)]
pub struct Selected {
    /// The index of its suite.
    pub suite: usize,
    /// Its index in the suite.
    pub case: usize,
    /// What it runs; nothing of a case that is skipped.
    pub runnable: Option<Arc<Runnable>>,
}

/// What came of one case.
#[derive(Clone, Debug)]
pub struct CaseReport {
    /// The index of its suite.
    pub suite: usize,
    /// Its index in the suite.
    pub case: usize,
    /// What came of it.
    pub ended: Ended,
}

/// How a case ended.
#[derive(Clone, Debug)]
pub enum Ended {
    /// It was not run, for this reason.
    Skipped(String),
    /// It was run and judged.
    Judged {
        /// Whether it passed.
        passed: bool,
        /// What came of the last run.
        observed: Box<Observed>,
        /// What was found of it.
        judgement: Judgement,
        /// The compilers that made the program.
        built_by: Option<String>,
        /// How often it was run.
        attempts: u32,
    },
}

impl CaseReport {
    /// Whether it was run and failed.
    #[must_use]
    pub fn failed(&self) -> bool {
        matches!(self.ended, Ended::Judged { passed: false, .. })
    }
}

impl Batch {
    /// Runs all, in the order of `selected`; the reports are in that order. Dropping the future cancels what runs.
    ///
    /// # Errors
    /// The host's own faults, the first of which stops everything.
    pub async fn run(self, runner: &Runner) -> Result<Vec<CaseReport>, Error> {
        let batch = Arc::new(self);
        let mut ended: Vec<Option<Ended>> = vec![None; batch.selected.len()];
        let mut running = JoinSet::new();
        let (mut next, mut stopped) = (0, false);
        loop {
            while next < ended.len() && running.len() < batch.jobs && !stopped {
                running.spawn(run_one(Arc::clone(&batch), runner.clone(), next));
                next += 1;
            }
            let Some(joined) = running.join_next().await else { break };
            let (index, result) =
                joined.map_err(|error| Error::Engine(format!("the task of a case could not be joined: {error}")))?;
            let result = result?;
            stopped |= batch.fail_fast && matches!(result, Ended::Judged { passed: false, .. });
            ended[index] = Some(result);
        }
        let unstarted = || Ended::Skipped("not started: a case failed before it".to_owned());
        let reports = batch.selected.iter().zip(ended).map(|(selected, ended)| CaseReport {
            suite: selected.suite,
            case: selected.case,
            ended: ended.unwrap_or_else(unstarted),
        });
        Ok(reports.collect())
    }

    fn case(&self, selected: &Selected) -> (&Suite, &Case) {
        let suite = &self.suites[selected.suite];
        (suite, &suite.cases[selected.case])
    }
}

async fn run_one(batch: Arc<Batch>, runner: Runner, index: usize) -> (usize, Result<Ended, Error>) {
    let selected = &batch.selected[index];
    let (suite, case) = batch.case(selected);
    let (None, Some(runnable)) = (&case.skip, &selected.runnable) else {
        let reason = case.skip.clone().unwrap_or_else(|| "there is nothing to run".to_owned());
        return (index, Ok(Ended::Skipped(reason)));
    };
    let recorded = suite.recorded.of(&case.name, runnable.built_by.as_deref());
    let own = batch.own.join(index.to_string());
    let mut attempts = 0;
    loop {
        attempts += 1;
        let observed = match run(&runner, case, runnable, &own).await {
            Ok(observed) => observed,
            Err(error) => return (index, Err(error)),
        };
        if let Err(failure) = &observed.outcome.result
            && failure.kind == Kind::Host
        {
            return (index, Err(Error::Engine(format!("case {:?}: {}", case.name, failure.message))));
        }
        let judgement = judge(case, &observed, recorded);
        let passed = judgement.passed() || batch.bless && judgement.passed_but_for_records();
        if passed || attempts > batch.retries {
            let (observed, built_by) = (Box::new(observed), runnable.built_by.clone());
            return (index, Ok(Ended::Judged { passed, observed, judgement, built_by, attempts }));
        }
    }
}
