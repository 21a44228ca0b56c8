//! Requests that wait for the end of a queued job: bounded in number, woken by the queue's signals, let go when the
//! server goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::App;
use super::problem::{Code, Problem, Result};
use crate::job::JobId;
use crate::queue::JobRecord;

/// How often a job is looked at although nothing woke the one who waits: signals are hints.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The time between two looks, for each of those who wait: every end of a job wakes all of them, so that together they
/// look at most five thousand times a second.
const GAP_EACH: Duration = Duration::from_micros(200);

/// Who waits.
#[derive(Default)]
pub(crate) struct Waits(Arc<AtomicUsize>);

/// A place among those who wait, given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Waits {
    /// How many wait.
    pub(crate) fn open(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    fn enter(&self, most: usize) -> Result<Place> {
        let room = |waiting| (waiting < most).then_some(waiting + 1);
        match self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, room) {
            Ok(_) => Ok(Place(Arc::clone(&self.0))),
            Err(_) => Err(Problem::new(Code::Busy, format!("{most} requests wait for jobs already")).retry_after(1)),
        }
    }
}

impl Place {
    fn gap(&self) -> Duration {
        GAP_EACH * u32::try_from(self.0.load(Ordering::Acquire)).unwrap_or(u32::MAX)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The right to wait, taken before a job is stored: who cannot be let wait is told so before anything was done.
pub(crate) struct Wait {
    place: Place,
    deadline: Instant,
}

impl Wait {
    /// For at most so long, from now.
    pub(crate) fn begin(app: &App, time: Duration) -> Result<Wait> {
        let most = app.settings.max_wait;
        if time > most {
            return Err(Problem::invalid("wait", format!("at most {most:?}"), format!("{time:?}")));
        }
        Ok(Wait { place: app.waits.enter(app.settings.max_waits)?, deadline: Instant::now() + time })
    }

    /// The job when it has ended; as it is when the time is over or the server goes away.
    pub(crate) async fn until_ended(self, app: &App, id: JobId) -> Result<JobRecord> {
        // Made before the first look, so that nothing is missed between the two.
        let mut signals = app.queue.signals();
        loop {
            let looked = Instant::now();
            match app.queue.get(id).await {
                Ok(Some(record)) => {
                    let is_over = self.deadline <= looked || app.closing.is_raised();
                    if record.summary.state.is_end() || is_over {
                        return Ok(record);
                    }
                }
                Ok(None) => return Err(Problem::not_found("job")),
                Err(error) if error.is_temporary() && looked < self.deadline && !app.closing.is_raised() => {}
                Err(error) => return Err(error.into()),
            }
            let again = self.deadline.min(looked + LOOK_EVERY);
            let woken = async {
                signals.ended().await;
                tokio::time::sleep_until(looked + self.place.gap()).await;
            };
            tokio::select! {
                () = woken => {}
                () = tokio::time::sleep_until(again) => {}
                () = app.closing.raised() => {}
            }
        }
    }
}
