//! A queue that fails when it is told to: before a call reached the queue behind it, or after, when only the answer is
//! lost. It can also be late, or never answer.
//!
//! For tests of those who use queues. Faults are planned by verb and by the number of the call, so nothing is random.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ampule::queue::{
    Answer, Change, Claim, Claimed, Count, Enqueued, Entry, EntryKey, Error, Expected, Filter, Finding, Firing,
    JobRecord, LeaseKey, NewJob, Now, Page, Queue, QueueInfo, QueueSettings, Renewed, Retention, Schedule,
    ScheduleInfo, Selection, Settled, Settlement, Signals, StoredEvent, StoredProgram, Summary, Timestamp, UniqueKey,
    Version, WorkerInfo,
};
use ampule::{Digest, Event, JobId};

/// A verb of [`Queue`]. `signals` is none: it cannot fail.
#[expect(missing_docs, reason = "each is the verb of its name")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    Enqueue,
    Holders,
    Claim,
    Renew,
    Report,
    Settle,
    Reclaim,
    Change,
    Get,
    List,
    Counts,
    Events,
    Queues,
    Configure,
    PutProgram,
    TakeName,
    Program,
    HasProgram,
    Programs,
    Versions,
    DeleteName,
    PutEntry,
    Entry,
    Entries,
    DeleteEntry,
    PutSchedule,
    Schedules,
    DeleteSchedule,
    Fire,
    Beat,
    Workers,
    Prune,
    Check,
    Backup,
    Clock,
}

/// What goes wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The queue is not reached; nothing is done.
    Before(Error),
    /// It is done, and the answer is lost.
    After(Error),
    /// It is done so much later.
    Late(Duration),
    /// Nothing is done, and no answer comes.
    Hang,
    /// It is done, and no answer comes.
    HangAfter,
}

/// A queue in front of another.
#[derive(Debug)]
pub struct FaultyQueue {
    inner: Arc<dyn Queue>,
    plan: Mutex<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    calls: HashMap<Verb, u64>,
    once: HashMap<(Verb, u64), Fault>,
    always: HashMap<Verb, Fault>,
}

impl FaultyQueue {
    /// A queue that does what the one behind it does, until it is told otherwise.
    #[must_use]
    pub fn new(inner: Arc<dyn Queue>) -> Arc<Self> {
        Arc::new(FaultyQueue { inner, plan: Mutex::default() })
    }

    /// Plans a fault for the next call of a verb.
    pub fn fail_next(&self, verb: Verb, fault: Fault) {
        self.fail_nth(verb, 1, fault);
    }

    /// Plans a fault for one call of a verb, counted from the next, which is 1.
    pub fn fail_nth(&self, verb: Verb, nth: u64, fault: Fault) {
        let mut plan = self.plan();
        let call = plan.calls.get(&verb).copied().unwrap_or_default() + nth;
        plan.once.insert((verb, call), fault);
    }

    /// Plans a fault for every call of a verb for which no other is planned.
    pub fn fail_always(&self, verb: Verb, fault: Fault) {
        self.plan().always.insert(verb, fault);
    }

    /// Forgets all that was planned.
    pub fn mend(&self) {
        let mut plan = self.plan();
        plan.once.clear();
        plan.always.clear();
    }

    /// How often a verb was called, whatever came of it.
    #[must_use]
    pub fn calls(&self, verb: Verb) -> u64 {
        self.plan().calls.get(&verb).copied().unwrap_or_default()
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A backend may begin when it is called and not when it is polled, so the call itself is put off.
    fn through<'a, T: Send + 'a>(
        &'a self,
        verb: Verb,
        call: impl FnOnce(&'a dyn Queue) -> Answer<'a, T> + Send + 'a,
    ) -> Answer<'a, T> {
        let fault = self.plan().next(verb);
        Box::pin(async move {
            match fault {
                None => call(&*self.inner).await,
                Some(Fault::Before(error)) => Err(error),
                Some(Fault::After(error)) => call(&*self.inner).await.and(Err(error)),
                Some(Fault::Late(wait)) => {
                    tokio::time::sleep(wait).await;
                    call(&*self.inner).await
                }
                Some(Fault::Hang) => std::future::pending().await,
                Some(Fault::HangAfter) => {
                    // Its answer, good or bad, goes the way of all answers.
                    drop(call(&*self.inner).await);
                    std::future::pending().await
                }
            }
        })
    }
}

impl Plan {
    fn next(&mut self, verb: Verb) -> Option<Fault> {
        let call = self.calls.entry(verb).or_default();
        *call += 1;
        self.once.remove(&(verb, *call)).or_else(|| self.always.get(&verb).cloned())
    }
}

impl Queue for FaultyQueue {
    fn enqueue(&self, jobs: Vec<NewJob>, now: Now) -> Answer<'_, Vec<Enqueued>> {
        self.through(Verb::Enqueue, move |queue| queue.enqueue(jobs, now))
    }

    fn holders<'a>(&'a self, keys: &'a [UniqueKey], now: Now) -> Answer<'a, Vec<Option<JobId>>> {
        self.through(Verb::Holders, move |queue| queue.holders(keys, now))
    }

    fn claim<'a>(&'a self, claim: &'a Claim, now: Now) -> Answer<'a, Claimed> {
        self.through(Verb::Claim, move |queue| queue.claim(claim, now))
    }

    fn renew<'a>(&'a self, keys: &'a [LeaseKey], lease: Duration, now: Now) -> Answer<'a, Vec<Renewed>> {
        self.through(Verb::Renew, move |queue| queue.renew(keys, lease, now))
    }

