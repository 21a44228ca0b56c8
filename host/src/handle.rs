//! What the caller holds of a run: its id, its status, its events, its end, and the means to stop it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use tokio::sync::{Notify, oneshot};

use crate::events::{EventQueue, Events};
use crate::job::JobId;
use crate::outcome::Outcome;

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// Its delay is not over, or it is paused.
    Delayed,
    /// It waits for a slot.
    Waiting,
    /// It runs.
    Running,
    /// It has ended; the callback may still be under way.
    Ended,
}

/// A run that was accepted. Awaiting it gives its [`Outcome`], after the callback was called.
///
/// Dropping it does not cancel the run.
#[derive(Debug)]
#[must_use = "dropping the handle does not cancel the run; call `detach` to say that this is meant"]
pub struct JobHandle {
    control: Control,
    events: Arc<EventQueue>,
    outcome: oneshot::Receiver<Outcome>,
}

impl JobHandle {
    pub(crate) fn new(control: Control, events: Arc<EventQueue>, outcome: oneshot::Receiver<Outcome>) -> Self {
        JobHandle { control, events, outcome }
    }

    /// The run's id.
    #[must_use]
    pub fn id(&self) -> JobId {
        self.control.id()
    }

    /// Where the run is.
    #[must_use]
    pub fn status(&self) -> Status {
        self.control.status()
    }

    /// Stops the run, wherever it is; see [`Control::cancel`].
    pub fn cancel(&self) {
        self.control.cancel();
    }

    /// A second hold on the run, for stopping it from elsewhere while this handle is awaited.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// What the run tells while it runs, from its start: each return, progress and log line. Bounded by
    /// [`Limits::event_count`](crate::Limits::event_count).
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(Arc::clone(&self.events))
    }

    pub(crate) fn queue(&self) -> Arc<EventQueue> {
        Arc::clone(&self.events)
    }

    /// Lets go of the handle; the run goes on and its callback is called.
    pub fn detach(self) {}
}

impl Future for JobHandle {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let received = ready!(Pin::new(&mut self.outcome).poll(context));
        Poll::Ready(received.expect("whoever owns the end of a run sends its outcome, also when dropped"))
    }
}

/// The means to stop, hold or hurry a run. Clones control the same run.
#[derive(Clone, Debug)]
pub struct Control(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    id: JobId,
    status: AtomicU8,
    wish: AtomicU8,
    changed: Notify,
}

/// What the holder of a handle wants, in `Shared::wish`. A cancel is final.
const AS_PLANNED: u8 = 0;
const PAUSED: u8 = 1;
const NOW: u8 = 2;
const CANCELLED: u8 = 3;

impl Control {
    pub(crate) fn new(id: JobId, status: Status) -> Self {
        let (status, wish) = (AtomicU8::new(status as u8), AtomicU8::new(AS_PLANNED));
        Control(Arc::new(Shared { id, status, wish, changed: Notify::new() }))
    }

    /// The run's id.
    #[must_use]
    pub fn id(&self) -> JobId {
        self.0.id
    }

    /// Where the run is.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.0.status.load(Ordering::Acquire) {
            status if status == Status::Delayed as u8 => Status::Delayed,
            status if status == Status::Waiting as u8 => Status::Waiting,
            status if status == Status::Running as u8 => Status::Running,
            _ => Status::Ended,
        }
    }

    /// Stops the run: one that has not begun never will, one that runs is stopped at its next yield or wait. It
    /// ends as `cancelled`. Nothing happens if it has ended.
    pub fn cancel(&self) {
        self.wish(CANCELLED);
    }

    /// Holds a delayed run back until [`Control::resume`]. Nothing happens once it waits for a slot or runs.
    pub fn pause(&self) {
        self.wish(PAUSED);
    }

    /// Takes back [`Control::pause`]: the run starts when its delay is over, at once if that has passed.
    pub fn resume(&self) {
        self.wish(AS_PLANNED);
    }

    /// Starts a delayed run at once, paused or not.
    pub fn run_now(&self) {
        self.wish(NOW);
    }

    fn wish(&self, wish: u8) {
        let update = |before| (before != CANCELLED).then_some(wish);
        if self.0.wish.fetch_update(Ordering::AcqRel, Ordering::Acquire, update).is_ok() {
            self.0.changed.notify_waiters();
        }
    }

    pub(crate) fn set_status(&self, status: Status) {
        self.0.status.store(status as u8, Ordering::Release);
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.wish.load(Ordering::Acquire) == CANCELLED
    }

    /// Resolves when the run is cancelled.
    pub(crate) async fn cancelled(&self) {
        loop {
            // Made before the look, so that a change between the two is not missed.
            let changed = self.0.changed.notified();
            if self.is_cancelled() {
                return;
            }
            changed.await;
        }
    }

    /// Resolves when a delayed run is to start: when `due` is over and it is not paused, or when told to.
    /// Never resolves for one that is cancelled.
    pub(crate) async fn started(&self, due: impl Future<Output = ()>) {
        let mut due = std::pin::pin!(due);
        let mut is_due = false;
        loop {
            let changed = self.0.changed.notified();
            match self.0.wish.load(Ordering::Acquire) {
                NOW => return,
                AS_PLANNED if is_due => return,
                AS_PLANNED => tokio::select! {
                    () = &mut due => is_due = true,
                    () = changed => {}
                },
                _ => changed.await,
            }
        }
    }
}
