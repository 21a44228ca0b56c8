//! Schedules: stored, listed, and moved on by whoever fires them first.

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};

use super::connection::Work;
use super::enqueue::Enqueue;
use super::insert::{Draining, store};
use super::rows::{cut, given, now, text};
use crate::queue::signal::Happened;
use crate::queue::{Error, Expected, Now, Schedule, ScheduleInfo, Timestamp};

/// A schedule that is to be stored.
#[derive(Debug)]
pub(super) struct NewSchedule<'s> {
    pub(super) schedule: &'s Schedule,
    pub(super) next: Option<Timestamp>,
    pub(super) expected: Expected,
    pub(super) now: Now,
}

/// A firing with its jobs written out.
#[derive(Debug)]
pub(super) struct FiringRows {
    pub(super) name: String,
    pub(super) revision: u64,
    pub(super) jobs: Enqueue,
    pub(super) last: Option<Timestamp>,
    pub(super) next: Option<Timestamp>,
}

/// Stores a schedule in place of the one of its name, which keeps its last tick, if what is there is as expected.
pub(super) fn put<'c>(connection: &'c mut PgConnection, new: &'c NewSchedule<'_>) -> Work<'c, bool> {
    Box::pin(async move {
        let document = serde_json::to_string(new.schedule).expect("plain data with string keys has a JSON form");
        let statement = match new.expected {
            Expected::Anything => sqlx::query(concat!(
                "INSERT INTO ampule.schedules AS s (name, paused, next_at, document, revision) \
                 VALUES ($1, $2, $3, $4::text::json, (1000 * extract(epoch FROM ",
                now!("$5"),
                "))::bigint) \
                 ON CONFLICT (name) DO UPDATE SET paused = excluded.paused, next_at = excluded.next_at, \
                   revision = s.revision + 1, document = excluded.document",
            )),
            Expected::Nothing => sqlx::query(concat!(
                "INSERT INTO ampule.schedules (name, paused, next_at, document, revision) \
                 VALUES ($1, $2, $3, $4::text::json, (1000 * extract(epoch FROM ",
                now!("$5"),
                "))::bigint) ON CONFLICT DO NOTHING",
            )),
            Expected::Revision(_) => sqlx::query(
                "UPDATE ampule.schedules SET paused = $2, next_at = $3, document = $4::text::json, \
                   revision = revision + 1 WHERE name = $1 AND revision = $5",
            ),
        };
        let statement =
            statement.bind(&*new.schedule.name).bind(new.schedule.paused).bind(new.next.map(cut)).bind(document);
        let statement = match new.expected {
            Expected::Revision(revision) => statement.bind(i64::try_from(revision).unwrap_or(i64::MAX)),
            Expected::Anything | Expected::Nothing => statement.bind(given(new.now)),
        };
        Ok(statement.execute(connection).await?.rows_affected() > 0)
    })
}

/// Every schedule, in order of name.
pub(super) fn list<'c>(connection: &'c mut PgConnection, _: &'c ()) -> Work<'c, Vec<ScheduleInfo>> {
    Box::pin(async move {
        let found = sqlx::query(
            "SELECT next_at, last_at, revision, document::text AS document FROM ampule.schedules ORDER BY name",
        )
        .fetch_all(connection)
        .await?;
        let mut infos = Vec::with_capacity(found.len());
        for row in found {
            let schedule = serde_json::from_str(row.try_get("document")?)
                .map_err(|error| Error::Corrupt { job: None, message: format!("a schedule: {error}") })?;
            let (next, last) = (row.try_get("next_at")?, row.try_get("last_at")?);
            infos.push(ScheduleInfo {
                schedule,
                next,
                last,
                revision: row.try_get::<i64, _>("revision")?.unsigned_abs(),
            });
        }
        Ok(infos)
    })
}

/// Deletes a schedule, if there is one.
pub(super) fn delete<'c>(connection: &'c mut PgConnection, name: &'c &str) -> Work<'c, bool> {
    Box::pin(async move {
        let delete = sqlx::query("DELETE FROM ampule.schedules WHERE name = $1");
        Ok(delete.bind(text(name)).execute(connection).await?.rows_affected() > 0)
    })
}

/// Moves the schedule on, unless it was changed, paused or fired since, and enqueues the jobs of the firing.
pub(super) fn fire<'c>(connection: &'c mut PgConnection, firing: &'c FiringRows) -> Work<'c, (bool, Happened)> {
    Box::pin(async move {
        let mut tx = connection.begin().await?;
        let moved = sqlx::query(
            "UPDATE ampule.schedules SET next_at = $3, last_at = coalesce($4, last_at), revision = revision + 1 \
             WHERE name = $1 AND revision = $2 AND NOT paused",
        )
        .bind(text(&firing.name))
        .bind(i64::try_from(firing.revision).unwrap_or(i64::MAX))
        .bind(firing.next.map(cut))
        .bind(firing.last.map(cut))
        .execute(&mut *tx)
        .await?;
        if moved.rows_affected() == 0 {
            return Ok((false, Happened::default()));
        }
        let stored = store(&mut tx, &firing.jobs.asked(0), Draining::Takes).await?;
        tx.commit().await?;
        Ok((true, firing.jobs.happened(&stored.answers)))
    })
}
