//! The one thread that writes: it takes all operations that wait, runs them in one transaction, and answers when that
//! is on disk. So sixteen callers that each wait for their own commit share one write to the disk.
//!
//! What an operation does is not known here. Ringing the bell after a commit is this file's part, and so is noticing
//! what other processes wrote.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::connection::{self, fault};
use super::statements::{Held, Statements};
use super::{Synchronous, migrate};
use crate::job::Digest;
use crate::queue::signal::{Bell, Happened};
use crate::queue::{Error, Now, QueueSettings, Timestamp};

/// The most operations in one transaction, and about the most rows: a caller waits for all of the group.
const MAX_GROUP: usize = 512;
const MAX_GROUP_ROWS: usize = 5_000;
/// The most operations that wait. Whoever comes then waits before the door instead of inside.
const MAX_WAITING: usize = 1_024;
/// How often the file is looked at for what other processes wrote, while somebody waits for a signal.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);
/// Digests that are known to be stored, kept so that an enqueue need not look.
const MAX_KNOWN_DIGESTS: usize = 10_000;

/// What a commit has to outlive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// A loss of power, if the queue was opened so.
    Power,
    /// The process. Enough for what only says which worker of this machine has which job: a machine that loses its
    /// power loses these workers too, and the jobs are queued again as if they had not been handed out.
    Process,
}

/// Why an operation did not do what it was asked.
#[derive(Debug)]
pub(super) enum Stop {
    /// It was refused before it had written anything, so the transaction goes on without it.
    Refused(Error),
    /// The database failed, halfway perhaps, so the transaction is rolled back.
    Broken(Error),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Stop::Broken(fault(error))
    }
}

/// An open transaction, as an operation sees it.
pub(super) struct Tx<'t, 'c> {
    statements: &'t Statements<'c>,
    known: &'t mut Known,
    clock: Timestamp,
    /// What is to be told when it is committed.
    pub(super) happened: Happened,
}

/// What was read from the file and holds until another process writes to it.
#[derive(Debug, Default)]
pub(super) struct Known {
    queues: Option<HashMap<String, QueueSettings>>,
    digests: HashSet<Digest>,
}

impl<'t, 'c> Tx<'t, 'c> {
    /// A statement, prepared once.
    pub(super) fn prepare(&self, sql: &'static str) -> rusqlite::Result<Held<'t, 'c>> {
        self.statements.prepare(sql)
    }

    /// How much work was done so far; see [`Statements::steps`].
    #[cfg(test)]
    pub(super) fn steps(&self) -> i64 {
        self.statements.steps()
    }

    /// The connection itself.
    #[cfg(test)]
    pub(super) fn connection(&self) -> &'c Connection {
        self.statements.connection()
    }

    /// The time by which an operation decides, in milliseconds.
    pub(super) fn now(&self, now: Now) -> i64 {
        now.unwrap_or(self.clock).timestamp_millis()
    }

    /// How queues are served; those that were never configured are not in it.
    pub(super) fn queues(&mut self) -> rusqlite::Result<&HashMap<String, QueueSettings>> {
        if self.known.queues.is_none() {
            self.known.queues = Some(super::settings::read_all(self.statements.connection())?);
        }
        Ok(self.known.queues.get_or_insert_default())
    }

    /// Has to be called by whatever changes a queue's settings.
    pub(super) fn forget_queues(&mut self) {
        self.known.queues = None;
    }

    /// Whether a program is stored. Programs are never deleted, so what was once seen stays.
    pub(super) fn has_program(&mut self, digest: Digest) -> rusqlite::Result<bool> {
        if self.known.digests.contains(&digest) {
            return Ok(true);
        }
        let is_there = self.prepare("SELECT 1 FROM programs WHERE digest = ?1")?.exists([&digest.to_bytes()[..]])?;
        if is_there && self.known.digests.len() < MAX_KNOWN_DIGESTS {
            self.known.digests.insert(digest);
        }
        Ok(is_there)
    }
}

/// Takes operations in. When it is dropped, the thread writes what it has accepted, and ends.
#[derive(Debug)]
pub(super) struct Writer {
    door: Option<Sender<Message>>,
    room: Arc<Semaphore>,
    thread: Option<JoinHandle<()>>,
}

enum Message {
    Operation(Box<dyn Operation>),
    /// Somebody waits for signals from now on.
    Look,
}

/// How an operation is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) durability: Durability,
    /// About how many rows it writes.
    pub(super) rows: usize,
}

