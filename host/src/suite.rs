//! Suites of guest jobs: what a job is given, what must come of it, and what it may cost.
//!
//! A suite is a TOML file beside its job, `NAME.suite.toml`. This page is the reference of its format; who reads it,
//! runs it and shows what came of it is the command, `ampule test`. No case sees another: each runs in a sandbox of its
//! own, with a clock and random bytes of its own, so that cases may run at once and in any order.
//!
//! ```toml
//! program = "adder"                       # a name in the catalog, or a path from here with a `/` or an ending
//!
//! [defaults]                              # what a case does not say itself
//! seed = 0
//! tolerance_percent = 2
//!
//! [[case]]
//! name = "both sums come back in order"
//! kwargs = { testvar = 3 }
//! result = [8, 13]
//! budget = { fuel = 40_000 }
//!
//! [[case]]
//! name = "a word is no number"
//! kwargs = { testvar = "three" }
//! failure = { kind = "bad_kwargs", message_contains = "expected integer" }
//! ```
//!
//! An unknown key is refused with its place and the nearest key that is known. Paths are relative to the suite's file.
//! TOML has no null: where one is needed, the keys that end in `_json` take JSON as text.
//!
//! # What runs
//! At the top of the file for all cases, or in a case for that one:
//!
//! | key | holds |
//! | --- | --- |
//! | `program` | a name in the catalog, or a path with a `/` in it or that ends in `.wasm` or `.wat` |
//! | `source`, `source_file` | source text in place of a program, as text or as a file |
//! | `language` | the source's language; a file's ending says it too |
//!
//! # What a case is given
//! In `[[case]]`, or in `[defaults]` for all: kwargs and variables are merged name by name, the rest is replaced.
//!
//! | key | holds |
//! | --- | --- |
//! | `kwargs`, `kwargs_json`, `kwargs_file` | its named arguments: a table, JSON as text, a file of JSON |
//! | `kwargs_from` | named arguments of which each is the text of a file: `{ text = "input/letter.md" }` |
//! | `dirs` | directories that it may look at: `"input::/data"`, or `"input"` for `/input` |
//! | `scratch` | guest paths at which it gets an empty directory of its own that it may change, such as `["/out"]` |
//! | `env`, `args` | its environment and its arguments |
//! | `stdin`, `stdin_file` | its standard input, as text or as a file; without it the kwargs stand there |
//! | `seed` | from which its random bytes come; 0 if nothing else is said |
//! | `deterministic` | `false` gives it the host's clock and random bytes; its fuel is then not recorded |
//! | `limits` | a table of `fuel`, `timeout_ms`, `memory_bytes`: what ends the run, as it would anywhere |
//!
//! # What must come of it
//! A case that says nothing must return. Besides `name`, a case may have:
//!
//! | key | holds |
//! | --- | --- |
//! | `result`, `result_json`, `result_file` | the exact result: as TOML, JSON as text, a file of JSON. `3` is not `3.0` |
//! | `result_schema`, `result_schema_file` | a JSON Schema that the result must fit |
//! | `snapshot` | a file that holds the result; `--bless` writes it |
//! | `failure` | in place of a result: `kind`, `message_contains`, `type`, `code`, `trap`, `retry`, each as far as said |
//! | `returns`, `returns_json` | every returned value, in order; of a failed run, those before |
//! | `progress`, `progress_json` | every progress report, in order |
//! | `logs_contain`, `stdout_contains`, `stderr_contains` | texts that must be there; a log line reads `info: text` |
//! | `skip` | the reason why it is not run |
//!
//! Parts of a result are looked at with `[[case.check]]`: `at`, a JSON pointer (the whole if left out), `of`, one of
//! `result`, `returns` and `progress` (`result` if left out), and any of
//!
//! | key | holds if the part |
//! | --- | --- |
//! | `equals`, `equals_json`, `differs` | is exactly that, is exactly that, is anything else |
//! | `less`, `at_most`, `greater`, `at_least` | is a number on that side |
//! | `near`, with `within` | is a number at most `within` away |
//! | `matches` | is a string in which that regular expression is found |
//! | `contains` | is a string with that text in it, an array with that element, or an object with that key |
//! | `length` | has so many characters, elements or entries |
//! | `type` | is a `null`, `boolean`, `integer`, `number`, `string`, `array` or `object` |
//! | `absent` | is not there (`true`), or is there (`false`) |
//!
//! # What it may cost
//! Fuel is exact: the same program and input use as much on every machine and at any number of threads, so a budget is a
//! gate that never flickers. `budget` is a table of `fuel` and `memory_bytes`, the most that the run may use.
//!
//! `ampule test --bless` writes today's fuel of each case that passes to `NAME.suite.lock.toml`. Later runs report the
//! change in percent, and fail where it rose by more than `tolerance_percent` (1 if nothing is said: less than a change
//! that matters, more than a compiler's patch release). A fall never fails. `record_fuel = false` leaves a case out, as
//! one whose fuel depends on the order in which a directory lists its files. The records name the compilers that made
//! the programs; of a program that another compiler made, the change is reported and not judged.

