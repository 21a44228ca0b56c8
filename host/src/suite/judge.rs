//! Whether a run came to what its case expects, and at what cost. Decides from values alone: it reads no clock and
//! runs nothing.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::Case;
use super::budget::{Record, Spent};
use super::check::{Part, shown};
use super::expected::{Ending, ResultSchema};
use super::run::Observed;

/// What was found of one run.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// What is not as expected; the case passed if there is nothing.
    pub problems: Vec<Problem>,
    /// What it cost.
    pub spent: Spent,
}

impl Judgement {
    /// Whether everything is as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether everything is as expected but for what `--bless` would write: snapshots and recorded fuel.
    #[must_use]
    pub fn passed_but_for_records(&self) -> bool {
        self.problems.iter().all(|problem| matches!(problem.what, What::Snapshot | What::RecordedFuel))
    }
}

/// One thing that is not as expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// What it concerns.
    pub what: What,
    /// What was expected and what was found, for a person.
    pub message: String,
    /// The whole value that was expected, where there is one to compare.
    pub expected: Option<Value>,
    /// The whole value that was found instead.
    pub found: Option<Value>,
}

/// What a problem concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It failed where it should return.
    UnexpectedFailure,
    /// It returned where it should fail.
    UnexpectedReturn,
    /// It failed in another way.
    Failure,
    /// The exact result.
    Result,
    /// The schema of the result.
    ResultSchema,
    /// The snapshot of the result.
    Snapshot,
    /// The returned values.
    Returns,
    /// The progress reports.
    Progress,
    /// The log.
    Logs,
    /// The standard output.
    Stdout,
    /// The standard error.
    Stderr,
    /// A check of a part.
    Check,
    /// The fuel budget.
    FuelBudget,
    /// The memory budget.
    MemoryBudget,
    /// The recorded fuel.
    RecordedFuel,
}

impl What {
    /// Its stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            What::UnexpectedFailure => "unexpected_failure",
            What::UnexpectedReturn => "unexpected_return",
            What::Failure => "failure",
            What::Result => "result",
            What::ResultSchema => "result_schema",
            What::Snapshot => "snapshot",
            What::Returns => "returns",
            What::Progress => "progress",
            What::Logs => "logs",
            What::Stdout => "stdout",
            What::Stderr => "stderr",
            What::Check => "check",
            What::FuelBudget => "fuel_budget",
            What::MemoryBudget => "memory_budget",
            What::RecordedFuel => "recorded_fuel",
        }
    }
}

/// Compares what was observed with what the case expects. `recorded` is the fuel that was recorded of it.
#[must_use]
pub fn judge(case: &Case, observed: &Observed, recorded: Option<Record>) -> Judgement {
    let mut problems = Problems::default();
    problems.ending(case, observed);
    problems.lists(case, observed);
    problems.texts(case, observed);
    problems.checks(case, observed);
    let recorded = recorded.filter(|_| case.records_fuel());
    let spent = Spent { fuel: observed.outcome.usage.fuel, budget: case.budget.fuel, recorded };
    problems.costs(case, observed, &spent);
    Judgement { problems: problems.0, spent }
}

