//! A disk that runs full under a queue with producers and workers on it.
//!
//! Runs in a process that has a small file system of its own, mounted for nobody else; so the whole of it is here.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ampule::BoxError;
use ampule::queue::{self, Error, Filter, Page, Queue, QueueUrl, State};

use crate::history::{History, Rules, read};
use crate::journal::{Journal, Note};
use crate::order::{Order, PROGRAM};
use crate::part::{Part, Working, witnessed};
use crate::soon;

/// What is thrown away when the disk has run full.
const BALLAST_BYTES: usize = 4 << 20;

/// How many jobs are asked for at most before the disk is full: far more than fit.
const MOST_JOBS: u64 = 10_000;

/// In a directory that holds a full `disk`-to-be and has room for a journal: fills the disk with jobs, sees that the
/// queue says so and loses nothing, makes room, and sees that it goes on.
///
/// # Errors
/// Whatever keeps it from beginning.
///
/// # Panics
/// If a promise is broken.
pub async fn scenario(directory: &Path) -> Result<(), BoxError> {
    let disk = directory.join("disk");
    let ballast = disk.join("ballast");
    fs::write(&ballast, vec![1; BALLAST_BYTES])?;
    let file = disk.join("queue.db");
    let journal = Arc::new(Journal::open(directory)?);
    let queue = queue::open(&QueueUrl::Sqlite(file.clone())).await?;
    queue.put_program(&Order::program(), Some(PROGRAM), None).await?;

    let part = Part::new(format!("sqlite:{}", file.display()), directory);
    let working = Working::start(&part, witnessed(Arc::clone(&queue), &journal), &journal)?;
    let mut orders = Orders { n: 100 };
    let refused = orders.fill(&*queue, &journal).await;
    assert!(matches!(refused, Error::Full(_)), "a full disk is called so: {refused:?}");
    assert!(refused.is_temporary(), "and may be asked again");
    assert!(queue.list(&Filter::default(), Page::default()).await.is_ok(), "what is there can be read");

    fs::remove_file(&ballast)?;
    soon("it goes on when there is room", async {
        while orders.ask(&*queue, &journal).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    soon("every job ends", async {
        let waiting = Filter { states: vec![State::Queued, State::Running], ..Filter::default() };
        while !matches!(queue.list(&waiting, Page::default()).await.as_deref(), Ok([])) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    working.stop(Duration::from_secs(10)).await;
    let found = read(&*queue).await;
    History { entries: journal.read(), found, rules: Rules::default() }.expect_sound();
    let findings = queue.check(None).await?;
    assert!(findings.iter().all(|finding| !finding.is_fault), "the file is sound: {findings:?}");
    Ok(())
}

struct Orders {
    n: u64,
}

impl Orders {
    /// Asks for jobs until one is refused.
    async fn fill(&mut self, queue: &dyn Queue, journal: &Journal) -> Error {
        for _ in 0..MOST_JOBS {
            if let Err(error) = self.ask(queue, journal).await {
                return error;
            }
        }
        panic!("{MOST_JOBS} jobs did not fill the disk");
    }

    /// Asks for one job, once. A job that was refused is another one the next time.
    async fn ask(&mut self, queue: &dyn Queue, journal: &Journal) -> Result<(), Error> {
        self.n += 1;
        let order = Order { pad: 20_000, told: self.n.is_multiple_of(5), ..Order::new(self.n) };
        let job = order.job(journal.directory());
        let id = job.id;
        journal.note(Note::Meant { id, order });
        queue.enqueue(vec![job], None).await?;
        journal.note_for_good(Note::Acknowledged(vec![id]));
        Ok(())
    }
}