mod batch;
mod bless;
mod budget;
mod built;
mod check;
mod expected;
mod find;
mod inputs;
mod json;
mod judge;
mod read;
mod recorded;
mod run;
mod table;

use std::fmt;
use std::path::PathBuf;

pub use self::batch::{Batch, CaseReport, Ended, Selected};
pub use self::bless::{Blessing, bless};
pub use self::budget::{Budget, Record, Spent};
pub use self::built::built_by;
pub use self::check::{Check, Part, Predicate};
pub use self::expected::{Ending, Expected, FailureRule, ResultSchema};
pub use self::find::{SUFFIX, find};
pub use self::inputs::{Inputs, Stdin};
pub use self::judge::{Judgement, Problem, What, judge};
pub use self::recorded::Recorded;
pub use self::run::{Loaded, Observed, Runnable, run};
use crate::limits::LimitOverrides;

/// One suite, as its file says.
#[derive(Debug)]
pub struct Suite {
    /// Its file.
    pub file: PathBuf,
    /// The file's name without `.suite.toml`.
    pub name: String,
    /// Its cases, in the order of the file.
    pub cases: Vec<Case>,
    /// The fuel that was recorded of them.
    pub recorded: Recorded,
}

/// One case of a suite.
#[derive(Debug)]
pub struct Case {
    /// Its name, which no other of its suite has.
    pub name: String,
    /// The line of the file on which it begins, from 1.
    pub line: usize,
    /// Why it is not to be run, if so.
    pub skip: Option<String>,
    /// What runs.
    pub subject: Subject,
    /// What it is given.
    pub inputs: Inputs,
    /// What ends its run.
    pub limits: LimitOverrides,
    /// What must come of it.
    pub expected: Expected,
    /// What it may cost.
    pub budget: Budget,
}

impl Suite {
    /// The name of one of its cases that no case of another suite has: what filters are compared with.
    #[must_use]
    pub fn full_name(&self, case: &Case) -> String {
        format!("{}::{}", self.file.with_file_name(&self.name).display(), case.name)
    }
}

/// What a case runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// A program of the catalog.
    Name(String),
    /// A program's file.
    File(PathBuf),
    /// Source text.
    Source {
        /// Its language, where the suite says it.
        language: Option<String>,
        /// The text.
        text: String,
        /// The file that it was read from.
        file: Option<PathBuf>,
    },
}

/// What is wrong with a suite, and where.
#[derive(Debug, thiserror::Error)]
pub struct SuiteError {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1, where one is to blame.
    pub line: Option<usize>,
    /// What was expected and what was found.
    pub message: String,
}

impl fmt::Display for SuiteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)
    }
}
