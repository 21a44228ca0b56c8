//! Passes on what runs tell: now and then, of all runs together, and only of those that take a while. Nobody could watch
//! a short one.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;
use tokio::time::sleep;

use super::pace::answered;
use super::shared::Shared;
use crate::events::{Event, Events};
use crate::queue::LeaseKey;

/// How long a run must have been going on for its events to be stored, and how often they are.
pub(super) const AFTER: Duration = Duration::from_millis(250);

/// Events of one run in one call; the rest waits in the run's own queue, which drops the oldest when it is full.
const MOST: usize = 256;

/// Events are for people who watch. They do not keep a job from ending for longer than this.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reports until the worker is over.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        tokio::select! {
            biased;
            () = shared.over.raised() => return,
            () = sleep(AFTER) => {}
        }
        let _in_order = shared.telling.lock().await;
        let told = shared.held.told(AFTER, MOST);
        send(&shared, told).await;
    }
}

/// Reports what one run told last, after all that is on its way.
pub(super) async fn last(shared: &Shared, key: LeaseKey) {
    let _in_order = shared.telling.lock().await;
    let events = shared.held.told_by(&key);
    if !events.is_empty() {
        send(shared, vec![(key, events)]).await;
    }
}

async fn send(shared: &Shared, told: Vec<(LeaseKey, Vec<Event>)>) {
    if told.is_empty() {
        return;
    }
    let events: usize = told.iter().map(|(_, events)| events.len()).sum();
    if let Err(error) = answered(shared.queue.report(told, None), PATIENCE).await {
        tracing::debug!(%error, events, "events were not stored");
    }
}

/// What waits in a run's queue, without waiting for more.
pub(super) fn drain(events: &mut Events, most: usize) -> Vec<Event> {
    let mut context = Context::from_waker(Waker::noop());
    let mut drained = Vec::new();
    while drained.len() < most
        && let Poll::Ready(Some(event)) = Pin::new(&mut *events).poll_next(&mut context)
    {
        drained.push(event);
    }
    drained
}
