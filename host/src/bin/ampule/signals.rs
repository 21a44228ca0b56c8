//! Ctrl-C and SIGTERM: the first stops the job in an orderly way, the second ends the command at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::{self, Fault};

/// The signals that ask the command to stop, caught from now on.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    seen: bool,
}

impl Signals {
    pub(crate) fn catch() -> Result<Self, Fault> {
        let fault = |error: io::Error| anyhow::Error::new(error).context("signals could not be caught");
        let interrupt = signal(SignalKind::interrupt()).map_err(fault)?;
        let terminate = signal(SignalKind::terminate()).map_err(fault)?;
        Ok(Signals { interrupt, terminate, seen: false })
    }

    /// Waits for work, unless a signal comes first: then there is nothing, and the work is dropped.
    pub(crate) async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.asked_to_stop() => None,
            done = work => Some(done),
        }
    }

    /// Resolves at the first signal. At the second, whenever it comes, the process exits.
    pub(crate) async fn asked_to_stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        if self.seen {
            std::process::exit(exit::INTERRUPTED);
        }
        self.seen = true;
    }
}
