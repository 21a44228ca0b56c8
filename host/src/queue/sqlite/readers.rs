//! A few threads that read, each with a connection of its own, so that a long list stands in nobody's way: in WAL mode
//! readers and the writer do not wait for each other.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::connection;
use crate::queue::Error;

/// Enough for a dashboard beside a worker; more would only take memory, as the disk's cache is shared.
const THREADS: usize = 3;
/// How many questions may wait. Whoever comes then waits before the door.
const MAX_WAITING: usize = 256;

type Question = Box<dyn FnOnce(&Connection) + Send>;

/// Takes questions in. When it is dropped, the threads answer what they have accepted, and end.
#[derive(Debug)]
pub(super) struct Readers {
    door: Option<mpsc::Sender<Question>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Starts the threads on a file that is known to be a queue.
    pub(super) fn start(path: &Path) -> Result<Self, Error> {
        let (door, questions) = mpsc::channel(MAX_WAITING);
        let questions = Arc::new(Mutex::new(questions));
        let mut readers = Readers { door: Some(door), threads: Vec::new() };
        for _ in 0..THREADS {
            let (connection, questions) = (connection::reading(path)?, Arc::clone(&questions));
            let thread = std::thread::Builder::new().name("ampule-reader".to_owned());
            let spawned = thread.spawn(move || serve(&connection, &questions));
            let refused = |error| Error::Unavailable(format!("no thread for the queue: {error}"));
            readers.threads.push(spawned.map_err(refused)?);
        }
        Ok(readers)
    }

    /// Asks something of the database.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let question: Question = Box::new(move |connection| {
            // Whoever asked may have gone.
            let _ = reply.send(question(connection));
        });
        let door = self.door.as_ref().ok_or(Error::Closed)?;
        door.send(question).await.map_err(|_| Error::Closed)?;
        answer.await.unwrap_or(Err(Error::Closed))
    }
}

impl Drop for Readers {
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
        let Some(question) = question else { return };
        question(connection);
    }
}
