//! Writes ends down, all that wait in one call, and tries again for as long as the queue is away.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep;

use super::pace::{Jitter, Reach, answered};
use super::settled::SettledJob;
use super::shared::Shared;
use crate::queue::{Error, LeaseKey, Settled, Settlement, Verdict};

/// The most ends in one call: enough to share a commit among many, few enough not to hold up other writers.
const GROUP: usize = 500;

/// Settles until the worker is over.
pub(super) async fn run(shared: Arc<Shared>, mut ends: UnboundedReceiver<SettledJob>) {
    let mut reach = Reach::new("settle", Jitter::new(shared.id, 2));
    let mut group = Vec::new();
    loop {
        tokio::select! {
            biased;
            () = shared.over.raised() => return,
            _ = ends.recv_many(&mut group, GROUP) => {}
        }
        tokio::select! {
            biased;
            () = shared.over.raised() => return,
            () = write(&shared, std::mem::take(&mut group), &mut reach) => {}
        }
    }
}

/// Writes one group. An end is given up only if the queue refuses it for good: as long as nobody else has the job, it
/// counts, and the fence tells.
async fn write(shared: &Shared, group: Vec<SettledJob>, reach: &mut Reach) {
    loop {
        let settlements = group.iter().map(|end| end.settlement.clone()).collect();
        match answered(shared.queue.settle(settlements, None), shared.config.patience()).await {
            Ok(settled) => {
                reach.succeeded();
                note(shared, &group, &settled);
                return;
            }
            Err(error) if error.is_temporary() => sleep(reach.failed(&error)).await,
            // One of them may be what the queue cannot bear, so each goes alone.
            Err(_) if group.len() > 1 => {
                for end in group {
                    Box::pin(write(shared, vec![end], reach)).await;
                }
                return;
            }
            Err(error) => {
                give_up(shared, group.iter().map(|end| &end.settlement.key), &error);
                return;
            }
        }
    }
}

fn note(shared: &Shared, group: &[SettledJob], settled: &[Settled]) {
    shared.held.remove(group.iter().map(|end| &end.settlement.key));
    shared.made_room();
    for (end, settled) in group.iter().zip(settled) {
        if let (Settled::Done, Some(told)) = (settled, &shared.on_settled) {
            told(end);
        }
        let Settlement { key, verdict, .. } = &end.settlement;
        match (settled, verdict) {
            (Settled::Stale, Verdict::HandBack | Verdict::PutOff(_)) => {}
            (Settled::Stale, _) => {
                tracing::warn!(job_id = %key.job, attempt = key.attempt, "lease lost before its end was written down");
            }
            (Settled::Done, _) if !shared.closing.is_raised() => {}
            (Settled::Done, Verdict::HandBack | Verdict::PutOff(_)) => {
                shared.handed_back.fetch_add(1, Ordering::Relaxed);
            }
            (Settled::Done, _) => {
                shared.finished.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

fn give_up<'a>(shared: &Shared, keys: impl Iterator<Item = &'a LeaseKey> + Clone, error: &Error) {
    for key in keys.clone() {
        tracing::error!(job_id = %key.job, attempt = key.attempt, %error, "an end cannot be written down; the lease will expire");
    }
    shared.held.remove(keys);
    shared.made_room();
}
