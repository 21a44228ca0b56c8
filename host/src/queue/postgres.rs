//! The queue on PostgreSQL, for many machines: which verb goes where.
//!
//! What callers want at the same time is grouped by [`group`], every other verb is one transaction on a connection of its
//! own; after it others are told by [`tell`]. No transaction stays open while a job runs.

mod change;
mod check;
mod claim;
mod connection;
mod enqueue;
mod entries;
mod events;
mod forget;
mod group;
mod insert;
mod listing;
mod live;
mod migrate;
mod programs;
mod read;
mod reclaim;
mod renew;
mod rows;
mod schedules;
mod settings;
mod settle;
mod tell;
mod unique;
mod workers;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::sync::watch;

use self::change::Wanted;
use self::connection::{Pools, Work, within};
use self::enqueue::{Enqueue, Known};
use self::entries::NewEntry;
use self::group::Door;
use self::programs::NewProgram;
use self::schedules::{FiringRows, NewSchedule};
use self::settle::{Settle, SettleRow};
use self::tell::Teller;
use super::signal::{Bell, Happened};
use super::*;
use crate::events::Event;
use crate::job::{Digest, JobId};

/// How many groups of each kind are under way at once. With one, all that comes while it waits for the disk shares the
/// next write; two would each wait for a write of half as much.
const FLUSHERS: usize = 1;
/// How many jobs a change by filter goes through in one transaction.
const CHANGE_STEP: u32 = 500;

/// A queue in a database of PostgreSQL, 14 or later.
///
/// It has at most thirteen connections, each a session of its own: a pooler between must keep sessions, not transactions.
/// What it needs runs on the runtime on which it was opened, and ends when it is dropped.
pub struct PostgresQueue {
    pools: Pools,
    bell: Arc<Bell>,
    teller: Arc<Teller>,
    enqueues: Door<Enqueue>,
    settles: Door<Settle>,
    /// Programs that are known to be stored.
    known: Known,
    /// The queues with limits that the last claim met: the next one locks them at once.
    limited: Mutex<Vec<String>>,
    /// Where it is, without a password, as other programs understand it.
    address: String,
    /// Those who tell and listen end when it is dropped.
    _open: watch::Sender<()>,
}

impl fmt::Debug for PostgresQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresQueue").field("address", &self.address).finish_non_exhaustive()
    }
}

impl PostgresQueue {
    /// Connects, and brings the schema up to date. It lies in a schema `ampule` of the database.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a URL that is none, [`Error::NewerSchema`], [`Error::Unavailable`] if nobody answers,
    /// [`Error::Database`] if the server refuses, a wrong password for one.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let pools = Pools::new(url)?;
        migrate::migrate(&pools.calm).await?;
        let bell = Arc::new(Bell::new());
        let open = watch::Sender::new(());
        let teller = Teller::start(&pools, &bell, &open);
        Ok(PostgresQueue {
            enqueues: Door::open(FLUSHERS, &pools, &teller),
            settles: Door::open(FLUSHERS, &pools, &teller),
            address: connection::address(&pools),
            known: Known::default(),
            limited: Mutex::default(),
            _open: open,
            bell,
            teller,
            pools,
        })
    }

    async fn claim_some(&self, claim: &Claim, now: Now) -> Result<Claimed, Error> {
        let limited = self.limited.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let found = within(&self.pools.hot, &claim::Ask::new(claim, now, limited), claim::claim).await?;
        *self.limited.lock().unwrap_or_else(PoisonError::into_inner) = found.limited;
        // What cannot be read ends as failed, so that it does not come back for ever; the others are handed out.
        if !found.unreadable.is_empty() {
            let rows =
                found.unreadable.iter().map(|(key, why)| SettleRow::new(Settlement::unreadable(*key, why))).collect();
            self.settles.ask(Settle::new(rows, now)).await?;
        }
        Ok(Claimed { leases: found.leases, next_due: found.next_due })
    }

    /// Changes what passes a filter, from the newest to the oldest, in steps of their own so that nobody waits long.
    async fn change_all(&self, filter: &Filter, change: &Change, now: Now) -> Result<Vec<JobId>, Error> {
        let mut filter = filter.clone();
        let is_wanted = |state: &State| filter.states.is_empty() || filter.states.contains(state);
        filter.states = change::states_of(change).iter().copied().filter(is_wanted).collect();
        let (mut changed, mut page) = (Vec::new(), Page { after: None, limit: CHANGE_STEP });
        if filter.states.is_empty() {
            return Ok(changed);
        }
        loop {
            let ids = within(&self.pools.scans, &(&filter, page), listing::ids).await?;
            let Some(last) = ids.last() else { return Ok(changed) };
            page.after = Some(*last);
            changed.extend(self.change_step(ids, change, filter.states.clone(), now).await?);
        }
    }

    async fn change_step(
        &self,
        ids: Vec<JobId>,
        change: &Change,
        states: Vec<State>,
        now: Now,
    ) -> Result<Vec<JobId>, Error> {
        let wanted = Wanted { ids, change, states, now };
        let (changed, happened) = within(&self.pools.hot, &wanted, change::change).await?;
        self.teller.tell(happened);
        Ok(changed)
    }
}

