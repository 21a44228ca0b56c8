//! Writes down what is, as what is to be: snapshots and recorded fuel. Only of cases that are otherwise as expected.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::expected::Ending;
use super::judge::Judgement;
use super::run::Observed;
use super::{Case, Suite};
use crate::error::Error;

/// What is to be written of one suite, gathered case by case.
#[derive(Debug, Default)]
pub struct Blessing {
    snapshots: Vec<(PathBuf, Value)>,
    fuel: Vec<(String, Option<u64>)>,
    compilers: BTreeSet<String>,
}

impl Blessing {
    /// Takes note of a case whose program these compilers made, if nothing but records speaks against it.
    pub fn note(&mut self, case: &Case, observed: &Observed, judgement: &Judgement, built_by: Option<&str>) {
        if !judgement.passed_but_for_records() {
            return;
        }
        if let (Ending::Returned { snapshot: Some(file), .. }, Ok(result)) =
            (&case.expected.ending, &observed.outcome.result)
        {
            self.snapshots.push((file.clone(), result.clone()));
        }
        let fuel = judgement.spent.exact().filter(|_| case.records_fuel());
        self.fuel.push((case.name.clone(), fuel));
        self.compilers.extend(fuel.and(built_by).map(str::to_owned));
    }
}

/// Writes what was noted of a suite, and says which files changed. Cases that were not noted keep what was recorded.
///
/// # Errors
/// [`Error::Io`] with the file that could not be written.
pub fn bless(suite: &Suite, blessing: Blessing) -> Result<Vec<PathBuf>, Error> {
    let mut written = Vec::new();
    for (file, value) in blessing.snapshots {
        let fault = |error| Error::Io { path: file.clone(), error };
        if write_snapshot(&file, &value).map_err(fault)? {
            written.push(file);
        }
    }
    let mut recorded = suite.recorded.clone();
    let noted: BTreeSet<&str> = blessing.fuel.iter().map(|(name, _)| name.as_str()).collect();
    let is_noted = |case: &Case| noted.contains(case.name.as_str());
    let has_record = |case: &Case| recorded.of(&case.name, None).is_some();
    let all_are_new = suite.cases.iter().all(|case| is_noted(case) || !has_record(case));
    recorded.set_compilers(blessing.compilers, all_are_new);
    for (case, fuel) in blessing.fuel {
        recorded.set(&case, fuel);
    }
    let fault = |error| Error::Io { path: suite.file.clone(), error };
    written.extend(recorded.write(suite).map_err(fault)?);
    Ok(written)
}

/// Leaves a file alone that holds the value already, however it is laid out.
fn write_snapshot(file: &Path, value: &Value) -> io::Result<bool> {
    let kept = fs::read_to_string(file).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
    if kept.as_ref() == Some(value) {
        return Ok(false);
    }
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(file, format!("{value:#}\n")).map(|()| true)
}
