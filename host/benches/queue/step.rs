//! One step: what is done with how many jobs, and where.

use std::time::Duration;

use crate::cluster::Cluster;

/// What is done with the jobs of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Sixteen producers that each wait for their own commit, and a worker.
    Producers,
    /// Four producers that store a hundred jobs a call, and a worker.
    Groups,
    /// A worker that finds everything stored.
    Backlog,
}

impl Mode {
    pub(crate) const ALL: [Mode; 3] = [Mode::Producers, Mode::Groups, Mode::Backlog];

    /// As arguments and peers have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Mode::Producers => "producers",
            Mode::Groups => "groups",
            Mode::Backlog => "backlog",
        }
    }

    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Mode::Producers => "16 producers, each waiting for its own commit, and a worker: until all is settled",
            Mode::Groups => "4 producers of 100 jobs a call, and a worker: until all is settled",
            Mode::Backlog => "a backlog, stored before: until all is settled",
        }
    }
}

/// How much, where, and for how long at most.
#[derive(Clone, Copy)]
pub(crate) struct Step<'s> {
    /// An empty database, or one with a million jobs that have ended.
    pub(crate) url: &'s str,
    pub(crate) count: u64,
    pub(crate) limit: Duration,
    /// The server of the database, to count what that spends.
    pub(crate) cluster: Option<&'s Cluster>,
}
