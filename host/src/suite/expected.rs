//! What must come of a case, as its suite says.

use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;

use super::check::{self, Check, Part};
use super::table::{Item, Table};
use super::{SuiteError, json};
use crate::failure::{Failure, Kind, TrapCode};

/// The keys of expectations in a case.
pub(super) const KEYS: [&str; 15] = [
    "result",
    "result_json",
    "result_file",
    "result_schema",
    "result_schema_file",
    "snapshot",
    "failure",
    "returns",
    "returns_json",
    "progress",
    "progress_json",
    "logs_contain",
    "stdout_contains",
    "stderr_contains",
    "check",
];

/// The kinds of failure that a case can end with: nobody cancels one, and a fault of the host is no end of a case.
const KINDS: [Kind; 12] = [
    Kind::Guest,
    Kind::Panic,
    Kind::Trap,
    Kind::Exit,
    Kind::OutOfFuel,
    Kind::TimedOut,
    Kind::OutOfMemory,
    Kind::BadReturn,
    Kind::BadKwargs,
    Kind::BadProgram,
    Kind::Denied,
    Kind::LogOverflow,
];

/// What must come of a case.
#[derive(Clone, Debug)]
pub struct Expected {
    /// How it must end.
    pub ending: Ending,
    /// Every returned value, in order.
    pub returns: Option<Vec<Value>>,
    /// Every progress report, in order.
    pub progress: Option<Vec<Value>>,
    /// Texts that must be in a line of its log.
    pub logs_contain: Vec<String>,
    /// Texts that must be in its standard output.
    pub stdout_contains: Vec<String>,
    /// Texts that must be in its standard error.
    pub stderr_contains: Vec<String>,
    /// What must hold of parts.
    pub checks: Vec<Check>,
}

/// How a case must end.
#[derive(Clone, Debug)]
pub enum Ending {
    /// It returns.
    Returned {
        /// The exact result.
        result: Option<Value>,
        /// What the result must fit.
        schema: Option<ResultSchema>,
        /// The file that holds the result.
        snapshot: Option<PathBuf>,
    },
    /// It fails.
    Failed(Box<FailureRule>),
}

/// A JSON Schema for results, ready to check.
#[derive(Clone, Debug)]
pub struct ResultSchema(Validator);

impl ResultSchema {
    /// The most violations that are named.
    const SHOWN: usize = 8;

    /// Why the result does not fit, each violation as a sentence.
    #[must_use]
    pub fn violations(&self, result: &Value) -> Vec<String> {
        let violations = self.0.iter_errors(result).take(Self::SHOWN);
        violations.map(|violation| format!("at {:?}: {violation}", violation.instance_path().to_string())).collect()
    }
}

/// What a failure must be, as far as said.
#[derive(Clone, Debug, Default)]
pub struct FailureRule {
    /// Its kind.
    pub kind: Option<Kind>,
    /// Texts that must be in its message.
    pub message_contains: Vec<String>,
    /// The type that the job gave its error.
    pub error_type: Option<String>,
    /// The status it left with.
    pub code: Option<u64>,
    /// Why it trapped.
    pub trap: Option<TrapCode>,
    /// Whether it says that another attempt is worth it.
    pub retry: Option<bool>,
}

impl FailureRule {
    /// What is otherwise, each as a sentence.
    #[must_use]
    pub fn broken(&self, failure: &Failure) -> Vec<String> {
        let mut broken = Vec::new();
        let mut compare = |what: &str, expected: Option<String>, found: Option<String>| {
            let Some(expected) = expected.filter(|expected| found.as_ref() != Some(expected)) else { return };
            let found = found.unwrap_or_else(|| "none".to_owned());
            broken.push(format!("{what}: expected {expected}, found {found}"));
        };
        compare("kind", self.kind.map(|kind| kind.to_string()), Some(failure.kind.to_string()));
        compare("type", self.error_type.clone(), failure.error_type.clone());
        compare("code", self.code.map(|code| code.to_string()), failure.code.map(|code| code.to_string()));
        compare("trap", self.trap.map(|trap| trap.to_string()), failure.trap.map(|trap| trap.to_string()));
        compare("retry", self.retry.map(|retry| retry.to_string()), failure.retry.map(|retry| retry.to_string()));
        let missing = self.message_contains.iter().filter(|text| !failure.message.contains(text.as_str()));
        broken.extend(missing.map(|text| format!("message: expected {text:?} in it, found {:?}", failure.message)));
        broken
    }
}

