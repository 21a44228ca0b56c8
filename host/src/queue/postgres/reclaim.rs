//! Jobs that nobody holds any more, and jobs that waited too long.

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::connection::{Stop, Work};
use super::live::{Kept, Live, clock, end_unrun, keep_attempts, live};
use super::rows::{given, now, uuid};
use crate::failure::{Failure, Kind};
use crate::queue::signal::Happened;
use crate::queue::{AttemptEnd, Now, Timestamp, settlement};

/// The most jobs of one call, so that the transaction is soon over.
const MAX_JOBS: i64 = 1_000;
/// Whoever reclaims holds this lock of the database, and nobody waits for it: `ampule` in ASCII, and one.
const LOCK: i64 = 0x61_6d_70_75_6c_66;

/// Takes back jobs whose lease expired and ends those that waited too long; says how many.
pub(super) fn reclaim<'c>(connection: &'c mut PgConnection, given: &'c Now) -> Work<'c, (u64, Happened)> {
    Box::pin(async move {
        // Every worker asks again and again, and there is seldom anything.
        if !is_anything(connection, *given).await? {
            return Ok((0, Happened::default()));
        }
        let mut tx = connection.begin().await?;
        let is_ours: bool =
            sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)").bind(LOCK).fetch_one(&mut *tx).await?;
        if !is_ours {
            return Ok((0, Happened::default()));
        }
        let now = clock(&mut tx, *given).await?;
        let lost = lost(&mut tx, now).await?;
        let most = MAX_JOBS - i64::try_from(lost.len()).unwrap_or(MAX_JOBS);
        let expired = expired(&mut tx, now, most).await?;
        let mut happened = take_back(&mut tx, &lost, now).await?;
        let ends: Vec<(&Live, Failure)> =
            expired.iter().map(|live| (live, settlement::expired(live.start_before.unwrap_or(now)))).collect();
        happened.add(end_unrun(&mut tx, &ends, now).await?);
        tx.commit().await?;
        Ok(((lost.len() + expired.len()) as u64, happened))
    })
}

async fn is_anything(connection: &mut PgConnection, at: Now) -> Result<bool, Stop> {
    let is_anything = sqlx::query_scalar(concat!(
        "SELECT EXISTS (SELECT FROM ampule.jobs WHERE state = 1 AND lease_until <= ",
        now!("$1"),
        ") OR EXISTS (SELECT FROM ampule.jobs WHERE state = 0 AND attempt = 0 AND start_before <= ",
        now!("$1"),
        ")",
    ));
    Ok(is_anything.bind(given(at)).fetch_one(connection).await?)
}

async fn lost(connection: &mut PgConnection, now: Timestamp) -> Result<Vec<Live>, Stop> {
    let found =
        sqlx::query(concat!(live!(), "WHERE j.state = 1 AND j.lease_until <= $1 LIMIT $2 FOR UPDATE OF j SKIP LOCKED"))
            .bind(now)
            .bind(MAX_JOBS)
            .fetch_all(connection)
            .await?;
    found.iter().map(|row| Ok(Live::read(row)?)).collect()
}

async fn expired(connection: &mut PgConnection, now: Timestamp, most: i64) -> Result<Vec<Live>, Stop> {
    let found = sqlx::query(concat!(
        live!(),
        "WHERE j.state = 0 AND j.attempt = 0 AND j.start_before <= $1 ORDER BY j.start_before LIMIT $2 \
         FOR UPDATE OF j SKIP LOCKED"
    ))
    .bind(now)
    .bind(most)
    .fetch_all(connection)
    .await?;
    found.iter().map(|row| Ok(Live::read(row)?)).collect()
}

async fn take_back(connection: &mut PgConnection, lost: &[Live], now: Timestamp) -> Result<Happened, Stop> {
    let kept: Vec<Kept<'_>> = lost.iter().map(|live| Kept { live, end: AttemptEnd::Lost, outcome: None }).collect();
    keep_attempts(connection, &kept, now).await?;
    let (mut ends, mut again) = (Vec::new(), Vec::new());
    for live in lost {
        if live.cancel_asked {
            ends.push((live, settlement::cancelled_unfinished()));
        } else if live.tries() >= live.max_tries || !live.retries_lost {
            ends.push((live, settlement::lost(live.tries())));
        } else {
            again.push(uuid(live.id));
        }
    }
    let mut happened = end_unrun(connection, &ends, now).await?;
    if !again.is_empty() {
        sqlx::query(
            "UPDATE ampule.jobs SET state = 0, lease_until = NULL, run_at = $2, last_kind = $3, last_message = $4 \
             WHERE id = ANY ($1)",
        )
        .bind(again)
        .bind(now)
        .bind(Kind::Lost.as_str())
        .bind("its worker was not heard of again")
        .execute(connection)
        .await?;
        happened.ready = true;
    }
    Ok(happened)
}
