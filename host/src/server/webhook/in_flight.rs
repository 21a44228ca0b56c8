//! How many tries go on at once to each host, and for each tenant: one that hangs holds up no other, and none is overrun.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Those that are being sent to, or for. There are never more of them than tries under way.
#[derive(Debug)]
pub(super) struct InFlight {
    all: Arc<Mutex<ByName>>,
    most: usize,
    most_waiting: usize,
}

type ByName = HashMap<String, Arc<Line>>;

/// Those that send, and those that wait for their turn. Who waits keeps a slot of the worker, so a crowd before one
/// receiver must not wait.
#[derive(Debug)]
struct Line {
    sending: Arc<Semaphore>,
    waiting: Semaphore,
}

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
    /// many wait for it already as may.
    pub(super) async fn take(&self, name: &str, wait: Duration) -> Option<Place> {
        let line = Arc::clone(lock(&self.all).entry(name.to_owned()).or_insert_with(|| Line::of(self)));
        let mut place = Place { all: Arc::clone(&self.all), name: name.to_owned(), line, permit: None };
        place.permit = Some(place.line.turn(wait).await?);
        Some(place)
    }
}

impl Line {
    fn of(bounds: &InFlight) -> Arc<Self> {
        let (sending, waiting) = (Semaphore::new(bounds.most), Semaphore::new(bounds.most_waiting));
        Arc::new(Line { sending: Arc::new(sending), waiting })
    }

    async fn turn(&self, wait: Duration) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.sending).try_acquire_owned() {
            return Some(permit);
        }
        let _waits = self.waiting.try_acquire().ok()?;
        timeout(wait, Arc::clone(&self.sending).acquire_owned()).await.ok()?.ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = lock(&self.all);
        // The permit is given back under the lock. After it only the map and this place hold the line, unless there are
        // others: they take theirs under the same lock.
        self.permit = None;
        if Arc::strong_count(&self.line) <= 2 {
            all.remove(&self.name);
        }
    }
}

fn lock(all: &Mutex<ByName>) -> MutexGuard<'_, ByName> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
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
}
