//! What a running job tells while it runs: a bounded queue from the guest thread to whoever listens.
//!
//! A slow listener costs the job nothing: the oldest events are dropped and counted.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use serde_json::Value;

use crate::failure::LogLine;

/// One thing that a running job told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// It returned a value. The outcome has it too.
    Return(Value),
    /// It told how far it is, in a form of its own.
    Progress(Value),
    /// It logged a line.
    Log(LogLine),
}

/// The events of one run, oldest first; ends when the run does.
///
/// All that come from one handle share one queue: each event is seen once.
#[derive(Debug)]
pub struct Events(Arc<EventQueue>);

impl Events {
    pub(crate) fn new(queue: Arc<EventQueue>) -> Self {
        Events(queue)
    }

    /// The next event, or `None` when the run has ended and all was seen.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|context| self.0.poll_next(context)).await
    }

    /// How many events were dropped because nobody took them in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.lock().dropped
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.0.poll_next(context)
    }
}

/// The queue behind [`Events`].
#[derive(Debug)]
pub(crate) struct EventQueue(Mutex<Queue>);

#[derive(Debug)]
struct Queue {
    events: VecDeque<Event>,
    capacity: usize,
    dropped: u64,
    closed: bool,
    listener: Option<Waker>,
}

impl EventQueue {
    pub(crate) fn new(capacity: usize) -> Self {
        let events = VecDeque::new();
        EventQueue(Mutex::new(Queue { events, capacity, dropped: 0, closed: false, listener: None }))
    }

    pub(crate) fn push(&self, event: Event) {
        let mut queue = self.lock();
        if queue.events.len() >= queue.capacity {
            queue.events.pop_front();
            queue.dropped += 1;
        }
        if queue.capacity > 0 {
            queue.events.push_back(event);
        }
        queue.wake();
    }

    /// No more events come; what is queued is still seen.
    pub(crate) fn close(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        queue.wake();
    }

    fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut queue = self.lock();
        match queue.events.pop_front() {
            Some(event) => Poll::Ready(Some(event)),
            None if queue.closed => Poll::Ready(None),
            None => {
                queue.listener = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn wake(&mut self) {
        if let Some(listener) = self.listener.take() {
            listener.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_listener_loses_the_oldest_and_is_told_how_many() {
        let queue = Arc::new(EventQueue::new(2));
        (1..=5).for_each(|n| queue.push(Event::Return(n.into())));
        queue.close();
        let mut events = Events::new(queue);
        assert_eq!(events.next().await, Some(Event::Return(4.into())));
        assert_eq!(events.next().await, Some(Event::Return(5.into())));
        assert_eq!(events.next().await, None);
        assert_eq!(events.dropped(), 3);
    }
}
