//! Small documents beside the jobs: stored if what is there is as expected, read and listed.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::connection::fault;
use super::programs;
use super::rows::Sql;
use super::writer::{Stop, Tx};
use crate::queue::entry::{MAX_ENTRIES, MAX_LIST_BYTES};
use crate::queue::{Entry, EntryKey, Error, Expected, Now, Timestamp};

/// A document that is to be stored.
#[derive(Debug)]
pub(super) struct NewEntry {
    pub(super) key: EntryKey,
    pub(super) document: String,
    pub(super) expected: Expected,
    pub(super) now: Now,
}

/// Stores a document if what is there is as expected, and says whether it did. A source takes a program's place.
pub(super) fn put(tx: &Tx<'_, '_>, new: &NewEntry) -> Result<bool, Stop> {
    let is_source = new.key.kind == EntryKey::SOURCE;
    if is_source && new.expected == Expected::Nothing && programs::is_named(tx, &new.key.name)? {
        return Ok(false);
    }
    let is_stored = put_document(tx, new)?;
    if is_source && is_stored {
        programs::delete_program_name(tx, &new.key.name)?;
    }
    Ok(is_stored)
}

fn put_document(tx: &Tx<'_, '_>, new: &NewEntry) -> Result<bool, Stop> {
    let NewEntry { key, document, expected, now } = new;
    let (now, size) = (tx.now(*now), i64::try_from(document.len()).unwrap_or(i64::MAX));
    let changed = match expected {
        Expected::Anything => tx
            .prepare(
                "INSERT INTO entries (kind, name, revision, changed_at, size, document) \
                 VALUES (?1, ?2, 1, ?3, ?4, ?5) \
                 ON CONFLICT (kind, name) DO UPDATE SET revision = revision + 1, changed_at = excluded.changed_at, \
                 size = excluded.size, document = excluded.document",
            )?
            .execute(params![key.kind, key.name, now, size, document])?,
        Expected::Nothing => tx
            .prepare(
                "INSERT INTO entries (kind, name, revision, changed_at, size, document) \
                 VALUES (?1, ?2, 1, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            )?
            .execute(params![key.kind, key.name, now, size, document])?,
        Expected::Revision(revision) => tx
            .prepare(
                "UPDATE entries SET revision = revision + 1, changed_at = ?3, size = ?4, document = ?5 \
                 WHERE kind = ?1 AND name = ?2 AND revision = ?6",
            )?
            .execute(params![key.kind, key.name, now, size, document, number(*revision)])?,
    };
    Ok(changed > 0)
}

fn number(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

/// One document.
pub(super) fn get(db: &Connection, key: EntryKey) -> Result<Option<Entry>, Error> {
    type Row = (String, i64, Sql<Timestamp>);
    let read = || -> rusqlite::Result<Option<Row>> {
        db.prepare_cached("SELECT document, revision, changed_at FROM entries WHERE kind = ?1 AND name = ?2")?
            .query_row(params![key.kind, key.name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()
    };
    let Some((document, revision, Sql(changed_at))) = read().map_err(fault)? else { return Ok(None) };
    Entry::read(key, &document, revision, changed_at).map(Some)
}

/// The documents of one kind, in order of their names, as many as one list may have.
pub(super) fn list(db: &Connection, kind: &'static str, after: &str) -> Result<Vec<Entry>, Error> {
    let mut read = db
        .prepare_cached(
            "SELECT name, revision, changed_at, size, document FROM entries \
             WHERE kind = ?1 AND name > ?2 ORDER BY name LIMIT ?3",
        )
        .map_err(fault)?;
    let most = i64::try_from(MAX_ENTRIES).unwrap_or(i64::MAX);
    let mut rows = read.query(params![kind, after, most]).map_err(fault)?;
    let (mut entries, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next().map_err(fault)? {
        let column = || -> rusqlite::Result<_> { Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, i64>(3)?)) };
        let (name, revision, Sql(changed_at), size) = column().map_err(fault)?;
        bytes += size.unsigned_abs();
        if bytes > MAX_LIST_BYTES && !entries.is_empty() {
            break;
        }
        let document: String = row.get(4).map_err(fault)?;
        entries.push(Entry::read(EntryKey { kind, name }, &document, revision, changed_at)?);
    }
    Ok(entries)
}

/// Whether there is one.
pub(super) fn is_there(tx: &Tx<'_, '_>, key: &EntryKey) -> Result<bool, Stop> {
    Ok(tx.prepare("SELECT 1 FROM entries WHERE kind = ?1 AND name = ?2")?.exists(params![key.kind, key.name])?)
}

/// Deletes a document, if there is one.
pub(super) fn delete(tx: &Tx<'_, '_>, key: &EntryKey) -> Result<bool, Stop> {
    let mut delete = tx.prepare("DELETE FROM entries WHERE kind = ?1 AND name = ?2")?;
    Ok(delete.execute(params![key.kind, key.name])? > 0)
}
