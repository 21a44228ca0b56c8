//! A few threads that read, each with a connection of its own, so that a long list stands in nobody's way: in WAL mode
//! readers and the writer do not wait for each other.
//!
//! Looks go by a key, or through what is small, and are soon over; scans may go through every job. Each have their own
//! threads, so that no number of scans keeps a look waiting.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::connection::{self, PATIENCE, no_answer};
use crate::queue::Error;

/// One look may be at a program of many megabytes, and the other passes it.
const LOOKERS: usize = 2;
/// Enough for a dashboard beside a worker; more would only take memory, as the disk's cache is shared.
const SCANNERS: usize = 3;
/// How many questions may wait in each line. Whoever comes then waits before the door.
const MAX_WAITING: usize = 256;
/// How many steps of SQLite's machine lie between two looks at whether the answer is still wanted: some microseconds.
const STEPS: i32 = 1_000;

/// Takes questions in. When it is dropped, the threads answer what they have accepted, and end.
#[derive(Debug)]
pub(super) struct Readers {
    looks: Line,
    scans: Line,
}

/// Threads that answer questions in the order in which they came.
#[derive(Debug)]
struct Line {
    door: Option<mpsc::Sender<Question>>,
    threads: Vec<JoinHandle<()>>,
}

struct Question {
    answer: Box<dyn FnOnce(&Connection) + Send>,
    wanted: Wanted,
}

/// How long an answer is wanted.
struct Wanted {
    /// Gone when whoever asked has gone.
    asker: Weak<()>,
    until: Option<Instant>,
}

impl Readers {
    /// Starts the threads on a file that is known to be a queue.
    pub(super) fn start(path: &Path) -> Result<Self, Error> {
        Ok(Readers { looks: Line::start(path, LOOKERS)?, scans: Line::start(path, SCANNERS)? })
    }

    /// Asks for what is found by a key, or is small.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.looks.ask(Some(PATIENCE), question).await
    }

    /// Asks for what may take a walk through every job.
    pub(super) async fn scan<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.scans.ask(Some(PATIENCE), question).await
    }

    /// The same, for what may take as long as the file is large.
    pub(super) async fn scan_at_leisure<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.scans.ask(None, question).await
    }
}

impl Line {
    fn start(path: &Path, threads: usize) -> Result<Self, Error> {
        let (door, questions) = mpsc::channel(MAX_WAITING);
        let questions = Arc::new(Mutex::new(questions));
        let mut line = Line { door: Some(door), threads: Vec::new() };
        for _ in 0..threads {
            let (connection, questions) = (connection::reading(path)?, Arc::clone(&questions));
            let thread = std::thread::Builder::new().name("ampule-reader".to_owned());
            let spawned = thread.spawn(move || serve(&connection, &questions));
            let refused = |error| Error::Unavailable(format!("no thread for the queue: {error}"));
            line.threads.push(spawned.map_err(refused)?);
        }
        Ok(line)
    }

    /// Asks something of the database. When this is dropped, or the time is up, the question is not computed, or not
    /// further.
    async fn ask<T: Send + 'static>(
        &self,
        patience: Option<Duration>,
        question: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let asker = Arc::new(());
        let until = patience.map(|patience| Instant::now() + patience);
        let (reply, reached) = oneshot::channel();
        let answer = Box::new(move |connection: &Connection| {
            // Whoever asked may have gone.
            let _ = reply.send(question(connection));
        });
        let door = self.door.as_ref().ok_or(Error::Closed)?;
        let wanted = Wanted { asker: Arc::downgrade(&asker), until };
        door.send(Question { answer, wanted }).await.map_err(|_| Error::Closed)?;
        let is_late = || until.is_some_and(|until| Instant::now() >= until);
        reached.await.unwrap_or_else(|_| Err(if is_late() { no_answer() } else { Error::Closed }))
    }
}

impl Wanted {
    fn is_over(&self) -> bool {
        self.asker.strong_count() == 0 || self.until.is_some_and(|until| Instant::now() >= until)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        drop(self.door.take());
        for thread in self.threads.drain(..) {
            // A panic of the thread has been printed, and its answer is `Closed`.
            let _ = thread.join();
        }
    }
}

