//! A queue that notes in a journal what it hands out and takes back, in front of the one that does it.
//!
//! A claim is noted when it was answered and an end before it is asked for, so that what a journal says is held was
//! held. It can also give every verb a time of its own, for tests of clocks that are wrong.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use ampule::queue::{
    Answer, Change, Claim, Claimed, Count, Enqueued, Entry, EntryKey, Expected, Filter, Finding, Firing, JobRecord,
    LeaseKey, NewJob, Now, Page, Queue, QueueInfo, QueueSettings, Renewed, Retention, Schedule, ScheduleInfo,
    Selection, Settled, Settlement, Signals, StoredEvent, StoredProgram, Summary, Timestamp, UniqueKey, Verdict,
    Version, WorkerInfo,
};
use ampule::{Digest, Event, JobId};

use crate::journal::{Journal, Note, now_ms};

/// A queue in front of another.
#[derive(Debug)]
pub struct Witness {
    inner: Arc<dyn Queue>,
    journal: Arc<Journal>,
    /// How far its clock is from the machine's, in milliseconds; it leaves the time to the database if it has none.
    clock: Option<AtomicI64>,
}

impl Witness {
    /// Notes what passes.
    #[must_use]
    pub fn new(inner: Arc<dyn Queue>, journal: Arc<Journal>) -> Arc<Self> {
        Arc::new(Witness { inner, journal, clock: None })
    }

    /// Notes what passes, and has a clock of its own.
    #[must_use]
    pub fn with_clock(inner: Arc<dyn Queue>, journal: Arc<Journal>) -> Arc<Self> {
        Arc::new(Witness { inner, journal, clock: Some(AtomicI64::new(0)) })
    }

    /// Sets its clock so far from the machine's.
    ///
    /// # Panics
    /// If it has no clock.
    pub fn step_to(&self, offset_ms: i64) {
        self.clock.as_ref().expect("it has a clock").store(offset_ms, Ordering::SeqCst);
    }

    fn now(&self, now: Now) -> Now {
        let offset = self.clock.as_ref().map(|offset| offset.load(Ordering::SeqCst));
        let machine = i64::try_from(now_ms()).expect("a moment of this age");
        now.or_else(|| Timestamp::from_timestamp_millis(machine + offset?))
    }

    fn note_claimed(&self, claimed: &Claimed, until_ms: u64) {
        for lease in &claimed.leases {
            let (held, queue, tenant) = (lease.key.into(), lease.queue.clone(), lease.tenant.clone());
            self.journal.note(Note::Claimed { held, queue, tenant, until_ms });
        }
    }

    fn note_renewed(&self, keys: &[LeaseKey], renewed: &[Renewed], until_ms: u64) {
        for (key, renewed) in keys.iter().zip(renewed) {
            let held = (*key).into();
            self.journal.note(match renewed {
                Renewed::Kept | Renewed::CancelAsked => Note::Renewed { held, until_ms },
                Renewed::Lost => Note::Lost(held),
            });
        }
    }
}

/// The earliest moment at which a lease that is asked for now can end.
fn until_ms(lease: Duration) -> u64 {
    now_ms() + u64::try_from(lease.as_millis()).expect("a lease is short")
}

/// A verdict's name.
fn name_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Completed => "completed",
        Verdict::Failed => "failed",
        Verdict::Cancelled => "cancelled",
        Verdict::Retry(_) => "retry",
        Verdict::HandBack => "hand_back",
        Verdict::PutOff(_) => "put_off",
    }
}

impl Queue for Witness {
    fn claim<'a>(&'a self, claim: &'a Claim, now: Now) -> Answer<'a, Claimed> {
        Box::pin(async move {
            let until_ms = until_ms(claim.lease);
            let claimed = self.inner.claim(claim, self.now(now)).await?;
            self.note_claimed(&claimed, until_ms);
            Ok(claimed)
        })
    }

    fn renew<'a>(&'a self, keys: &'a [LeaseKey], lease: Duration, now: Now) -> Answer<'a, Vec<Renewed>> {
        Box::pin(async move {
            let until_ms = until_ms(lease);
            let renewed = self.inner.renew(keys, lease, self.now(now)).await?;
            self.note_renewed(keys, &renewed, until_ms);
            Ok(renewed)
        })
    }