impl Case {
    /// Whether its fuel is recorded: one that sees the host's clock may use more or less each time.
    #[must_use]
    pub fn records_fuel(&self) -> bool {
        self.budget.record_fuel && self.inputs.seed.is_some()
    }
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, what: What, message: impl Into<String>) {
        self.0.push(Problem { what, message: message.into(), expected: None, found: None });
    }

    fn compare(&mut self, what: What, expected: &Value, found: &Value) {
        if expected != found {
            let message = format!("expected {}, found {}", shown(expected), shown(found));
            self.0.push(Problem { what, message, expected: Some(expected.clone()), found: Some(found.clone()) });
        }
    }

    fn ending(&mut self, case: &Case, observed: &Observed) {
        match (&case.expected.ending, &observed.outcome.result) {
            (Ending::Returned { result, schema, snapshot }, Ok(found)) => {
                if let Some(expected) = result {
                    self.compare(What::Result, expected, found);
                }
                let violations = schema.iter().flat_map(|schema: &ResultSchema| schema.violations(found));
                violations.for_each(|violation| self.add(What::ResultSchema, violation));
                if let Some(file) = snapshot {
                    self.snapshot(file, found);
                }
            }
            (Ending::Returned { .. }, Err(failure)) => {
                self.add(What::UnexpectedFailure, format!("expected a return, found {failure}"));
            }
            (Ending::Failed(rule), Ok(found)) => {
                let kind = rule.kind.map_or_else(String::new, |kind| format!(" of kind {kind}"));
                self.add(
                    What::UnexpectedReturn,
                    format!("expected a failure{kind}, found the result {}", shown(found)),
                );
            }
            (Ending::Failed(rule), Err(failure)) => {
                rule.broken(failure).into_iter().for_each(|broken| self.add(What::Failure, broken));
            }
        }
    }

    fn snapshot(&mut self, file: &Path, found: &Value) {
        let kept = fs::read_to_string(file);
        match kept.map(|text| serde_json::from_str::<Value>(&text)) {
            Ok(Ok(kept)) => self.compare(What::Snapshot, &kept, found),
            Ok(Err(error)) => self.add(What::Snapshot, format!("expected JSON in {}, found: {error}", file.display())),
            Err(_) => {
                let message = format!("expected a snapshot in {}, found none; `--bless` writes it", file.display());
                self.add(What::Snapshot, message);
            }
        }
    }

    fn lists(&mut self, case: &Case, observed: &Observed) {
        if let Some(expected) = &case.expected.returns {
            let found = Value::from(observed.outcome.returns.clone());
            self.compare(What::Returns, &Value::from(expected.clone()), &found);
        }
        let watched = case.watches_progress();
        if watched && observed.dropped_events > 0 {
            let message = format!("expected every report, found that {} events came too fast", observed.dropped_events);
            self.add(What::Progress, message);
        }
        if let Some(expected) = &case.expected.progress {
            self.compare(What::Progress, &Value::from(expected.clone()), &Value::from(observed.progress.clone()));
        }
    }

    fn texts(&mut self, case: &Case, observed: &Observed) {
        let (expected, output) = (&case.expected, &observed.outcome.output);
        let lines: Vec<_> =
            output.logs.iter().map(|line| format!("{}: {}", line.level.as_str(), line.message)).collect();
        for text in expected.logs_contain.iter().filter(|text| !lines.iter().any(|line| line.contains(*text))) {
            self.add(What::Logs, format!("expected a line with {text:?} in it, found none in {} lines", lines.len()));
        }
        for (what, texts, found) in [
            (What::Stdout, &expected.stdout_contains, &output.stdout),
            (What::Stderr, &expected.stderr_contains, &output.stderr),
        ] {
            let found = String::from_utf8_lossy(found);
            for text in texts.iter().filter(|text| !found.contains(text.as_str())) {
                self.add(what, format!("expected {text:?} in it, found {}", shown(&Value::from(found.as_ref()))));
            }
        }
    }

    fn checks(&mut self, case: &Case, observed: &Observed) {
        let returns = || Value::from(observed.outcome.returns.clone());
        for check in &case.expected.checks {
            let whole = match (check.of, &observed.outcome.result) {
                (Part::Result, Ok(result)) => result.clone(),
                // That there is none is a problem by itself.
                (Part::Result, Err(_)) => continue,
                (Part::Returns, _) => returns(),
                (Part::Progress, _) => Value::from(observed.progress.clone()),
            };
            check.broken(&whole).into_iter().for_each(|broken| self.add(What::Check, broken));
        }
    }

    fn costs(&mut self, case: &Case, observed: &Observed, spent: &Spent) {
        if let Some(why) = spent.over_budget() {
            self.add(What::FuelBudget, why);
        }
        let peak = observed.outcome.usage.memory_peak_bytes;
        if let Some(budget) = case.budget.memory_bytes.filter(|budget| peak > *budget) {
            self.add(What::MemoryBudget, format!("expected at most {budget} bytes, found {peak}"));
        }
        // A case that came to another end costs something else; to say so again is noise.
        if !self.0.is_empty() {
            return;
        }
        if let Some(why) = spent.past_tolerance(case.budget.tolerance_percent) {
            self.add(What::RecordedFuel, why);
        }
    }
}

impl Case {
    /// Whether it expects anything of progress reports.
    pub(super) fn watches_progress(&self) -> bool {
        self.expected.progress.is_some() || self.expected.checks.iter().any(|check| check.of == Part::Progress)
    }
}
