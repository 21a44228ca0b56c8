//! Workers, as they tell of themselves.

use std::time::Duration;

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::connection::Work;
use super::rows::{cut, given, millis, now, text, worker_uuid};
use crate::queue::{Now, WorkerId, WorkerInfo};

/// How long a worker that was not heard of counts as alive.
const ALIVE: Duration = Duration::from_secs(60);

/// Keeps what a worker tells of itself. It is seen now, by the clock of the queue.
pub(super) fn beat<'c>(connection: &'c mut PgConnection, (worker, at): &'c (&WorkerInfo, Now)) -> Work<'c, ()> {
    Box::pin(async move {
        let WorkerInfo { id, host, serves, version, slots, running, draining, started_at, seen_at: _ } = worker;
        sqlx::query(concat!(
            "INSERT INTO ampule.workers (id, host, version, slots, running, draining, started_at, seen_at, serves) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, ",
            now!("$8"),
            ", $9) ON CONFLICT (id) DO UPDATE SET host = excluded.host, version = excluded.version, \
               slots = excluded.slots, running = excluded.running, draining = excluded.draining, \
               started_at = excluded.started_at, seen_at = excluded.seen_at, serves = excluded.serves",
        ))
        .bind(worker_uuid(*id))
        .bind(text(host))
        .bind(text(version))
        .bind(i64::from(*slots))
        .bind(i64::from(*running))
        .bind(draining)
        .bind(cut(*started_at))
        .bind(given(*at))
        .bind(text(serves))
        .execute(connection)
        .await?;
        Ok(())
    })
}

/// The workers that are alive, and those that left jobs behind; those that were there first go first. One that takes no
/// more and runs none has ended.
pub(super) fn list<'c>(connection: &'c mut PgConnection, at: &'c Now) -> Work<'c, Vec<WorkerInfo>> {
    Box::pin(async move {
        let found = sqlx::query(concat!(
            "SELECT id, host, version, slots, running, draining, started_at, seen_at, serves FROM ampule.workers \
             WHERE (NOT (draining AND running = 0) AND seen_at >= ",
            now!("$1"),
            " - $2 * interval '1 ms') OR id IN (SELECT worker FROM ampule.jobs WHERE state = 1) ORDER BY started_at, id",
        ))
        .bind(given(*at))
        .bind(millis(ALIVE))
        .fetch_all(connection)
        .await?;
        Ok(found.iter().map(info).collect::<sqlx::Result<_>>()?)
    })
}

fn info(row: &PgRow) -> sqlx::Result<WorkerInfo> {
    let count = |column| {
        let count: i64 = row.try_get(column)?;
        Ok::<u32, sqlx::Error>(u32::try_from(count).unwrap_or(u32::MAX))
    };
    Ok(WorkerInfo {
        id: WorkerId::from_bytes(row.try_get::<uuid::Uuid, _>("id")?.into_bytes()),
        host: row.try_get("host")?,
        version: row.try_get("version")?,
        slots: count("slots")?,
        running: count("running")?,
        draining: row.try_get("draining")?,
        started_at: row.try_get("started_at")?,
        seen_at: row.try_get("seen_at")?,
        serves: row.try_get("serves")?,
    })
}
