//! What somebody must do for the queue now and then: say who is alive, take back what was lost, forget what is old, and
//! fire schedules. Harmless beside others who do the same; nothing that fails here ends anything.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use super::pace::{Jitter, Reach, answered};
use super::shared::Shared;
use crate::queue::{Error, WorkerInfo};
use crate::schedule;

/// How often at most the queue is looked after. With short leases it is more often, so that what is lost is soon found.
const LONGEST: Duration = Duration::from_secs(5);
const SHORTEST: Duration = Duration::from_millis(50);

/// How often old jobs are looked for.
const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// After an outage, nothing is taken back for so long: whoever kept a job through it gets to say so. Longer than the
/// longest wait of those who try again.
const FORBEARANCE: Duration = Duration::from_secs(7);

/// What one call deletes at the most; after that many there may be more.
const PRUNED_AT_ONCE: u64 = 10_000;

/// How long the last word may take.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Looks after the queue until the worker is over.
pub(super) async fn run(shared: Arc<Shared>) {
    let every = (shared.config.lease / 6).clamp(SHORTEST, LONGEST);
    let mut keeper = Keeper {
        reach: Reach::new("upkeep", Jitter::new(shared.id, 4)),
        jitter: Jitter::new(shared.id, 5),
        info: None,
        next_round: Instant::now(),
        next_reclaim: Instant::now(),
        next_prune: Instant::now() + Jitter::new(shared.id, 6).around(PRUNE_EVERY / 2),
        every,
    };
    loop {
        let wait = tokio::select! {
            biased;
            () = shared.over.raised() => break,
            done = answered(Box::pin(keeper.look(&shared)), shared.config.patience()) => match done {
                Ok(wait) => {
                    keeper.reach.succeeded();
                    wait
                }
                Err(error) => {
                    if error.is_temporary() {
                        keeper.next_reclaim = Instant::now() + FORBEARANCE;
                    }
                    keeper.reach.failed(&error)
                }
            },
        };
        tokio::select! {
            biased;
            () = shared.over.raised() => break,
            () = sleep(wait) => {}
        }
    }
    let _ = timeout(LAST_WORD, keeper.beat(&shared)).await;
}

struct Keeper {
    reach: Reach,
    jitter: Jitter,
    info: Option<WorkerInfo>,
    next_round: Instant,
    next_reclaim: Instant,
    next_prune: Instant,
    every: Duration,
}

impl Keeper {
    /// Does what is due, and says how long until something is.
    async fn look(&mut self, shared: &Shared) -> Result<Duration, Error> {
        if Instant::now() >= self.next_round {
            self.beat(shared).await?;
            if Instant::now() >= self.next_reclaim {
                let reclaimed = shared.queue.reclaim(None).await?;
                if reclaimed > 0 {
                    tracing::info!(jobs = reclaimed, "jobs were taken back or given up");
                }
            }
            if Instant::now() >= self.next_prune {
                self.prune(shared).await?;
            }
            self.next_round = Instant::now() + self.jitter.around(self.every);
        }
        let fired = schedule::fire(&*shared.queue, None).await?;
        let until_round = self.next_round.saturating_duration_since(Instant::now());
        Ok(fired.next_in.map_or(until_round, |next_in| next_in.min(until_round)).max(SHORTEST / 10))
    }

    async fn beat(&mut self, shared: &Shared) -> Result<(), Error> {
        let info = match &mut self.info {
            Some(info) => info,
            none => {
                let now = shared.queue.clock().await?;
                let info = WorkerInfo::new(shared.id, &*shared.config.host, shared.config.slots as u32, now);
                none.insert(WorkerInfo { serves: shared.serves.in_words(), ..info })
            }
        };
        info.running = shared.running() as u32;
        info.draining = shared.closing.is_raised();
        shared.queue.beat(info, None).await
    }

    async fn prune(&mut self, shared: &Shared) -> Result<(), Error> {
        let pruned = shared.queue.prune(&shared.config.retention, None).await?;
        if pruned > 0 {
            tracing::debug!(jobs = pruned, "ended jobs were forgotten");
        }
        if pruned < PRUNED_AT_ONCE {
            self.next_prune = Instant::now() + self.jitter.around(PRUNE_EVERY);
        }
        Ok(())
    }
}
