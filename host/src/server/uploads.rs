//! Programs on their way in: a bounded number at once, read and checked as they come, compiled in the background. Those
//! on their way out are held in memory as well, so they take turns with them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::App;
use super::problem::{Code, Problem, Result};
use super::receive::{Bounds, receive};
use crate::failure::Failure;
use crate::inspect::Inspection;
use crate::job::Digest;

/// How long an upload waits for its turn before it is told to come again.
const PATIENCE: Duration = Duration::from_secs(1);
/// What tells a program from anything else.
const MAGIC_BYTES: usize = 8;

/// What is being uploaded, inspected and compiled.
pub(crate) struct Uploads {
    slots: Arc<Semaphore>,
    compiling: Mutex<JoinSet<()>>,
}

/// The right to hold a program in memory.
pub(super) struct Turn(#[expect(dead_code, reason = "held for its end")] OwnedSemaphorePermit);

impl Uploads {
    /// With room for so many at once.
    pub(super) fn new(slots: usize) -> Self {
        Uploads { slots: Arc::new(Semaphore::new(slots)), compiling: Mutex::default() }
    }

    /// Waits for a turn, for a moment.
    pub(super) async fn turn(&self) -> Result<Turn> {
        match timeout(PATIENCE, Arc::clone(&self.slots).acquire_owned()).await {
            Ok(permit) => Ok(Turn(permit.expect("the semaphore is never closed"))),
            Err(_) => {
                Err(Problem::new(Code::Busy, "as many programs come in or go out as there may be at once")
                    .retry_after(1))
            }
        }
    }
}

/// Compiles a program in the background, so that its first job does not wait.
pub(super) fn compile(app: &App, digest: Digest, turn: Turn) {
    let mut compiling = app.uploads.compiling.lock().unwrap_or_else(PoisonError::into_inner);
    // Those that ended are let go of; each of the others holds a turn, so they are few.
    while compiling.try_join_next().is_some() {}
    let app = app.clone();
    compiling.spawn(async move {
        let loading = tokio::select! {
            loaded = app.programs.loaded(digest) => loaded.map(|_| ()),
            () = app.closing.raised() => Ok(()),
        };
        if let Err(problem) = loading {
            tracing::warn!(%digest, problem = problem.detail, "a program that was stored could not be compiled");
        }
        drop(turn);
    });
}

/// A program that is sent. Its turn ends when the last of its bytes was taken, or nobody wants them any more.
struct Sent {
    wasm: Vec<u8>,
    _turn: Turn,
}

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        &self.wasm
    }
}

/// The body that sends a program.
pub(super) fn sent(wasm: Vec<u8>, turn: Turn) -> Body {
    Body::from(Bytes::from_owner(Sent { wasm, _turn: turn }))
}

/// Reads a program. What cannot be one is refused by its first bytes.
pub(super) async fn read(app: &App, body: Body) -> Result<Vec<u8>> {
    let limit = app.runner.program_limits().wasm_bytes;
    let mut is_looked_at = false;
    let wasm = receive(body, Bounds::of_upload(limit, &app.settings), |bytes| {
        if is_looked_at || bytes.len() < MAGIC_BYTES {
            return Ok(());
        }
        is_looked_at = true;
        // Of something else than a program nothing but this beginning is read.
        if bytes.starts_with(b"\0asm") { Ok(()) } else { check_beginning(app, bytes) }
    });
    wasm.await
}

fn check_beginning(app: &App, bytes: &[u8]) -> Result<()> {
    app.runner.inspect(bytes).map(|_| ()).map_err(|failure| Problem::of_failure(&failure))
}

/// Reads what a program is. Gives the bytes back, and why it would not be run.
pub(super) async fn inspect(app: &App, wasm: Vec<u8>) -> Result<(Vec<u8>, Inspection, Option<Failure>)> {
    let runner = app.runner.clone();
    let inspected = tokio::task::spawn_blocking(move || runner.inspect(&wasm).map(|(read, why)| (wasm, read, why)));
    inspected.await.map_err(|error| Problem::internal(&error))?.map_err(|failure| Problem::of_failure(&failure))
}
