//! Leases that are kept.

use std::time::Duration;

use rusqlite::{OptionalExtension as _, params};

use super::rows::millis;
use super::writer::{Stop, Tx};
use crate::queue::{LeaseKey, Now, Renewed};

/// Extends leases. One that expired and was not yet taken back is kept too.
pub(super) fn renew(tx: &mut Tx<'_, '_>, keys: &[LeaseKey], lease: Duration, now: Now) -> Result<Vec<Renewed>, Stop> {
    let until = tx.now(now).saturating_add(millis(lease));
    let mut update = tx.prepare(
        "UPDATE jobs SET lease_until = ?4 WHERE id = ?1 AND attempt = ?2 AND worker = ?3 AND state = 1 \
         RETURNING cancel_asked",
    )?;
    let mut renewed = Vec::with_capacity(keys.len());
    for LeaseKey { job, attempt, worker } in keys {
        let found = update.query_row(params![job.to_bytes(), attempt, worker.to_bytes(), until], |row| row.get(0));
        renewed.push(match found.optional()? {
            Some(true) => Renewed::CancelAsked,
            Some(false) => Renewed::Kept,
            None => Renewed::Lost,
        });
    }
    Ok(renewed)
}
