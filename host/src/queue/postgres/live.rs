//! What is known of a job that waits or runs when something is about to become of it, and what can become of it: it is
//! queued again, its attempt is kept, or it ends and its row moves from `jobs` to `ended`.

use std::time::Duration;

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use super::connection::Stop;
use super::insert::{NewRow, follow};
use super::rows::{Read as _, given, integer, now, state_number, text, uuid, worker_uuid};
use crate::failure::{Failure, Kind};
use crate::job::{Digest, JobId};
use crate::outcome::never_ran;
use crate::queue::signal::Happened;
use crate::queue::{AttemptEnd, LeaseKey, Now, State, Timestamp, WorkerId, callback, stored};

/// A job that waits or runs, locked by whoever read it.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) id: JobId,
    pub(super) state: State,
    pub(super) attempt: u32,
    pub(super) spared: u32,
    pub(super) max_tries: u32,
    pub(super) retries_lost: bool,
    pub(super) start_before: Option<Timestamp>,
    pub(super) cancel_asked: bool,
    pub(super) worker: Option<WorkerId>,
    started_at: Option<Timestamp>,
    tenant: Option<String>,
    program: Option<Digest>,
    document: Option<String>,
}

/// What a [`Live`] is read from. Has to be followed by FOR UPDATE OF j.
macro_rules! live {
    () => {
        "SELECT j.id, j.state, j.attempt, j.spared, j.max_tries, j.retries_lost, j.start_before, j.cancel_asked, \
           j.worker, j.started_at, j.tenant, j.program, \
           coalesce(j.payload, (SELECT p.document FROM ampule.payloads p WHERE p.job = j.id))::text AS document \
         FROM ampule.jobs j "
    };
}
pub(super) use live;

/// How a job ends, as it is stored.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) job: JobId,
    /// The attempt and the worker that it must have: it is left alone if it has others.
    pub(super) attempt: u32,
    pub(super) worker: Option<WorkerId>,
    /// Whether it must be running.
    pub(super) runs: bool,
    pub(super) state: State,
    pub(super) kind: Option<Kind>,
    pub(super) message: Option<String>,
    /// The document.
    pub(super) outcome: Option<String>,
    pub(super) now: Now,
}

/// An attempt that does not end its job.
#[derive(Clone, Debug)]
pub(super) struct Kept<'k> {
    pub(super) live: &'k Live,
    pub(super) end: AttemptEnd,
    pub(super) outcome: Option<&'k str>,
}

impl Live {
    pub(super) fn read(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Live {
            id: row.id("id")?,
            state: row.state("state")?,
            attempt: row.count("attempt")?,
            spared: row.count("spared")?,
            max_tries: row.count("max_tries")?,
            retries_lost: row.try_get("retries_lost")?,
            start_before: row.try_get("start_before")?,
            cancel_asked: row.try_get("cancel_asked")?,
            worker: row.optional_worker("worker")?,
            started_at: row.try_get("started_at")?,
            tenant: row.try_get("tenant")?,
            program: row.optional_digest("program")?,
            document: row.try_get("document")?,
        })
    }

    /// How many of its attempts count.
    pub(super) fn tries(&self) -> u32 {
        self.attempt.saturating_sub(self.spared)
    }

    /// Whether this is the lease that it has.
    pub(super) fn holds(&self, key: LeaseKey) -> bool {
        (self.id, self.attempt, self.worker) == (key.job, key.attempt, Some(key.worker))
    }

    /// What follows from its end with a failure; nothing if its document cannot be read, which is no reason not to end
    /// it.
    fn follow_up(&self, failure: &Failure) -> Option<NewRow> {
        let document = self.document.as_deref().unwrap_or_default();
        match stored::payload_from_json(document) {
            Ok(payload) => {
                let job = callback::follow_up(self.id, self.tenant.as_deref(), &payload, &Err(failure.clone()))?;
                Some(NewRow::new(job))
            }
            Err(error) => {
                tracing::error!(job_id = %self.id, %error, "the job ends with nobody told: it cannot be read");
                None
            }
        }
    }
}

/// Ends jobs with failures of the queue's own making, no outcomes of runs at hand, and enqueues what follows.
pub(super) async fn end_unrun(
    connection: &mut PgConnection,
    jobs: &[(&Live, Failure)],
    now: Timestamp,
) -> Result<Happened, Stop> {
    let mut follow_ups = Vec::new();
    let mut ends = Vec::with_capacity(jobs.len());
    for (live, failure) in jobs {
        follow_ups.extend(live.follow_up(failure));
        let outcome = never_ran(live.id, live.program, failure.clone(), Duration::ZERO);
        ends.push(End {
            job: live.id,
            attempt: live.attempt,
            worker: live.worker,
            runs: false,
            state: if failure.kind == Kind::Cancelled { State::Cancelled } else { State::Failed },
            kind: Some(failure.kind),
            message: Some(failure.message.clone()),
            outcome: Some(stored::outcome_to_json(&outcome)),
            now: Some(now),
        });
    }
    let ended = end(connection, &ends).await?;
    let mut happened = happened_at(&ended);
    happened.ready |= follow_ups.iter().any(|row| !row.held);
    follow(connection, follow_ups, now).await?;
    Ok(happened)
}

/// A job that was moved to those that have ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// The lease that it had; none if it never had any.
    pub(super) key: Option<LeaseKey>,
    /// Whether its end lets another job run.
    frees_room: bool,
}

/// What is told of ends.
pub(super) fn happened_at(ended: &[Ended]) -> Happened {
    let ready = ended.iter().any(|ended| ended.frees_room);
    Happened { ended: !ended.is_empty(), ready, ..Happened::default() }
}

