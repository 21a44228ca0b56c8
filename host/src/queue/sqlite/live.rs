//! What is known of a job that waits or runs when something is about to become of it, and what can become of it: it is
//! queued again, its attempt is kept, or it ends and its row moves from `jobs` to `ended`.

use std::time::Duration;

use rusqlite::types::ToSqlOutput;
use rusqlite::{OptionalExtension as _, params};

use super::claim::document;
use super::insert::NewRow;
use super::rows::{self, Sql, UNFINISHED};
use super::writer::{Stop, Tx};
use crate::failure::{Failure, Kind};
use crate::job::{Digest, JobId};
use crate::outcome::never_ran;
use crate::queue::signal::Happened;
use crate::queue::{AttemptEnd, Payload, State, WorkerId, callback, stored};

/// A job that waits or runs, without its documents.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) id: JobId,
    seq: i64,
    pub(super) state: State,
    pub(super) attempt: u32,
    pub(super) spared: u32,
    pub(super) max_tries: u32,
    pub(super) retries_lost: bool,
    pub(super) start_before: Option<i64>,
    pub(super) cancel_asked: bool,
    pub(super) worker: Option<WorkerId>,
    pub(super) run_at: i64,
    started_at: Option<i64>,
    queue: String,
    tenant: Option<String>,
    program: Option<Digest>,
    unique_key: Option<String>,
    unique_scope: Option<i64>,
}

/// How a job ends, as it is stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct End<'e> {
    pub(super) state: State,
    pub(super) kind: Option<&'e str>,
    pub(super) message: Option<&'e str>,
    /// The document.
    pub(super) outcome: Option<&'e str>,
}

/// How a job waits for its next attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Again<'e> {
    pub(super) run_at: i64,
    pub(super) spared: u32,
    /// What the last attempt failed with; what stood there before stays if it is none.
    pub(super) kind: Option<&'e str>,
    pub(super) message: Option<&'e str>,
}

impl Live {
    /// The job, if it is live.
    pub(super) fn read(tx: &Tx<'_, '_>, id: JobId) -> Result<Option<Self>, Stop> {
        let mut read = tx.prepare(
            "SELECT state, attempt, spared, max_tries, retries_lost, start_before, cancel_asked, worker, \
             run_at, started_at, queue, tenant, program, unique_key, unique_scope, seq FROM jobs WHERE id = ?1",
        )?;
        let found = read.query_row([id.to_bytes()], |row| {
            Ok(Live {
                id,
                state: row.get::<_, Sql<State>>(0)?.0,
                attempt: row.get(1)?,
                spared: row.get(2)?,
                max_tries: row.get(3)?,
                retries_lost: row.get(4)?,
                start_before: row.get(5)?,
                cancel_asked: row.get(6)?,
                worker: row.get::<_, Option<Sql<WorkerId>>>(7)?.map(|Sql(worker)| worker),
                run_at: row.get(8)?,
                started_at: row.get(9)?,
                queue: row.get(10)?,
                tenant: row.get(11)?,
                program: row.get::<_, Option<Sql<Digest>>>(12)?.map(|Sql(program)| program),
                unique_key: row.get(13)?,
                unique_scope: row.get(14)?,
                seq: row.get(15)?,
            })
        });
        Ok(found.optional()?)
    }

    /// How many of its attempts count.
    pub(super) fn tries(&self) -> u32 {
        self.attempt.saturating_sub(self.spared)
    }

    /// Moves it to those that have ended.
    pub(super) fn end(&self, tx: &mut Tx<'_, '_>, end: End<'_>, now: i64) -> Result<(), Stop> {
        self.copy_to_ended(tx, end, now)?;
        tx.prepare("DELETE FROM jobs WHERE seq = ?1")?.execute([self.seq])?;
        if let (Some(key), Some(UNFINISHED)) = (&self.unique_key, self.unique_scope) {
            tx.prepare("DELETE FROM unique_keys WHERE tenant = ?1 AND key = ?2 AND job = ?3")?.execute(params![
                self.tenant.as_deref().unwrap_or_default(),
                key,
                self.id.to_bytes()
            ])?;
        }
        let ready = self.frees_room(tx)?;
        tx.happened.add(Happened { ended: true, ready, ..Happened::default() });
        Ok(())
    }

