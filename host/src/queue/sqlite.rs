//! The queue in one SQLite file.
//!
//! One thread writes, in groups; a few threads read, some what is soon over and others what may take long. The files
//! below each hold one verb or a few that belong together; here they are only put together. Whatever needs no database,
//! such as writing and reading documents, is done in the task of whoever asks, so that the thread that writes does nothing
//! else.

mod backup;
mod change;
mod check;
mod claim;
mod connection;
mod enqueue;
mod entries;
mod events;
mod file;
mod forget;
mod insert;
mod listing;
mod live;
mod migrate;
mod programs;
mod read;
mod readers;
mod reclaim;
mod renew;
mod rows;
mod schedules;
mod settings;
mod settle;
mod statements;
#[cfg(test)]
mod tests;
mod unique;
mod workers;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use self::connection::fault;
use self::entries::NewEntry;
use self::readers::Readers;
use self::schedules::{FiringRows, NewSchedule};
use self::settle::SettleRow;
use self::writer::{Durability, Request, Writer};
use super::signal::Bell;
use super::*;
use crate::events::Event;
use crate::job::{Digest, JobId};

/// How many jobs a change by filter changes in one transaction.
const CHANGE_STEP: u32 = 500;

/// A queue in one SQLite file. When the last handle is dropped, what was accepted is written, and its threads end.
#[derive(Debug)]
pub struct SqliteQueue {
    // Dropped in this order: the writer last, which then has the file to itself and empties the log into it.
    readers: Readers,
    writer: Writer,
    bell: Arc<Bell>,
}

/// How a SQLite queue is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqliteOptions {
    /// What a commit waits for.
    pub synchronous: Synchronous,
}

/// What a commit waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// The disk: nothing that was acknowledged is lost, whatever happens to the machine.
    #[default]
    Full,
    /// The operating system: what was acknowledged survives this process, and the last moments may be lost with the
    /// power.
    Normal,
}

impl SqliteQueue {
    /// Opens a file, or makes it, and brings its schema up to date.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a file that holds something else, which is left as it is, [`Error::NewerSchema`],
    /// [`Error::Unavailable`] for a file that cannot be opened or stays locked.
    pub async fn open(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, Error> {
        let path: PathBuf = path.as_ref().to_owned();
        let bell = Arc::new(Bell::new());
        let writer = Writer::start(path.clone(), options.synchronous, Arc::clone(&bell)).await?;
        Ok(SqliteQueue { readers: Readers::start(&path)?, writer, bell })
    }
}

impl SqliteQueue {
    /// Changes what passes a filter, from the newest to the oldest, in steps of their own so that nobody waits long.
    async fn change_all(&self, filter: &Filter, change: &Change, now: Now) -> Result<Vec<JobId>, Error> {
        let mut filter = filter.clone();
        let is_wanted = |state: &State| filter.states.is_empty() || filter.states.contains(state);
        let states: Vec<State> = change::states_of(change).iter().copied().filter(is_wanted).collect();
        if states.is_empty() {
            return Ok(Vec::new());
        }
        filter.states.clone_from(&states);
        let (mut changed, mut page) = (Vec::new(), Page { after: None, limit: CHANGE_STEP });
        loop {
            let step = filter.clone();
            let ids = self.readers.scan(move |db| listing::ids(db, &step, page)).await?;
            let Some(last) = ids.last() else { return Ok(changed) };
            page.after = Some(*last);
            changed.extend(self.change_step(ids, change, &states, now).await?);
        }
    }

