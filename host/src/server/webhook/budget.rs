//! How many bytes are held for bodies that are being made and sent: receivers that hang may hold many, and each is as
//! large as a value may be.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// In all. Sixteen of the largest values that a job may return by default.
const MOST_BYTES: usize = 256 << 20;

/// For one tenant, or one host of no tenant's: a quarter leaves room for the others.
const MOST_BYTES_OF_EACH: usize = 64 << 20;

/// A body of so many bytes takes none of it: those of all slots are 16 MiB, and nearly every body is smaller. So what
/// others hold with large ones, however many they are, holds up nobody who has little to say.
const SMALL_BYTES: usize = 64 << 10;

/// What is held.
#[derive(Debug, Default)]
pub(super) struct Budget(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    bytes: usize,
    by_name: HashMap<String, usize>,
}

/// The right to hold a body, until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Mutex<Held>>,
    name: String,
    bytes: usize,
}

impl Budget {
    /// Room for a body, if there is. One that is larger than all of it has room when it is alone.
    pub(super) fn take(&self, name: &str, bytes: usize) -> Option<Share> {
        let bytes = if bytes <= SMALL_BYTES { 0 } else { bytes };
        let mut held = lock(&self.0);
        let of_name = held.by_name.get(name).copied().unwrap_or_default();
        if !(has_room(held.bytes, bytes, MOST_BYTES) && has_room(of_name, bytes, MOST_BYTES_OF_EACH)) {
            return None;
        }
        if bytes > 0 {
            held.bytes += bytes;
            held.by_name.insert(name.to_owned(), of_name + bytes);
        }
        Some(Share { budget: Arc::clone(&self.0), name: name.to_owned(), bytes })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut held = lock(&self.budget);
        held.bytes -= self.bytes;
        if let Some(of_name) = held.by_name.get_mut(&self.name) {
            *of_name -= self.bytes;
            if *of_name == 0 {
                held.by_name.remove(&self.name);
            }
        }
    }
}

fn has_room(held: usize, bytes: usize, most: usize) -> bool {
    bytes == 0 || held == 0 || held.saturating_add(bytes) <= most
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_takes_its_part_and_all_together_take_all() {
        let budget = Budget::default();
        let part = || MOST_BYTES_OF_EACH / 2;
        let shares: Vec<_> = (0..8).map(|of| budget.take(&format!("{}", of / 2), part()).expect("room")).collect();
        assert!(budget.take("4", SMALL_BYTES + 1).is_none(), "all of it is held");
        assert!(budget.take("0", SMALL_BYTES).is_some(), "what is small needs none");
        drop(shares);
        let share = budget.take("0", MOST_BYTES_OF_EACH).expect("room");
        assert!(budget.take("0", SMALL_BYTES + 1).is_none(), "its part is held");
        assert!(budget.take("1", MOST_BYTES_OF_EACH).is_some());
        drop(share);
        let held = lock(&budget.0);
        assert_eq!((held.bytes, held.by_name.len()), (0, 0));
    }

    #[test]
    fn what_is_larger_than_all_of_it_has_room_alone() {
        let budget = Budget::default();
        let small = budget.take("a", SMALL_BYTES + 1).expect("room");
        assert!(budget.take("a", MOST_BYTES + 1).is_none());
        drop(small);
        let large = budget.take("a", MOST_BYTES + 1).expect("room");
        assert!(budget.take("b", SMALL_BYTES + 1).is_none());
        drop(large);
        assert!(budget.take("b", SMALL_BYTES + 1).is_some());
    }
}
