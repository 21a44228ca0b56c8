//! Finds the token with an id: in the cache, or in the queue, which is asked as seldom and as little as can be.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::Principal;
use super::cache::{Cache, Known, Memory};
use super::tokens::{Stored, Tokens};
use crate::queue::{Error, Timestamp};

/// How soon a queue that did not answer is asked again.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How soon after a look the next use is followed by another, so that a token that is in use is always fresh.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(2_500);
/// Looks at once. Those who wait for one find its answer in the cache.
const MAX_LOOKS: usize = 8;
/// Looks at once for all peers that had too many failures, and how many of them may wait for it. A good token behind the
/// same proxy waits with them, so there is room for a crowd: each look takes a millisecond.
const MAX_SUSPECT_LOOKS: usize = 1;
const MAX_SUSPECTS: usize = 512;

/// Why a token was not looked for.
#[derive(Debug)]
pub(super) enum NotLooked {
    /// The queue could not say.
    Queue(Error),
    /// Too many of those who guess wait already.
    Crowded,
}

/// The tokens of a queue, through a cache.
#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) tokens: Tokens,
    pub(super) cache: Cache,
    /// How long the queue may take to answer: a request waits for it.
    longest_look: Duration,
    looks: Semaphore,
    suspect_looks: Semaphore,
    suspects: Semaphore,
    /// When to ask a queue again that did not answer.
    ask_again_at: Mutex<Option<Instant>>,
}

impl Lookup {
    pub(super) fn new(tokens: Tokens, longest_look: Duration) -> Self {
        Lookup {
            tokens,
            cache: Cache::default(),
            longest_look,
            looks: Semaphore::new(MAX_LOOKS),
            suspect_looks: Semaphore::new(MAX_SUSPECT_LOOKS),
            suspects: Semaphore::new(MAX_SUSPECTS),
            ask_again_at: Mutex::default(),
        }
    }

    /// The token with this id. While the queue cannot be reached, as it was within the last minute. Whoever is suspect
    /// is asked for only where it matters.
    pub(super) async fn find(
        &self,
        id: &str,
        is_suspect: impl FnOnce() -> bool,
    ) -> Result<Option<Arc<Known>>, NotLooked> {
        match self.cache.recall(id, Instant::now()) {
            Memory::Fresh(known) => Ok(Some(known)),
            Memory::Unknown => Ok(None),
            Memory::Stale(known) => self.in_turn(id, Some(known)).await.map_err(NotLooked::Queue),
            Memory::Nothing if is_suspect() => {
                let _place = self.suspects.try_acquire().map_err(|_| NotLooked::Crowded)?;
                let _turn = self.suspect_looks.acquire().await;
                self.in_turn(id, None).await.map_err(NotLooked::Queue)
            }
            Memory::Nothing => self.in_turn(id, None).await.map_err(NotLooked::Queue),
        }
    }

    async fn in_turn(&self, id: &str, stale: Option<Arc<Known>>) -> Result<Option<Arc<Known>>, Error> {
        let _turn = self.looks.acquire().await;
        match self.cache.recall(id, Instant::now()) {
            Memory::Fresh(known) => return Ok(Some(known)),
            Memory::Unknown => return Ok(None),
            Memory::Stale(_) | Memory::Nothing => {}
        }
        match (self.look(id).await, stale) {
            (Err(error), Some(stale)) if error.is_temporary() && stale.holds_alone(Instant::now()) => Ok(Some(stale)),
            (found, _) => found.map(|found| found.map(|(known, _)| known)),
        }
    }

    /// Looks again at a token that is in use, and writes that it is.
    pub(super) async fn look_again(&self, id: &str) -> Result<(), Error> {
        let Some((_, Look { stored, now })) = self.look(id).await? else { return Ok(()) };
        let minute = minute_of(now);
        if stored.token.used_at.is_none_or(|used_at| used_at < minute) {
            self.tokens.write_use(&stored, minute).await?;
        }
        Ok(())
    }

    /// Asks the queue, within a time, and remembers what it says.
    async fn look(&self, id: &str) -> Result<Option<(Arc<Known>, Look)>, Error> {
        if !self.may_ask(Instant::now()) {
            return Err(Error::Unavailable("it did not answer a moment ago".to_owned()));
        }
        let (since, began_at) = (self.cache.generation(), Instant::now());
        let late = || Error::Unavailable(format!("no answer within {:?}", self.longest_look));
        let read = tokio::time::timeout(self.longest_look, self.read(id)).await.unwrap_or_else(|_| Err(late()));
        self.heard(&read, Instant::now());
        let found = read?.filter(|look| !look.stored.token.is_over(look.now));
        let found = found.map(|look| (Arc::new(self.known(&look, began_at)), look));
        self.cache.keep(id, found.as_ref().map(|(known, _)| Arc::clone(known)), since, began_at);
        Ok(found)
    }

    async fn read(&self, id: &str) -> Result<Option<Look>, Error> {
        let Some(stored) = self.tokens.stored(id).await? else { return Ok(None) };
        Ok(Some(Look { stored, now: self.tokens.clock().await? }))
    }

    /// Its age counts from before the look, so that it is never older than it says.
    fn known(&self, look: &Look, began_at: Instant) -> Known {
        let token = &look.stored.token;
        let until = |moment: Timestamp| began_at + (moment - look.now).to_std().unwrap_or_default();
        let minute = minute_of(look.now);
        // A use in a minute that is not written yet is to be written at once.
        let look_again_at = match token.used_at {
            Some(used_at) if used_at >= minute => {
                let next_minute = until(minute + Duration::from_secs(60));
                next_minute.min(began_at + LOOK_AGAIN_AFTER)
            }
            _ => began_at,
        };
        Known {
            principal: Arc::new(Principal::of(token)),
            hash: token.hash,
            looked_at: began_at,
            look_again_at,
            expires_at: token.expires_at.map(until),
            asked: AtomicBool::new(false),
            pace: self.cache.pace(&token.id),
        }
    }

    /// Whether to ask now. Of many who want to ask a queue that does not answer, one a second may.
    fn may_ask(&self, now: Instant) -> bool {
        let mut ask_again_at = self.ask_again_at();
        match *ask_again_at {
            Some(then) if now < then => false,
            Some(_) => {
                *ask_again_at = Some(now + self.longest_look + ASK_AGAIN_AFTER);
                true
            }
            None => true,
        }
    }

    fn heard<T>(&self, answer: &Result<T, Error>, now: Instant) {
        let is_silent = answer.as_ref().is_err_and(Error::is_temporary);
        *self.ask_again_at() = is_silent.then(|| now + ASK_AGAIN_AFTER);
    }

    fn ask_again_at(&self) -> MutexGuard<'_, Option<Instant>> {
        self.ask_again_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a queue said of a token, and when by its own clock.
struct Look {
    stored: Stored,
    now: Timestamp,
}

fn minute_of(moment: Timestamp) -> Timestamp {
    let seconds = moment.timestamp();
    Timestamp::from_timestamp(seconds - seconds.rem_euclid(60), 0).unwrap_or(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_that_in_which_a_moment_lies() {
        let moment = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(minute_of(moment("2027-01-31T08:05:59.999Z")), moment("2027-01-31T08:05:00Z"));
        assert_eq!(minute_of(moment("1969-12-31T23:59:30Z")), moment("1969-12-31T23:59:00Z"));
    }
}
