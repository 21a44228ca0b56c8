//! Jobs as they are read: one with all that is known of it, or many as a list.

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::connection::fault;
use super::rows::{Sql, corrupt};
use crate::failure::Kind;
use crate::job::{Digest, JobId};
use crate::outcome::Outcome;
use crate::queue::{Attempt, AttemptEnd, Error, JobRecord, State, Summary, Timestamp, WorkerId, stored};

/// What a [`Summary`] is read from, of a live job.
pub(super) const LIVE_COLUMNS: &str = "id, state, held, queue, name, program, language, tenant, priority, attempt, \
     spared, max_tries, enqueued_at, run_at, start_before, started_at, NULL AS ended_at, worker, cancel_asked, \
     last_kind AS kind, last_message AS message, parent, \
     (SELECT group_concat(tag, ' ' ORDER BY position) FROM tags WHERE job = id)";
/// The same, of one that has ended.
pub(super) const ENDED_COLUMNS: &str = "id, state, 0 AS held, queue, name, program, language, tenant, priority, \
     attempt, spared, max_tries, enqueued_at, run_at, start_before, started_at, ended_at, worker, cancel_asked, kind, \
     message, parent, (SELECT group_concat(tag, ' ' ORDER BY position) FROM tags WHERE job = id)";
/// How many these are.
const COLUMNS: usize = 23;

/// All that is known of a job.
pub(super) fn get(db: &Connection, id: JobId) -> Result<Option<JobRecord>, Error> {
    // In one transaction, as a job may go on between two statements. It ends when it is dropped.
    let _moment = db.unchecked_transaction().map_err(fault)?;
    let Some((summary, payload, outcome)) = read_row(db, id).map_err(|error| of_job(id, error))? else {
        return Ok(None);
    };
    let payload = match payload {
        Some(payload) => payload,
        None => read_document(db, id).map_err(|error| of_job(id, error))?,
    };
    let payload = stored::payload_from_json(&payload).map_err(|error| corrupt(id, error))?;
    let outcome = outcome.map(|json| read_outcome(id, &json)).transpose()?;
    let mut attempts = read_attempts(db, id)?;
    attempts.extend(summary.last_attempt(&attempts, outcome.as_ref()));
    Ok(Some(JobRecord { summary, payload, outcome, attempts }))
}

/// A summary, the payload unless that lies elsewhere, and the outcome if there is one.
type JobRow = (Summary, Option<String>, Option<String>);

fn read_row(db: &Connection, id: JobId) -> rusqlite::Result<Option<JobRow>> {
    let mut read = db.prepare_cached(&format!(
        "SELECT {LIVE_COLUMNS}, payload, NULL FROM jobs WHERE id = ?1 \
         UNION ALL SELECT {ENDED_COLUMNS}, payload, outcome FROM ended WHERE id = ?1"
    ))?;
    let found = read.query_row([id.to_bytes()], |row| Ok((summary(row)?, row.get(COLUMNS)?, row.get(COLUMNS + 1)?)));
    found.optional()
}

fn read_document(db: &Connection, id: JobId) -> rusqlite::Result<String> {
    db.prepare_cached("SELECT document FROM payloads WHERE job = ?1")?.query_row([id.to_bytes()], |row| row.get(0))
}

/// Reads the first columns of a row.
pub(super) fn summary(row: &Row<'_>) -> rusqlite::Result<Summary> {
    let time = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<Sql<Timestamp>>>(column)?.map(|Sql(time)| time));
    let (attempt, spared): (u32, u32) = (row.get(9)?, row.get(10)?);
    let tags: Option<String> = row.get(22)?;
    Ok(Summary {
        id: row.get::<_, Sql<JobId>>(0)?.0,
        state: row.get::<_, Sql<State>>(1)?.0,
        held: row.get(2)?,
        queue: row.get(3)?,
        name: row.get(4)?,
        program: row.get::<_, Option<Sql<Digest>>>(5)?.map(|Sql(digest)| digest),
        language: row.get(6)?,
        tenant: row.get(7)?,
        // No sign of a tag is a space.
        tags: tags.iter().flat_map(|tags| tags.split(' ')).map(str::to_owned).collect(),
        priority: row.get(8)?,
        attempt,
        tries: attempt.saturating_sub(spared),
        max_tries: row.get(11)?,
        enqueued_at: row.get::<_, Sql<Timestamp>>(12)?.0,
        run_at: row.get::<_, Sql<Timestamp>>(13)?.0,
        start_before: time(14)?,
        started_at: time(15)?,
        ended_at: time(16)?,
        worker: row.get::<_, Option<Sql<WorkerId>>>(17)?.map(|Sql(worker)| worker),
        cancel_asked: row.get(18)?,
        kind: row.get::<_, Option<Sql<Kind>>>(19)?.map(|Sql(kind)| kind),
        message: row.get(20)?,
        parent: row.get::<_, Option<Sql<JobId>>>(21)?.map(|Sql(parent)| parent),
    })
}

fn read_attempts(db: &Connection, id: JobId) -> Result<Vec<Attempt>, Error> {
    let mut read = db
        .prepare_cached(
            "SELECT attempt, worker, started_at, ended_at, outcome_end, outcome FROM attempts WHERE job = ?1 \
             ORDER BY attempt",
        )
        .map_err(fault)?;
    let mut rows = read.query([id.to_bytes()]).map_err(fault)?;
    let mut attempts = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        let (mut attempt, outcome) = attempt(row).map_err(|error| of_job(id, error))?;
        attempt.outcome = outcome.map(|json| read_outcome(id, &json)).transpose()?;
        attempts.push(attempt);
    }
    Ok(attempts)
}

fn attempt(row: &Row<'_>) -> rusqlite::Result<(Attempt, Option<String>)> {
    let attempt = Attempt {
        attempt: row.get(0)?,
        worker: row.get::<_, Sql<WorkerId>>(1)?.0,
        started_at: row.get::<_, Sql<Timestamp>>(2)?.0,
        ended_at: Some(row.get::<_, Sql<Timestamp>>(3)?.0),
        end: row.get::<_, Sql<AttemptEnd>>(4)?.0,
        outcome: None,
    };
    Ok((attempt, row.get(5)?))
}

fn read_outcome(id: JobId, json: &str) -> Result<Outcome, Error> {
    stored::outcome_from_json(id, json).map_err(|error| corrupt(id, error))
}

/// An error in what is stored of a job names it.
fn of_job(id: JobId, error: rusqlite::Error) -> Error {
    match fault(error) {
        Error::Corrupt { message, .. } => corrupt(id, message),
        error => error,
    }
}
