//! Leases that are kept.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::connection::Work;
use super::rows::{Read as _, given, integer, millis, now, uuid, worker_uuid};
use crate::queue::{LeaseKey, Now, Renewed};

/// Extends leases, in the order of ids, in which everybody locks. One that expired and was not yet taken back is kept
/// too.
pub(super) fn renew<'c>(
    connection: &'c mut PgConnection,
    (keys, lease, now): &'c (&[LeaseKey], Duration, Now),
) -> Work<'c, Vec<Renewed>> {
    Box::pin(async move {
        let mut sorted = keys.to_vec();
        sorted.sort_unstable_by_key(|key| key.job);
        let found = sqlx::query(concat!(
            "UPDATE ampule.jobs j SET lease_until = ",
            now!("$4"),
            " + $5 * interval '1 ms' FROM unnest($1::uuid[], $2::integer[], $3::uuid[]) AS k (job, attempt, worker) \
             WHERE j.id = ANY ($1) AND j.id = k.job AND j.attempt = k.attempt AND j.worker = k.worker AND j.state = 1 \
             RETURNING j.id, j.attempt, j.worker, j.cancel_asked",
        ))
        .bind(sorted.iter().map(|key| uuid(key.job)).collect::<Vec<_>>())
        .bind(sorted.iter().map(|key| integer(key.attempt)).collect::<Vec<_>>())
        .bind(sorted.iter().map(|key| worker_uuid(key.worker)).collect::<Vec<_>>())
        .bind(given(*now))
        .bind(millis(*lease))
        .fetch_all(connection)
        .await?;
        let mut kept = HashMap::with_capacity(found.len());
        for row in found {
            kept.insert(row.key()?, row.try_get("cancel_asked")?);
        }
        let renewed = |key: &LeaseKey| match kept.get(key) {
            Some(true) => Renewed::CancelAsked,
            Some(false) => Renewed::Kept,
            None => Renewed::Lost,
        };
        Ok(keys.iter().map(renewed).collect())
    })
}
