//! Programs beside the jobs that mean them.

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};

use super::connection::{Stop, Work};
use super::entries;
use super::rows::{Read as _, given, now, text};
use crate::job::Digest;
use crate::queue::programs::MAX_VERSIONS;
use crate::queue::{EntryKey, Error, GivenName, Now, StoredProgram, Version};

/// What the locks of names are told from other locks by.
const NAMES: i32 = 0x61_6d_6e;

/// A program that is to be stored.
#[derive(Debug)]
pub(super) struct NewProgram<'p> {
    pub(super) digest: Digest,
    pub(super) wasm: &'p [u8],
    pub(super) name: Option<&'p str>,
    pub(super) now: Now,
}

/// Stores a program, and gives it a name.
pub(super) fn put<'c>(connection: &'c mut PgConnection, new: &'c NewProgram<'_>) -> Work<'c, ()> {
    Box::pin(async move {
        let mut tx = connection.begin().await?;
        if let Some(name) = new.name {
            lock_name(&mut tx, name).await?;
        }
        let digest = new.digest.to_bytes().to_vec();
        sqlx::query(concat!(
            "INSERT INTO ampule.programs (digest, size, stored_at, bytes) VALUES ($1, $2, ",
            now!("$3"),
            ", $4) ON CONFLICT DO NOTHING",
        ))
        .bind(&digest)
        .bind(i64::try_from(new.wasm.len()).unwrap_or(i64::MAX))
        .bind(given(new.now))
        .bind(new.wasm)
        .execute(&mut *tx)
        .await?;
        if let Some(name) = new.name {
            entries::delete(&mut tx, &EntryKey::new(EntryKey::SOURCE, name)).await?;
            give_name(&mut tx, name, new.digest, new.now).await?;
        }
        Ok(tx.commit().await?)
    })
}

/// Gives a program a name that means nothing, and says whether it did.
pub(super) fn take_name<'c>(
    connection: &'c mut PgConnection,
    (name, digest, now): &'c (&str, Digest, Now),
) -> Work<'c, bool> {
    Box::pin(async move {
        let mut tx = connection.begin().await?;
        lock_name(&mut tx, name).await?;
        let stored = sqlx::query("SELECT FROM ampule.programs WHERE digest = $1").bind(digest.to_bytes().to_vec());
        if stored.fetch_optional(&mut *tx).await?.is_none() {
            return Err(Error::UnknownProgram(digest.to_string()).into());
        }
        let source = EntryKey::new(EntryKey::SOURCE, *name);
        if is_named(&mut tx, name).await? || entries::get(&mut tx, &source).await?.is_some() {
            return Ok(false);
        }
        give_name(&mut tx, name, *digest, *now).await?;
        tx.commit().await?;
        Ok(true)
    })
}

/// Waits for those who change what a name means: a program and a source that take each other's place are rows of two
/// tables, of which neither would see the other.
pub(super) async fn lock_name(connection: &mut PgConnection, name: &str) -> Result<(), Stop> {
    sqlx::query("SELECT pg_advisory_xact_lock($1, hashtext($2))").bind(NAMES).bind(name).execute(connection).await?;
    Ok(())
}

/// Whether the name means a program.
pub(super) async fn is_named(connection: &mut PgConnection, name: &str) -> Result<bool, Stop> {
    let found = sqlx::query("SELECT FROM ampule.program_names WHERE name = $1").bind(name);
    Ok(found.fetch_optional(connection).await?.is_some())
}

async fn give_name(connection: &mut PgConnection, name: &str, digest: Digest, now: Now) -> Result<(), Stop> {
    let digest = digest.to_bytes().to_vec();
    sqlx::query(
        "INSERT INTO ampule.program_names (name, digest) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET digest = excluded.digest",
    )
    .bind(name)
    .bind(&digest)
    .execute(&mut *connection)
    .await?;
    // It gets a new number, as it is the newest again. The name is locked, so numbers and meanings have one order.
    sqlx::query(concat!(
        "INSERT INTO ampule.program_versions (name, digest, named_at) VALUES ($1, $2, ",
        now!("$3"),
        ") ON CONFLICT (name, digest) DO UPDATE SET seq = DEFAULT, named_at = excluded.named_at",
    ))
    .bind(name)
    .bind(&digest)
    .bind(given(now))
    .execute(connection)
    .await?;
    Ok(())
}