/// Moves jobs to those that have ended, and gives those that it moved.
pub(super) async fn end(connection: &mut PgConnection, ends: &[End]) -> Result<Vec<Ended>, Stop> {
    if ends.is_empty() {
        return Ok(Vec::new());
    }
    let mut ends: Vec<&End> = ends.iter().collect();
    // In the order of ids, in which everybody locks.
    ends.sort_unstable_by_key(|end| end.job);
    let found = sqlx::query(concat!(
        "WITH e AS MATERIALIZED ( \
           SELECT * FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::boolean[], $5::smallint[], $6::text[], \
             $7::text[], $8::text[], $9::timestamptz[]) \
           AS e (id, attempt, worker, runs, state, kind, message, outcome, given) \
         ), gone AS ( \
           DELETE FROM ampule.jobs j USING e WHERE j.id = ANY ($1) AND j.id = e.id AND j.attempt = e.attempt \
             AND j.worker IS NOT DISTINCT FROM e.worker AND (j.state = 1 OR NOT e.runs) \
           RETURNING j.*, e.state AS end_state, e.kind, e.message, e.outcome, e.given \
         ), kept AS ( \
           INSERT INTO ampule.ended (id, queue, state, priority, run_at, tenant, name, program, language, attempt, \
             spared, max_tries, retries_lost, start_before, cancel_asked, worker, started_at, enqueued_at, unique_key, \
             unique_scope, parent, ended_at, kind, message, payload, outcome) \
           SELECT id, queue, end_state, priority, run_at, tenant, name, program, language, attempt, spared, max_tries, \
             retries_lost, start_before, cancel_asked, worker, started_at, enqueued_at, unique_key, unique_scope, \
             parent, ",
        now!("given"),
        ", kind, message, payload, outcome::json FROM gone \
         ), freed AS ( \
           DELETE FROM ampule.unique_keys k USING gone g WHERE g.unique_scope = 1 \
             AND k.tenant = ANY (ARRAY(SELECT DISTINCT coalesce(tenant, '') FROM gone WHERE unique_scope = 1)) \
             AND k.key = ANY (ARRAY(SELECT unique_key FROM gone WHERE unique_scope = 1)) \
             AND k.tenant = coalesce(g.tenant, '') AND k.key = g.unique_key AND k.job = g.id \
         ) \
         SELECT g.id, g.attempt, g.worker, coalesce(q.max_running, q.max_running_per_tenant) IS NOT NULL AS frees_room \
         FROM gone g LEFT JOIN ampule.queues q ON q.name = g.queue",
    ))
    .bind(ends.iter().map(|end| uuid(end.job)).collect::<Vec<_>>())
    .bind(ends.iter().map(|end| integer(end.attempt)).collect::<Vec<_>>())
    .bind(ends.iter().map(|end| end.worker.map(worker_uuid)).collect::<Vec<Option<Uuid>>>())
    .bind(ends.iter().map(|end| end.runs).collect::<Vec<_>>())
    .bind(ends.iter().map(|end| state_number(end.state)).collect::<Vec<_>>())
    .bind(ends.iter().map(|end| end.kind.map(Kind::as_str)).collect::<Vec<_>>())
    .bind(ends.iter().map(|end| end.message.as_deref().map(text)).collect::<Vec<_>>())
    .bind(ends.iter().map(|end| end.outcome.as_deref()).collect::<Vec<_>>())
    .bind(ends.iter().map(|end| given(end.now)).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    let ended = |row: &PgRow| {
        let key = row.optional_worker("worker")?.map(|_| row.key()).transpose()?;
        Ok(Ended { key, frees_room: row.try_get("frees_room")? })
    };
    found.iter().map(ended).collect()
}

/// Keeps the present attempts of jobs.
pub(super) async fn keep_attempts(
    connection: &mut PgConnection,
    attempts: &[Kept<'_>],
    now: Timestamp,
) -> Result<(), Stop> {
    if attempts.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO ampule.attempts AS a (job, attempt, worker, started_at, ended_at, outcome_end, outcome) \
         SELECT k.job, k.attempt, k.worker, coalesce(k.started_at, $7), $7, k.outcome_end, k.outcome::json \
         FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::timestamptz[], $5::text[], $6::text[]) \
           AS k (job, attempt, worker, started_at, outcome_end, outcome) \
         ON CONFLICT (job, attempt) DO UPDATE SET worker = excluded.worker, started_at = excluded.started_at, \
           ended_at = excluded.ended_at, outcome_end = excluded.outcome_end, outcome = excluded.outcome",
    )
    .bind(attempts.iter().map(|kept| uuid(kept.live.id)).collect::<Vec<_>>())
    .bind(attempts.iter().map(|kept| integer(kept.live.attempt)).collect::<Vec<_>>())
    .bind(attempts.iter().map(|kept| kept.live.worker.map(worker_uuid)).collect::<Vec<_>>())
    .bind(attempts.iter().map(|kept| kept.live.started_at).collect::<Vec<_>>())
    .bind(attempts.iter().map(|kept| kept.end.as_str()).collect::<Vec<_>>())
    .bind(attempts.iter().map(|kept| kept.outcome).collect::<Vec<_>>())
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// The time by which a verb of several statements decides.
pub(super) async fn clock(connection: &mut PgConnection, given: Now) -> Result<Timestamp, Stop> {
    if let Some(now) = given {
        return Ok(super::rows::cut(now));
    }
    let now = sqlx::query_scalar("SELECT date_trunc('milliseconds', statement_timestamp())");
    Ok(now.fetch_one(connection).await?)
}
