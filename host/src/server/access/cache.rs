//! Tokens as they were when they were last looked up: a bounded copy, a few seconds old, that may be lost at any time.
//!
//! It is kept by the public id and holds hashes only. Of ids that are none it remembers that, for as long.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use super::Principal;
use super::pace::Pace;
use super::secret::Hash;

/// How long a copy is good: a token that another server or the command revokes is refused after this at the latest.
const MAX_AGE: Duration = Duration::from_secs(5);
/// How long a copy is good while the queue cannot be reached: a database that starts again is back by then.
const MAX_AGE_ALONE: Duration = Duration::from_secs(60);
/// How many tokens are remembered, and how many ids that are none: some megabytes in all.
const MAX_KNOWN: usize = 4_096;
const MAX_UNKNOWN: usize = 4_096;

/// A token that was looked up.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) principal: Arc<Principal>,
    pub(super) hash: Hash,
    pub(super) looked_at: Instant,
    /// From when on its next use is to be followed by another look.
    pub(super) look_again_at: Instant,
    pub(super) expires_at: Option<Instant>,
    /// Whether another look was asked for.
    pub(super) asked: AtomicBool,
    /// How often it was used of late: the same in every copy of this token.
    pub(super) pace: Arc<Pace>,
}

/// What is remembered of an id.
#[derive(Debug)]
pub(super) enum Memory {
    /// The token, as it was within the last seconds.
    Fresh(Arc<Known>),
    /// The token, as it was before that.
    Stale(Arc<Known>),
    /// There was none within the last seconds.
    Unknown,
    /// Nothing.
    Nothing,
}

/// A moment in the life of the cache: what was looked up before a token was revoked is not remembered after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Generation(u64);

#[derive(Debug, Default)]
pub(super) struct Cache(RwLock<Copies>);

#[derive(Debug, Default)]
struct Copies {
    known: HashMap<String, Arc<Known>>,
    unknown: HashMap<String, Instant>,
    forgotten: u64,
}

impl Known {
    /// Whether it is refused from now on.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }

    /// Whether it is still good while the queue cannot be reached.
    pub(super) fn holds_alone(&self, now: Instant) -> bool {
        now < self.looked_at + MAX_AGE_ALONE
    }

    /// Whether this use is the one that asks for another look. True once.
    pub(super) fn asks(&self, now: Instant) -> bool {
        now >= self.look_again_at && !self.asked.swap(true, Ordering::Relaxed)
    }
}

impl Cache {
    pub(super) fn recall(&self, id: &str, now: Instant) -> Memory {
        let copies = self.read();
        match copies.known.get(id) {
            Some(known) if now < known.looked_at + MAX_AGE => Memory::Fresh(Arc::clone(known)),
            Some(known) => Memory::Stale(Arc::clone(known)),
            None if copies.unknown.get(id).is_some_and(|at| now < *at + MAX_AGE) => Memory::Unknown,
            None => Memory::Nothing,
        }
    }

    /// To be asked for before a look.
    pub(super) fn generation(&self) -> Generation {
        Generation(self.read().forgotten)
    }

    /// How often this token was used of late; nothing of one that is new here.
    pub(super) fn pace(&self, id: &str) -> Arc<Pace> {
        self.read().known.get(id).map(|known| Arc::clone(&known.pace)).unwrap_or_default()
    }

    /// Keeps what a look found, unless a token was forgotten since it began.
    pub(super) fn keep(&self, id: &str, found: Option<Arc<Known>>, since: Generation, now: Instant) {
        let mut copies = self.write();
        if copies.forgotten != since.0 {
            return;
        }
        match found {
            Some(known) => copies.keep_known(id, known, now),
            None => copies.keep_unknown(id, now),
        }
    }

    /// Forgets a token that was revoked.
    pub(super) fn forget(&self, id: &str, now: Instant) {
        let mut copies = self.write();
        copies.forgotten += 1;
        copies.keep_unknown(id, now);
    }

    fn read(&self) -> RwLockReadGuard<'_, Copies> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Copies> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Copies {
    fn keep_known(&mut self, id: &str, known: Arc<Known>, now: Instant) {
        if self.known.len() >= MAX_KNOWN && !self.known.contains_key(id) {
            self.known.retain(|_, known| now < known.looked_at + MAX_AGE);
        }
        // One that is used now is worth more than any other.
        if self.known.len() >= MAX_KNOWN
            && let Some(other) = self.known.keys().next().cloned()
        {
            self.known.remove(&other);
        }
        self.unknown.remove(id);
        self.known.insert(id.to_owned(), known);
    }

