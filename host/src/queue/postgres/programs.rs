//! Programs beside the jobs that mean them.

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};

use super::connection::Work;
use super::rows::{Read as _, given, now};
use crate::job::Digest;
use crate::queue::programs::MAX_VERSIONS;
use crate::queue::{Now, StoredProgram, Version};

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
            sqlx::query(
                "INSERT INTO ampule.program_names (name, digest) VALUES ($1, $2) \
                 ON CONFLICT (name) DO UPDATE SET digest = excluded.digest",
            )
            .bind(name)
            .bind(&digest)
            .execute(&mut *tx)
            .await?;
            // It gets a new number, as it is the newest again. The name's row is locked by now, so numbers and meanings
            // have one order.
            sqlx::query(concat!(
                "INSERT INTO ampule.program_versions (name, digest, named_at) VALUES ($1, $2, ",
                now!("$3"),
                ") ON CONFLICT (name, digest) DO UPDATE SET seq = DEFAULT, named_at = excluded.named_at",
            ))
            .bind(name)
            .bind(&digest)
            .bind(given(new.now))
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    })
}

/// A program's bytes.
pub(super) fn bytes<'c>(connection: &'c mut PgConnection, digest: &'c Digest) -> Work<'c, Option<Vec<u8>>> {
    Box::pin(async move {
        let read = sqlx::query_scalar("SELECT bytes FROM ampule.programs WHERE digest = $1");
        Ok(read.bind(digest.to_bytes().to_vec()).fetch_optional(connection).await?)
    })
}

/// Every program, the oldest first.
pub(super) fn list<'c>(connection: &'c mut PgConnection, _: &'c ()) -> Work<'c, Vec<StoredProgram>> {
    Box::pin(async move {
        let found = sqlx::query(
            "SELECT p.digest, p.size, p.stored_at, \
               ARRAY(SELECT n.name FROM ampule.program_names n WHERE n.digest = p.digest ORDER BY n.name) AS names \
             FROM ampule.programs p ORDER BY p.stored_at, p.digest",
        )
        .fetch_all(connection)
        .await?;
        let mut programs = Vec::with_capacity(found.len());
        for row in found {
            programs.push(StoredProgram {
                digest: row.digest("digest")?,
                size_bytes: row.try_get::<i64, _>("size")?.unsigned_abs(),
                names: row.try_get("names")?,
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

/// Takes a name and its history away, if there is one.
pub(super) fn delete_name<'c>(connection: &'c mut PgConnection, name: &'c &str) -> Work<'c, bool> {
    Box::pin(async move {
        let mut tx = connection.begin().await?;
        let delete = sqlx::query("DELETE FROM ampule.program_names WHERE name = $1");
        let deleted = delete.bind(name).execute(&mut *tx).await?.rows_affected();
        sqlx::query("DELETE FROM ampule.program_versions WHERE name = $1").bind(name).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(deleted > 0)
    })
}
