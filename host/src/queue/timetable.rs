//! Schedules as a queue keeps them. When their ticks are is worked out in `schedule.rs`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::new_job::{NewJob, Start, check_name};
use super::{Error, Timestamp, milliseconds};

/// A job that is enqueued again and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// When.
    pub timing: Timing,
    /// What is enqueued: each tick is a job of its own, under a unique key made of the schedule's name and the tick.
    pub job: NewJob,
    /// What becomes of ticks that nobody was there for.
    #[serde(default)]
    pub missed: Missed,
    /// Whether it rests.
    #[serde(default)]
    pub paused: bool,
}

/// When a schedule's ticks are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// By a cron expression of five fields, or six with seconds first.
    Cron {
        /// The expression.
        expression: String,
        /// The time zone by the IANA's name, such as `Europe/Berlin`. Default `UTC`.
        #[serde(default = "utc")]
        zone: String,
    },
    /// At whole multiples of this, counted from 1970-01-01T00:00:00Z, so that every machine has the same ticks.
    #[serde(rename = "every_ms", with = "milliseconds")]
    Every(Duration),
}

/// What becomes of ticks that nobody was there for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// Nothing.
    Skip,
    /// The latest of them is enqueued.
    #[default]
    RunOnce,
    /// All are enqueued, the latest of them up to this number.
    RunAll(u32),
}

/// A schedule and where it is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ScheduleInfo {
    /// The schedule.
    pub schedule: Schedule,
    /// The tick that is next; none if there is none any more.
    pub next: Option<Timestamp>,
    /// The last tick that was enqueued.
    pub last: Option<Timestamp>,
    /// Grows with every change, from the milliseconds since 1970 at which it was stored, so that one that was deleted
    /// and stored again is another; a firing that knows an older one changes nothing.
    pub revision: u64,
}

/// Ticks of a schedule that are due.
#[derive(Clone, Debug, PartialEq)]
pub struct Firing {
    /// The schedule.
    pub name: String,
    /// Its revision when the ticks were worked out.
    pub revision: u64,
    /// A job for each tick.
    pub jobs: Vec<NewJob>,
    /// The last of the ticks that were enqueued, if any was.
    pub last: Option<Timestamp>,
    /// The tick that is next.
    pub next: Option<Timestamp>,
}

fn utc() -> String {
    "UTC".to_owned()
}

impl Schedule {
    /// Refuses what has no meaning for a job that is enqueued many times. The timing is checked in `schedule.rs`.
    pub(crate) fn check(&self) -> Result<(), Error> {
        check_name("schedule", &self.name)?;
        if self.job.unique.is_some() {
            return Err(Error::invalid("unique", "none in a schedule, which makes one for each tick", "one"));
        }
        if self.job.start != Start::Now {
            return Err(Error::invalid("start", "none in a schedule, which says when itself", "one"));
        }
        if let Missed::RunAll(0 | 1_001..) = self.missed {
            return Err(Error::invalid("missed", "1 to 1000 ticks", format!("{:?}", self.missed)));
        }
        self.job.check()
    }
}
