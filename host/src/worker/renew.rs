//! Keeps the leases: extends all of them in one call, now and then and when somebody asked for a run to be stopped, and
//! stops the runs whose leases cannot be kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{sleep, sleep_until, timeout_at};

use super::pace::{Jitter, Reach};
use super::shared::Shared;
use crate::queue::Error;

/// How often at most it asks because somebody was cancelled: the queue says so for all writes of another process.
const CANCELS_EVERY: Duration = Duration::from_millis(50);

/// How long the queue may take to answer for a lease that is over already: a process that was stopped and goes on asks
/// whether its leases were given away, before it stops its runs.
const LAST_CHANCE: Duration = Duration::from_millis(500);

/// Renews until the worker is over.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut signals = shared.queue.signals();
    let mut reach = Reach::new("renew", Jitter::new(shared.id, 3));
    let mut next = Instant::now() + shared.config.renew_every;
    loop {
        tokio::select! {
            biased;
            () = shared.over.raised() => return,
            () = sleep_until(next.into()) => {}
            () = async { signals.cancels().await; sleep(CANCELS_EVERY).await } => {}
        }
        tokio::select! {
            biased;
            () = shared.over.raised() => return,
            then = renew(&shared, &mut reach) => next = then,
        }
    }
}

/// Renews all leases once, and says when to do so again.
async fn renew(shared: &Shared, reach: &mut Reach) -> Instant {
    let asked = Instant::now();
    let keys = shared.held.keys();
    if keys.is_empty() {
        return asked + shared.config.renew_every;
    }
    let last_chance = asked + LAST_CHANCE;
    let deadline = shared.held.safe_until().map_or(last_chance, |safe_until| safe_until.max(last_chance));
    let answer = timeout_at(deadline.into(), shared.queue.renew(&keys, shared.config.lease, None)).await;
    let error = match answer {
        Ok(Ok(answers)) => {
            reach.succeeded();
            shared.held.renewed(&keys, &answers, asked + shared.config.lease);
            return asked + shared.config.renew_every;
        }
        Ok(Err(error)) => error,
        Err(_) => Error::Unavailable("no answer".to_owned()),
    };
    let wait = reach.failed(&error).min(shared.config.renew_every);
    let now = Instant::now();
    shared.held.stop_unsure(now);
    // Not past the end of the next lease, so that its run is stopped in time.
    shared.held.safe_until().map_or(now + wait, |safe_until| safe_until.min(now + wait))
}
