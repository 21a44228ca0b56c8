//! What jobs tell while they run.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::connection::Work;
use super::rows::{Read as _, corrupt, given, integer, now, uuid, worker_uuid};
use crate::events::Event;
use crate::job::JobId;
use crate::queue::{LeaseKey, Now, StoredEvent, stored};

/// The most events that are kept of one job.
const MAX_EVENTS: i32 = 10_000;
/// The most events of one answer.
const MAX_ANSWER: i64 = 1_000;

/// What one lease told, written out.
#[derive(Debug)]
pub(super) struct Told {
    key: LeaseKey,
    document: String,
}

/// Writes events out.
pub(super) fn prepare(events: Vec<(LeaseKey, Vec<Event>)>) -> Vec<Told> {
    let each = events.into_iter().flat_map(|(key, events)| events.into_iter().map(move |event| (key, event)));
    each.map(|(key, event)| Told { key, document: stored::event_to_json(&event) }).collect()
}

/// Keeps what running jobs told, and says whether there was anything to keep. Two who tell of one job at once get the
/// same numbers; the second to be stored is then done again.
pub(super) fn report<'c>(connection: &'c mut PgConnection, (told, now): &'c (Vec<Told>, Now)) -> Work<'c, bool> {
    Box::pin(async move {
        let done = sqlx::query(concat!(
            "INSERT INTO ampule.events (job, number, attempt, at, document) \
             SELECT n.job, n.number, n.attempt, ",
            now!("$5"),
            ", n.document::json FROM ( \
               SELECT t.job, t.attempt, t.document, \
                 (SELECT coalesce(max(e.number), 0) FROM ampule.events e WHERE e.job = t.job) \
                   + row_number() OVER (PARTITION BY t.job ORDER BY t.nth) AS number \
               FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::text[]) WITH ORDINALITY \
                 AS t (job, attempt, worker, document, nth) \
               JOIN ampule.jobs j ON j.id = t.job AND j.attempt = t.attempt AND j.worker = t.worker AND j.state = 1 \
                 AND j.id = ANY ($1) \
             ) n WHERE n.number <= $6",
        ))
        .bind(told.iter().map(|told| uuid(told.key.job)).collect::<Vec<_>>())
        .bind(told.iter().map(|told| integer(told.key.attempt)).collect::<Vec<_>>())
        .bind(told.iter().map(|told| worker_uuid(told.key.worker)).collect::<Vec<_>>())
        .bind(told.iter().map(|told| &*told.document).collect::<Vec<_>>())
        .bind(given(*now))
        .bind(MAX_EVENTS)
        .execute(connection)
        .await?;
        Ok(done.rows_affected() > 0)
    })
}

/// What a job told after the event with this number.
pub(super) fn list<'c>(connection: &'c mut PgConnection, (id, after): &'c (JobId, u64)) -> Work<'c, Vec<StoredEvent>> {
    Box::pin(async move {
        let found = sqlx::query(
            "SELECT number, attempt, at, document::text AS document FROM ampule.events \
             WHERE job = $1 AND number > $2 ORDER BY number LIMIT $3",
        )
        .bind(uuid(*id))
        .bind(i32::try_from(*after).unwrap_or(i32::MAX))
        .bind(MAX_ANSWER)
        .fetch_all(connection)
        .await?;
        let mut events = Vec::with_capacity(found.len());
        for row in found {
            let event = stored::event_from_json(row.try_get("document")?).map_err(|error| corrupt(*id, error))?;
            let (number, attempt) = (u64::from(row.count("number")?), row.count("attempt")?);
            events.push(StoredEvent { number, attempt, at: row.try_get("at")?, event });
        }
        Ok(events)
    })
}
