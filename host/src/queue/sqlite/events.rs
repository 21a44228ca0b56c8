//! What jobs tell while they run.

use rusqlite::{Connection, Row, params};

use super::connection::fault;
use super::rows::{Sql, corrupt};
use super::writer::{Stop, Tx};
use crate::events::Event;
use crate::job::JobId;
use crate::queue::signal::Happened;
use crate::queue::{Error, LeaseKey, Now, StoredEvent, Timestamp, stored};

/// The most events that are kept of one job.
const MAX_EVENTS: i64 = 10_000;
/// The most events of one answer.
const MAX_ANSWER: i64 = 1_000;

/// What one job told, written out.
pub(super) type Told = (LeaseKey, Vec<String>);

/// Writes events out, in the task of whoever reports them.
pub(super) fn prepare(events: Vec<(LeaseKey, Vec<Event>)>) -> Vec<Told> {
    let written = events.into_iter().map(|(key, events)| (key, events.iter().map(stored::event_to_json).collect()));
    written.filter(|(_, events): &Told| !events.is_empty()).collect()
}

/// Keeps what running jobs told.
pub(super) fn report(tx: &mut Tx<'_, '_>, told: &[Told], now: Now) -> Result<(), Stop> {
    let now = tx.now(now);
    for (LeaseKey { job, attempt, worker }, events) in told {
        let id = job.to_bytes();
        let mut holds =
            tx.prepare("SELECT 1 FROM jobs WHERE id = ?1 AND attempt = ?2 AND worker = ?3 AND state = 1")?;
        if !holds.exists(params![id, attempt, worker.to_bytes()])? {
            continue;
        }
        let last: i64 = tx
            .prepare("SELECT coalesce(max(number), 0) FROM events WHERE job = ?1")?
            .query_row([id], |row| row.get(0))?;
        let mut insert =
            tx.prepare("INSERT INTO events (job, number, attempt, at, document) VALUES (?1, ?2, ?3, ?4, ?5)")?;
        for (number, event) in (last + 1..=MAX_EVENTS).zip(events) {
            insert.execute(params![id, number, attempt, now, event])?;
            tx.happened.add(Happened { ended: true, ..Happened::default() });
        }
    }
    Ok(())
}

/// What a job told after the event with this number.
pub(super) fn list(db: &Connection, id: JobId, after: u64) -> Result<Vec<StoredEvent>, Error> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let read = || -> rusqlite::Result<Vec<_>> {
        let mut read = db.prepare_cached(
            "SELECT number, attempt, at, document FROM events WHERE job = ?1 AND number > ?2 ORDER BY number LIMIT ?3",
        )?;
        read.query_map(params![id.to_bytes(), after, MAX_ANSWER], row)?.collect()
    };
    let rows: Vec<(u64, u32, Timestamp, String)> = read().map_err(fault)?;
    let event = |(number, attempt, at, json): (u64, u32, Timestamp, String)| {
        let event = stored::event_from_json(&json).map_err(|error| corrupt(id, error))?;
        Ok(StoredEvent { number, attempt, at, event })
    };
    rows.into_iter().map(event).collect()
}

fn row(row: &Row<'_>) -> rusqlite::Result<(u64, u32, Timestamp, String)> {
    let Sql(at) = row.get::<_, Sql<Timestamp>>(2)?;
    Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?, at, row.get(3)?))
}