/// A program's bytes.
pub(super) fn bytes<'c>(connection: &'c mut PgConnection, digest: &'c Digest) -> Work<'c, Option<Vec<u8>>> {
    Box::pin(async move {
        let read = sqlx::query_scalar("SELECT bytes FROM ampule.programs WHERE digest = $1");
        Ok(read.bind(digest.to_bytes().to_vec()).fetch_optional(connection).await?)
    })
}

/// Whether a program is stored, and if names are given, whether one that begins so means it or has meant it.
pub(super) fn is_there<'c>(
    connection: &'c mut PgConnection,
    (digest, names): &'c (Digest, Option<&str>),
) -> Work<'c, bool> {
    Box::pin(async move {
        let digest = digest.to_bytes().to_vec();
        let Some(names) = names else {
            let stored = sqlx::query("SELECT FROM ampule.programs WHERE digest = $1").bind(digest);
            return Ok(stored.fetch_optional(connection).await?.is_some());
        };
        // Names that begin alike lie together: the first that is not before them is one of them, if there is any.
        let first = "SELECT name FROM ampule.program_versions WHERE digest = $1 AND name >= $2 ORDER BY name LIMIT 1";
        let first: Option<String> =
            sqlx::query_scalar(first).bind(digest).bind(text(names)).fetch_optional(connection).await?;
        Ok(first.is_some_and(|name| name.starts_with(names)))
    })
}

/// Every program, the oldest first.
pub(super) fn list<'c>(connection: &'c mut PgConnection, _: &'c ()) -> Work<'c, Vec<StoredProgram>> {
    Box::pin(async move {
        let found = sqlx::query(
            "SELECT p.digest, p.size, p.stored_at, n.names, n.named_at FROM ampule.programs p, LATERAL ( \
               SELECT coalesce(array_agg(n.name ORDER BY n.name), '{}') AS names, \
                 coalesce(array_agg(v.named_at ORDER BY n.name), '{}') AS named_at \
               FROM ampule.program_names n JOIN ampule.program_versions v USING (name, digest) \
               WHERE n.digest = p.digest) n \
             ORDER BY p.stored_at, p.digest",
        )
        .fetch_all(connection)
        .await?;
        let mut programs = Vec::with_capacity(found.len());
        for row in found {
            let (names, named_at): (Vec<String>, Vec<_>) = (row.try_get("names")?, row.try_get("named_at")?);
            let named = names.into_iter().zip(named_at);
            programs.push(StoredProgram {
                digest: row.digest("digest")?,
                size_bytes: row.try_get::<i64, _>("size")?.unsigned_abs(),
                names: named.map(|(name, named_at)| GivenName { name, named_at }).collect(),
                stored_at: row.try_get("stored_at")?,
            });
        }
        Ok(programs)
    })
}

/// What a name has meant, newest first.
pub(super) fn versions<'c>(connection: &'c mut PgConnection, name: &'c &str) -> Work<'c, Vec<Version>> {
    Box::pin(async move {
        let found = sqlx::query(
            "SELECT v.digest, p.size, v.named_at \
             FROM ampule.program_versions v JOIN ampule.programs p ON p.digest = v.digest \
             WHERE v.name = $1 ORDER BY v.seq DESC LIMIT $2",
        )
        .bind(name)
        .bind(i64::try_from(MAX_VERSIONS).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
        let mut versions = Vec::with_capacity(found.len());
        for row in found {
            let size_bytes = row.try_get::<i64, _>("size")?.unsigned_abs();
            versions.push(Version { digest: row.digest("digest")?, size_bytes, named_at: row.try_get("named_at")? });
        }
        Ok(versions)
    })
}

/// Takes a name and its history away, of a program or of a source, if there is one.
pub(super) fn delete_name<'c>(connection: &'c mut PgConnection, name: &'c &str) -> Work<'c, bool> {
    Box::pin(async move {
        let mut tx = connection.begin().await?;
        lock_name(&mut tx, name).await?;
        let was_source = entries::delete(&mut tx, &EntryKey::new(EntryKey::SOURCE, *name)).await?;
        let was_program = delete_program_name(&mut tx, name).await?;
        tx.commit().await?;
        Ok(was_source || was_program)
    })
}

/// The same, of a program alone.
pub(super) async fn delete_program_name(connection: &mut PgConnection, name: &str) -> Result<bool, Stop> {
    let delete = sqlx::query("DELETE FROM ampule.program_names WHERE name = $1");
    let deleted = delete.bind(name).execute(&mut *connection).await?.rows_affected();
    sqlx::query("DELETE FROM ampule.program_versions WHERE name = $1").bind(name).execute(connection).await?;
    Ok(deleted > 0)
}
