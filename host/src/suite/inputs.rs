//! What a case is given: kwargs, grants, seed and limits, from a case over the defaults of its suite.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::table::{Item, Table};
use super::{SuiteError, json};
use crate::error::Error;
use crate::grants::{Access, Directory, Grants};
use crate::kwargs::Kwargs;
use crate::limits::LimitOverrides;

/// The keys of inputs, in a case and in `[defaults]`.
pub(super) const KEYS: [&str; 13] = [
    "kwargs",
    "kwargs_json",
    "kwargs_file",
    "kwargs_from",
    "dirs",
    "scratch",
    "env",
    "args",
    "stdin",
    "stdin_file",
    "seed",
    "deterministic",
    "limits",
];

/// What a case is given.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Its named arguments.
    pub kwargs: Kwargs,
    /// What it may touch, standard input and the directories of `scratch` left out.
    pub grants: Grants,
    /// Guest paths at which it gets an empty directory of its own.
    pub scratch: Vec<String>,
    /// Its standard input.
    pub stdin: Stdin,
    /// From which its random bytes come; none if it sees the host's clock and random bytes.
    pub seed: Option<u64>,
}

/// The standard input of a case.
#[derive(Clone, Debug, Default)]
pub enum Stdin {
    /// Its kwargs, as JSON.
    #[default]
    Kwargs,
    /// A text.
    Text(String),
    /// What a file held when the suite was read.
    File(PathBuf, Vec<u8>),
}

impl Inputs {
    /// All that the run is granted.
    #[must_use]
    pub fn all_grants(&self) -> Grants {
        let grants = match &self.stdin {
            Stdin::Kwargs => self.grants.clone(),
            Stdin::Text(text) => self.grants.clone().stdin(text.as_bytes()),
            Stdin::File(_, bytes) => self.grants.clone().stdin(bytes.clone()),
        };
        match self.seed {
            Some(seed) => grants.deterministic(seed),
            None => grants,
        }
    }
}

/// What the table says, over what is there already.
pub(super) fn read(base: &Path, table: &Table<'_>, over: &Inputs) -> Result<Inputs, SuiteError> {
    let mut inputs = over.clone();
    merge_kwargs(base, table, &mut inputs.kwargs)?;
    if let Some(item) = table.get("dirs") {
        inputs.grants.directories =
            item.elements()?.map(|item| directory(base, &item)).collect::<Result<Vec<_>, _>>()?;
    }
    if let Some(item) = table.get("scratch") {
        inputs.scratch = item.texts()?;
    }
    if let Some(item) = table.get("env") {
        for variable in item.open_table()?.items() {
            inputs.grants.env.insert(variable.key().to_owned(), variable.text()?.to_owned());
        }
    }
    if let Some(item) = table.get("args") {
        inputs.grants.args = item.texts()?;
    }
    if let Some(item) = table.one_of(&["stdin", "stdin_file"])? {
        inputs.stdin = match item.key() {
            "stdin" => Stdin::Text(item.text()?.to_owned()),
            _ => Stdin::File(json::path(base, &item)?, json::bytes(base, &item)?),
        };
    }
    if let Some(item) = table.get("deterministic") {
        inputs.seed = item.boolean()?.then(|| inputs.seed.unwrap_or(0));
        if let (None, Some(seed)) = (inputs.seed, table.get("seed")) {
            return Err(seed.fault("no seed beside `deterministic = false`", "one"));
        }
    }
    if let Some(item) = table.get("seed") {
        inputs.seed = Some(item.count()?);
    }
    let mut granted = inputs.grants.clone();
    inputs.scratch.iter().for_each(|guest| granted = granted.clone().writable_directory("", guest));
    granted.check().map_err(|error| table.fault(error.to_string()))?;
    Ok(inputs)
}

/// The limits that the table says, over those that are there already.
pub(super) fn limits(table: &Table<'_>, over: LimitOverrides) -> Result<LimitOverrides, SuiteError> {
    let Some(item) = table.get("limits") else { return Ok(over) };
    let table = item.table(&["fuel", "timeout_ms", "memory_bytes"])?;
    let count = |key| table.get(key).map(|item| item.count()).transpose();
    let limits = LimitOverrides {
        fuel: count("fuel")?.or(over.fuel),
        timeout: count("timeout_ms")?.map(Duration::from_millis).or(over.timeout),
        memory_bytes: count("memory_bytes")?.or(over.memory_bytes),
        ..over
    };
    limits.over(&crate::limits::Limits::default()).check().map_err(|error| table.fault(error.to_string()))?;
    Ok(limits)
}

fn merge_kwargs(base: &Path, table: &Table<'_>, kwargs: &mut Kwargs) -> Result<(), SuiteError> {
    if let Some((value, line)) = json::value(base, table, &["kwargs", "kwargs_json", "kwargs_file"])? {
        let fault = |error: Error| SuiteError { line: Some(line), ..table.fault(error.to_string()) };
        for (name, value) in Kwargs::try_from(value).map_err(fault)?.as_object() {
            kwargs.insert(name.clone(), value).map_err(fault)?;
        }
    }
    if let Some(item) = table.get("kwargs_from") {
        for file in item.open_table()?.items() {
            let text = json::text(base, &file)?;
            kwargs.insert(file.key().to_owned(), text).map_err(|error| table.fault(error.to_string()))?;
        }
    }
    Ok(())
}

/// `HOST::GUEST`, or `HOST` for `/` and its own name.
fn directory(base: &Path, item: &Item<'_>) -> Result<Directory, SuiteError> {
    let text = item.text()?;
    if text.ends_with(":rw") {
        let expected = "a directory to look at (a case that writes names a directory of its own in `scratch`)";
        return Err(item.fault(expected, format!("{text:?}")));
    }
    let (host, guest) = text.split_once("::").map_or((text, None), |(host, guest)| (host, Some(guest)));
    let path = base.join(host);
    if !path.is_dir() {
        return Err(item.fault(format!("a directory at {path:?}"), if path.exists() { "a file" } else { "nothing" }));
    }
    let guest = match (guest, path.file_name().and_then(|name| name.to_str())) {
        (Some(guest), _) if guest.starts_with('/') => guest.to_owned(),
        (None, Some(name)) => format!("/{name}"),
        (guest, _) => return Err(item.fault("a guest path such as `input::/data`", format!("{guest:?}"))),
    };
    Ok(Directory { host: path, guest, access: Access::ReadOnly })
}
