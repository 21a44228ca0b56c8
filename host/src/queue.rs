//! The durable queue: what it promises, as one trait that every backend keeps.
//!
//! A queue stores jobs, hands them out under leases and takes back how they ended. It runs nothing: a
//! [`Worker`](crate::Worker) does. Time is the backend's: each verb takes `now`, and `None` is the database's clock.

mod callback;
mod change;
mod entry;
mod error;
mod filter;
mod lease;
mod milliseconds;
mod new_job;
mod open;
#[cfg(feature = "postgres")]
mod postgres;
mod programs;
mod record;
mod retry;
mod settings;
mod settlement;
mod signal;
mod sqlite;
mod stored;
mod timetable;

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

#[cfg(feature = "server")]
pub(crate) use self::callback::MAX_CHAIN;
pub(crate) use self::callback::follow_up;
pub use self::callback::{Callback, Delivery, Ended, Target, Webhook};
pub use self::change::{Change, Selection};
pub use self::entry::{Entry, EntryKey, Expected};
pub use self::error::Error;
pub use self::filter::{Filter, Page};
pub use self::lease::{Claim, Claimed, Lease, LeaseKey, Queues, Renewed, WorkerId};
pub(crate) use self::new_job::check_name;
pub use self::new_job::{Enqueued, NewJob, Payload, Start, Unique, UniqueKey, UniqueScope, Work};
#[cfg(feature = "server")]
pub(crate) use self::new_job::{YEARS, check_part};
pub use self::open::{QueueUrl, open};
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresQueue;
pub use self::programs::{GivenName, StoredProgram, Version};
pub use self::record::{Attempt, AttemptEnd, Count, Finding, JobRecord, State, StoredEvent, Summary, WorkerInfo};
pub use self::retry::{Backoff, RetryPolicy};
pub use self::settings::{Mode, QueueInfo, QueueSettings, Retention};
pub use self::settlement::{Settled, Settlement, Verdict};
pub use self::signal::Signals;
#[cfg(feature = "server")]
pub(crate) use self::signal::{Bell, Happened};
pub use self::sqlite::{SqliteOptions, SqliteQueue, Synchronous};
pub use self::timetable::{Firing, Missed, Schedule, ScheduleInfo, Timing};
use crate::events::Event;
use crate::job::{Digest, JobId};

/// An instant, by the database's clock, to the millisecond.
pub type Timestamp = chrono::DateTime<chrono::Utc>;

/// The time by which a verb decides: the database's clock if `None`. Tests give one.
pub type Now = Option<Timestamp>;