fn serve(connection: &Connection, questions: &Mutex<mpsc::Receiver<Question>>) {
    loop {
        // One thread waits for the next question, and the others for the lock.
        let question = questions.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(Question { answer, wanted }) = question else { return };
        if wanted.is_over() {
            continue;
        }
        connection.progress_handler(STEPS, Some(move || wanted.is_over())).expect("the connection is our own");
        answer(connection);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tempfile::TempDir;

    use super::*;
    use crate::job::{Digest, JobId};
    use crate::queue::{EntryKey, Queue as _, SqliteOptions, SqliteQueue};

    /// Far longer than anything here takes.
    const GIVE_UP: Duration = Duration::from_secs(60);

    async fn open() -> (TempDir, Arc<SqliteQueue>) {
        let directory = TempDir::new().unwrap();
        let queue = SqliteQueue::open(directory.path().join("queue.db"), SqliteOptions::default()).await.unwrap();
        (directory, Arc::new(queue))
    }

    /// Awaits what comes at once, unless it waits for what does not end.
    async fn soon<T>(what: impl Future<Output = T>) -> T {
        tokio::time::timeout(GIVE_UP, what).await.expect("it comes")
    }

    /// Has every thread that scans come to one place, and with it past all that was asked before.
    async fn meet(queue: &Arc<SqliteQueue>) {
        let place = Arc::new(Barrier::new(SCANNERS));
        let all: Vec<_> = (0..SCANNERS)
            .map(|_| {
                let (queue, place) = (Arc::clone(queue), Arc::clone(&place));
                let question = move |_: &Connection| Ok(place.wait().is_leader());
                tokio::spawn(async move { queue.readers.scan(question).await })
            })
            .collect();
        for one in all {
            soon(one).await.unwrap().unwrap();
        }
    }

    /// Takes every thread that scans, until what it gives is dropped.
    async fn take_all(queue: &Arc<SqliteQueue>) -> Vec<std::sync::mpsc::Sender<()>> {
        let mut held = Vec::new();
        for _ in 0..SCANNERS {
            let (hold, released) = std::sync::mpsc::channel::<()>();
            let (taken, is_taken) = oneshot::channel();
            let queue = Arc::clone(queue);
            tokio::spawn(async move {
                let question = move |_: &Connection| {
                    let _ = taken.send(());
                    // Nothing is ever sent.
                    let _ = released.recv();
                    Ok(())
                };
                queue.readers.scan_at_leisure(question).await
            });
            soon(is_taken).await.unwrap();
            held.push(hold);
        }
        held
    }

    fn without_end(connection: &Connection) -> Result<i64, Error> {
        let sql = "WITH RECURSIVE n AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT count(*) FROM n";
        connection.query_row(sql, [], |row| row.get(0)).map_err(connection::fault)
    }

    #[tokio::test]
    async fn no_scan_keeps_a_look_waiting() {
        let (_directory, queue) = open().await;
        let held = take_all(&queue).await;
        let digest = Digest::of(b"");
        soon(async {
            assert_eq!(queue.entry(&EntryKey::new("token", "a")).await, Ok(None));
            assert_eq!(queue.entries("token", None).await, Ok(vec![]));
            assert_eq!(queue.get(JobId::fresh()).await, Ok(None));
            assert_eq!(queue.holders(&[], None).await, Ok(vec![]));
            assert_eq!(queue.events(JobId::fresh(), 0).await, Ok(vec![]));
            assert_eq!(queue.program(digest).await, Ok(None));
            assert_eq!(queue.versions("a").await, Ok(vec![]));
            assert_eq!(queue.schedules().await, Ok(vec![]));
            assert_eq!(queue.workers(None).await, Ok(vec![]));
        })
        .await;
        drop(held);
        meet(&queue).await;
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_not_computed() {
        let (_directory, queue) = open().await;
        let held = take_all(&queue).await;
        let is_computed = Arc::new(AtomicBool::new(false));
        let mark = Arc::clone(&is_computed);
        let mut asked = Box::pin(queue.readers.scan(move |_| {
            mark.store(true, Ordering::SeqCst);
            Ok(())
        }));
        tokio::select! {
            biased;
            answer = &mut asked => panic!("no thread is free: {answer:?}"),
            () = std::future::ready(()) => {}
        }
        drop(asked);
        drop(held);
        meet(&queue).await;
        assert!(!is_computed.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_scan_ends_when_whoever_asked_has_gone() {
        let (_directory, queue) = open().await;
        for _ in 0..SCANNERS {
            let (begun, has_begun) = oneshot::channel();
            let mut asked = Box::pin(queue.readers.scan(move |connection| {
                let _ = begun.send(());
                without_end(connection)
            }));
            tokio::select! {
                answer = &mut asked => panic!("it has no end: {answer:?}"),
                begun = soon(has_begun) => begun.unwrap(),
            }
            drop(asked);
        }
        meet(&queue).await;
    }

    #[tokio::test]
    async fn a_scan_ends_when_its_time_is_up() {
        let (_directory, queue) = open().await;
        for patience in [Duration::ZERO, Duration::from_millis(20)] {
            let answer = soon(queue.readers.scans.ask(Some(patience), without_end)).await;
            assert_eq!(answer, Err(no_answer()));
        }
        meet(&queue).await;
    }
}