/// An operation whose answer is kept until the transaction is committed. It may be run again after a rollback.
trait Operation: Send {
    fn request(&self) -> Request;
    fn run(&mut self, tx: &mut Tx<'_, '_>) -> Result<(), Error>;
    fn answer(self: Box<Self>, committed: Result<(), Error>);
}

struct Asked<T, F> {
    request: Request,
    work: F,
    result: Option<Result<T, Error>>,
    reply: oneshot::Sender<Result<T, Error>>,
    _room: OwnedSemaphorePermit,
}

impl<T: Send, F: FnMut(&mut Tx<'_, '_>) -> Result<T, Stop> + Send> Operation for Asked<T, F> {
    fn request(&self) -> Request {
        self.request
    }

    fn run(&mut self, tx: &mut Tx<'_, '_>) -> Result<(), Error> {
        match (self.work)(tx) {
            Ok(value) => self.result = Some(Ok(value)),
            Err(Stop::Refused(error)) => self.result = Some(Err(error)),
            Err(Stop::Broken(error)) => return Err(error),
        }
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), Error>) {
        let Asked { result, reply, .. } = *self;
        // Whoever asked may have gone; the work is done all the same.
        let _ = reply.send(committed.and_then(|()| result.unwrap_or(Err(Error::Closed))));
    }
}

impl Writer {
    /// Opens the file, brings its schema up to date, and starts the thread.
    pub(super) async fn start(path: PathBuf, synchronous: Synchronous, bell: Arc<Bell>) -> Result<Self, Error> {
        let (door, messages) = channel();
        let (opened, is_open) = oneshot::channel();
        let spawned = std::thread::Builder::new().name("ampule-queue".to_owned()).spawn(move || {
            let db = match open(&path, synchronous) {
                Ok(db) => db,
                // Whoever asked may have gone.
                Err(error) => return drop(opened.send(Err(error))),
            };
            match Serving::new(&db, synchronous, bell, messages) {
                Ok(serving) => {
                    let _ = opened.send(Ok(()));
                    serving.serve();
                }
                Err(error) => drop(opened.send(Err(error))),
            }
        });
        let thread = spawned.map_err(|error| Error::Unavailable(format!("no thread for the queue: {error}")))?;
        let writer = Writer { door: Some(door), room: Arc::new(Semaphore::new(MAX_WAITING)), thread: Some(thread) };
        is_open.await.unwrap_or(Err(Error::Closed))?;
        Ok(writer)
    }

    /// Runs an operation in a transaction, with others, and answers when it is committed. If it is rolled back for
    /// another's sake it is run again, so it must leave what it was given as it is.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        request: Request,
        work: impl FnMut(&mut Tx<'_, '_>) -> Result<T, Stop> + Send + 'static,
    ) -> Result<T, Error> {
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| Error::Closed)?;
        let (reply, answer) = oneshot::channel();
        let operation = Asked { request, work, result: None, reply, _room: room };
        self.send(Message::Operation(Box::new(operation)))?;
        answer.await.unwrap_or(Err(Error::Closed))
    }

    /// Looks for what other processes write, as long as anybody is subscribed.
    pub(super) fn look(&self) {
        // A thread that is gone has nothing to tell.
        let _ = self.send(Message::Look);
    }

    fn send(&self, message: Message) -> Result<(), Error> {
        self.door.as_ref().and_then(|door| door.send(message).ok()).ok_or(Error::Closed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.door.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed, and every answer that it owed is `Closed`.
            let _ = thread.join();
        }
    }
}

fn open(path: &Path, synchronous: Synchronous) -> Result<Connection, Error> {
    let db = connection::writing(path)?;
    migrate::migrate(&db)?;
    connection::set_up_writer(&db, synchronous)?;
    Ok(db)
}

/// The thread's own side.
struct Serving<'c> {
    db: &'c Connection,
    statements: Statements<'c>,
    bell: Arc<Bell>,
    messages: Receiver<Message>,
    known: Known,
    synchronous: Synchronous,
    /// What the connection is set to.
    set: Durability,
    /// Changes when another connection has written.
    data_version: i64,
    next_look: Instant,
}

impl<'c> Serving<'c> {
    fn new(
        db: &'c Connection,
        synchronous: Synchronous,
        bell: Arc<Bell>,
        messages: Receiver<Message>,
    ) -> Result<Self, Error> {
        let mut serving = Serving {
            db,
            statements: Statements::new(db),
            bell,
            messages,
            known: Known::default(),
            synchronous,
            set: Durability::Power,
            data_version: 0,
            next_look: Instant::now(),
        };
        serving.data_version = serving.read_data_version().map_err(fault)?;
        Ok(serving)
    }

