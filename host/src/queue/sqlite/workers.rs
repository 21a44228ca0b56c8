//! Workers, as they tell of themselves.

use std::time::Duration;

use rusqlite::{Connection, Row, params};

use super::rows::{Sql, millis};
use super::writer::{Stop, Tx};
use crate::queue::{Now, Timestamp, WorkerId, WorkerInfo};

/// How long a worker that was not heard of counts as alive.
const ALIVE: Duration = Duration::from_secs(60);

/// Keeps what a worker tells of itself. It is seen now, by the clock of the queue.
pub(super) fn beat(tx: &Tx<'_, '_>, worker: &WorkerInfo, now: Now) -> Result<(), Stop> {
    let WorkerInfo { id, host, serves, version, slots, running, draining, started_at, seen_at: _ } = worker;
    tx.prepare(
        "INSERT OR REPLACE INTO workers (id, host, version, slots, running, draining, started_at, seen_at, serves) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        id.to_bytes(),
        host,
        version,
        slots,
        running,
        draining,
        started_at.timestamp_millis(),
        tx.now(now),
        serves
    ])?;
    Ok(())
}

/// The workers that are alive, and those that left jobs behind; those that were there first go first. One that takes no
/// more and runs none has ended.
pub(super) fn list(db: &Connection, now: Timestamp) -> rusqlite::Result<Vec<WorkerInfo>> {
    let mut read = db.prepare_cached(
        "SELECT id, host, version, slots, running, draining, started_at, seen_at, serves FROM workers \
         WHERE (seen_at >= ?1 AND NOT (draining AND running = 0)) \
         OR id IN (SELECT worker FROM jobs INDEXED BY jobs_running WHERE state = 1) ORDER BY started_at, id",
    )?;
    let since = now.timestamp_millis().saturating_sub(millis(ALIVE));
    read.query_map([since], info)?.collect()
}

fn info(row: &Row<'_>) -> rusqlite::Result<WorkerInfo> {
    Ok(WorkerInfo {
        id: row.get::<_, Sql<WorkerId>>(0)?.0,
        host: row.get(1)?,
        version: row.get(2)?,
        slots: row.get(3)?,
        running: row.get(4)?,
        draining: row.get(5)?,
        started_at: row.get::<_, Sql<Timestamp>>(6)?.0,
        seen_at: row.get::<_, Sql<Timestamp>>(7)?.0,
        serves: row.get(8)?,
    })
}
