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
}

type ByName = HashMap<String, Arc<Semaphore>>;

/// The right to send, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    all: Arc<Mutex<ByName>>,
    name: String,
    slots: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
}

impl InFlight {
    pub(super) fn new(most_of_each: usize) -> Self {
        InFlight { all: Arc::default(), most: most_of_each }
    }

    /// A place among those that send to this host or for this tenant, if one is free in time.
    pub(super) async fn take(&self, name: &str, wait: Duration) -> Option<Place> {
        let slots =
            Arc::clone(lock(&self.all).entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.most))));
        let mut place = Place { all: Arc::clone(&self.all), name: name.to_owned(), slots, permit: None };
        let permit = timeout(wait, Arc::clone(&place.slots).acquire_owned()).await;
        place.permit = Some(permit.ok()?.ok()?);
        Some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = lock(&self.all);
        // The permit holds the slots too. After it only the map and this place do, unless there are others: they take
        // theirs under the same lock.
        self.permit = None;
        if Arc::strong_count(&self.slots) <= 2 {
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
}
