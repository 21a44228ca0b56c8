//! Jobs that are deleted, by hand or because they are older than is kept, and what else grows old.

use std::time::Duration;

use rusqlite::{OptionalExtension as _, params};

use super::rows::{PERIOD, millis};
use super::writer::{Stop, Tx};
use crate::queue::{Now, Retention, State};

/// The most jobs of one call.
pub(super) const MAX_JOBS: usize = 10_000;
/// How many of them one transaction deletes, so that nobody waits long for it.
pub(super) const STEP: usize = 500;
/// How long a worker that holds nothing is remembered after it was last heard of.
const WORKER_KEPT: Duration = Duration::from_secs(60 * 60);

/// Deletes the oldest of what is older than is kept, at most one step of it, and says how many jobs.
pub(super) fn prune(tx: &mut Tx<'_, '_>, retention: &Retention, now: Now) -> Result<usize, Stop> {
    let now = tx.now(now);
    let mut old: Vec<(i64, [u8; 16])> = Vec::new();
    let Retention { completed, failed, cancelled } = *retention;
    for (state, kept) in [(State::Completed, completed), (State::Failed, failed), (State::Cancelled, cancelled)] {
        let Some(kept) = kept else { continue };
        let mut read = tx
            .prepare("SELECT ended_at, id FROM ended WHERE state = ?1 AND ended_at <= ?2 ORDER BY ended_at LIMIT ?3")?;
        let before = now.saturating_sub(millis(kept));
        let most = i64::try_from(STEP).unwrap_or(i64::MAX);
        for row in read.query_map(params![state.number(), before, most], |row| Ok((row.get(0)?, row.get(1)?)))? {
            old.push(row?);
        }
    }
    old.sort_unstable();
    old.truncate(STEP);
    old.iter().try_for_each(|(_, id)| forget(tx, id))?;
    sweep(tx, now)?;
    Ok(old.len())
}

/// Deletes a job that has ended, with all that is known of it. A key that is taken for a period stays taken.
pub(super) fn forget(tx: &Tx<'_, '_>, id: &[u8; 16]) -> Result<(), Stop> {
    let key: Option<(String, String)> = tx
        .prepare(
            "SELECT coalesce(tenant, ''), unique_key FROM ended \
             WHERE id = ?1 AND unique_key IS NOT NULL AND unique_scope <> ?2",
        )?
        .query_row(params![id, PERIOD], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((tenant, key)) = key {
        tx.prepare("DELETE FROM unique_keys WHERE tenant = ?1 AND key = ?2 AND job = ?3")?
            .execute(params![tenant, key, id])?;
    }
    for delete in [
        "DELETE FROM ended WHERE id = ?1",
        "DELETE FROM payloads WHERE job = ?1",
        "DELETE FROM attempts WHERE job = ?1",
        "DELETE FROM events WHERE job = ?1",
        "DELETE FROM tags WHERE job = ?1",
    ] {
        tx.prepare(delete)?.execute([id])?;
    }
    Ok(())
}

/// Deletes workers that are gone and keys whose period is over.
fn sweep(tx: &Tx<'_, '_>, now: i64) -> Result<(), Stop> {
    tx.prepare(
        "DELETE FROM workers WHERE seen_at < ?1 AND id NOT IN \
         (SELECT worker FROM jobs INDEXED BY jobs_running WHERE state = 1 AND worker IS NOT NULL)",
    )?
    .execute([now.saturating_sub(millis(WORKER_KEPT))])?;
    let most = i64::try_from(STEP).unwrap_or(i64::MAX);
    tx.prepare(
        "DELETE FROM unique_keys WHERE (tenant, key) IN \
         (SELECT tenant, key FROM unique_keys WHERE until IS NOT NULL AND until <= ?1 LIMIT ?2)",
    )?
    .execute(params![now, most])?;
    Ok(())
}