fn clock<'c>(connection: &'c mut PgConnection, _: &'c ()) -> Work<'c, Timestamp> {
    Box::pin(live::clock(connection, None))
}

impl Queue for PostgresQueue {
    fn enqueue(&self, jobs: Vec<NewJob>, now: Now) -> Answer<'_, Vec<Enqueued>> {
        Box::pin(async move {
            let call = enqueue::prepare(&self.pools, &self.known, jobs, now).await?;
            if call.is_empty() {
                return Ok(Vec::new());
            }
            self.enqueues.ask(call).await
        })
    }

    fn holders<'a>(&'a self, keys: &'a [UniqueKey], now: Now) -> Answer<'a, Vec<Option<JobId>>> {
        Box::pin(async move { within(&self.pools.calm, &(keys, now), unique::holders).await })
    }

    fn claim<'a>(&'a self, claim: &'a Claim, now: Now) -> Answer<'a, Claimed> {
        Box::pin(self.claim_some(claim, now))
    }

    fn renew<'a>(&'a self, keys: &'a [LeaseKey], lease: Duration, now: Now) -> Answer<'a, Vec<Renewed>> {
        Box::pin(async move {
            if keys.is_empty() {
                return Ok(Vec::new());
            }
            within(&self.pools.hasty, &(keys, lease, now), renew::renew).await
        })
    }

    fn report(&self, events: Vec<(LeaseKey, Vec<Event>)>, now: Now) -> Answer<'_, ()> {
        Box::pin(async move {
            let told = events::prepare(events);
            if told.is_empty() {
                return Ok(());
            }
            let ended = within(&self.pools.hasty, &(told, now), events::report).await?;
            self.teller.tell(Happened { ended, ..Happened::default() });
            Ok(())
        })
    }

    fn settle(&self, settlements: Vec<Settlement>, now: Now) -> Answer<'_, Vec<Settled>> {
        Box::pin(async move {
            if settlements.is_empty() {
                return Ok(Vec::new());
            }
            let rows = settlements.into_iter().map(SettleRow::new).collect();
            self.settles.ask(Settle::new(rows, now)).await
        })
    }

    fn reclaim(&self, now: Now) -> Answer<'_, u64> {
        Box::pin(async move {
            let (reclaimed, happened) = within(&self.pools.hot, &now, reclaim::reclaim).await?;
            self.teller.tell(happened);
            Ok(reclaimed)
        })
    }

    fn change<'a>(&'a self, selection: &'a Selection, change: &'a Change, now: Now) -> Answer<'a, Vec<JobId>> {
        Box::pin(async move {
            match selection {
                Selection::Ids(ids) => {
                    let states = change::states_of(change).to_vec();
                    self.change_step(ids.clone(), change, states, now).await
                }
                Selection::Filter(filter) => self.change_all(filter, change, now).await,
            }
        })
    }

    fn get(&self, id: JobId) -> Answer<'_, Option<JobRecord>> {
        Box::pin(async move { within(&self.pools.calm, &id, read::get).await })
    }

    fn list<'a>(&'a self, filter: &'a Filter, page: Page) -> Answer<'a, Vec<Summary>> {
        Box::pin(async move {
            page.check()?;
            within(&self.pools.scans, &(filter, page), listing::list).await
        })
    }

    fn counts<'a>(&'a self, filter: &'a Filter) -> Answer<'a, Vec<Count>> {
        Box::pin(async move { within(&self.pools.scans, &filter, listing::counts).await })
    }

    fn events(&self, id: JobId, after: u64) -> Answer<'_, Vec<StoredEvent>> {
        Box::pin(async move { within(&self.pools.calm, &(id, after), events::list).await })
    }

    fn signals(&self) -> Signals {
        self.bell.signals()
    }

    fn queues(&self, now: Now) -> Answer<'_, Vec<QueueInfo>> {
        Box::pin(async move { within(&self.pools.scans, &now, settings::list).await })
    }

    fn configure<'a>(&'a self, queue: &'a str, settings: &'a QueueSettings) -> Answer<'a, ()> {
        Box::pin(async move {
            new_job::check_name("queue", queue.trim_start_matches(new_job::DELIVERY_QUEUE))?;
            settings.check()?;
            within(&self.pools.calm, &(queue, settings), settings::configure).await?;
            self.teller.tell(Happened { ready: true, ..Happened::default() });
            Ok(())
        })
    }

    fn put_program<'a>(&'a self, wasm: &'a [u8], name: Option<&'a str>, now: Now) -> Answer<'a, Digest> {
        Box::pin(async move {
            name.map_or(Ok(()), super::programs::check_program_name)?;
            let digest = Digest::of(wasm);
            within(&self.pools.hot, &NewProgram { digest, wasm, name, now }, programs::put).await?;
            Ok(digest)
        })
    }

    fn take_name<'a>(&'a self, name: &'a str, digest: Digest, now: Now) -> Answer<'a, bool> {
        Box::pin(async move {
            super::programs::check_program_name(name)?;
            within(&self.pools.hot, &(name, digest, now), programs::take_name).await
        })
    }

    fn program(&self, digest: Digest) -> Answer<'_, Option<Vec<u8>>> {
        Box::pin(async move { within(&self.pools.calm, &digest, programs::bytes).await })
    }

    fn has_program<'a>(&'a self, digest: Digest, names: Option<&'a str>) -> Answer<'a, bool> {
        Box::pin(async move { within(&self.pools.calm, &(digest, names), programs::is_there).await })
    }

    fn programs(&self) -> Answer<'_, Vec<StoredProgram>> {
        Box::pin(within(&self.pools.scans, &(), programs::list))
    }

    fn versions<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<Version>> {
        Box::pin(async move {
            if super::programs::check_program_name(name).is_err() {
                return Ok(Vec::new());
            }
            within(&self.pools.calm, &name, programs::versions).await
        })
    }

    fn delete_name<'a>(&'a self, name: &'a str) -> Answer<'a, bool> {
        Box::pin(async move {
            if super::programs::check_program_name(name).is_err() {
                return Ok(false);
            }
            within(&self.pools.hot, &name, programs::delete_name).await
        })
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
            within(&self.pools.hot, &NewSchedule { schedule, next, expected, now }, schedules::put).await
        })
    }

    fn schedules(&self) -> Answer<'_, Vec<ScheduleInfo>> {
        Box::pin(within(&self.pools.calm, &(), schedules::list))
    }

    fn delete_schedule<'a>(&'a self, name: &'a str) -> Answer<'a, bool> {
        Box::pin(async move { within(&self.pools.hot, &name, schedules::delete).await })
    }

    fn fire(&self, firing: Firing, now: Now) -> Answer<'_, bool> {
        Box::pin(async move {
            let Firing { name, revision, jobs, last, next } = firing;
            let jobs = enqueue::prepare(&self.pools, &self.known, jobs, now).await?;
            let firing = FiringRows { name, revision, jobs, last, next };
            let (is_ours, happened) = within(&self.pools.hot, &firing, schedules::fire).await?;
            self.teller.tell(happened);
            Ok(is_ours)
        })
    }

    fn put_entry<'a>(&'a self, entry: &'a Entry, expected: Expected, now: Now) -> Answer<'a, bool> {
        Box::pin(async move {
            let new = NewEntry { key: &entry.key, document: entry.to_json()?, expected, now };
            within(&self.pools.hot, &new, entries::put).await
        })
    }

    fn entry<'a>(&'a self, key: &'a EntryKey) -> Answer<'a, Option<Entry>> {
        Box::pin(async move {
            if key.check().is_err() {
                return Ok(None);
            }
            within(&self.pools.calm, key, entries::get).await
        })
    }

    fn entries<'a>(&'a self, kind: &'static str, after: Option<&'a str>) -> Answer<'a, Vec<Entry>> {
        Box::pin(async move { within(&self.pools.calm, &(kind, entry::list_after(after)), entries::list).await })
    }

    fn delete_entry<'a>(&'a self, key: &'a EntryKey) -> Answer<'a, bool> {
        Box::pin(async move {
            if key.check().is_err() {
                return Ok(false);
            }
            within(&self.pools.hot, key, entries::delete).await
        })
    }

    fn beat<'a>(&'a self, worker: &'a WorkerInfo, now: Now) -> Answer<'a, ()> {
        Box::pin(async move { within(&self.pools.hasty, &(worker, now), workers::beat).await })
    }

    fn workers(&self, now: Now) -> Answer<'_, Vec<WorkerInfo>> {
        Box::pin(async move { within(&self.pools.calm, &now, workers::list).await })
    }

    fn prune<'a>(&'a self, retention: &'a Retention, now: Now) -> Answer<'a, u64> {
        Box::pin(async move {
            let mut pruned = 0;
            while pruned < forget::MAX_JOBS {
                let step = within(&self.pools.hot, &(*retention, now), forget::prune).await?;
                pruned += step;
                if step < forget::STEP {
                    break;
                }
            }
            Ok(pruned as u64)
        })
    }

    fn check(&self, now: Now) -> Answer<'_, Vec<Finding>> {
        Box::pin(async move { within(&self.pools.scans, &now, check::check).await })
    }

    fn backup<'a>(&'a self, file: &'a Path) -> Answer<'a, ()> {
        let message = format!(
            "PostgreSQL has a tool of its own for this, which works while the queue is in use: \
             pg_dump --format=custom --schema=ampule --file='{}' '{}'",
            file.display().to_string().replace('\'', r"'\''"),
            self.address.replace('\'', r"'\''"),
        );
        Box::pin(std::future::ready(Err(Error::Unsupported(message))))
    }

    fn clock(&self) -> Answer<'_, Timestamp> {
        Box::pin(within(&self.pools.calm, &(), clock))
    }
}
