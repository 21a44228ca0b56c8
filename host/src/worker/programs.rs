//! The programs of a worker's jobs: loaded once from the queue's store, and kept while they are in use.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use crate::error::{Error as HostError, LoadError};
use crate::failure::{Failure, Kind};
use crate::job::Digest;
use crate::program::Program;
use crate::queue::{Error, Queue};
use crate::runner::Runner;

/// Programs that are kept loaded. One that is dropped is loaded again when it is needed, from the runner's cache of
/// compiled code if it has one. Compiled code is some megabytes at the most for all but interpreters.
const MAX_PROGRAMS: usize = 256;

/// The programs that were used last.
#[derive(Default)]
pub(super) struct Programs(Mutex<Known>);

#[derive(Default)]
struct Known {
    entries: HashMap<Digest, Entry>,
    /// Counts looks, to tell which entry was used last.
    looks: u64,
}

struct Entry {
    program: Arc<OnceCell<Result<Program, Failure>>>,
    used: u64,
}

/// Why a program could not be had. Another try may have it.
pub(super) enum Trouble {
    /// The queue did not answer.
    Queue(Error),
    /// No compiler could be started.
    Compiler(HostError),
    /// Whatever else it is.
    Host(Failure),
}

impl Programs {
    /// The program, or why it was refused, if it was loaded before.
    pub(super) fn get(&self, digest: &Digest) -> Option<Result<Program, Failure>> {
        let mut known = self.lock();
        known.looks += 1;
        let now = known.looks;
        let entry = known.entries.get_mut(digest)?;
        entry.used = now;
        entry.program.get().cloned()
    }

    /// Loads a program, once for all who ask at the same time. A refusal is remembered as well: a thousand jobs of a bad
    /// program are not a thousand compilations.
    pub(super) async fn load(
        &self,
        digest: Digest,
        queue: &dyn Queue,
        runner: &Runner,
    ) -> Result<Result<Program, Failure>, Trouble> {
        let cell = self.cell(digest);
        cell.get_or_try_init(|| fetch(digest, queue, runner)).await.cloned()
    }

    fn cell(&self, digest: Digest) -> Arc<OnceCell<Result<Program, Failure>>> {
        let mut known = self.lock();
        if known.entries.len() >= MAX_PROGRAMS && !known.entries.contains_key(&digest) {
            let oldest = known.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(digest, _)| *digest);
            oldest.map(|digest| known.entries.remove(&digest));
        }
        known.looks += 1;
        let used = known.looks;
        let entry = known.entries.entry(digest).or_insert_with(|| Entry { program: Arc::default(), used });
        Arc::clone(&entry.program)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn fetch(digest: Digest, queue: &dyn Queue, runner: &Runner) -> Result<Result<Program, Failure>, Trouble> {
    if let Some(program) = runner.loaded(&digest) {
        return Ok(Ok(program));
    }
    let host = |message| Trouble::Host(Failure::new(Kind::Host, message));
    let wasm = match queue.program(digest).await {
        Ok(Some(wasm)) => wasm,
        Ok(None) => return Err(host(format!("program {digest} is not in the queue's store any more"))),
        Err(error) => return Err(Trouble::Queue(error)),
    };
    match runner.load(wasm).await {
        Ok(program) if program.digest() == digest => Ok(Ok(program)),
        Ok(other) => {
            Err(host(format!("expected the bytes of {digest} in the queue's store, found {}", other.digest())))
        }
        Err(LoadError::Refused(failure)) => Ok(Err(*failure)),
        Err(LoadError::Host(error @ HostError::NoCompiler { .. })) => Err(Trouble::Compiler(error)),
        Err(LoadError::Host(error)) => Err(host(error.to_string())),
    }
}
