//! How a queue is served, and how long what has ended is kept.

use std::time::Duration;

use super::{Error, Timestamp};

/// How one queue is served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueSettings {
    /// Whether it takes jobs in and hands them out.
    pub mode: Mode,
    /// How many of its jobs may run at once, on all machines together.
    pub max_running: Option<u32>,
    /// How many of its jobs of any one tenant may run at once, on all machines together. Jobs without a tenant count as
    /// one tenant's.
    pub max_running_per_tenant: Option<u32>,
}

/// Whether a queue takes jobs in and hands them out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Both.
    #[default]
    Open,
    /// It takes jobs in and hands none out.
    Paused,
    /// It hands out what it has and takes nothing in, but for what follows from its own jobs, and the ticks of schedules,
    /// which are paused by themselves.
    Draining,
}

/// A queue, as it is at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueInfo {
    /// Its name.
    pub name: String,
    /// How it is served.
    pub settings: QueueSettings,
    /// Jobs that wait, the held ones and those that are not due included.
    pub queued: u64,
    /// Those of them that are due and not held.
    pub due: u64,
    /// Those of them that are held.
    pub held: u64,
    /// Jobs that run.
    pub running: u64,
    /// Since when the oldest of those that are due is due.
    pub oldest_due: Option<Timestamp>,
}

/// How long ended jobs are kept; `None` is for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Those that returned. Default seven days.
    pub completed: Option<Duration>,
    /// Those that failed. Default thirty days.
    pub failed: Option<Duration>,
    /// Those that were cancelled. Default seven days.
    pub cancelled: Option<Duration>,
}

impl Default for Retention {
    fn default() -> Self {
        let days = |days: u64| Some(Duration::from_secs(days * 24 * 60 * 60));
        Retention { completed: days(7), failed: days(30), cancelled: days(7) }
    }
}

impl QueueSettings {
    pub(super) fn check(&self) -> Result<(), Error> {
        for (field, limit) in
            [("max_running", self.max_running), ("max_running_per_tenant", self.max_running_per_tenant)]
        {
            if limit == Some(0) {
                return Err(Error::invalid(field, "at least 1 (pause the queue to run none)", "0"));
            }
        }
        Ok(())
    }
}

impl Mode {
    /// Every mode.
    pub const ALL: [Mode; 3] = [Mode::Open, Mode::Paused, Mode::Draining];

    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Open => "open",
            Mode::Paused => "paused",
            Mode::Draining => "draining",
        }
    }
}

impl std::str::FromStr for Mode {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Mode::ALL.into_iter().find(|mode| mode.as_str() == name);
        known.ok_or_else(|| format!("expected open, paused or draining, found {name:?}"))
    }
}
