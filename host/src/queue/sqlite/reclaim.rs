//! Jobs that nobody holds any more, and jobs that waited too long.

use rusqlite::params;

use super::live::{Again, Live};
use super::rows::{Sql, timestamp};
use super::writer::{Stop, Tx};
use crate::job::JobId;
use crate::queue::{AttemptEnd, Now, settlement};

/// The most jobs of one call, so that the transaction is soon over.
const MAX_JOBS: usize = 1_000;

/// Takes back jobs whose lease expired and ends those that waited too long; says how many.
pub(super) fn reclaim(tx: &mut Tx<'_, '_>, now: Now) -> Result<u64, Stop> {
    let now = tx.now(now);
    // The index is named because it is small: only what runs is in it, whatever waits beside.
    let lost = overdue(
        tx,
        "SELECT id FROM jobs INDEXED BY jobs_running WHERE state = 1 AND lease_until <= ?1 LIMIT ?2",
        now,
        MAX_JOBS,
    )?;
    let expired = overdue(
        tx,
        "SELECT id FROM jobs INDEXED BY jobs_expiring WHERE state = 0 AND attempt = 0 AND start_before IS NOT NULL \
         AND start_before <= ?1 LIMIT ?2",
        now,
        MAX_JOBS - lost.len(),
    )?;
    let mut reclaimed = 0;
    for id in lost {
        if let Some(live) = Live::read(tx, id)? {
            take_back(tx, &live, now)?;
            reclaimed += 1;
        }
    }
    for id in expired {
        if let Some(live) = Live::read(tx, id)? {
            let start_before = timestamp(live.start_before.unwrap_or(now)).map_err(rusqlite::Error::from)?;
            live.end_unrun(tx, settlement::expired(start_before), now)?;
            reclaimed += 1;
        }
    }
    Ok(reclaimed)
}

fn overdue(tx: &Tx<'_, '_>, sql: &'static str, now: i64, most: usize) -> Result<Vec<JobId>, Stop> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut read = tx.prepare(sql)?;
    let ids = read.query_map(params![now, most], |row| Ok(row.get::<_, Sql<JobId>>(0)?.0))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

fn take_back(tx: &mut Tx<'_, '_>, live: &Live, now: i64) -> Result<(), Stop> {
    live.keep_attempt(tx, AttemptEnd::Lost, None, now)?;
    let failure = settlement::lost(live.tries());
    if live.cancel_asked {
        live.end_unrun(tx, settlement::cancelled_unfinished(), now)
    } else if live.tries() >= live.max_tries || !live.retries_lost {
        live.end_unrun(tx, failure, now)
    } else {
        let kind = Some(failure.kind.as_str());
        let message = Some("its worker was not heard of again");
        live.queue_again(tx, Again { run_at: now, spared: live.spared, kind, message })
    }
}
