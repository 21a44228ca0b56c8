//! Small documents beside the jobs: stored if what is there is as expected, read and listed.

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};

use super::connection::Work;
use super::programs;
use super::rows::{given, now};
use crate::queue::entry::{MAX_ENTRIES, MAX_LIST_BYTES};
use crate::queue::{Entry, EntryKey, Expected, Now};

/// A document that is to be stored.
#[derive(Debug)]
pub(super) struct NewEntry<'e> {
    pub(super) key: &'e EntryKey,
    pub(super) document: String,
    pub(super) expected: Expected,
    pub(super) now: Now,
}

/// Stores a document if what is there is as expected, and says whether it did. A source takes a program's place.
pub(super) fn put<'c>(connection: &'c mut PgConnection, new: &'c NewEntry<'_>) -> Work<'c, bool> {
    if new.key.kind != EntryKey::SOURCE {
        return put_document(connection, new);
    }
    Box::pin(async move {
        let mut tx = connection.begin().await?;
        programs::lock_name(&mut tx, &new.key.name).await?;
        if new.expected == Expected::Nothing && programs::is_named(&mut tx, &new.key.name).await? {
            return Ok(false);
        }
        let is_stored = put_document(&mut tx, new).await?;
        if is_stored {
            programs::delete_program_name(&mut tx, &new.key.name).await?;
        }
        tx.commit().await?;
        Ok(is_stored)
    })
}

fn put_document<'c>(connection: &'c mut PgConnection, new: &'c NewEntry<'_>) -> Work<'c, bool> {
    Box::pin(async move {
        let statement = match new.expected {
            Expected::Anything => sqlx::query(concat!(
                "INSERT INTO ampule.entries AS e (kind, name, revision, changed_at, size, document) \
                 VALUES ($1, $2, 1, ",
                now!("$3"),
                ", $4, $5::text::json) \
                 ON CONFLICT (kind, name) DO UPDATE SET revision = e.revision + 1, \
                   changed_at = excluded.changed_at, size = excluded.size, document = excluded.document",
            )),
            Expected::Nothing => sqlx::query(concat!(
                "INSERT INTO ampule.entries (kind, name, revision, changed_at, size, document) \
                 VALUES ($1, $2, 1, ",
                now!("$3"),
                ", $4, $5::text::json) ON CONFLICT DO NOTHING",
            )),
            Expected::Revision(_) => sqlx::query(concat!(
                "UPDATE ampule.entries SET revision = revision + 1, changed_at = ",
                now!("$3"),
                ", size = $4, document = $5::text::json WHERE kind = $1 AND name = $2 AND revision = $6",
            )),
        };
        let statement = statement
            .bind(new.key.kind)
            .bind(&*new.key.name)
            .bind(given(new.now))
            .bind(i64::try_from(new.document.len()).unwrap_or(i64::MAX))
            .bind(&*new.document);
        let statement = match new.expected {
            Expected::Revision(revision) => statement.bind(i64::try_from(revision).unwrap_or(i64::MAX)),
            Expected::Anything | Expected::Nothing => statement,
        };
        Ok(statement.execute(connection).await?.rows_affected() > 0)
    })
}

/// One document.
pub(super) fn get<'c>(connection: &'c mut PgConnection, key: &'c EntryKey) -> Work<'c, Option<Entry>> {
    Box::pin(async move {
        let found = sqlx::query(
            "SELECT document::text AS document, revision, changed_at FROM ampule.entries WHERE kind = $1 AND name = $2",
        )
        .bind(key.kind)
        .bind(&*key.name)
        .fetch_optional(connection)
        .await?;
        let Some(row) = found else { return Ok(None) };
        let (revision, changed_at) = (row.try_get("revision")?, row.try_get("changed_at")?);
        Ok(Some(Entry::read(key.clone(), row.try_get("document")?, revision, changed_at)?))
    })
}

/// The documents of one kind, in order of their names, as many as one list may have.
pub(super) fn list<'c>(
    connection: &'c mut PgConnection,
    (kind, after): &'c (&'static str, &str),
) -> Work<'c, Vec<Entry>> {
    Box::pin(async move {
        // Documents that would be too many are never read: only their sizes are summed up.
        let found = sqlx::query(
            "SELECT name, revision, changed_at, document::text AS document FROM ( \
               SELECT *, row_number() OVER w AS number, sum(size) OVER w AS bytes FROM ( \
                 SELECT * FROM ampule.entries WHERE kind = $1 AND name > $2 ORDER BY name LIMIT $3) e \
               WINDOW w AS (ORDER BY name)) e \
             WHERE number = 1 OR bytes <= $4 ORDER BY name",
        )
        .bind(kind)
        .bind(after)
        .bind(i64::try_from(MAX_ENTRIES).unwrap_or(i64::MAX))
        .bind(i64::try_from(MAX_LIST_BYTES).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
        let mut entries = Vec::with_capacity(found.len());
        for row in found {
            let (revision, changed_at) = (row.try_get("revision")?, row.try_get("changed_at")?);
            let key = EntryKey { kind, name: row.try_get("name")? };
            entries.push(Entry::read(key, row.try_get("document")?, revision, changed_at)?);
        }
        Ok(entries)
    })
}

/// Deletes a document, if there is one.
pub(super) fn delete<'c>(connection: &'c mut PgConnection, key: &'c EntryKey) -> Work<'c, bool> {
    Box::pin(async move {
        let delete = sqlx::query("DELETE FROM ampule.entries WHERE kind = $1 AND name = $2");
        Ok(delete.bind(key.kind).bind(&*key.name).execute(connection).await?.rows_affected() > 0)
    })
}