    async fn change_step(
        &self,
        ids: Vec<JobId>,
        change: &Change,
        states: &[State],
        now: Now,
    ) -> Result<Vec<JobId>, Error> {
        let (change, states) = (change.clone(), states.to_vec());
        let request = lasting(ids.len());
        self.writer.run(request, move |tx| change::change(tx, &ids, &change, &states, now)).await
    }
}

/// A request that outlives a loss of power.
fn lasting(rows: usize) -> Request {
    Request { durability: Durability::Power, rows }
}

/// A request that need not.
fn passing(rows: usize) -> Request {
    Request { durability: Durability::Process, rows }
}

impl Queue for SqliteQueue {
    fn enqueue(&self, jobs: Vec<NewJob>, now: Now) -> Answer<'_, Vec<Enqueued>> {
        Box::pin(async move {
            let mut rows = enqueue::prepare(jobs)?;
            if rows.is_empty() {
                return Ok(Vec::new());
            }
            let request = lasting(rows.len());
            self.writer.run(request, move |tx| enqueue::enqueue(tx, &mut rows, now)).await
        })
    }

    fn holders<'a>(&'a self, keys: &'a [UniqueKey], now: Now) -> Answer<'a, Vec<Option<JobId>>> {
        let (keys, now) = (keys.to_vec(), now.unwrap_or_else(chrono::Utc::now).timestamp_millis());
        Box::pin(self.readers.look(move |db| unique::holders(db, &keys, now).map_err(fault)))
    }

    fn claim<'a>(&'a self, claim: &'a Claim, now: Now) -> Answer<'a, Claimed> {
        Box::pin(async move {
            if claim.slots == 0 {
                return Ok(Claimed::default());
            }
            let (request, claim) = (passing(claim.slots), claim.clone());
            let found = self.writer.run(request, move |tx| claim::claim(tx, &claim, now)).await?;
            let next_due = found.next_due_ms.map(|millis| Duration::from_millis(millis.unsigned_abs()));
            let (mut leases, mut unreadable) = (Vec::with_capacity(found.rows.len()), Vec::new());
            for row in found.rows {
                match row.read() {
                    Ok(lease) => leases.push(lease),
                    Err((key, why)) => unreadable.push(SettleRow::new(Settlement::unreadable(key, &why))),
                }
            }
            // Such a job ends as failed, so that it does not come back for ever; the others are handed out.
            if !unreadable.is_empty() {
                self.writer.run(lasting(1), move |tx| settle::settle(tx, &mut unreadable, now)).await?;
            }
            Ok(Claimed { leases, next_due })
        })
    }

    fn renew<'a>(&'a self, keys: &'a [LeaseKey], lease: Duration, now: Now) -> Answer<'a, Vec<Renewed>> {
        Box::pin(async move {
            if keys.is_empty() {
                return Ok(Vec::new());
            }
            let (request, keys) = (passing(keys.len()), keys.to_vec());
            self.writer.run(request, move |tx| renew::renew(tx, &keys, lease, now)).await
        })
    }

