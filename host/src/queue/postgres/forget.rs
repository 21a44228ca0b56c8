//! Jobs that are deleted, by hand or because they are older than is kept, and what else grows old.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::connection::{Stop, Work};
use super::live::clock;
use super::rows::{PERIOD, Read as _, millis, state_number};
use crate::job::JobId;
use crate::queue::{Now, Retention, State, Timestamp};

/// The most jobs of one call.
pub(super) const MAX_JOBS: usize = 10_000;
/// How many of them one transaction deletes, so that nobody waits long for it.
pub(super) const STEP: usize = 1_000;
/// How long a worker that holds nothing is remembered after it was last heard of.
const WORKER_KEPT: Duration = Duration::from_secs(60 * 60);
/// Whoever prunes holds this lock of the database, and nobody waits for it: `ampule` in ASCII, and two.
const LOCK: i64 = 0x61_6d_70_75_6c_67;

/// Deletes the oldest of what is older than is kept, at most one step of it, and says how many jobs.
pub(super) fn prune<'c>(connection: &'c mut PgConnection, (retention, given): &'c (Retention, Now)) -> Work<'c, usize> {
    Box::pin(async move {
        let mut tx = connection.begin().await?;
        let is_ours: bool =
            sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)").bind(LOCK).fetch_one(&mut *tx).await?;
        if !is_ours {
            return Ok(0);
        }
        let now = clock(&mut tx, *given).await?;
        let old = old(&mut tx, retention, now).await?;
        let ends = [State::Completed, State::Failed, State::Cancelled].map(state_number);
        let gone = forget(&mut tx, &old, &ends).await?.len();
        sweep(&mut tx, now).await?;
        tx.commit().await?;
        Ok(gone)
    })
}

async fn old(connection: &mut PgConnection, retention: &Retention, now: Timestamp) -> Result<Vec<Uuid>, Stop> {
    let Retention { completed, failed, cancelled } = *retention;
    let kept = |kept: Option<Duration>| kept.map(millis);
    let found = sqlx::query_scalar(
        "SELECT o.id FROM (VALUES (2::smallint, $2::bigint), (3, $3), (4, $4)) AS k (state, kept_ms) \
         CROSS JOIN LATERAL ( \
           SELECT e.id, e.ended_at FROM ampule.ended e \
           WHERE e.state = k.state AND e.ended_at <= $1::timestamptz - k.kept_ms * interval '1 ms' \
           ORDER BY e.ended_at LIMIT $5) o \
         WHERE k.kept_ms IS NOT NULL ORDER BY o.ended_at, o.id LIMIT $5",
    );
    let found = found.bind(now).bind(kept(completed)).bind(kept(failed)).bind(kept(cancelled));
    Ok(found.bind(i64::try_from(STEP).unwrap_or(i64::MAX)).fetch_all(connection).await?)
}

/// Deletes jobs that have ended in one of these states, with all that is known of them, and says which. A key that is
/// taken for a period stays taken.
pub(super) async fn forget(
    connection: &mut PgConnection,
    ids: &[Uuid],
    states: &[i16],
) -> Result<HashSet<JobId>, Stop> {
    let found = sqlx::query(
        "WITH gone AS ( \
           DELETE FROM ampule.ended WHERE id = ANY ($1) AND state = ANY ($2) \
           RETURNING id, coalesce(tenant, '') AS tenant, unique_key, unique_scope \
         ), keys AS ( \
           DELETE FROM ampule.unique_keys k USING gone g \
           WHERE g.unique_scope <> $3 \
             AND k.tenant = ANY (ARRAY(SELECT DISTINCT tenant FROM gone WHERE unique_scope <> $3)) \
             AND k.key = ANY (ARRAY(SELECT unique_key FROM gone WHERE unique_scope <> $3)) AND k.tenant = g.tenant AND k.key = g.unique_key AND k.job = g.id \
         ), documents AS ( \
           DELETE FROM ampule.payloads p USING gone g WHERE p.job = ANY ($1) AND p.job = g.id \
         ), attempts AS ( \
           DELETE FROM ampule.attempts a USING gone g WHERE a.job = ANY ($1) AND a.job = g.id \
         ), events AS ( \
           DELETE FROM ampule.events e USING gone g WHERE e.job = ANY ($1) AND e.job = g.id \
         ), tags AS ( \
           DELETE FROM ampule.tags t USING gone g WHERE t.job = ANY ($1) AND t.job = g.id \
         ) \
         SELECT id FROM gone",
    )
    .bind(ids)
    .bind(states)
    .bind(PERIOD)
    .fetch_all(connection)
    .await?;
    Ok(found.iter().map(|row| row.id("id")).collect::<sqlx::Result<_>>()?)
}

/// Deletes workers that are gone and keys whose period is over.
async fn sweep(connection: &mut PgConnection, now: Timestamp) -> Result<(), Stop> {
    sqlx::query(
        "DELETE FROM ampule.workers w WHERE w.seen_at < $1::timestamptz - $2 * interval '1 ms' \
         AND NOT EXISTS (SELECT FROM ampule.jobs j WHERE j.state = 1 AND j.worker = w.id)",
    )
    .bind(now)
    .bind(millis(WORKER_KEPT))
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "DELETE FROM ampule.unique_keys WHERE (tenant, key) IN \
         (SELECT tenant, key FROM ampule.unique_keys WHERE until <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
    )
    .bind(now)
    .bind(i64::try_from(STEP).unwrap_or(i64::MAX))
    .execute(connection)
    .await?;
    Ok(())
}