    fn settle(&self, settlements: Vec<Settlement>, now: Now) -> Answer<'_, Vec<Settled>> {
        Box::pin(async move {
            let asked: Vec<_> = settlements.iter().map(|settlement| (settlement.key, settlement.verdict)).collect();
            for (key, _) in &asked {
                self.journal.note(Note::Settling((*key).into()));
            }
            let settled = self.inner.settle(settlements, self.now(now)).await?;
            for ((key, verdict), settled) in asked.into_iter().zip(&settled) {
                let (held, verdict) = (key.into(), name_of(verdict).to_owned());
                self.journal.note(Note::Settled { held, verdict, counts: *settled == Settled::Done });
            }
            Ok(settled)
        })
    }

    fn enqueue(&self, jobs: Vec<NewJob>, now: Now) -> Answer<'_, Vec<Enqueued>> {
        self.inner.enqueue(jobs, self.now(now))
    }

    fn report(&self, events: Vec<(LeaseKey, Vec<Event>)>, now: Now) -> Answer<'_, ()> {
        self.inner.report(events, self.now(now))
    }

    fn reclaim(&self, now: Now) -> Answer<'_, u64> {
        self.inner.reclaim(self.now(now))
    }

    fn change<'a>(&'a self, selection: &'a Selection, change: &'a Change, now: Now) -> Answer<'a, Vec<JobId>> {
        self.inner.change(selection, change, self.now(now))
    }

    fn get(&self, id: JobId) -> Answer<'_, Option<JobRecord>> {
        self.inner.get(id)
    }

    fn list<'a>(&'a self, filter: &'a Filter, page: Page) -> Answer<'a, Vec<Summary>> {
        self.inner.list(filter, page)
    }

    fn counts<'a>(&'a self, filter: &'a Filter) -> Answer<'a, Vec<Count>> {
        self.inner.counts(filter)
    }

    fn events(&self, id: JobId, after: u64) -> Answer<'_, Vec<StoredEvent>> {
        self.inner.events(id, after)
    }

    fn signals(&self) -> Signals {
        self.inner.signals()
    }

    fn queues(&self, now: Now) -> Answer<'_, Vec<QueueInfo>> {
        self.inner.queues(self.now(now))
    }

    fn configure<'a>(&'a self, queue: &'a str, settings: &'a QueueSettings) -> Answer<'a, ()> {
        self.inner.configure(queue, settings)
    }

    fn put_program<'a>(&'a self, wasm: &'a [u8], name: Option<&'a str>, now: Now) -> Answer<'a, Digest> {
        self.inner.put_program(wasm, name, self.now(now))
    }

    fn take_name<'a>(&'a self, name: &'a str, digest: Digest, now: Now) -> Answer<'a, bool> {
        self.inner.take_name(name, digest, self.now(now))
    }

    fn program(&self, digest: Digest) -> Answer<'_, Option<Vec<u8>>> {
        self.inner.program(digest)
    }

    fn has_program<'a>(&'a self, digest: Digest, names: Option<&'a str>) -> Answer<'a, bool> {
        self.inner.has_program(digest, names)
    }

    fn programs(&self) -> Answer<'_, Vec<StoredProgram>> {
        self.inner.programs()
    }

    fn holders<'a>(&'a self, keys: &'a [UniqueKey], now: Now) -> Answer<'a, Vec<Option<JobId>>> {
        self.inner.holders(keys, self.now(now))
    }

    fn versions<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<Version>> {
        self.inner.versions(name)
    }

    fn delete_name<'a>(&'a self, name: &'a str) -> Answer<'a, bool> {
        self.inner.delete_name(name)
    }

    fn put_entry<'a>(&'a self, entry: &'a Entry, expected: Expected, now: Now) -> Answer<'a, bool> {
        self.inner.put_entry(entry, expected, self.now(now))
    }

    fn entry<'a>(&'a self, key: &'a EntryKey) -> Answer<'a, Option<Entry>> {
        self.inner.entry(key)
    }

    fn entries<'a>(&'a self, kind: &'static str, after: Option<&'a str>) -> Answer<'a, Vec<Entry>> {
        self.inner.entries(kind, after)
    }

    fn delete_entry<'a>(&'a self, key: &'a EntryKey) -> Answer<'a, bool> {
        self.inner.delete_entry(key)
    }

    fn put_schedule<'a>(
        &'a self,
        schedule: &'a Schedule,
        next: Option<Timestamp>,
        expected: Expected,
        now: Now,
    ) -> Answer<'a, bool> {
        self.inner.put_schedule(schedule, next, expected, self.now(now))
    }

    fn schedules(&self) -> Answer<'_, Vec<ScheduleInfo>> {
        self.inner.schedules()
    }

    fn delete_schedule<'a>(&'a self, name: &'a str) -> Answer<'a, bool> {
        self.inner.delete_schedule(name)
    }

    fn fire(&self, firing: Firing, now: Now) -> Answer<'_, bool> {
        self.inner.fire(firing, self.now(now))
    }

    fn beat<'a>(&'a self, worker: &'a WorkerInfo, now: Now) -> Answer<'a, ()> {
        self.inner.beat(worker, self.now(now))
    }

    fn workers(&self, now: Now) -> Answer<'_, Vec<WorkerInfo>> {
        self.inner.workers(self.now(now))
    }

    fn prune<'a>(&'a self, retention: &'a Retention, now: Now) -> Answer<'a, u64> {
        self.inner.prune(retention, self.now(now))
    }

    fn check(&self, now: Now) -> Answer<'_, Vec<Finding>> {
        self.inner.check(self.now(now))
    }

    fn backup<'a>(&'a self, file: &'a Path) -> Answer<'a, ()> {
        self.inner.backup(file)
    }

    fn clock(&self) -> Answer<'_, Timestamp> {
        Box::pin(async move {
            match self.now(None) {
                Some(now) => Ok(now),
                None => self.inner.clock().await,
            }
        })
    }
}
