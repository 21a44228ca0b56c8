//! Programs beside the jobs that mean them.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::entries;
use super::rows::Sql;
use super::writer::{Stop, Tx};
use crate::job::Digest;
use crate::queue::programs::MAX_VERSIONS;
use crate::queue::{EntryKey, Error, GivenName, Now, StoredProgram, Timestamp, Version};

/// Stores a program, and gives it a name.
pub(super) fn put(tx: &Tx<'_, '_>, digest: Digest, wasm: &[u8], name: Option<&str>, now: Now) -> Result<(), Stop> {
    let (size, now) = (i64::try_from(wasm.len()).unwrap_or(i64::MAX), tx.now(now));
    tx.prepare("INSERT INTO programs (digest, size, stored_at, bytes) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")?
        .execute(params![digest.to_bytes(), size, now, wasm])?;
    if let Some(name) = name {
        entries::delete(tx, &EntryKey::new(EntryKey::SOURCE, name))?;
        give_name(tx, name, digest, now)?;
    }
    Ok(())
}

/// Gives a program a name that means nothing, and says whether it did.
pub(super) fn take_name(tx: &mut Tx<'_, '_>, name: &str, digest: Digest, now: Now) -> Result<bool, Stop> {
    if !tx.has_program(digest)? {
        return Err(Stop::Refused(Error::UnknownProgram(digest.to_string())));
    }
    if is_named(tx, name)? || entries::is_there(tx, &EntryKey::new(EntryKey::SOURCE, name))? {
        return Ok(false);
    }
    give_name(tx, name, digest, tx.now(now))?;
    Ok(true)
}

/// Whether the name means a program.
pub(super) fn is_named(tx: &Tx<'_, '_>, name: &str) -> Result<bool, Stop> {
    Ok(tx.prepare("SELECT 1 FROM program_names WHERE name = ?1")?.exists([name])?)
}

fn give_name(tx: &Tx<'_, '_>, name: &str, digest: Digest, now: i64) -> Result<(), Stop> {
    tx.prepare("INSERT OR REPLACE INTO program_names (name, digest) VALUES (?1, ?2)")?
        .execute(params![name, digest.to_bytes()])?;
    // Replaced, so that it gets a new number: it is the newest again.
    tx.prepare("INSERT OR REPLACE INTO program_versions (name, digest, named_at) VALUES (?1, ?2, ?3)")?
        .execute(params![name, digest.to_bytes(), now])?;
    Ok(())
}

/// A program's bytes.
pub(super) fn bytes(db: &Connection, digest: Digest) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut read = db.prepare_cached("SELECT bytes FROM programs WHERE digest = ?1")?;
    read.query_row([digest.to_bytes()], |row| row.get(0)).optional()
}

/// Whether a program is stored, and if names are given, whether one that begins so means it or has meant it.
pub(super) fn is_there(db: &Connection, digest: Digest, names: Option<&str>) -> rusqlite::Result<bool> {
    let Some(names) = names else {
        return db.prepare_cached("SELECT 1 FROM programs WHERE digest = ?1")?.exists([digest.to_bytes()]);
    };
    // Names that begin alike lie together: the first that is not before them is one of them, if there is any.
    let first = "SELECT name FROM program_versions WHERE digest = ?1 AND name >= ?2 ORDER BY name LIMIT 1";
    let mut read = db.prepare_cached(first)?;
    let first: Option<String> = read.query_row(params![digest.to_bytes(), names], |row| row.get(0)).optional()?;
    Ok(first.is_some_and(|name| name.starts_with(names)))
}

/// Every program, the oldest first.
pub(super) fn list(db: &Connection) -> rusqlite::Result<Vec<StoredProgram>> {
    let mut read = db.prepare_cached("SELECT digest, size, stored_at FROM programs ORDER BY stored_at, digest")?;
    let mut names = db.prepare_cached(
        "SELECT name, v.named_at FROM program_names n JOIN program_versions v USING (name, digest) \
         WHERE n.digest = ?1 ORDER BY name",
    )?;
    let given = |row: &rusqlite::Row<'_>| {
        let Sql(named_at) = row.get::<_, Sql<Timestamp>>(1)?;
        Ok(GivenName { name: row.get(0)?, named_at })
    };
    let mut programs = Vec::new();
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let Sql(digest) = row.get::<_, Sql<Digest>>(0)?;
        let names = names.query_map([digest.to_bytes()], given)?.collect::<rusqlite::Result<_>>()?;
        let Sql(stored_at) = row.get::<_, Sql<Timestamp>>(2)?;
        programs.push(StoredProgram { digest, size_bytes: row.get::<_, i64>(1)?.unsigned_abs(), names, stored_at });
    }
    Ok(programs)
}

/// What a name has meant, newest first.
pub(super) fn versions(db: &Connection, name: &str) -> rusqlite::Result<Vec<Version>> {
    let most = i64::try_from(MAX_VERSIONS).unwrap_or(i64::MAX);
    let mut read = db.prepare_cached(
        "SELECT v.digest, p.size, v.named_at FROM program_versions v JOIN programs p ON p.digest = v.digest \
         WHERE v.name = ?1 ORDER BY v.seq DESC LIMIT ?2",
    )?;
    let version = |row: &rusqlite::Row<'_>| {
        let (Sql(digest), Sql(named_at)) = (row.get::<_, Sql<Digest>>(0)?, row.get::<_, Sql<Timestamp>>(2)?);
        Ok(Version { digest, size_bytes: row.get::<_, i64>(1)?.unsigned_abs(), named_at })
    };
    read.query_map(params![name, most], version)?.collect()
}

/// Takes a name and its history away, of a program or of a source, if there is one.
pub(super) fn delete_name(tx: &Tx<'_, '_>, name: &str) -> Result<bool, Stop> {
    let was_source = entries::delete(tx, &EntryKey::new(EntryKey::SOURCE, name))?;
    Ok(delete_program_name(tx, name)? || was_source)
}

/// The same, of a program alone.
pub(super) fn delete_program_name(tx: &Tx<'_, '_>, name: &str) -> Result<bool, Stop> {
    let deleted = tx.prepare("DELETE FROM program_names WHERE name = ?1")?.execute([name])?;
    tx.prepare("DELETE FROM program_versions WHERE name = ?1")?.execute([name])?;
    Ok(deleted > 0)
}
