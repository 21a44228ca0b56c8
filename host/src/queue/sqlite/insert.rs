//! One new job as rows: made ready in the task of whoever asks, written by the writer. An enqueue uses it, and so does
//! whatever follows from the end of a job.

use rusqlite::{OptionalExtension as _, params};

use super::rows::{Sql, millis, scope};
use super::unique;
use super::writer::{Stop, Tx};
use crate::job::{Digest, JobId, ProgramRef};
use crate::queue::signal::Happened;
use crate::queue::{Enqueued, Error, NewJob, Payload, QueueSettings, Start, Unique, stored};

/// A job that is about to be stored, with all worked out that does not need the database.
#[derive(Debug)]
pub(super) struct NewRow {
    id: JobId,
    pub(super) queue: String,
    priority: i16,
    start: Start,
    held: bool,
    tenant: Option<String>,
    name: String,
    program: Option<Digest>,
    language: Option<String>,
    max_tries: u32,
    retries_lost: bool,
    start_before_ms: Option<i64>,
    unique: Option<Unique>,
    by_request: bool,
    parent: Option<JobId>,
    tags: Vec<String>,
    /// What must be stored for it to run, the jobs that follow from it included.
    digests: Vec<Digest>,
    /// The document; not yet, if there are names.
    payload: String,
    /// A payload that names programs, and is written once they are looked up.
    names: Option<Box<Payload>>,
}

impl NewRow {
    /// Works out what needs no database.
    pub(super) fn new(job: NewJob) -> Self {
        let NewJob { id, mut payload, queue, priority, start, held, tenant, tags, unique, by_request, .. } = job;
        let (start_before, parent) = (job.start_before, job.parent);
        let name = payload.name().to_owned();
        let (program, language) = payload.program();
        let (max_tries, retries_lost) = (payload.retry.attempts, payload.retry.retries_lost());
        let (mut digests, mut has_names) = (Vec::new(), false);
        let Ok(()) = payload.each_program::<std::convert::Infallible>(&mut |program| {
            match program {
                ProgramRef::Digest(digest) if !digests.contains(digest) => digests.push(*digest),
                ProgramRef::Name(_) => has_names = true,
                ProgramRef::Digest(_) | ProgramRef::Language(_) => {}
            }
            Ok(())
        });
        let (payload, names) = if has_names {
            (String::new(), Some(Box::new(payload)))
        } else {
            (stored::payload_to_json(&payload), None)
        };
        let start_before_ms = start_before.map(millis);
        NewRow {
            id,
            queue,
            priority,
            start,
            held,
            tenant,
            name,
            program,
            language,
            max_tries,
            retries_lost,
            start_before_ms,
            unique,
            by_request,
            parent,
            tags,
            digests,
            payload,
            names,
        }
    }

    /// Looks up the programs that it means, and pins their names.
    ///
    /// # Errors
    /// [`Error::UnknownProgram`], before anything was written.
    pub(super) fn pin(&mut self, tx: &mut Tx<'_, '_>) -> Result<(), Stop> {
        for digest in &self.digests {
            if !tx.has_program(*digest)? {
                return Err(Stop::Refused(Error::UnknownProgram(digest.to_string())));
            }
        }
        let Some(names) = &self.names else { return Ok(()) };
        // In a copy: after a rollback they are looked up again, and may mean something else.
        let mut payload = names.clone();
        payload.each_program(&mut |program| {
            if let ProgramRef::Name(name) = program {
                let mut find = tx.prepare("SELECT digest FROM program_names WHERE name = ?1")?;
                let digest = find.query_row([&*name], |row| row.get::<_, Sql<Digest>>(0)).optional()?;
                let unknown = || Stop::Refused(Error::UnknownProgram(name.clone()));
                *program = ProgramRef::Digest(digest.ok_or_else(unknown)?.0);
            }
            Ok::<_, Stop>(())
        })?;
        (self.program, self.language) = payload.program();
        self.payload = stored::payload_to_json(&payload);
        Ok(())
    }

    /// Stores what follows from an end. A program that is not stored does not undo that end: the job fails when it
    /// runs, and says why.
    pub(super) fn follow(&mut self, tx: &mut Tx<'_, '_>, now: i64) -> Result<(), Stop> {
        match (self.pin(tx), &self.names) {
            (Err(Stop::Refused(_)), Some(names)) => self.payload = stored::payload_to_json(names),
            (Err(Stop::Refused(_)), None) => {}
            (pinned, _) => pinned?,
        }
        self.insert(tx, now)?;
        Ok(())
    }

    /// Stores it, unless its id or its unique key is known already.
    pub(super) fn insert(&self, tx: &mut Tx<'_, '_>, now: i64) -> Result<Enqueued, Stop> {
        let id = self.id.to_bytes();
        if tx.prepare("SELECT 1 FROM ended WHERE id = ?1")?.exists([&id])?
            || (self.unique.is_some() && tx.prepare("SELECT 1 FROM jobs WHERE id = ?1")?.exists([&id])?)
        {
            return Ok(Enqueued { id: self.id, existed: true });
        }
        if let Some(holder) = self.take_key(tx, now)? {
            return Ok(Enqueued { id: holder, existed: true });
        }
        let existed = !self.insert_row(tx, now)?;
        if !existed && !self.held {
            // Due later is told as well: whoever sleeps until the next one is due may have to wake earlier.
            tx.happened.add(Happened { ready: true, ..Happened::default() });
        }
        Ok(Enqueued { id: self.id, existed })
    }

