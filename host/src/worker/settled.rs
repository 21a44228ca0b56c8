//! An end on its way to the queue, and whose it is: what counts ends by queue or tenant needs to know.

use std::time::Duration;

use crate::job::{Digest, ProgramRef};
use crate::queue::{Lease, Settlement, Work};

/// An end that a queue has written down; see [`WorkerBuilder::on_settled`](crate::WorkerBuilder::on_settled).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SettledJob {
    /// The end.
    pub settlement: Settlement,
    /// The queue that the job came from.
    pub queue: String,
    /// Whose it is.
    pub tenant: Option<String>,
    /// Its name; of a delivery, whom it tells.
    pub name: String,
    /// The program that it means; none for a source string or a delivery.
    pub program: Option<Digest>,
    /// Whether it told of another job's end.
    pub is_delivery: bool,
    /// How long it waited, from when it was due until this attempt was handed out, by the queue's clock.
    pub waited: Duration,
}

/// The same without the end, as it is known from the lease.
#[derive(Debug, Default)]
pub(super) struct About {
    pub(super) queue: String,
    pub(super) tenant: Option<String>,
    pub(super) name: String,
    pub(super) program: Option<Digest>,
    pub(super) is_delivery: bool,
    pub(super) waited: Duration,
}

impl About {
    pub(super) fn of(lease: &mut Lease) -> Self {
        About {
            queue: std::mem::take(&mut lease.queue),
            tenant: lease.tenant.take(),
            name: lease.payload.name().to_owned(),
            program: lease.payload.job().and_then(|job| match job.program {
                ProgramRef::Digest(digest) => Some(digest),
                ProgramRef::Name(_) | ProgramRef::Language(_) => None,
            }),
            is_delivery: matches!(lease.payload.work, Work::Delivery(_)),
            // One that was told to run early waited for nothing.
            waited: (lease.started_at - lease.run_at).to_std().unwrap_or_default(),
        }
    }

    /// With its end.
    pub(super) fn settled(self, settlement: Settlement) -> SettledJob {
        let About { queue, tenant, name, program, is_delivery, waited } = self;
        SettledJob { settlement, queue, tenant, name, program, is_delivery, waited }
    }
}
