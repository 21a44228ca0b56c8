//! Schedules: stored, listed, and moved on by whoever fires them first.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::connection::fault;
use super::insert::NewRow;
use super::rows::Sql;
use super::writer::{Stop, Tx};
use crate::queue::{Error, Expected, Now, Schedule, ScheduleInfo, Timestamp};

/// A schedule that is to be stored.
#[derive(Debug)]
pub(super) struct NewSchedule {
    pub(super) name: String,
    pub(super) paused: bool,
    pub(super) document: String,
    pub(super) next: Option<Timestamp>,
    pub(super) expected: Expected,
    pub(super) now: Now,
}

/// A firing with its jobs written out.
#[derive(Debug)]
pub(super) struct FiringRows {
    pub(super) name: String,
    pub(super) revision: u64,
    pub(super) jobs: Vec<NewRow>,
    pub(super) last: Option<Timestamp>,
    pub(super) next: Option<Timestamp>,
}

fn millis(instant: Option<Timestamp>) -> Option<i64> {
    instant.map(|instant| instant.timestamp_millis())
}

/// The document of a schedule.
pub(super) fn to_json(schedule: &Schedule) -> String {
    serde_json::to_string(schedule).expect("plain data with string keys has a JSON form")
}

/// Stores a schedule in place of the one of its name, which keeps its last tick, if what is there is as expected.
pub(super) fn put(tx: &Tx<'_, '_>, new: &NewSchedule) -> Result<bool, Stop> {
    let NewSchedule { name, paused, document, next, expected, now } = new;
    let (next, now) = (millis(*next), tx.now(*now));
    let changed = match expected {
        Expected::Anything => tx
            .prepare(
                "INSERT INTO schedules (name, paused, next_at, document, revision) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT (name) DO UPDATE SET paused = excluded.paused, next_at = excluded.next_at, \
                 revision = revision + 1, document = excluded.document",
            )?
            .execute(params![name, paused, next, document, now])?,
        Expected::Nothing => tx
            .prepare(
                "INSERT INTO schedules (name, paused, next_at, document, revision) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![name, paused, next, document, now])?,
        Expected::Revision(revision) => tx
            .prepare(
                "UPDATE schedules SET paused = ?2, next_at = ?3, document = ?4, revision = revision + 1 \
                 WHERE name = ?1 AND revision = ?5",
            )?
            .execute(params![name, paused, next, document, i64::try_from(*revision).unwrap_or(i64::MAX)])?,
    };
    Ok(changed > 0)
}

/// Every schedule, in order of name.
pub(super) fn list(db: &Connection) -> Result<Vec<ScheduleInfo>, Error> {
    type Row = (String, Option<Sql<Timestamp>>, Option<Sql<Timestamp>>, i64);
    let read = || -> rusqlite::Result<Vec<Row>> {
        db.prepare_cached("SELECT document, next_at, last_at, revision FROM schedules ORDER BY name")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
            .collect()
    };
    let info = |(document, next, last, revision): Row| {
        let unreadable =
            |error: serde_json::Error| Error::Corrupt { job: None, message: format!("a schedule: {error}") };
        let schedule = serde_json::from_str(&document).map_err(unreadable)?;
        let (next, last) = (next.map(|Sql(next)| next), last.map(|Sql(last)| last));
        Ok(ScheduleInfo { schedule, next, last, revision: revision.unsigned_abs() })
    };
    read().map_err(fault)?.into_iter().map(info).collect()
}

/// Deletes a schedule, if there is one.
pub(super) fn delete(tx: &Tx<'_, '_>, name: &str) -> Result<bool, Stop> {
    Ok(tx.prepare("DELETE FROM schedules WHERE name = ?1")?.execute([name])? > 0)
}

/// Enqueues the jobs of a firing and moves the schedule on, unless it was changed, paused or fired since.
pub(super) fn fire(tx: &mut Tx<'_, '_>, firing: &mut FiringRows, now: Now) -> Result<bool, Stop> {
    let now = tx.now(now);
    let revision = i64::try_from(firing.revision).unwrap_or(i64::MAX);
    let is_ours = tx
        .prepare("SELECT 1 FROM schedules WHERE name = ?1 AND revision = ?2 AND NOT paused")?
        .query_row(params![firing.name, revision], |_| Ok(()))
        .optional()?
        .is_some();
    if !is_ours {
        return Ok(false);
    }
    // All are looked up before any is written, so that a refusal leaves nothing behind.
    firing.jobs.iter_mut().try_for_each(|job| job.pin(tx))?;
    for job in &firing.jobs {
        job.insert(tx, now)?;
    }
    tx.prepare(
        "UPDATE schedules SET next_at = ?2, last_at = coalesce(?3, last_at), revision = revision + 1 WHERE name = ?1",
    )?
    .execute(params![firing.name, millis(firing.next), millis(firing.last)])?;
    Ok(true)
}
