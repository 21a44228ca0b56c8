//! The files and texts that a suite names, read into values.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::SuiteError;
use super::table::{Item, Table};

/// The most that is read of a file that a suite names; all of them are held in memory.
const FILE_BYTES: u64 = 64 << 20;

/// The path that an item names, from the suite's directory.
pub(super) fn path(base: &Path, item: &Item<'_>) -> Result<PathBuf, SuiteError> {
    Ok(base.join(item.text()?))
}

/// The bytes of the file that an item names.
pub(super) fn bytes(base: &Path, item: &Item<'_>) -> Result<Vec<u8>, SuiteError> {
    let path = path(base, item)?;
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(FILE_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Ok(len) if len as u64 > FILE_BYTES => Err(item.fault(format!("at most {FILE_BYTES} bytes"), "more")),
        Ok(_) => Ok(bytes),
        Err(error) => Err(item.fault(format!("a file at {path:?}"), error)),
    }
}

/// The text of the file that an item names.
pub(super) fn text(base: &Path, item: &Item<'_>) -> Result<String, SuiteError> {
    String::from_utf8(bytes(base, item)?).map_err(|_| item.fault("text in UTF-8", "other bytes"))
}

/// A value under one of three keys: `key` as TOML, `key_json` as text, `key_file` as a file.
pub(super) fn value(
    base: &Path,
    table: &Table<'_>,
    keys: &[&'static str],
) -> Result<Option<(Value, usize)>, SuiteError> {
    let Some(item) = table.one_of(keys)? else { return Ok(None) };
    let parse = |text: &str| serde_json::from_str(text).map_err(|error| item.fault("JSON", error));
    let value = match item.key() {
        key if key.ends_with("_json") => parse(item.text()?)?,
        key if key.ends_with("_file") => parse(&text(base, &item)?)?,
        _ => item.json()?,
    };
    Ok(Some((value, item.line())))
}
