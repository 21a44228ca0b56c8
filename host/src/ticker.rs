//! The thread that moves the engine's epoch on, so that a busy guest is made to yield and can be stopped.
//!
//! It sleeps for good while nothing runs. What a tick does to a guest is decided in `sandbox.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use wasmtime::Engine;

use crate::error::Error;

/// One tick. A guest yields to others this often; with 1 ms the timers of the guests' runtime are not late.
const TICK: Duration = Duration::from_millis(1);

/// Ticks with nothing running before the thread sleeps: runs that follow each other need not wake it each time.
const IDLE_TICKS: u32 = 50;

/// Owns the thread.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
    join: std::sync::Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    running: AtomicUsize,
    parked: AtomicBool,
    stopped: AtomicBool,
}

impl Ticker {
    /// Starts the thread. At every tick it also calls `at_tick`.
    pub(crate) fn start(engine: Engine, at_tick: impl Fn() + Send + 'static) -> Result<Self, Error> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let join = thread::Builder::new()
            .name("ampule-ticker".to_owned())
            .spawn(move || theirs.tick(&engine, &at_tick))
            .map_err(|error| Error::Engine(format!("the ticker thread could not be started: {error}")))?;
        Ok(Ticker { shared, thread: join.thread().clone(), join: std::sync::Mutex::new(Some(join)) })
    }

    /// Ticks at least until the guard is dropped.
    pub(crate) fn while_running(&self) -> Running {
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        // Paired with the second look in `tick`: either we see the flag or it sees the run.
        if self.shared.parked.swap(false, Ordering::SeqCst) {
            self.thread.unpark();
        }
        Running(Arc::clone(&self.shared))
    }

    /// Tells the thread to end. It does within one tick after the last run.
    pub(crate) fn stop(&self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }

    /// Waits for the thread to end; call [`Ticker::stop`] first.
    pub(crate) fn join(&self) {
        let join = self.join.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(join) = join {
            // A panic in the thread has been printed; there is nobody left to tell.
            let _ = join.join();
        }
    }
}

/// A run that needs ticks.
#[derive(Debug)]
pub(crate) struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    fn tick(&self, engine: &Engine, at_tick: &dyn Fn()) {
        let mut idle_ticks = 0;
        // A run that was armed before the stop still needs its ticks, or it could not be stopped.
        while self.running.load(Ordering::SeqCst) > 0 || !self.stopped.load(Ordering::SeqCst) {
            if self.running.load(Ordering::SeqCst) > 0 {
                idle_ticks = 0;
            } else {
                idle_ticks += 1;
            }
            if idle_ticks < IDLE_TICKS {
                thread::sleep(TICK);
                engine.increment_epoch();
                at_tick();
                continue;
            }
            self.parked.store(true, Ordering::SeqCst);
            if self.running.load(Ordering::SeqCst) == 0 && !self.stopped.load(Ordering::SeqCst) {
                thread::park();
            }
            self.parked.store(false, Ordering::SeqCst);
            idle_ticks = 0;
        }
    }
}