    fn keep_unknown(&mut self, id: &str, now: Instant) {
        self.known.remove(id);
        if self.unknown.len() >= MAX_UNKNOWN {
            self.unknown.clear();
        }
        self.unknown.insert(id.to_owned(), now);
    }
}

#[cfg(test)]
mod tests {
    use super::super::token::Role;
    use super::*;

    fn known(id: &str, now: Instant, lasts: Option<Duration>) -> Arc<Known> {
        let principal = Principal { token: id.to_owned(), role: Role::Read, tenant: None, expires_at: None };
        Arc::new(Known {
            principal: Arc::new(principal),
            hash: Hash::of(id),
            looked_at: now,
            look_again_at: now + Duration::from_secs(2),
            expires_at: lasts.map(|lasts| now + lasts),
            asked: AtomicBool::new(false),
            pace: Arc::default(),
        })
    }

    fn keep(cache: &Cache, id: &str, now: Instant) {
        cache.keep(id, Some(known(id, now, None)), cache.generation(), now);
    }

    #[test]
    fn a_copy_is_fresh_for_five_seconds_and_then_stale() {
        let (cache, now) = (Cache::default(), Instant::now());
        assert!(matches!(cache.recall("a", now), Memory::Nothing));
        keep(&cache, "a", now);
        assert!(matches!(cache.recall("a", now + Duration::from_millis(4_999)), Memory::Fresh(_)));
        assert!(matches!(cache.recall("a", now + MAX_AGE), Memory::Stale(_)));
    }

    #[test]
    fn that_an_id_is_none_is_remembered_as_long() {
        let (cache, now) = (Cache::default(), Instant::now());
        cache.keep("a", None, cache.generation(), now);
        assert!(matches!(cache.recall("a", now + Duration::from_millis(4_999)), Memory::Unknown));
        assert!(matches!(cache.recall("a", now + MAX_AGE), Memory::Nothing));
    }

    #[test]
    fn a_look_that_began_before_a_token_was_forgotten_does_not_bring_it_back() {
        let (cache, now) = (Cache::default(), Instant::now());
        keep(&cache, "a", now);
        let before = cache.generation();
        cache.forget("a", now);
        cache.keep("a", Some(known("a", now, None)), before, now);
        assert!(matches!(cache.recall("a", now), Memory::Unknown));
    }

    #[test]
    fn however_many_tokens_and_guesses_there_are_the_cache_stays_small() {
        let (cache, now) = (Cache::default(), Instant::now());
        keep(&cache, "old", now - MAX_AGE);
        for number in 0..10_000 {
            keep(&cache, &format!("k{number}"), now);
            cache.keep(&format!("u{number}"), None, cache.generation(), now);
        }
        let copies = cache.read();
        assert!(copies.known.len() <= MAX_KNOWN && copies.unknown.len() <= MAX_UNKNOWN);
        assert!(copies.known.contains_key("k9999") && !copies.known.contains_key("old"));
    }

    #[test]
    fn a_copy_is_over_when_its_token_is_and_holds_alone_for_a_minute() {
        let now = Instant::now();
        let short = known("a", now, Some(Duration::from_secs(3)));
        assert!(!short.is_over(now + Duration::from_millis(2_999)) && short.is_over(now + Duration::from_secs(3)));
        let long = known("a", now, None);
        assert!(!long.is_over(now + Duration::from_secs(1_000)));
        assert!(long.holds_alone(now + Duration::from_secs(59)) && !long.holds_alone(now + Duration::from_secs(60)));
    }

    #[test]
    fn one_use_of_many_asks_for_another_look() {
        let now = Instant::now();
        let known = known("a", now, None);
        assert!(!known.asks(now));
        let later = now + Duration::from_secs(2);
        assert!(known.asks(later) && !known.asks(later));
    }

    #[test]
    fn how_often_a_token_was_used_outlives_its_copy() {
        let (cache, now) = (Cache::default(), Instant::now());
        keep(&cache, "a", now);
        let Memory::Fresh(known) = cache.recall("a", now) else { panic!("it was just kept") };
        assert!(Arc::ptr_eq(&cache.pace("a"), &known.pace));
        assert!(!Arc::ptr_eq(&cache.pace("b"), &known.pace));
    }
}