    /// Whether there was no such row.
    fn insert_row(&self, tx: &mut Tx<'_, '_>, now: i64) -> Result<bool, Stop> {
        let id = self.id.to_bytes();
        let run_at = match self.start {
            Start::Now => now,
            Start::After(delay) => now.saturating_add(millis(delay)),
            Start::At(moment) => moment.timestamp_millis(),
        };
        let lane = lane(tx.queues()?.get(&self.queue), self.tenant.as_deref(), self.language.as_deref());
        let in_row = (self.payload.len() <= Payload::MAX_ROW_BYTES).then_some(&self.payload);
        let (key, scope) = self.unique.as_ref().map(|unique| (&unique.key, scope(unique.scope).0)).unzip();
        let inserted = tx
            .prepare(
                "INSERT INTO jobs (id, queue, held, priority, lane, run_at, tenant, name, program, language, max_tries, \
                 retries_lost, start_before, enqueued_at, unique_key, unique_scope, parent, payload) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18) \
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                id,
                self.queue,
                self.held,
                self.priority,
                lane,
                run_at,
                self.tenant,
                self.name,
                self.program.map(Digest::to_bytes),
                self.language,
                self.max_tries,
                self.retries_lost,
                self.start_before_ms.map(|limit| now.saturating_add(limit)),
                now,
                key,
                scope,
                self.parent.map(JobId::to_bytes),
                in_row,
            ])?;
        if inserted == 0 {
            return Ok(false);
        }
        if in_row.is_none() {
            tx.prepare("INSERT INTO payloads (job, document) VALUES (?1, ?2)")?.execute(params![id, self.payload])?;
        }
        for (position, tag) in (0_i64..).zip(&self.tags) {
            tx.prepare("INSERT INTO tags (tag, job, position) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
                .execute(params![tag, id, position])?;
        }
        Ok(true)
    }

    /// Whether the queue has it already, or another under its unique key.
    pub(super) fn is_known(&self, tx: &Tx<'_, '_>, now: i64) -> Result<bool, Stop> {
        let id = self.id.to_bytes();
        let by_key = |unique| self.holder(tx, unique, now);
        Ok(tx.prepare("SELECT 1 FROM jobs WHERE id = ?1 UNION ALL SELECT 1 FROM ended WHERE id = ?1")?.exists([&id])?
            || self.unique.as_ref().map_or(Ok(None), by_key)?.is_some())
    }

    /// Refuses a key that is another request's.
    ///
    /// # Errors
    /// [`Error::KeyTaken`], before anything was written.
    pub(super) fn refuse_others(&self, tx: &Tx<'_, '_>, now: i64) -> Result<(), Stop> {
        let Some(unique) = self.unique.as_ref().filter(|_| self.by_request) else { return Ok(()) };
        match self.holder(tx, unique, now)? {
            Some(holder) if holder.mark() != self.id.mark() => Err(Stop::Refused(Error::KeyTaken(unique.key.clone()))),
            _ => Ok(()),
        }
    }

    /// Takes its unique key, or says who has it.
    fn take_key(&self, tx: &Tx<'_, '_>, now: i64) -> Result<Option<JobId>, Stop> {
        let Some(unique) = &self.unique else { return Ok(None) };
        let tenant = self.tenant.as_deref().unwrap_or_default();
        if let Some(holder) = self.holder(tx, unique, now)? {
            return Ok(Some(holder));
        }
        let (scope, period) = scope(unique.scope);
        tx.prepare("INSERT OR REPLACE INTO unique_keys (tenant, key, job, scope, until) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![
                tenant,
                unique.key,
                self.id.to_bytes(),
                scope,
                period.map(|period| now.saturating_add(period))
            ])?;
        Ok(None)
    }

    fn holder(&self, tx: &Tx<'_, '_>, unique: &Unique, now: i64) -> Result<Option<JobId>, Stop> {
        let tenant = self.tenant.as_deref().unwrap_or_default();
        let holder = tx
            .prepare(unique::HOLDER)?
            .query_row(params![tenant, unique.key, now], |row| row.get::<_, Sql<JobId>>(0))
            .optional()?;
        Ok(holder.map(|Sql(holder)| holder))
    }
}

/// Puts another document in the place of a live job's.
pub(super) fn replace_document(tx: &Tx<'_, '_>, id: &[u8; 16], document: &str) -> Result<(), Stop> {
    tx.prepare("DELETE FROM payloads WHERE job = ?1")?.execute([id])?;
    let in_row = (document.len() <= Payload::MAX_ROW_BYTES).then_some(document);
    tx.prepare("UPDATE jobs SET payload = ?2 WHERE id = ?1")?.execute(params![id, in_row])?;
    if in_row.is_none() {
        tx.prepare("INSERT INTO payloads (job, document) VALUES (?1, ?2)")?.execute(params![id, document])?;
    }
    Ok(())
}

/// What the claims of a queue must tell apart without a look at each job: the language always, and the tenant where
/// there is a limit for each. The sign between them is in no tenant's name.
pub(super) fn lane(settings: Option<&QueueSettings>, tenant: Option<&str>, language: Option<&str>) -> String {
    let language = language.unwrap_or_default();
    match settings.and_then(|settings| settings.max_running_per_tenant) {
        Some(_) => format!("{}|{language}", tenant.unwrap_or_default()),
        None => language.to_owned(),
    }
}
