//! Brings the schema of a file up to date, and refuses files that are not ours or from a newer version.

use rusqlite::{Connection, ErrorCode};

use super::connection::{fault, wait_for_lock};
use crate::queue::Error;

/// Says that a file is a queue of ours: `Ampu`, in the header, where `file` and others look for it.
const APPLICATION_ID: i64 = 0x416d_7075;

/// Every step from an empty file to the present schema, in order. A step that was released is never changed.
const STEPS: [&str; 5] = [
    include_str!("schema/0001_jobs.sql"),
    include_str!("schema/0002_schedules_and_workers.sql"),
    include_str!("schema/0003_entries_and_versions.sql"),
    include_str!("schema/0004_what_workers_serve.sql"),
    include_str!("schema/0005_who_named_a_program.sql"),
];

/// The version of the present schema.
pub(super) const NEWEST: i64 = STEPS.len() as i64;

/// Takes the steps that this file lacks, each in a transaction of its own.
pub(super) fn migrate(connection: &Connection) -> Result<(), Error> {
    migrate_to(connection, NEWEST)
}

/// The same up to a version, so that a test can make what an older one left behind.
pub(super) fn migrate_to(connection: &Connection, version: i64) -> Result<(), Error> {
    while present(connection)? < version {
        step(connection)?;
    }
    // Once it is set it stays with the file. It cannot be set within a transaction, and is not before the file is ours.
    let mode = write_ahead(connection).map_err(fault)?;
    if mode != "wal" {
        return Err(Error::Database(format!("expected a file system that can hold a write-ahead log, found {mode:?}")));
    }
    Ok(())
}

/// The version as of one moment: between two reads of their own, another process could make a queue of an empty file.
fn present(connection: &Connection) -> Result<i64, Error> {
    let moment = connection.unchecked_transaction().map_err(fault)?;
    let version = check_ours(&moment)?;
    moment.commit().map_err(fault)?;
    Ok(version)
}

/// Asks for a write-ahead log, and tells what the file has then. SQLite itself does not wait here for another process
/// that has the file open: it holds the file for reading and wants to write, and two that did so would wait for each
/// other.
fn write_ahead(connection: &Connection) -> rusqlite::Result<String> {
    let mut tries = 0;
    loop {
        let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0));
        let is_locked = mode.as_ref().is_err_and(|error: &rusqlite::Error| {
            matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
        });
        if !is_locked || !wait_for_lock(tries) {
            return mode;
        }
        tries += 1;
    }
}

/// The version of a file's schema, 0 for an empty file. Reads, within a transaction, and writes nothing.
fn check_ours(connection: &Connection) -> Result<i64, Error> {
    let foreign = |found: String| Error::invalid("queue", "a file that holds a queue, or a new one", found);
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(fault);
    let application = match number("PRAGMA application_id") {
        Err(Error::Corrupt { .. }) => return Err(foreign("a file of another kind".to_owned())),
        application => application?,
    };
    let is_empty = number("SELECT count(*) FROM sqlite_schema")? == 0;
    if application != APPLICATION_ID && !(application == 0 && is_empty) {
        return Err(foreign("a SQLite database of another program".to_owned()));
    }
    let found = number("PRAGMA user_version")?;
    if found > NEWEST {
        return Err(Error::NewerSchema { found, known: NEWEST });
    }
    Ok(found)
}

/// Takes one step, unless another process took it first.
fn step(connection: &Connection) -> Result<(), Error> {
    connection.execute_batch("BEGIN EXCLUSIVE").map_err(fault)?;
    let taken = check_ours(connection).and_then(|version| {
        let Some(step) = usize::try_from(version).ok().and_then(|version| STEPS.get(version)) else { return Ok(()) };
        connection.execute_batch(step).map_err(fault)?;
        connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(fault)?;
        connection.pragma_update(None, "user_version", version + 1).map_err(fault)
    });
    let ended = taken.and_then(|()| connection.execute_batch("COMMIT").map_err(fault));
    if ended.is_err() && !connection.is_autocommit() {
        // The first error is the one that is told; a connection that cannot roll back is closed by our caller.
        let _ = connection.execute_batch("ROLLBACK");
    }
    ended
}
