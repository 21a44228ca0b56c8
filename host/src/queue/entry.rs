//! Small documents that whoever serves a queue keeps beside the jobs, so that it needs no store of its own: tokens,
//! signing secrets, named sources. The queue does not read them.

use serde_json::Value;

use super::new_job::is_deeper;
use super::{Error, Timestamp, check_name};

/// The longest name of an entry, in bytes: an index has to carry it.
const MAX_NAME_BYTES: usize = 300;
/// The longest document, in bytes of JSON.
const MAX_DOCUMENT_BYTES: usize = 4 << 20;
/// How deep it may be nested: JSON text is read to 127 levels.
const MAX_DEPTH: usize = 100;
/// The most entries of one list.
pub(super) const MAX_ENTRIES: usize = 1_000;
/// The most bytes of documents in one list: what a server may have in memory for a question.
pub(super) const MAX_LIST_BYTES: u64 = 32 << 20;

/// Where an entry is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryKey {
    /// What kind of document, such as `token`, or [`SOURCE`](EntryKey::SOURCE).
    pub kind: &'static str,
    /// Its name among those of its kind: any text without a NUL of at most 300 bytes.
    pub name: String,
}

/// One document.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where it is.
    pub key: EntryKey,
    /// What it says.
    pub document: Value,
    /// Grows with every change, from 1. Of no meaning in an entry that is to be stored.
    pub revision: u64,
    /// When it was last changed. Of no meaning in an entry that is to be stored.
    pub changed_at: Timestamp,
}

/// What must be there for an entry or a schedule to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whatever.
    Anything,
    /// Nothing.
    Nothing,
    /// The one of this revision.
    Revision(u64),
}

impl EntryKey {
    /// The kind of named sources. A name is one of these or a program, and what it is given last takes the place of the
    /// other.
    pub const SOURCE: &'static str = "source";

    /// The place of this name among the entries of this kind.
    #[must_use]
    pub fn new(kind: &'static str, name: impl Into<String>) -> Self {
        EntryKey { kind, name: name.into() }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        check_name("kind", self.kind)?;
        if self.name.is_empty() || self.name.len() > MAX_NAME_BYTES || self.name.contains('\0') {
            let expected = format!("1 to {MAX_NAME_BYTES} bytes without a NUL");
            return Err(Error::invalid("entry", expected, format!("{} bytes", self.name.len())));
        }
        Ok(())
    }
}

impl Entry {
    /// A document that is to be stored.
    #[must_use]
    pub fn new(key: EntryKey, document: Value) -> Self {
        Entry { key, document, revision: 0, changed_at: Timestamp::UNIX_EPOCH }
    }

    /// The document as it is stored, if it and its key may be.
    pub(super) fn to_json(&self) -> Result<String, Error> {
        self.key.check()?;
        if is_deeper(&self.document, MAX_DEPTH) {
            return Err(Error::invalid("document", format!("at most {MAX_DEPTH} levels"), "more"));
        }
        let json = self.document.to_string();
        if json.len() > MAX_DOCUMENT_BYTES {
            let expected = format!("at most {MAX_DOCUMENT_BYTES} bytes of JSON");
            return Err(Error::invalid("document", expected, format!("{} bytes", json.len())));
        }
        Ok(json)
    }

    /// An entry as it was stored.
    pub(super) fn read(key: EntryKey, json: &str, revision: i64, changed_at: Timestamp) -> Result<Self, Error> {
        let unreadable = |error| {
            let message = format!("the entry {:?} of kind {}: {error}", key.name, key.kind);
            Error::Corrupt { job: None, message }
        };
        let document = serde_json::from_str(json).map_err(unreadable)?;
        Ok(Entry { key, document, revision: revision.unsigned_abs(), changed_at })
    }
}

/// The name after which a list begins, the empty one for the first. No name has a NUL, so what is behind one in it
/// decides nothing.
pub(super) fn list_after(after: Option<&str>) -> &str {
    after.and_then(|after| after.split('\0').next()).unwrap_or_default()
}