    fn report(&self, events: Vec<(LeaseKey, Vec<Event>)>, now: Now) -> Answer<'_, ()> {
        self.through(Verb::Report, move |queue| queue.report(events, now))
    }

    fn settle(&self, settlements: Vec<Settlement>, now: Now) -> Answer<'_, Vec<Settled>> {
        self.through(Verb::Settle, move |queue| queue.settle(settlements, now))
    }

    fn reclaim(&self, now: Now) -> Answer<'_, u64> {
        self.through(Verb::Reclaim, move |queue| queue.reclaim(now))
    }

    fn change<'a>(&'a self, selection: &'a Selection, change: &'a Change, now: Now) -> Answer<'a, Vec<JobId>> {
        self.through(Verb::Change, move |queue| queue.change(selection, change, now))
    }

    fn get(&self, id: JobId) -> Answer<'_, Option<JobRecord>> {
        self.through(Verb::Get, move |queue| queue.get(id))
    }

    fn list<'a>(&'a self, filter: &'a Filter, page: Page) -> Answer<'a, Vec<Summary>> {
        self.through(Verb::List, move |queue| queue.list(filter, page))
    }

    fn counts<'a>(&'a self, filter: &'a Filter) -> Answer<'a, Vec<Count>> {
        self.through(Verb::Counts, move |queue| queue.counts(filter))
    }

    fn events(&self, id: JobId, after: u64) -> Answer<'_, Vec<StoredEvent>> {
        self.through(Verb::Events, move |queue| queue.events(id, after))
    }

    fn signals(&self) -> Signals {
        self.inner.signals()
    }

    fn queues(&self, now: Now) -> Answer<'_, Vec<QueueInfo>> {
        self.through(Verb::Queues, move |queue| queue.queues(now))
    }

    fn configure<'a>(&'a self, name: &'a str, settings: &'a QueueSettings) -> Answer<'a, ()> {
        self.through(Verb::Configure, move |queue| queue.configure(name, settings))
    }

    fn put_program<'a>(&'a self, wasm: &'a [u8], name: Option<&'a str>, now: Now) -> Answer<'a, Digest> {
        self.through(Verb::PutProgram, move |queue| queue.put_program(wasm, name, now))
    }

    fn take_name<'a>(&'a self, name: &'a str, digest: Digest, now: Now) -> Answer<'a, bool> {
        self.through(Verb::TakeName, move |queue| queue.take_name(name, digest, now))
    }

    fn program(&self, digest: Digest) -> Answer<'_, Option<Vec<u8>>> {
        self.through(Verb::Program, move |queue| queue.program(digest))
    }

    fn has_program<'a>(&'a self, digest: Digest, names: Option<&'a str>) -> Answer<'a, bool> {
        self.through(Verb::HasProgram, move |queue| queue.has_program(digest, names))
    }

    fn programs(&self) -> Answer<'_, Vec<StoredProgram>> {
        self.through(Verb::Programs, |queue| queue.programs())
    }

    fn versions<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<Version>> {
        self.through(Verb::Versions, move |queue| queue.versions(name))
    }

    fn delete_name<'a>(&'a self, name: &'a str) -> Answer<'a, bool> {
        self.through(Verb::DeleteName, move |queue| queue.delete_name(name))
    }

    fn put_entry<'a>(&'a self, entry: &'a Entry, expected: Expected, now: Now) -> Answer<'a, bool> {
        self.through(Verb::PutEntry, move |queue| queue.put_entry(entry, expected, now))
    }

    fn entry<'a>(&'a self, key: &'a EntryKey) -> Answer<'a, Option<Entry>> {
        self.through(Verb::Entry, move |queue| queue.entry(key))
    }

    fn entries<'a>(&'a self, kind: &'static str, after: Option<&'a str>) -> Answer<'a, Vec<Entry>> {
        self.through(Verb::Entries, move |queue| queue.entries(kind, after))
    }

    fn delete_entry<'a>(&'a self, key: &'a EntryKey) -> Answer<'a, bool> {
        self.through(Verb::DeleteEntry, move |queue| queue.delete_entry(key))
    }

    fn put_schedule<'a>(
        &'a self,
        schedule: &'a Schedule,
        next: Option<Timestamp>,
        expected: Expected,
        now: Now,
    ) -> Answer<'a, bool> {
        self.through(Verb::PutSchedule, move |queue| queue.put_schedule(schedule, next, expected, now))
    }

    fn schedules(&self) -> Answer<'_, Vec<ScheduleInfo>> {
        self.through(Verb::Schedules, |queue| queue.schedules())
    }

    fn delete_schedule<'a>(&'a self, name: &'a str) -> Answer<'a, bool> {
        self.through(Verb::DeleteSchedule, move |queue| queue.delete_schedule(name))
    }

    fn fire(&self, firing: Firing, now: Now) -> Answer<'_, bool> {
        self.through(Verb::Fire, move |queue| queue.fire(firing, now))
    }

    fn beat<'a>(&'a self, worker: &'a WorkerInfo, now: Now) -> Answer<'a, ()> {
        self.through(Verb::Beat, move |queue| queue.beat(worker, now))
    }

    fn workers(&self, now: Now) -> Answer<'_, Vec<WorkerInfo>> {
        self.through(Verb::Workers, move |queue| queue.workers(now))
    }

    fn prune<'a>(&'a self, retention: &'a Retention, now: Now) -> Answer<'a, u64> {
        self.through(Verb::Prune, move |queue| queue.prune(retention, now))
    }

    fn check(&self, now: Now) -> Answer<'_, Vec<Finding>> {
        self.through(Verb::Check, move |queue| queue.check(now))
    }

    fn backup<'a>(&'a self, file: &'a Path) -> Answer<'a, ()> {
        self.through(Verb::Backup, move |queue| queue.backup(file))
    }

    fn clock(&self) -> Answer<'_, Timestamp> {
        self.through(Verb::Clock, |queue| queue.clock())
    }
}
