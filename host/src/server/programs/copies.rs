//! Copies of what the queue says, kept for a moment, so that a name that is used a thousand times a second is not looked
//! up as often.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::super::problem::Result;

/// The oldest that a copy may be when it is used.
const MAX_AGE: Duration = Duration::from_secs(1);

/// From this age on, one of those who use it makes it anew while the others go on with it.
const RENEW_AT: Duration = Duration::from_millis(500);

/// How many are kept.
const MAX_COPIES: usize = 256;

/// Copies by name. What there is not is not remembered.
pub(super) struct Copies<V>(Mutex<Kept<V>>);

struct Kept<V> {
    copies: HashMap<String, Copied<V>>,
    /// How often something was forgotten: what was looked up before that is not kept after it.
    forgotten: u64,
}

struct Copied<V> {
    value: V,
    made_at: Instant,
    is_renewed: bool,
}

impl<V> Default for Copies<V> {
    fn default() -> Self {
        Copies(Mutex::new(Kept { copies: HashMap::new(), forgotten: 0 }))
    }
}

impl<V: Clone> Copies<V> {
    /// The copy, or what a look at the queue gives.
    pub(super) async fn get(&self, name: &str, look: impl AsyncFnOnce() -> Result<Option<V>>) -> Result<Option<V>> {
        let made_at = Instant::now();
        if let Some(value) = self.fresh(name, made_at) {
            return Ok(Some(value));
        }
        let forgotten = self.lock().forgotten;
        let looked = look().await?;
        let copied = looked.clone().map(|value| Copied { value, made_at, is_renewed: false });
        self.keep(name, copied, forgotten);
        Ok(looked)
    }

    /// Drops a copy. What others are looking up just then is not kept.
    pub(super) fn forget(&self, name: &str) {
        let mut kept = self.lock();
        kept.forgotten += 1;
        kept.copies.remove(name);
    }

    /// Drops all. What others are looking up just then is not kept.
    pub(super) fn clear(&self) {
        let mut kept = self.lock();
        kept.forgotten += 1;
        kept.copies.clear();
    }

    fn fresh(&self, name: &str, now: Instant) -> Option<V> {
        let mut kept = self.lock();
        let copied = kept.copies.get_mut(name)?;
        let age = now.saturating_duration_since(copied.made_at);
        if age >= RENEW_AT && !std::mem::replace(&mut copied.is_renewed, true) {
            return None;
        }
        (age < MAX_AGE).then(|| copied.value.clone())
    }

    /// Keeps what was looked up when so much had been forgotten.
    fn keep(&self, name: &str, copied: Option<Copied<V>>, forgotten: u64) {
        let mut kept = self.lock();
        if kept.forgotten != forgotten {
            return;
        }
        let copies = &mut kept.copies;
        let Some(copied) = copied else {
            copies.remove(name);
            return;
        };
        if copies.len() >= MAX_COPIES && !copies.contains_key(name) {
            let oldest = copies.iter().min_by_key(|(_, copied)| copied.made_at).map(|(name, _)| name.clone());
            oldest.map(|name| copies.remove(&name));
        }
        copies.insert(name.to_owned(), copied);
    }

    fn lock(&self) -> MutexGuard<'_, Kept<V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    /// What a look gives, if there is no copy that may be used.
    async fn get(copies: &Copies<u32>, name: &str, looked: u32) -> u32 {
        copies.get(name, async || Ok(Some(looked))).await.expect("no fault").expect("a value")
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_is_used_for_a_second_and_renewed_by_one_of_those_who_use_it() {
        let copies = Copies::default();
        assert_eq!(get(&copies, "a", 1).await, 1);
        assert_eq!(get(&copies, "a", 2).await, 1);
        advance(RENEW_AT).await;
        let renewing = copies.get("a", async || {
            assert_eq!(get(&copies, "a", 4).await, 1, "others go on with the copy");
            Ok(Some(3))
        });
        assert_eq!(renewing.await.expect("no fault"), Some(3));
        advance(MAX_AGE).await;
        assert_eq!(get(&copies, "a", 5).await, 5);
        copies.forget("a");
        assert_eq!(get(&copies, "a", 6).await, 6);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_looked_up_before_it_was_forgotten_is_not_kept() {
        let forgets: [fn(&Copies<u32>); 2] = [|copies| copies.forget("a"), Copies::clear];
        for forget in forgets {
            let copies = Copies::default();
            let looking = copies.get("a", async || {
                forget(&copies);
                Ok(Some(1))
            });
            assert_eq!(looking.await.expect("no fault"), Some(1));
            assert_eq!(get(&copies, "a", 2).await, 2);
            let nothing = copies.get("b", async || {
                forget(&copies);
                assert_eq!(get(&copies, "b", 3).await, 3);
                Ok(None)
            });
            assert_eq!(nothing.await.expect("no fault"), None);
            assert_eq!(get(&copies, "b", 4).await, 3, "what is newer stays");
        }
    }

    #[tokio::test]
    async fn names_that_there_are_not_leave_nothing_behind_and_the_oldest_copy_goes() {
        let copies = Copies::default();
        assert_eq!(copies.get("none", async || Ok(None)).await.expect("no fault"), None::<u32>);
        for number in 0..=MAX_COPIES as u32 {
            get(&copies, &number.to_string(), number).await;
        }
        assert_eq!(copies.lock().copies.len(), MAX_COPIES);
        assert!(!copies.lock().copies.contains_key("0"));
    }
}
