//! What all loops of a worker share: the runner, the queue, what is held, and how many slots are free.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::{Mutex, Notify, mpsc};

use super::builder::{Config, OnSettled, Serves};
use super::held::Held;
use super::programs::Programs;
use super::settled::SettledJob;
use crate::live::Flag;
use crate::queue::{Queue, WorkerId};
use crate::runner::Runner;

/// Ends that may wait to be written down, for each slot: some groups of settlements under way while the slots are used
/// again. When the database is away for long, no more than these are kept in memory.
const UNSETTLED_PER_SLOT: usize = 4;

/// And for a worker with few slots, whose jobs may be short.
const MIN_UNSETTLED: usize = 256;

/// What all loops of a worker share.
pub(super) struct Shared {
    pub(super) id: WorkerId,
    pub(super) runner: Runner,
    pub(super) queue: Arc<dyn Queue>,
    pub(super) serves: Serves,
    pub(super) config: Config,
    pub(super) programs: Programs,
    /// Told of each end that was written down.
    pub(super) on_settled: Option<OnSettled>,
    /// Every lease from its claim until its end is written down.
    pub(super) held: Held,
    /// Ends on their way to the settle loop. Bounded by what may be held.
    pub(super) ends: mpsc::UnboundedSender<SettledJob>,
    /// Held by whoever passes on what runs told, so that it comes in order.
    pub(super) telling: Mutex<()>,
    /// The runner took a job back: no more are claimed for a while.
    pub(super) refused: AtomicBool,
    /// No more jobs.
    pub(super) closing: Flag,
    /// What runs is handed back.
    pub(super) stopping: Flag,
    /// Nothing is left to be done.
    pub(super) over: Flag,
    /// Since it takes no more.
    pub(super) finished: AtomicUsize,
    pub(super) handed_back: AtomicUsize,
    running: AtomicUsize,
    freed: Notify,
}

impl Shared {
    pub(super) fn new(
        runner: Runner,
        queue: Arc<dyn Queue>,
        serves: Serves,
        on_settled: Option<OnSettled>,
        config: Config,
    ) -> (Self, mpsc::UnboundedReceiver<SettledJob>) {
        let (ends, receiver) = mpsc::unbounded_channel();
        let shared = Shared {
            id: WorkerId::fresh(),
            runner,
            queue,
            serves,
            config,
            programs: Programs::default(),
            on_settled,
            held: Held::default(),
            ends,
            telling: Mutex::new(()),
            refused: AtomicBool::new(false),
            closing: Flag::default(),
            stopping: Flag::default(),
            over: Flag::default(),
            finished: AtomicUsize::new(0),
            handed_back: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            freed: Notify::new(),
        };
        (shared, receiver)
    }

    /// How many slots are taken.
    pub(super) fn running(&self) -> usize {
        self.running.load(Ordering::Acquire)
    }

    /// How many jobs may be claimed now; waits until there is room for one.
    pub(super) async fn room(&self) -> usize {
        loop {
            let freed = self.freed.notified();
            let most_held = self.config.slots + MIN_UNSETTLED.max(UNSETTLED_PER_SLOT * self.config.slots);
            let slots = self.config.slots.saturating_sub(self.running());
            let room = slots.min(most_held.saturating_sub(self.held.len()));
            if room > 0 {
                return room;
            }
            freed.await;
        }
    }

    /// Resolves when nothing runs.
    pub(super) async fn idle(&self) {
        self.until(|| self.running() == 0).await;
    }

    /// Resolves when every end is written down.
    pub(super) async fn nothing_held(&self) {
        self.until(|| self.held.len() == 0).await;
    }

    async fn until(&self, condition: impl Fn() -> bool) {
        loop {
            let freed = self.freed.notified();
            if condition() {
                return;
            }
            freed.await;
        }
    }

    /// Takes a slot.
    pub(super) fn seat(self: &Arc<Self>) -> Seat {
        self.running.fetch_add(1, Ordering::AcqRel);
        Seat(Arc::clone(self))
    }

    /// Says that there may be more room. One waits at a time: the claim loop, and the shutdown once that has ended.
    pub(super) fn made_room(&self) {
        self.freed.notify_one();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("id", &self.id).field("running", &self.running()).finish_non_exhaustive()
    }
}

/// A slot, free again when dropped.
pub(super) struct Seat(Arc<Shared>);

impl Seat {
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
        self.0.made_room();
    }
}