    fn serve(mut self) {
        while let Some(group) = self.next_group() {
            if !group.is_empty() {
                self.write(group);
            }
            self.look_if_due();
        }
    }

    /// All that waits, or nothing if it is time to look at the file; `None` when nobody can ask any more.
    fn next_group(&mut self) -> Option<Vec<Box<dyn Operation>>> {
        let first = if self.bell.is_heard() {
            match self.messages.recv_timeout(self.next_look.saturating_duration_since(Instant::now())) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => return Some(Vec::new()),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        } else {
            self.messages.recv().ok()?
        };
        let (mut group, mut rows, mut next) = (Vec::new(), 0, Some(first));
        while let Some(message) = next {
            if let Message::Operation(operation) = message {
                rows += operation.request().rows;
                group.push(operation);
            }
            let has_room = group.len() < MAX_GROUP && rows < MAX_GROUP_ROWS;
            next = if has_room { self.messages.try_recv().ok() } else { None };
        }
        Some(group)
    }

    /// Runs a group in one transaction. If that fails, each in one of its own, so that none suffers for another.
    fn write(&mut self, mut group: Vec<Box<dyn Operation>>) {
        match self.transaction(&mut group) {
            Err(_) if group.len() > 1 => {
                for operation in group {
                    let mut alone = vec![operation];
                    let committed = self.transaction(&mut alone);
                    answer(alone, &committed);
                }
            }
            committed => answer(group, &committed),
        }
    }

    fn transaction(&mut self, group: &mut [Box<dyn Operation>]) -> Result<(), Error> {
        let done = self.try_transaction(group);
        if done.is_err() {
            self.known = Known::default();
            if !self.db.is_autocommit() {
                // If this fails too, the next BEGIN says so.
                let _ = self.db.execute_batch("ROLLBACK");
            }
        }
        let happened = done?;
        self.bell.ring(happened);
        Ok(())
    }

    fn try_transaction(&mut self, group: &mut [Box<dyn Operation>]) -> Result<Happened, Error> {
        let for_power = group.iter().any(|operation| operation.request().durability == Durability::Power);
        self.set_durability(if for_power { Durability::Power } else { Durability::Process }).map_err(fault)?;
        self.statements.prepare("BEGIN IMMEDIATE").and_then(|mut begin| begin.execute([])).map_err(fault)?;
        self.see_others().map_err(fault)?;
        let happened = Happened::default();
        let mut tx = Tx { statements: &self.statements, known: &mut self.known, clock: chrono::Utc::now(), happened };
        for operation in group {
            operation.run(&mut tx)?;
        }
        let happened = tx.happened;
        self.statements.prepare("COMMIT").and_then(|mut commit| commit.execute([])).map_err(fault)?;
        Ok(happened)
    }

    /// Without a loss of power, a commit outlives the process as soon as the operating system has it: in WAL mode,
    /// `NORMAL` writes the same and does not wait for the disk. What such a commit wrote is on disk with the next one
    /// that waits, as both are in one log.
    fn set_durability(&mut self, durability: Durability) -> rusqlite::Result<()> {
        if self.set == durability || self.synchronous == Synchronous::Normal {
            return Ok(());
        }
        self.db.execute_batch(match durability {
            Durability::Power => "PRAGMA synchronous = FULL",
            Durability::Process => "PRAGMA synchronous = NORMAL",
        })?;
        self.set = durability;
        Ok(())
    }

    fn look_if_due(&mut self) {
        let now = Instant::now();
        if now < self.next_look || !self.bell.is_heard() {
            return;
        }
        self.next_look = now + LOOK_INTERVAL;
        // A look that fails is made again soon.
        let _ = self.see_others();
    }

    /// Rings if another connection has written since the last look. Our own commits do not count.
    fn see_others(&mut self) -> rusqlite::Result<()> {
        let version = self.read_data_version()?;
        if version != self.data_version {
            self.data_version = version;
            self.known = Known::default();
            self.bell.ring(Happened::ANYTHING);
        }
        Ok(())
    }

    fn read_data_version(&self) -> rusqlite::Result<i64> {
        self.statements.prepare("PRAGMA data_version")?.query_row([], |row| row.get(0))
    }
}

fn answer(group: Vec<Box<dyn Operation>>, committed: &Result<(), Error>) {
    for operation in group {
        operation.answer(committed.clone());
    }
}