/// What the table of a case says.
pub(super) fn read(base: &Path, table: &Table<'_>) -> Result<Expected, SuiteError> {
    let texts = |key| table.get(key).map(|item| item.texts()).transpose().map(Option::unwrap_or_default);
    let ending = ending(base, table)?;
    let checks = match table.get("check") {
        Some(item) => item.elements()?.map(|item| check::read(&item)).collect::<Result<Vec<_>, _>>()?,
        None => Vec::new(),
    };
    if let (Ending::Failed(_), Some(check)) = (&ending, checks.iter().find(|check| check.of == Part::Result)) {
        let message = format!(
            "`check` at {:?}: expected a part of `returns` or `progress` (`of`) beside `failure`, found one of the result",
            check.at
        );
        return Err(table.fault(message));
    }
    Ok(Expected {
        ending,
        returns: list(base, table, ["returns", "returns_json"])?,
        progress: list(base, table, ["progress", "progress_json"])?,
        logs_contain: texts("logs_contain")?,
        stdout_contains: texts("stdout_contains")?,
        stderr_contains: texts("stderr_contains")?,
        checks,
    })
}

fn ending(base: &Path, table: &Table<'_>) -> Result<Ending, SuiteError> {
    if let Some(item) = table.get("failure") {
        if let Some(other) = KEYS[..6].iter().find_map(|key| table.get(key)) {
            return Err(other.fault("nothing of a result beside `failure`", "both"));
        }
        return Ok(Ending::Failed(Box::new(failure(&item)?)));
    }
    let result = json::value(base, table, &["result", "result_json", "result_file"])?.map(|(value, _)| value);
    let schema = match json::value(base, table, &["result_schema", "result_schema_file"])? {
        None => None,
        Some((value, line)) => Some(jsonschema::validator_for(&value).map(ResultSchema).map_err(|error| {
            let message = format!("`result_schema`: expected a JSON Schema, found what is none: {error}");
            SuiteError { line: Some(line), ..table.fault(message) }
        })?),
    };
    let snapshot = table.get("snapshot").map(|item| json::path(base, &item)).transpose()?;
    Ok(Ending::Returned { result, schema, snapshot })
}

fn failure(item: &Item<'_>) -> Result<FailureRule, SuiteError> {
    let table = item.table(&["kind", "message_contains", "type", "code", "trap", "retry"])?;
    let kind = |item: Item<'_>| named(&item, KINDS.map(|kind| (kind.as_str(), kind)));
    let trap = |item: Item<'_>| named(&item, TrapCode::ALL.map(|trap| (trap.as_str(), trap)));
    Ok(FailureRule {
        kind: table.get("kind").map(kind).transpose()?,
        message_contains: table.get("message_contains").map(|item| item.texts()).transpose()?.unwrap_or_default(),
        error_type: table.get("type").map(|item| item.text().map(str::to_owned)).transpose()?,
        code: table.get("code").map(|item| item.count()).transpose()?,
        trap: table.get("trap").map(trap).transpose()?,
        retry: table.get("retry").map(|item| item.boolean()).transpose()?,
    })
}

/// The value of a name.
fn named<T: Copy, const N: usize>(item: &Item<'_>, known: [(&'static str, T); N]) -> Result<T, SuiteError> {
    let text = item.text()?;
    let found = known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    let names = || known.map(|(name, _)| name).join(", ");
    found.ok_or_else(|| item.fault(format!("one of {}", names()), format!("{text:?}")))
}

fn list(base: &Path, table: &Table<'_>, keys: [&'static str; 2]) -> Result<Option<Vec<Value>>, SuiteError> {
    match json::value(base, table, &keys)? {
        None => Ok(None),
        Some((Value::Array(values), _)) => Ok(Some(values)),
        Some((_, line)) => {
            let message = format!("`{}`: expected the list of all values, found a single one", keys[0]);
            Err(SuiteError { line: Some(line), ..table.fault(message) })
        }
    }
}
