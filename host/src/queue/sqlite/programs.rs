//! Programs beside the jobs that mean them.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::rows::Sql;
use super::writer::{Stop, Tx};
use crate::job::Digest;
use crate::queue::{Now, StoredProgram, Timestamp};

/// Stores a program, and gives it a name.
pub(super) fn put(tx: &Tx<'_, '_>, digest: Digest, wasm: &[u8], name: Option<&str>, now: Now) -> Result<(), Stop> {
    let size = i64::try_from(wasm.len()).unwrap_or(i64::MAX);
    tx.prepare("INSERT INTO programs (digest, size, stored_at, bytes) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")?
        .execute(params![digest.to_bytes(), size, tx.now(now), wasm])?;
    if let Some(name) = name {
        tx.prepare("INSERT OR REPLACE INTO program_names (name, digest) VALUES (?1, ?2)")?
            .execute(params![name, digest.to_bytes()])?;
    }
    Ok(())
}

/// A program's bytes.
pub(super) fn bytes(db: &Connection, digest: Digest) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut read = db.prepare_cached("SELECT bytes FROM programs WHERE digest = ?1")?;
    read.query_row([digest.to_bytes()], |row| row.get(0)).optional()
}

/// Every program, the oldest first.
pub(super) fn list(db: &Connection) -> rusqlite::Result<Vec<StoredProgram>> {
    let mut read = db.prepare_cached("SELECT digest, size, stored_at FROM programs ORDER BY stored_at, digest")?;
    let mut names = db.prepare_cached("SELECT name FROM program_names WHERE digest = ?1 ORDER BY name")?;
    let mut programs = Vec::new();
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let Sql(digest) = row.get::<_, Sql<Digest>>(0)?;
        let names = names.query_map([digest.to_bytes()], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let Sql(stored_at) = row.get::<_, Sql<Timestamp>>(2)?;
        programs.push(StoredProgram { digest, size_bytes: row.get::<_, i64>(1)?.unsigned_abs(), names, stored_at });
    }
    Ok(programs)
}
