//! Connections to the file: how each kind is set up, and what SQLite's errors mean to those who ask.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{Synchronous, file};
use crate::queue::Error;

/// How long one look at a locked file waits before the next. Another process's commit takes about as long as one
/// write to the disk, and SQLite's own waits grow to a hundred times that.
const LOCK_WAIT: Duration = Duration::from_millis(1);
/// How often a locked file is looked at: some ten seconds in all, far longer than any transaction of ours.
const LOCK_TRIES: i32 = 10_000;
/// How long whoever reads waits for an answer, as long as PostgreSQL works on one statement.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// The ends of the tables and indexes, which is where a queue works, stay in memory. Not more, as SQLite looks through
/// all pages of its cache at the end of nearly every transaction; the operating system has the rest.
const CACHE_KIB: u32 = 4 * 1024;
/// How long the log grows before it is copied into the file: each time costs two waits for the disk and writes each
/// page that changed once, so a longer log is cheaper, and 16 MiB is soon read when the file is opened after a crash.
const CHECKPOINT_PAGES: u32 = 4_000;
/// What stays of a log that a large transaction or a long reader made longer.
const LOG_BYTES: u32 = 64 << 20;
/// Statements are written once and kept prepared.
const STATEMENTS: usize = 128;

/// A connection that may write. It waits for locks of other processes, and is told nothing about the schema yet.
pub(super) fn writing(path: &Path) -> Result<Connection, Error> {
    file::make(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    open(path, flags)
}

/// A connection that only reads, of a file that is known to be a queue.
pub(super) fn reading(path: &Path) -> Result<Connection, Error> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    // Not opened read-only: a reader of a WAL file writes to the index that lies beside it.
    connection.pragma_update(None, "query_only", true).map_err(fault)?;
    Ok(connection)
}

/// What the writer needs beside the schema.
pub(super) fn set_up_writer(connection: &Connection, synchronous: Synchronous) -> Result<(), Error> {
    connection
        .execute_batch(match synchronous {
            Synchronous::Full => "PRAGMA synchronous = FULL",
            Synchronous::Normal => "PRAGMA synchronous = NORMAL",
        })
        .and_then(|()| {
            connection.execute_batch(&format!(
                "PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -{CACHE_KIB}; \
                 PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}; PRAGMA journal_size_limit = {LOG_BYTES}"
            ))
        })
        .map_err(fault)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    let connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    connection.busy_handler(Some(wait_for_lock)).map_err(fault)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Waits once for another process's lock, unless that was done often enough.
pub(super) fn wait_for_lock(tries: i32) -> bool {
    std::thread::sleep(LOCK_WAIT);
    tries < LOCK_TRIES
}

/// What is told when the time of a question is up.
pub(super) fn no_answer() -> Error {
    Error::Unavailable(format!("no answer within {PATIENCE:?}"))
}

/// What SQLite said, in the words of a queue.
pub(super) fn fault(error: rusqlite::Error) -> Error {
    use rusqlite::Error as Sqlite;
    let message = error.to_string();
    let Sqlite::SqliteFailure(code, _) = &error else {
        return match error {
            Sqlite::FromSqlConversionFailure(..)
            | Sqlite::IntegralValueOutOfRange(..)
            | Sqlite::Utf8Error(..)
            | Sqlite::InvalidColumnType(..) => Error::Corrupt { job: None, message },
            _ => Error::Database(message),
        };
    };
    match code.code {
        ErrorCode::DiskFull => Error::Full(message),
        // The index beside the file could not grow.
        ErrorCode::SystemIoFailure if code.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE => Error::Full(message),
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::SystemIoFailure
        | ErrorCode::OutOfMemory
        | ErrorCode::CannotOpen => Error::Unavailable(message),
        // Only a question is interrupted, when nobody waits for it any more or its time is up.
        ErrorCode::OperationInterrupted => no_answer(),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Error::Corrupt { job: None, message },
        _ => Error::Database(message),
    }
}
