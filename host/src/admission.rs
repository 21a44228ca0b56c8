//! Who may run now, who waits, and who is turned away: a fixed number of slots and a bounded line before them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;

/// The slots of one kind of work.
#[derive(Debug)]
pub(crate) struct Admission {
    slots: Arc<Semaphore>,
    total: usize,
    waiting: Arc<AtomicUsize>,
    max_waiting: usize,
}

/// A place: a slot, or a turn in the line.
#[derive(Debug)]
pub(crate) enum Place {
    Slot(Slot),
    Line(Turn),
}

/// The right to run, given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

/// A turn in the line.
#[derive(Debug)]
pub(crate) struct Turn {
    slots: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

impl Admission {
    pub(crate) fn new(slots: usize, max_waiting: usize) -> Self {
        Admission { slots: Arc::new(Semaphore::new(slots)), total: slots, waiting: Arc::default(), max_waiting }
    }

    /// Takes a slot, or a turn in the line, or is turned away.
    ///
    /// # Errors
    /// [`Error::Busy`] if the line is full.
    pub(crate) fn enter(&self) -> Result<Place, Error> {
        // Nobody overtakes those who wait.
        if self.waiting.load(Ordering::Acquire) == 0
            && let Ok(permit) = Arc::clone(&self.slots).try_acquire_owned()
        {
            return Ok(Place::Slot(Slot(permit)));
        }
        let room = |waiting| (waiting < self.max_waiting).then_some(waiting + 1);
        match self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, room) {
            Ok(_) => Ok(Place::Line(self.turn())),
            Err(waiting) => Err(Error::Busy { waiting, max_waiting: self.max_waiting }),
        }
    }

    /// Takes a turn in the line however long it is: for work that was accepted earlier.
    pub(crate) fn enter_accepted(&self) -> Place {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        Place::Line(self.turn())
    }

    fn turn(&self) -> Turn {
        Turn { slots: Arc::clone(&self.slots), waiting: Arc::clone(&self.waiting) }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    pub(crate) fn taken_slots(&self) -> usize {
        self.total - self.free_slots()
    }

    pub(crate) fn free_slots(&self) -> usize {
        self.slots.available_permits()
    }
}

impl Place {
    /// Waits for the slot. Whoever is dropped while waiting leaves the line.
    pub(crate) async fn slot(self) -> Slot {
        match self {
            Place::Slot(slot) => slot,
            Place::Line(turn) => {
                let permit = Arc::clone(&turn.slots).acquire_owned().await;
                Slot(permit.expect("the semaphore is never closed"))
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_line_is_bounded_and_those_who_leave_make_room() {
        let admission = Admission::new(1, 1);
        let first = admission.enter().expect("a slot").slot().await;
        let second = admission.enter().expect("a turn");
        assert!(matches!(admission.enter(), Err(Error::Busy { waiting: 1, max_waiting: 1 })));
        drop(second);
        let third = admission.enter().expect("a turn again");
        drop(first);
        let _slot = third.slot().await;
        assert_eq!(admission.waiting(), 0);
    }
}
