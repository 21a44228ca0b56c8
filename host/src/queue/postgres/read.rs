//! Jobs as they are read: one with all that is known of it, or the first columns of many.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::connection::{Stop, Work};
use super::rows::{Read as _, corrupt, uuid};
use crate::job::JobId;
use crate::outcome::Outcome;
use crate::queue::{Attempt, JobRecord, Summary, stored};

/// What a [`Summary`] is read from, of a live job.
macro_rules! live_columns {
    () => {
        "j.id, j.state, j.held, j.queue, j.name, j.program, j.language, j.tenant, j.priority, j.attempt, j.spared, \
         j.max_tries, j.enqueued_at, j.run_at, j.start_before, j.started_at, NULL::timestamptz AS ended_at, j.worker, \
         j.cancel_asked, j.last_kind AS kind, j.last_message AS message, j.parent, \
         ARRAY(SELECT t.tag FROM ampule.tags t WHERE t.job = j.id ORDER BY t.position) AS tags"
    };
}
pub(super) use live_columns;

/// The same, of one that has ended.
macro_rules! ended_columns {
    () => {
        "j.id, j.state, false AS held, j.queue, j.name, j.program, j.language, j.tenant, j.priority, j.attempt, \
         j.spared, j.max_tries, j.enqueued_at, j.run_at, j.start_before, j.started_at, j.ended_at, j.worker, \
         j.cancel_asked, j.kind, j.message, j.parent, \
         ARRAY(SELECT t.tag FROM ampule.tags t WHERE t.job = j.id ORDER BY t.position) AS tags"
    };
}
pub(super) use ended_columns;

/// All that is known of a job, in one statement, as a job may go on between two: first its own row, then its attempts.
pub(super) fn get<'c>(connection: &'c mut PgConnection, id: &'c JobId) -> Work<'c, Option<JobRecord>> {
    Box::pin(async move {
        let found = sqlx::query(concat!(
            "WITH own AS ( \
               SELECT ",
            live_columns!(),
            ", j.payload, NULL::json AS outcome FROM ampule.jobs j WHERE j.id = $1 \
               UNION ALL SELECT ",
            ended_columns!(),
            ", j.payload, j.outcome FROM ampule.ended j WHERE j.id = $1 \
             ) \
             SELECT o.id, o.state, o.held, o.queue, o.name, o.program, o.language, o.tenant, o.priority, o.attempt, \
               o.spared, o.max_tries, o.enqueued_at, o.run_at, o.start_before, o.started_at, o.ended_at, o.worker, \
               o.cancel_asked, o.kind, o.message, o.parent, o.tags, o.outcome::text AS outcome, \
               coalesce(o.payload, (SELECT p.document FROM ampule.payloads p WHERE p.job = o.id))::text AS document, \
               a.attempt AS kept_attempt, a.worker AS kept_worker, a.started_at AS kept_started_at, \
               a.ended_at AS kept_ended_at, a.outcome_end, a.outcome::text AS kept_outcome \
             FROM own o LEFT JOIN ampule.attempts a ON a.job = o.id ORDER BY a.attempt",
        ))
        .bind(uuid(*id))
        .fetch_all(connection)
        .await?;
        record(*id, &found).map_err(|stop| of_job(*id, stop))
    })
}

fn record(id: JobId, rows: &[PgRow]) -> Result<Option<JobRecord>, Stop> {
    let Some(first) = rows.first() else { return Ok(None) };
    let summary = summary(first)?;
    let document: Option<&str> = first.try_get("document")?;
    let document = document.ok_or_else(|| corrupt(id, "its document is missing"))?;
    let payload = stored::payload_from_json(document).map_err(|error| corrupt(id, error))?;
    let outcome = read_outcome(id, first.try_get("outcome")?)?;
    let mut attempts = Vec::with_capacity(rows.len());
    for row in rows {
        attempts.extend(attempt(id, row)?);
    }
    attempts.extend(summary.last_attempt(&attempts, outcome.as_ref()));
    Ok(Some(JobRecord { summary, payload, outcome, attempts }))
}

/// Reads the first columns of a row.
pub(super) fn summary(row: &PgRow) -> sqlx::Result<Summary> {
    let (attempt, spared) = (row.count("attempt")?, row.count("spared")?);
    Ok(Summary {
        id: row.id("id")?,
        state: row.state("state")?,
        held: row.try_get("held")?,
        queue: row.try_get("queue")?,
        name: row.try_get("name")?,
        program: row.optional_digest("program")?,
        language: row.try_get("language")?,
        tenant: row.try_get("tenant")?,
        tags: row.try_get("tags")?,
        priority: row.try_get("priority")?,
        attempt,
        tries: attempt.saturating_sub(spared),
        max_tries: row.count("max_tries")?,
        enqueued_at: row.try_get("enqueued_at")?,
        run_at: row.try_get("run_at")?,
        start_before: row.try_get("start_before")?,
        started_at: row.try_get("started_at")?,
        ended_at: row.try_get("ended_at")?,
        worker: row.optional_worker("worker")?,
        cancel_asked: row.try_get("cancel_asked")?,
        kind: row.optional_kind("kind")?,
        message: row.try_get("message")?,
        parent: row.optional_id("parent")?,
    })
}

/// The attempt of this row, if it has one.
fn attempt(id: JobId, row: &PgRow) -> Result<Option<Attempt>, Stop> {
    let Some(worker) = row.optional_worker("kept_worker")? else { return Ok(None) };
    Ok(Some(Attempt {
        attempt: row.count("kept_attempt")?,
        worker,
        started_at: row.try_get("kept_started_at")?,
        ended_at: row.try_get("kept_ended_at")?,
        end: row.attempt_end("outcome_end")?,
        outcome: read_outcome(id, row.try_get("kept_outcome")?)?,
    }))
}

fn read_outcome(id: JobId, json: Option<&str>) -> Result<Option<Outcome>, Stop> {
    let outcome = json.map(|json| stored::outcome_from_json(id, json).map_err(|error| corrupt(id, error)));
    Ok(outcome.transpose()?)
}

/// An error in what is stored of a job names it.
fn of_job(id: JobId, stop: Stop) -> Stop {
    match stop {
        Stop::Broken(error @ (sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))) => corrupt(id, error).into(),
        stop => stop,
    }
}
