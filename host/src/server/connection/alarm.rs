//! A deadline that moves with every request, and touches the timer only when it comes nearer or is there.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

/// A deadline, if there is one.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    deadline: Option<Instant>,
    /// May go off before the deadline, which is then looked at again.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    pub(super) fn set(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
    }

    pub(super) fn clear(&mut self) {
        self.deadline = None;
    }

    pub(super) fn is_set(&self) -> bool {
        self.deadline.is_some()
    }

    /// Ready once the deadline is there, and as long as it is not set anew.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        loop {
            if timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
            }
            ready!(timer.as_mut().poll(context));
            if timer.deadline() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_goes_off_at_its_last_deadline_whether_that_was_moved_back_or_forth() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut alarm = Alarm::default();
        for deadline in [start + 5 * second, start + 9 * second, start + 10 * second, start + 9 * second] {
            alarm.set(deadline);
            assert!(poll_fn(|context| Poll::Ready(alarm.poll(context))).await.is_pending());
        }
        poll_fn(|context| alarm.poll(context)).await;
        assert_eq!(Instant::now().duration_since(start).as_secs(), 9);
        alarm.set(Instant::now() + second);
        poll_fn(|context| alarm.poll(context)).await;
        assert_eq!(Instant::now().duration_since(start).as_secs(), 10, "and again");
    }
}
