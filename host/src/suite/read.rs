//! From a suite's file to a [`Suite`].

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::budget::Budget;
use super::find::SUFFIX;
use super::inputs::{self, Inputs};
use super::recorded::Recorded;
use super::table::{Document, Item, Table, line_ends};
use super::{Case, Subject, Suite, SuiteError, expected, json};
use crate::limits::LimitOverrides;

/// The most of a suite's file that is read.
const FILE_BYTES: u64 = 16 << 20;

/// The keys that say what runs.
const SUBJECT_KEYS: [&str; 4] = ["program", "source", "source_file", "language"];

/// The keys that say what a case may cost, beside `budget`.
const COST_KEYS: [&str; 2] = ["tolerance_percent", "record_fuel"];

/// What a case has that its suite's defaults say.
#[derive(Clone)]
struct Defaults {
    subject: Option<Arc<Subject>>,
    language: Option<String>,
    inputs: Inputs,
    limits: LimitOverrides,
    budget: Budget,
}

impl Suite {
    /// Reads a suite, all files that it names, and what is recorded beside it.
    ///
    /// # Errors
    /// What is wrong, with its file and its line.
    pub fn read(file: &Path) -> Result<Self, SuiteError> {
        let fault = |message: String| SuiteError { file: file.to_owned(), line: None, message };
        let size = fs::metadata(file).map_err(|error| fault(error.to_string()))?.len();
        if size > FILE_BYTES {
            return Err(fault(format!("expected a suite of at most {FILE_BYTES} bytes, found {size}")));
        }
        let text = fs::read_to_string(file).map_err(|error| fault(error.to_string()))?;
        let file_name = file.file_name().unwrap_or_default().to_string_lossy();
        let name = file_name.strip_suffix(SUFFIX).unwrap_or(&file_name).to_owned();
        let line_ends = line_ends(&text);
        let cases = cases(Document::new(file, &text, &line_ends))?;
        Ok(Suite { file: file.to_owned(), name, cases, recorded: Recorded::read(file)? })
    }
}

fn cases(document: Document<'_>) -> Result<Vec<Case>, SuiteError> {
    let base = document.file.parent().unwrap_or(Path::new(""));
    let parsed = document.parse()?;
    let root = document.table(&parsed, "a suite", &[&SUBJECT_KEYS[..], &["defaults", "case"]].concat())?;
    let mut defaults = Defaults {
        subject: None,
        language: None,
        inputs: Inputs { seed: Some(0), ..Inputs::default() },
        limits: LimitOverrides::default(),
        budget: Budget::default(),
    };
    defaults.language = language(&root)?;
    defaults.subject = subject(base, &root, defaults.language.as_deref())?.map(Arc::new);
    if let Some(item) = root.get("defaults") {
        let table = item.table(&[&inputs::KEYS[..], &COST_KEYS].concat())?;
        defaults.inputs = inputs::read(base, &table, &defaults.inputs)?;
        defaults.limits = inputs::limits(&table, defaults.limits)?;
        costs(&table, &mut defaults.budget)?;
    }
    let items: Vec<_> = root.get("case").map(|item| item.elements()).transpose()?.into_iter().flatten().collect();
    let mut cases: Vec<Case> = Vec::with_capacity(items.len());
    let mut lines = HashMap::with_capacity(items.len());
    for item in items {
        let case = case(base, &item, &defaults)?;
        if let Some(earlier) = lines.insert(case.name.clone(), case.line) {
            let message = format!("expected each name once, found {:?} in line {earlier} too", case.name);
            return Err(document.fault(Some(case.line), message));
        }
        cases.push(case);
    }
    if cases.is_empty() {
        return Err(document.fault(None, "expected at least one `[[case]]`, found none"));
    }
    Ok(cases)
}

fn case(base: &Path, item: &Item<'_>, defaults: &Defaults) -> Result<Case, SuiteError> {
    let own = ["name", "skip", "budget"];
    let table = item.table(&[&own[..], &SUBJECT_KEYS, &inputs::KEYS, &COST_KEYS, &expected::KEYS].concat())?;
    let name = match table.get("name") {
        Some(item) => item.text()?.to_owned(),
        None => return Err(table.fault("a case: expected a `name`, found none")),
    };
    if name.trim().is_empty() || name.contains('\n') {
        return Err(table.fault(format!("`name`: expected one line of text, found {name:?}")));
    }
    let language = language(&table)?.or_else(|| defaults.language.clone());
    let subject = match (subject(base, &table, language.as_deref())?, &defaults.subject) {
        (Some(own), _) => own,
        (None, Some(suites)) => Subject::clone(suites),
        (None, None) => {
            let expected = "`program`, `source` or `source_file`, in the case or at the top of the file";
            return Err(table.fault(format!("a case: expected {expected}, found none")));
        }
    };
    let mut budget = defaults.budget;
    costs(&table, &mut budget)?;
    if let Some(item) = table.get("budget") {
        let table = item.table(&["fuel", "memory_bytes"])?;
        budget.fuel = table.get("fuel").map(|item| item.count()).transpose()?;
        budget.memory_bytes = table.get("memory_bytes").map(|item| item.count()).transpose()?;
    }
    Ok(Case {
        name,
        line: table.line,
        skip: table.get("skip").map(|item| item.text().map(str::to_owned)).transpose()?,
        subject,
        inputs: inputs::read(base, &table, &defaults.inputs)?,
        limits: inputs::limits(&table, defaults.limits.clone())?,
        expected: expected::read(base, &table)?,
        budget,
    })
}

fn costs(table: &Table<'_>, budget: &mut Budget) -> Result<(), SuiteError> {
    if let Some(item) = table.get("tolerance_percent") {
        budget.tolerance_percent = item.number()?;
        if budget.tolerance_percent < 0.0 {
            return Err(item.fault("a percentage from 0", budget.tolerance_percent));
        }
    }
    if let Some(item) = table.get("record_fuel") {
        budget.record_fuel = item.boolean()?;
    }
    Ok(())
}

fn language(table: &Table<'_>) -> Result<Option<String>, SuiteError> {
    table.get("language").map(|item| item.text().map(str::to_owned)).transpose()
}

fn subject(base: &Path, table: &Table<'_>, language: Option<&str>) -> Result<Option<Subject>, SuiteError> {
    let Some(item) = table.one_of(&["program", "source", "source_file"])? else { return Ok(None) };
    let language = language.map(str::to_owned);
    let subject = match item.key() {
        "program" => match item.text()? {
            text if text.contains('/') || text.ends_with(".wasm") || text.ends_with(".wat") => {
                Subject::File(base.join(text))
            }
            text => Subject::Name(text.to_owned()),
        },
        "source" => Subject::Source { language, text: item.text()?.to_owned(), file: None },
        _ => Subject::Source { language, text: json::text(base, &item)?, file: Some(json::path(base, &item)?) },
    };
    Ok(Some(subject))
}
