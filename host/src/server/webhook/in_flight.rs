//! How many tries go on at once to each host, and for each tenant: one that hangs holds up no other, and none is overrun.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// Of which time it counts how many were done with.
const RECENT: Duration = Duration::from_secs(1);

/// Those that are being sent to, or for. There are never more of them than tries under way.
#[derive(Debug)]
pub(super) struct InFlight {
    all: Arc<Mutex<ByName>>,
    most: usize,
    most_waiting: usize,
}

type ByName = HashMap<String, Arc<Line>>;

/// Those that send, and those that wait for their turn. Who waits keeps a slot of the worker, so a crowd waits only where
/// the line moves.
#[derive(Debug)]
struct Line {
    sending: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// So many may wait even if nobody was done with of late.
    most_waiting: usize,
    done: Mutex<Done>,
}

/// How many were done with in this second, and in the one before it.
#[derive(Debug)]
struct Done {
    since: Instant,
    now: usize,
    before: usize,
}

/// One that waits, until it is dropped.
#[derive(Debug)]
struct Waits<'l>(&'l AtomicUsize);

/// The right to send, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    all: Arc<Mutex<ByName>>,
    name: String,
    line: Arc<Line>,
    permit: Option<OwnedSemaphorePermit>,
}

impl InFlight {
    /// As many of each as this, and as many more that wait.
    pub(super) fn new(most_of_each: usize) -> Self {
        InFlight::with_waiting(most_of_each, most_of_each)
    }

    pub(super) fn with_waiting(most: usize, most_waiting: usize) -> Self {
        InFlight { all: Arc::default(), most, most_waiting }
    }

    /// A place among those that send to this host or for this tenant: at once, or if one is free in time and not as
    /// many wait for it already as may: as many as the line lately took in a second, and never fewer than its least.
    pub(super) async fn take(&self, name: &str, wait: Duration) -> Option<Place> {
        let line = Arc::clone(lock(&self.all).entry(name.to_owned()).or_insert_with(|| Line::of(self)));
        let mut place = Place { all: Arc::clone(&self.all), name: name.to_owned(), line, permit: None };
        place.permit = Some(place.line.turn(wait).await?);
        Some(place)
    }
}

impl Line {
    fn of(bounds: &InFlight) -> Arc<Self> {
        let (sending, waiting) = (Arc::new(Semaphore::new(bounds.most)), AtomicUsize::new(0));
        let done = Mutex::new(Done { since: Instant::now(), now: 0, before: 0 });
        Arc::new(Line { sending, waiting, most_waiting: bounds.most_waiting, done })
    }

    async fn turn(&self, wait: Duration) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.sending).try_acquire_owned() {
            return Some(permit);
        }
        let _waits = self.join()?;
        timeout(wait, Arc::clone(&self.sending).acquire_owned()).await.ok()?.ok()
    }

    fn join(&self) -> Option<Waits<'_>> {
        let most = self.most_waiting.max(lock(&self.done).recently(Instant::now()));
        let (before, waits) = (self.waiting.fetch_add(1, Ordering::AcqRel), Waits(&self.waiting));
        (before < most).then_some(waits)
    }
}

impl Done {
    fn count(&mut self, now: Instant) {
        self.recently(now);
        self.now += 1;
    }

    /// How many were done with in a second of late.
    fn recently(&mut self, now: Instant) -> usize {
        let age = now - self.since;
        if age >= RECENT {
            let before = if age < 2 * RECENT { self.now } else { 0 };
            *self = Done { since: now, now: 0, before };
        }
        self.now.max(self.before)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = lock(&self.all);
        // The permit is given back under the lock. After it only the map and this place hold the line, unless there are
        // others: they take theirs under the same lock.
        if self.permit.take().is_some() {
            lock(&self.line.done).count(Instant::now());
        }
        if Arc::strong_count(&self.line) <= 2 {
            all.remove(&self.name);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    #[tokio::test]
    async fn who_is_full_holds_up_no_other_and_is_forgotten_when_nobody_sends() {
        let in_flight = InFlight::new(1);
        let first = in_flight.take("a", Duration::ZERO).await.expect("a place");
        assert!(in_flight.take("a", Duration::ZERO).await.is_none());
        let other = in_flight.take("b", Duration::ZERO).await.expect("a place");
        drop(first);
        let second = in_flight.take("a", Duration::ZERO).await.expect("a place");
        assert_eq!(lock(&in_flight.all).len(), 2);
        drop((second, other));
        assert_eq!(lock(&in_flight.all).len(), 0);
    }

    #[tokio::test]
    async fn no_more_wait_than_may_send_however_long_they_might() {
        const LONG: Duration = Duration::from_secs(3600);
        let in_flight = Arc::new(InFlight::new(2));
        let first = in_flight.take("a", LONG).await.expect("a place");
        let second = in_flight.take("a", LONG).await.expect("a place");
        let mut waiting = std::pin::pin!(async {
            tokio::join!(in_flight.take("a", LONG), in_flight.take("a", LONG), in_flight.take("b", LONG))
        });
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("nobody has sent"),
            () = std::future::ready(()) => {}
        }
        assert!(in_flight.take("a", LONG).await.is_none());
        drop((first, second));
        let (third, fourth, other) = waiting.await;
        assert!(third.is_some() && fourth.is_some() && other.is_some());
        drop((third, fourth, other));
        assert_eq!(lock(&in_flight.all).len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn as_many_wait_as_the_line_lately_took_in_a_second() {
        const LONG: Duration = Duration::from_secs(3600);
        let in_flight = InFlight::new(1);
        let mut sends = in_flight.take("a", LONG).await.expect("a place");
        for _ in 0..5 {
            // Somebody is always there, so that the line is.
            let (next, ()) = tokio::join!(in_flight.take("a", LONG), async { drop(sends) });
            sends = next.expect("a place");
        }
        let waiting = |count: usize| {
            let mut context = Context::from_waker(Waker::noop());
            let mut takes: Vec<_> = (0..count).map(|_| Box::pin(in_flight.take("a", LONG))).collect();
            takes.iter_mut().map(|take| usize::from(take.as_mut().poll(&mut context).is_pending())).sum::<usize>()
        };
        assert_eq!(waiting(20), 5);
        tokio::time::advance(3 * RECENT).await;
        assert_eq!(waiting(20), 1, "it stands still");
    }
}