/// What a verb gives in time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// A durable store of jobs.
///
/// What every backend holds to:
/// - A job that was acknowledged is never lost: once [`enqueue`](Queue::enqueue) answers, it is on disk.
/// - Two claimers never hold one job at the same time, as long as leases are renewed.
/// - A lease is settled at most once; one that expired and was given to another, or was settled, cannot settle.
/// - A job that was cancelled while queued never runs. One that runs learns of it when its lease is next renewed.
/// - Attempts are bounded; a job whose workers die on all of them ends as `lost`.
/// - A unique key enqueues once within its scope.
/// - The end of a job and what follows from it (the delivery of a callback, the next job) are one transaction.
/// - A verb that answers with an error has changed nothing, or its answer was lost on the way; to enqueue the same
///   jobs again and to settle again are harmless.
pub trait Queue: fmt::Debug + Send + Sync + 'static {
    /// Stores jobs, all or none. Answers in the same order, and again the same for jobs that it has already, even if their
    /// queue takes no new ones by now.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a job that breaks a rule, [`Error::UnknownProgram`], [`Error::Draining`],
    /// [`Error::KeyTaken`] for a key that is another request's.
    fn enqueue(&self, jobs: Vec<NewJob>, now: Now) -> Answer<'_, Vec<Enqueued>>;

    /// Which jobs have these unique keys, in the same order.
    fn holders<'a>(&'a self, keys: &'a [UniqueKey], now: Now) -> Answer<'a, Vec<Option<JobId>>>;

    /// Hands out due jobs, at most `claim.slots` of them: the highest priority first, then who was due first. Paused
    /// queues, held jobs, jobs that waited too long, and whatever a limit on running jobs forbids are passed over.
    fn claim<'a>(&'a self, claim: &'a Claim, now: Now) -> Answer<'a, Claimed>;

    /// Extends the leases of one worker, in one statement. Answers in the same order.
    fn renew<'a>(&'a self, keys: &'a [LeaseKey], lease: Duration, now: Now) -> Answer<'a, Vec<Renewed>>;

    /// Keeps what running jobs told, for whoever watches. What comes from a lease that was lost is dropped, and so is
    /// all past the ten-thousandth event of a job.
    fn report(&self, events: Vec<(LeaseKey, Vec<Event>)>, now: Now) -> Answer<'_, ()>;

    /// Ends leases. Answers in the same order.
    fn settle(&self, settlements: Vec<Settlement>, now: Now) -> Answer<'_, Vec<Settled>>;

    /// Takes back jobs whose lease expired, and ends those that waited too long. Answers how many. Harmless beside
    /// others who do the same.
    fn reclaim(&self, now: Now) -> Answer<'_, u64>;

    /// Changes the jobs that were selected, as far as the change applies to the state that they are in. Answers with
    /// those that it changed. By ids it is one transaction; by filter it goes on in steps.
    fn change<'a>(&'a self, selection: &'a Selection, change: &'a Change, now: Now) -> Answer<'a, Vec<JobId>>;

    /// All that is known of a job, its attempts included.
    fn get(&self, id: JobId) -> Answer<'_, Option<JobRecord>>;

    /// Jobs, newest first.
    fn list<'a>(&'a self, filter: &'a Filter, page: Page) -> Answer<'a, Vec<Summary>>;

    /// How many jobs there are, by queue and state.
    fn counts<'a>(&'a self, filter: &'a Filter) -> Answer<'a, Vec<Count>>;

    /// What a job told while it ran, oldest first, from after the event with this number (0: from the first), at most
    /// a thousand.
    fn events(&self, id: JobId, after: u64) -> Answer<'_, Vec<StoredEvent>>;

    /// What wakes those who wait: for jobs to claim, for ends, for cancels. Made before the look at the queue, so that
    /// nothing is missed between the two. A hint: it may come late or for nothing, so whoever waits also looks from
    /// time to time.
    fn signals(&self) -> Signals;

    /// Every queue that was configured or has jobs, in order of name.
    fn queues(&self, now: Now) -> Answer<'_, Vec<QueueInfo>>;

    /// Sets how a queue is served.
    fn configure<'a>(&'a self, queue: &'a str, settings: &'a QueueSettings) -> Answer<'a, ()>;

    /// Stores a program, and gives it a name if one is given: jobs enqueued under the name from now on mean it. A source
    /// that had the name is gone.
    fn put_program<'a>(&'a self, wasm: &'a [u8], name: Option<&'a str>, now: Now) -> Answer<'a, Digest>;

    /// Gives a program that is stored a name that means nothing yet, and says whether it did. Of many who do so at once,
    /// and of those who store a source where they expect nothing, it is one.
    ///
    /// # Errors
    /// [`Error::UnknownProgram`] for a program that is not stored.
    fn take_name<'a>(&'a self, name: &'a str, digest: Digest, now: Now) -> Answer<'a, bool>;

    /// A program's bytes.
    fn program(&self, digest: Digest) -> Answer<'_, Option<Vec<u8>>>;

    /// Whether a program is stored. With a beginning of names: and a name that begins so means it or has meant it.
    fn has_program<'a>(&'a self, digest: Digest, names: Option<&'a str>) -> Answer<'a, bool>;

    /// Every program and the names that it has.
    fn programs(&self) -> Answer<'_, Vec<StoredProgram>>;

    /// What a name has meant, newest first, at most a thousand: the first one is what it means now. A program that it
    /// was given to twice stands once. Nothing for a name that there is not.
    fn versions<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<Version>>;

    /// Takes a name and its history away, of a program or of a source, and says whether there was one. Whoever enqueues
    /// under it from now on is refused. The programs stay: jobs that wait, that ended and may be retried, what follows
    /// from them and schedules may mean them by their digests.
    fn delete_name<'a>(&'a self, name: &'a str) -> Answer<'a, bool>;

    /// Stores a schedule in place of the one of its name, if what is there is as expected, and says whether it did;
    /// `next` is when it is due first, none for never.
    fn put_schedule<'a>(
        &'a self,
        schedule: &'a Schedule,
        next: Option<Timestamp>,
        expected: Expected,
        now: Now,
    ) -> Answer<'a, bool>;

    /// Every schedule, in order of name.
    fn schedules(&self) -> Answer<'_, Vec<ScheduleInfo>>;

    /// Deletes a schedule, and says whether there was one. Jobs that it enqueued stay.
    fn delete_schedule<'a>(&'a self, name: &'a str) -> Answer<'a, bool>;

    /// Enqueues the ticks of a schedule and moves it on, if nobody else has. Answers whether it was this call.
    fn fire(&self, firing: Firing, now: Now) -> Answer<'_, bool>;

    /// Stores a small document beside the jobs, if what is there is as expected. Answers whether it did. Sources have
    /// the names of programs, each of which is one or the other: to expect nothing is to expect no program either, and
    /// the program's name and history are gone.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a key that is too long or has a NUL, and for a document of more than 4 MiB of JSON or a
    /// hundred levels.
    fn put_entry<'a>(&'a self, entry: &'a Entry, expected: Expected, now: Now) -> Answer<'a, bool>;

    /// One document. None for a key that no document can have.
    fn entry<'a>(&'a self, key: &'a EntryKey) -> Answer<'a, Option<Entry>>;

    /// The documents of one kind, in order of their names, from after the name that is given: at most a thousand, and at
    /// most 32 MiB of them or one. Whoever wants all asks again, after the last name, until nothing comes.
    fn entries<'a>(&'a self, kind: &'static str, after: Option<&'a str>) -> Answer<'a, Vec<Entry>>;

    /// Deletes a document, and says whether there was one.
    fn delete_entry<'a>(&'a self, key: &'a EntryKey) -> Answer<'a, bool>;

    /// Tells of a worker that is alive.
    fn beat<'a>(&'a self, worker: &'a WorkerInfo, now: Now) -> Answer<'a, ()>;

    /// The workers that were alive within the last minute and have not ended since, and those that left jobs behind.
    fn workers(&self, now: Now) -> Answer<'_, Vec<WorkerInfo>>;

    /// Deletes ended jobs that are older than is kept, at most ten thousand, and says how many.
    fn prune<'a>(&'a self, retention: &'a Retention, now: Now) -> Answer<'a, u64>;

    /// Looks for what should not be: damage to the store, rows that contradict each other, jobs that are stuck.
    fn check(&self, now: Now) -> Answer<'_, Vec<Finding>>;

    /// Copies the whole queue, as it is at one moment, into a new file, while it is in use.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the database has a tool of its own for it.
    fn backup<'a>(&'a self, file: &'a Path) -> Answer<'a, ()>;

    /// The database's clock.
    fn clock(&self) -> Answer<'_, Timestamp>;
}