    fn report(&self, events: Vec<(LeaseKey, Vec<Event>)>, now: Now) -> Answer<'_, ()> {
        Box::pin(async move {
            let told = events::prepare(events);
            if told.is_empty() {
                return Ok(());
            }
            // What is lost with the power is told again by the attempt that comes after.
            let request = passing(told.iter().map(|(_, events)| events.len()).sum());
            self.writer.run(request, move |tx| events::report(tx, &told, now)).await
        })
    }

    fn settle(&self, settlements: Vec<Settlement>, now: Now) -> Answer<'_, Vec<Settled>> {
        Box::pin(async move {
            let mut rows: Vec<SettleRow> = settlements.into_iter().map(SettleRow::new).collect();
            if rows.is_empty() {
                return Ok(Vec::new());
            }
            let request = lasting(rows.len());
            self.writer.run(request, move |tx| settle::settle(tx, &mut rows, now)).await
        })
    }

    fn reclaim(&self, now: Now) -> Answer<'_, u64> {
        Box::pin(self.writer.run(lasting(1), move |tx| reclaim::reclaim(tx, now)))
    }

    fn change<'a>(&'a self, selection: &'a Selection, change: &'a Change, now: Now) -> Answer<'a, Vec<JobId>> {
        Box::pin(async move {
            match selection {
                Selection::Ids(ids) => self.change_step(ids.clone(), change, change::states_of(change), now).await,
                Selection::Filter(filter) => self.change_all(filter, change, now).await,
            }
        })
    }

    fn get(&self, id: JobId) -> Answer<'_, Option<JobRecord>> {
        Box::pin(self.readers.look(move |db| read::get(db, id)))
    }

    fn list<'a>(&'a self, filter: &'a Filter, page: Page) -> Answer<'a, Vec<Summary>> {
        Box::pin(async move {
            page.check()?;
            let filter = filter.clone();
            self.readers.scan(move |db| listing::list(db, &filter, page)).await
        })
    }

    fn counts<'a>(&'a self, filter: &'a Filter) -> Answer<'a, Vec<Count>> {
        let filter = filter.clone();
        Box::pin(self.readers.scan(move |db| listing::counts(db, &filter)))
    }

    fn events(&self, id: JobId, after: u64) -> Answer<'_, Vec<StoredEvent>> {
        Box::pin(self.readers.look(move |db| events::list(db, id, after)))
    }

    fn signals(&self) -> Signals {
        let signals = self.bell.signals();
        self.writer.look();
        signals
    }

    fn queues(&self, now: Now) -> Answer<'_, Vec<QueueInfo>> {
        Box::pin(self.readers.scan(move |db| settings::list(db, now.unwrap_or_else(chrono::Utc::now)).map_err(fault)))
    }

    fn configure<'a>(&'a self, queue: &'a str, settings: &'a QueueSettings) -> Answer<'a, ()> {
        Box::pin(async move {
            new_job::check_name("queue", queue.trim_start_matches(new_job::DELIVERY_QUEUE))?;
            settings.check()?;
            let (queue, settings) = (queue.to_owned(), settings.clone());
            self.writer.run(lasting(1), move |tx| settings::configure(tx, &queue, &settings)).await
        })
    }

    fn put_program<'a>(&'a self, wasm: &'a [u8], name: Option<&'a str>, now: Now) -> Answer<'a, Digest> {
        Box::pin(async move {
            name.map_or(Ok(()), super::programs::check_program_name)?;
            let digest = Digest::of(wasm);
            let (wasm, name) = (wasm.to_vec(), name.map(str::to_owned));
            let put = move |tx: &mut writer::Tx<'_, '_>| programs::put(tx, digest, &wasm, name.as_deref(), now);
            self.writer.run(lasting(1), put).await?;
            Ok(digest)
        })
    }

    fn take_name<'a>(&'a self, name: &'a str, digest: Digest, now: Now) -> Answer<'a, bool> {
        Box::pin(async move {
            super::programs::check_program_name(name)?;
            let name = name.to_owned();
            self.writer.run(lasting(1), move |tx| programs::take_name(tx, &name, digest, now)).await
        })
    }

    fn program(&self, digest: Digest) -> Answer<'_, Option<Vec<u8>>> {
        Box::pin(self.readers.look(move |db| programs::bytes(db, digest).map_err(fault)))
    }

    fn has_program<'a>(&'a self, digest: Digest, names: Option<&'a str>) -> Answer<'a, bool> {
        let names = names.map(str::to_owned);
        Box::pin(self.readers.look(move |db| programs::is_there(db, digest, names.as_deref()).map_err(fault)))
    }

    fn programs(&self) -> Answer<'_, Vec<StoredProgram>> {
        Box::pin(self.readers.scan(|db| programs::list(db).map_err(fault)))
    }

    fn versions<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<Version>> {
        let name = name.to_owned();
        Box::pin(self.readers.look(move |db| programs::versions(db, &name).map_err(fault)))
    }

    fn delete_name<'a>(&'a self, name: &'a str) -> Answer<'a, bool> {
        let name = name.to_owned();
        Box::pin(self.writer.run(lasting(1), move |tx| programs::delete_name(tx, &name)))
    }

    fn put_schedule<'a>(
        &'a self,
        schedule: &'a Schedule,
        next: Option<Timestamp>,
        expected: Expected,
        now: Now,
    ) -> Answer<'a, bool> {
        Box::pin(async move {
            schedule.check()?;
            let (name, paused, document) = (schedule.name.clone(), schedule.paused, schedules::to_json(schedule));
            let new = NewSchedule { name, paused, document, next, expected, now };
            self.writer.run(lasting(1), move |tx| schedules::put(tx, &new)).await
        })
    }

    fn schedules(&self) -> Answer<'_, Vec<ScheduleInfo>> {
        Box::pin(self.readers.look(schedules::list))
    }

    fn delete_schedule<'a>(&'a self, name: &'a str) -> Answer<'a, bool> {
        let name = name.to_owned();
        Box::pin(self.writer.run(lasting(1), move |tx| schedules::delete(tx, &name)))
    }

    fn fire(&self, firing: Firing, now: Now) -> Answer<'_, bool> {
        Box::pin(async move {
            let Firing { name, revision, jobs, last, next } = firing;
            let mut firing = FiringRows { name, revision, jobs: enqueue::prepare(jobs)?, last, next };
            let request = lasting(firing.jobs.len());
            self.writer.run(request, move |tx| schedules::fire(tx, &mut firing, now)).await
        })
    }

    fn put_entry<'a>(&'a self, entry: &'a Entry, expected: Expected, now: Now) -> Answer<'a, bool> {
        Box::pin(async move {
            let new = NewEntry { key: entry.key.clone(), document: entry.to_json()?, expected, now };
            self.writer.run(lasting(1), move |tx| entries::put(tx, &new)).await
        })
    }

    fn entry<'a>(&'a self, key: &'a EntryKey) -> Answer<'a, Option<Entry>> {
        let key = key.clone();
        Box::pin(self.readers.look(move |db| entries::get(db, key)))
    }

    fn entries<'a>(&'a self, kind: &'static str, after: Option<&'a str>) -> Answer<'a, Vec<Entry>> {
        let after = entry::list_after(after).to_owned();
        Box::pin(self.readers.look(move |db| entries::list(db, kind, &after)))
    }

    fn delete_entry<'a>(&'a self, key: &'a EntryKey) -> Answer<'a, bool> {
        let key = key.clone();
        Box::pin(self.writer.run(lasting(1), move |tx| entries::delete(tx, &key)))
    }

    fn beat<'a>(&'a self, worker: &'a WorkerInfo, now: Now) -> Answer<'a, ()> {
        let worker = worker.clone();
        Box::pin(self.writer.run(passing(1), move |tx| workers::beat(tx, &worker, now)))
    }

    fn workers(&self, now: Now) -> Answer<'_, Vec<WorkerInfo>> {
        Box::pin(self.readers.look(move |db| workers::list(db, now.unwrap_or_else(chrono::Utc::now)).map_err(fault)))
    }

    fn prune<'a>(&'a self, retention: &'a Retention, now: Now) -> Answer<'a, u64> {
        Box::pin(async move {
            let (retention, mut pruned) = (*retention, 0);
            while pruned < forget::MAX_JOBS {
                let step = self.writer.run(lasting(forget::STEP), move |tx| forget::prune(tx, &retention, now)).await?;
                pruned += step;
                if step < forget::STEP {
                    break;
                }
            }
            Ok(pruned as u64)
        })
    }

    fn check(&self, now: Now) -> Answer<'_, Vec<Finding>> {
        Box::pin(self.readers.scan_at_leisure(move |db| check::check(db, now.unwrap_or_else(chrono::Utc::now))))
    }

    fn backup<'a>(&'a self, file: &'a Path) -> Answer<'a, ()> {
        let file = file.to_owned();
        Box::pin(self.readers.scan_at_leisure(move |db| backup::backup(db, &file)))
    }

    fn clock(&self) -> Answer<'_, Timestamp> {
        Box::pin(std::future::ready(Ok(rows::whole_millis(chrono::Utc::now()))))
    }
}
