//! What wakes those who wait on a queue.

use tokio::sync::watch;

/// How often each thing happened, as far as it is known here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    ready: u64,
    ended: u64,
    cancels: u64,
}

/// What happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Happened {
    /// Jobs became due, or may be claimed for another reason.
    pub(crate) ready: bool,
    /// Jobs ended, or told something.
    pub(crate) ended: bool,
    /// Somebody asked for running jobs to be stopped.
    pub(crate) cancels: bool,
}

impl Happened {
    /// Whatever it was.
    pub(crate) const ANYTHING: Happened = Happened { ready: true, ended: true, cancels: true };

    pub(super) fn is_nothing(self) -> bool {
        self == Happened::default()
    }

    pub(super) fn add(&mut self, other: Happened) {
        self.ready |= other.ready;
        self.ended |= other.ended;
        self.cancels |= other.cancels;
    }
}

/// Where a backend says what happened.
#[derive(Debug)]
pub(crate) struct Bell(watch::Sender<Counts>);

impl Bell {
    pub(crate) fn new() -> Self {
        Bell(watch::Sender::new(Counts::default()))
    }

    pub(crate) fn ring(&self, happened: Happened) {
        if happened.is_nothing() {
            return;
        }
        self.0.send_modify(|counts| {
            counts.ready += u64::from(happened.ready);
            counts.ended += u64::from(happened.ended);
            counts.cancels += u64::from(happened.cancels);
        });
    }

    /// Whether anybody may be waiting.
    pub(crate) fn is_heard(&self) -> bool {
        self.0.receiver_count() > 0
    }

    pub(crate) fn signals(&self) -> Signals {
        let receiver = self.0.subscribe();
        let seen = *receiver.borrow();
        Signals { receiver, seen }
    }
}

/// Waits for what happens on a queue, from the moment at which it was made. What happened between two waits is seen by
/// the second.
#[derive(Clone, Debug)]
pub struct Signals {
    receiver: watch::Receiver<Counts>,
    seen: Counts,
}

impl Signals {
    /// Resolves when there may be jobs to claim. Never, if the queue was closed.
    pub async fn ready(&mut self) {
        let seen = self.seen.ready;
        self.seen.ready = self.past(|counts| counts.ready, seen).await;
    }

    /// Resolves when jobs may have ended or told something. Never, if the queue was closed.
    pub async fn ended(&mut self) {
        let seen = self.seen.ended;
        self.seen.ended = self.past(|counts| counts.ended, seen).await;
    }

    /// Resolves when somebody may have asked for running jobs to be stopped. Never, if the queue was closed.
    pub async fn cancels(&mut self) {
        let seen = self.seen.cancels;
        self.seen.cancels = self.past(|counts| counts.cancels, seen).await;
    }

    async fn past(&mut self, count: impl Fn(&Counts) -> u64, seen: u64) -> u64 {
        // Nothing of the channel's lock is kept over the second wait, so that the future can be sent.
        let found = self.receiver.wait_for(|counts| count(counts) != seen).await.map(|counts| count(&counts));
        match found {
            Ok(found) => found,
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_happens_between_two_waits_is_not_missed() {
        let bell = Bell::new();
        let mut signals = bell.signals();
        bell.ring(Happened { ready: true, ..Happened::default() });
        bell.ring(Happened { ended: true, ..Happened::default() });
        signals.ready().await;
        signals.ended().await;
        let nothing = tokio::time::timeout(std::time::Duration::ZERO, signals.ready()).await;
        assert!(nothing.is_err(), "it was seen already");
    }
}