    /// Row by row here and not in one statement of SQLite's, which would make a table for what is on its way.
    fn copy_to_ended(&self, tx: &Tx<'_, '_>, end: End<'_>, now: i64) -> Result<(), Stop> {
        const COPIED: usize = 21;
        let mut read = tx.prepare(
            "SELECT id, queue, priority, run_at, tenant, name, program, language, attempt, spared, max_tries, \
             retries_lost, start_before, cancel_asked, worker, started_at, enqueued_at, unique_key, unique_scope, \
             parent, payload FROM jobs WHERE seq = ?1",
        )?;
        let mut insert = tx.prepare(
            "INSERT INTO ended (id, queue, priority, run_at, tenant, name, program, language, attempt, spared, \
             max_tries, retries_lost, start_before, cancel_asked, worker, started_at, enqueued_at, unique_key, \
             unique_scope, parent, payload, state, ended_at, kind, message, outcome) VALUES (?1, ?2, ?3, ?4, ?5, ?6, \
             ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26)",
        )?;
        let mut rows = read.query([self.seq])?;
        let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        for column in 0..COPIED {
            insert.raw_bind_parameter(column + 1, ToSqlOutput::Borrowed(row.get_ref(column)?))?;
        }
        let End { state, kind, message, outcome } = end;
        insert.raw_bind_parameter(COPIED + 1, state.number())?;
        insert.raw_bind_parameter(COPIED + 2, now)?;
        for (parameter, text) in (COPIED + 3..).zip([kind, message, outcome]) {
            insert.raw_bind_parameter(parameter, text)?;
        }
        insert.raw_execute()?;
        Ok(())
    }

    /// Ends it with a failure of the queue's own making, no outcome of a run at hand, and enqueues what follows.
    pub(super) fn end_unrun(&self, tx: &mut Tx<'_, '_>, failure: Failure, now: i64) -> Result<(), Stop> {
        let state = if failure.kind == Kind::Cancelled { State::Cancelled } else { State::Failed };
        // Read before the row is moved.
        let follow_up = self
            .payload(tx)?
            .and_then(|payload| callback::follow_up(self.id, self.tenant.as_deref(), &payload, &Err(failure.clone())));
        let (kind, message) = (failure.kind.as_str(), failure.message.clone());
        let outcome = stored::outcome_to_json(&never_ran(self.id, self.program, failure, Duration::ZERO));
        let end = End { state, kind: Some(kind), message: Some(&message), outcome: Some(&outcome) };
        self.end(tx, end, now)?;
        follow_up.map_or(Ok(()), |job| NewRow::new(job).follow(tx, now))
    }

    /// Queues it again after an attempt.
    pub(super) fn queue_again(&self, tx: &mut Tx<'_, '_>, again: Again<'_>) -> Result<(), Stop> {
        let Again { run_at, spared, kind, message } = again;
        tx.prepare(
            "UPDATE jobs SET state = 0, lease_until = NULL, run_at = ?2, spared = ?3, \
             last_kind = coalesce(?4, last_kind), last_message = coalesce(?5, last_message) WHERE seq = ?1",
        )?
        .execute(params![self.seq, run_at, spared, kind, message])?;
        tx.happened.add(Happened { ready: true, ..Happened::default() });
        Ok(())
    }

    /// Keeps its present attempt, which does not end the job.
    pub(super) fn keep_attempt(
        &self,
        tx: &Tx<'_, '_>,
        end: AttemptEnd,
        outcome: Option<&str>,
        now: i64,
    ) -> Result<(), Stop> {
        tx.prepare(
            "INSERT OR REPLACE INTO attempts (job, attempt, worker, started_at, ended_at, outcome_end, outcome) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            self.id.to_bytes(),
            self.attempt,
            self.worker.map(WorkerId::to_bytes),
            self.started_at,
            now,
            end.as_str(),
            outcome
        ])?;
        Ok(())
    }

    /// Forgets its present attempt, of which nothing is kept: without a worker the row is not read as one.
    pub(super) fn forget_attempt(&self, tx: &Tx<'_, '_>) -> Result<(), Stop> {
        tx.prepare("UPDATE jobs SET worker = NULL WHERE seq = ?1 AND state = 0")?.execute([self.seq])?;
        Ok(())
    }

    /// What is stored of it; nothing if that cannot be read, which is no reason not to end it.
    fn payload(&self, tx: &Tx<'_, '_>) -> Result<Option<Payload>, Stop> {
        let id = self.id.to_bytes();
        let in_row = tx.prepare("SELECT payload FROM jobs WHERE id = ?1")?.query_row([id], |row| {
            Ok(row.get_ref(0)?.as_bytes_or_null().map_err(rusqlite::Error::from)?.map(<[u8]>::to_vec))
        })?;
        let document = in_row.map_or_else(|| document(tx, &id), Ok)?;
        let payload = rows::payload(&document);
        if let Err(error) = &payload {
            tracing::error!(job_id = %self.id, %error, "the job ends with nobody told: what is stored cannot be read");
        }
        Ok(payload.ok())
    }

    /// Whether its end lets another job run.
    fn frees_room(&self, tx: &mut Tx<'_, '_>) -> Result<bool, Stop> {
        let settings = tx.queues()?.get(&self.queue);
        Ok(settings.is_some_and(|queue| queue.max_running.or(queue.max_running_per_tenant).is_some()))
    }
}
