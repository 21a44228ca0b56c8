//! Takes jobs from the queue: as many as there are free slots, never more, and none while there is none.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::pace::{Jitter, Reach, answered};
use super::shared::Shared;
use super::start;
use crate::queue::{Claim, Signals};

/// Claims until the worker closes. A claim under way is not dropped as long as its answer is worth something: what it
/// gives would be nobody's.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut looking = Looking {
        signals: shared.queue.signals(),
        reach: Reach::new("claim", Jitter::new(shared.id, 0)),
        jitter: Jitter::new(shared.id, 1),
        claim: Claim {
            worker: shared.id,
            queues: shared.serves.queues.clone(),
            deliveries: shared.serves.deliveries(),
            languages: None,
            slots: 0,
            lease: shared.config.lease,
        },
    };
    while !shared.closing.is_raised() {
        let slots = tokio::select! {
            biased;
            () = shared.closing.raised() => return,
            room = shared.room() => room,
        };
        let rest = looking.claim(&shared, slots).await;
        tokio::select! {
            biased;
            () = shared.closing.raised() => return,
            () = looking.rest(rest) => {}
        }
    }
}

struct Looking {
    signals: Signals,
    reach: Reach,
    jitter: Jitter,
    claim: Claim,
}

/// Until when not to look again.
enum Rest {
    /// There may be more at once.
    None,
    /// For so long, or until something happens.
    Most(Duration),
    /// For so long, whatever happens.
    Least(Duration),
}

impl Looking {
    async fn claim(&mut self, shared: &Arc<Shared>, slots: usize) -> Rest {
        self.claim.slots = slots;
        self.claim.languages = Some(shared.runner.language_names());
        // Counted from before the question, so that the lease is not over sooner than we think.
        let safe_until = Instant::now() + shared.config.lease;
        let claimed = match answered(shared.queue.claim(&self.claim, None), shared.config.patience()).await {
            Ok(claimed) => claimed,
            Err(error) => return Rest::Least(self.reach.failed(&error)),
        };
        self.reach.succeeded();
        let is_full = claimed.leases.len() >= slots;
        if !claimed.leases.is_empty() {
            start::all(shared, claimed.leases, safe_until);
        }
        let poll_every = self.jitter.around(shared.config.poll_every);
        if shared.refused.swap(false, Ordering::AcqRel) {
            tracing::debug!(worker = %shared.id, "the runner takes no more at the moment");
            return Rest::Least(poll_every);
        }
        if is_full { Rest::None } else { Rest::Most(claimed.next_due.map_or(poll_every, |due| due.min(poll_every))) }
    }

    async fn rest(&mut self, rest: Rest) {
        match rest {
            Rest::None => {}
            Rest::Least(wait) => sleep(wait).await,
            Rest::Most(wait) => tokio::select! {
                () = self.signals.ready() => {}
                () = sleep(wait) => {}
            },
        }
    }
}
