//! The fuel that was recorded of each case: a file beside the suite, one line for each case in the suite's order, so
//! that a change of one case is a change of one line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::budget::Record;
use super::find::SUFFIX;
use super::table::{Document, line_ends};
use super::{Suite, SuiteError};

/// What a file of recorded fuel ends in, in place of the suite's ending.
const LOCK_SUFFIX: &str = ".suite.lock.toml";

const HEADER: &str = "# The fuel of each case, written by `ampule test --bless`.\n\n";

/// The fuel that was recorded of the cases of one suite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    fuel: BTreeMap<String, u64>,
    /// The compilers that made the programs, as each program tells.
    built_by: BTreeSet<String>,
}

impl Recorded {
    /// What was recorded of a case, seen from a program that these compilers made.
    #[must_use]
    pub fn of(&self, case: &str, built_by: Option<&str>) -> Option<Record> {
        let units = *self.fuel.get(case)?;
        let same_compilers =
            self.built_by.is_empty() || built_by.is_none_or(|built_by| self.built_by.contains(built_by));
        Some(Record { units, same_compilers })
    }

    /// Records the fuel of a case, or that there is none.
    pub fn set(&mut self, case: &str, fuel: Option<u64>) {
        match fuel {
            Some(units) => self.fuel.insert(case.to_owned(), units),
            None => self.fuel.remove(case),
        };
    }

    /// Names the compilers of the programs. Where records stay that were made before, those that made them stay too.
    pub(super) fn set_compilers(&mut self, compilers: BTreeSet<String>, all_are_new: bool) {
        if all_are_new {
            self.built_by.clear();
        }
        self.built_by.extend(compilers);
    }

    /// Reads the file beside a suite; nothing is recorded where there is none.
    pub(super) fn read(suite: &Path) -> Result<Self, SuiteError> {
        let file = file_of(suite);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Recorded::default()),
            Err(error) => return Err(SuiteError { file, line: None, message: error.to_string() }),
        };
        let line_ends = line_ends(&text);
        let document = Document::new(&file, &text, &line_ends);
        let parsed = document.parse()?;
        let table = document.table(&parsed, "a file of recorded fuel", &["fuel", "built_by"])?;
        let mut recorded = Recorded::default();
        if let Some(item) = table.get("fuel") {
            for case in item.open_table()?.items() {
                recorded.fuel.insert(case.key().to_owned(), case.count()?);
            }
        }
        recorded.built_by.extend(table.get("built_by").map(|item| item.texts()).transpose()?.unwrap_or_default());
        Ok(recorded)
    }

    /// Writes the file beside a suite if it says anything else, and says which if so. A suite of which nothing is
    /// recorded gets no file, and loses the one that it has.
    pub(super) fn write(&self, suite: &Suite) -> io::Result<Option<PathBuf>> {
        let file = file_of(&suite.file);
        let names = || suite.cases.iter().map(|case| case.name.as_str());
        let kept = fs::read_to_string(&file).ok();
        if names().all(|name| !self.fuel.contains_key(name)) {
            return match kept {
                Some(_) => fs::remove_file(&file).map(|()| Some(file)),
                None => Ok(None),
            };
        }
        let text = self.text(names());
        if kept.as_ref() == Some(&text) {
            return Ok(None);
        }
        fs::write(&file, text).map(|()| Some(file))
    }

    /// The text of the file, in the order of these cases; what is of none of them is left out.
    fn text<'a>(&self, cases: impl Iterator<Item = &'a str>) -> String {
        let mut text = HEADER.to_owned();
        if !self.built_by.is_empty() {
            let compilers: Vec<_> = self.built_by.iter().map(|built_by| quoted(built_by)).collect();
            let _ = writeln!(text, "built_by = [{}]\n", compilers.join(", "));
        }
        text.push_str("[fuel]\n");
        for case in cases {
            if let Some(units) = self.fuel.get(case) {
                let _ = writeln!(text, "{} = {units}", quoted(case));
            }
        }
        text
    }
}

fn file_of(suite: &Path) -> PathBuf {
    let name = suite.file_name().unwrap_or_default().to_string_lossy();
    suite.with_file_name(format!("{}{LOCK_SUFFIX}", name.strip_suffix(SUFFIX).unwrap_or(&name)))
}

/// A key of TOML: a JSON string is one, for all that JSON escapes is escaped alike, but for the deletion sign, which
/// only TOML has to.
fn quoted(key: &str) -> String {
    Value::from(key).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_in_the_suites_order() {
        let mut recorded = Recorded::default();
        let names = ["z", "a \"quoted\" \\ name", "tab\t\u{7f}\u{1b} ö", "gone"];
        names.iter().enumerate().for_each(|(index, name)| recorded.set(name, Some(index as u64)));
        recorded.set("gone", None);
        recorded.set("of no case", Some(9));
        recorded.set_compilers(["rustc 1.95.0".to_owned()].into(), true);
        let text = recorded.text(names.into_iter());
        assert_eq!(text.lines().nth(5), Some("\"z\" = 0"));
        let directory = tempfile::tempdir().expect("a directory");
        let suite = directory.path().join("x.suite.toml");
        fs::write(file_of(&suite), &text).expect("written");
        recorded.set("of no case", None);
        assert_eq!(Recorded::read(&suite).expect("what was written"), recorded);
    }

    #[test]
    fn a_record_of_other_compilers_is_known_as_such() {
        let mut recorded = Recorded::default();
        recorded.set("a", Some(1));
        let same = |recorded: &Recorded, by| recorded.of("a", by).map(|record| record.same_compilers);
        assert_eq!(same(&recorded, Some("rustc 1")), Some(true));
        recorded.set_compilers(["rustc 1".to_owned()].into(), true);
        assert_eq!((same(&recorded, Some("rustc 2")), same(&recorded, None)), (Some(false), Some(true)));
        recorded.set_compilers(["rustc 2".to_owned()].into(), false);
        assert_eq!((same(&recorded, Some("rustc 1")), same(&recorded, Some("rustc 2"))), (Some(true), Some(true)));
        assert_eq!(same(&recorded, Some("rustc 3")), Some(false));
    }
}
