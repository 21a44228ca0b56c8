//! Schedules: when their ticks are, which of them are due, and the jobs that are made of them.
//!
//! What is decided is decided from a schedule and the time alone; the queue compares and sets, so any number of workers
//! may fire the same schedule at the same time. Called by the worker's upkeep, and by whoever edits schedules.

mod ticks;

use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta};

use self::ticks::Ticks;
use crate::job::JobId;
use crate::queue::{
    Error, Expected, Firing, Missed, Now, Queue, Schedule, ScheduleInfo, Start, Timestamp, Timing, Unique, UniqueScope,
};

/// How late a tick is fired as if nothing had happened. Workers look every few seconds, and a restart of all of them,
/// or of the database, takes less than this; whatever is later was missed.
const MISSED_AFTER: TimeDelta = TimeDelta::minutes(1);

/// How often a schedule is looked at again that others changed meanwhile.
const TRIES: usize = 8;

/// The next ticks after a moment, at most `count`.
///
/// An expression has five fields, or six with seconds first. Weekdays are 0 to 7, where 0 and 7 are Sunday; `L`, `W` and
/// `#` are known. If both the day of the month and the day of the week are given, one of them must match.
///
/// When clocks change, a *fixed time*, one hour with one minute, happens exactly once a day: if it does not exist, at
/// the first moment after the gap; if it exists twice, the first time. Whatever recurs within the day (lists, ranges,
/// steps and `*` in hours, minutes or seconds) follows the clock on the wall: what does not exist is left out, and what
/// exists twice happens twice.
///
/// ```
/// use ampule::queue::{Timestamp, Timing};
/// use ampule::schedule::upcoming;
///
/// let timing = Timing::Cron { expression: "30 2 * * *".into(), zone: "Europe/Berlin".into() };
/// let evening: Timestamp = "2026-03-28T20:00:00Z".parse()?;
/// let night = upcoming(&timing, evening, 2)?;
/// // On the 29th the clock goes from 02:00 to 03:00, which is 01:00 in UTC.
/// assert_eq!(night, ["2026-03-29T01:00:00Z".parse::<Timestamp>()?, "2026-03-30T00:30:00Z".parse()?]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Invalid`] for an expression or a zone that means nothing, for a date that never comes, and for an interval
/// of less than a second or more than ten years.
pub fn upcoming(timing: &Timing, after: Timestamp, count: usize) -> Result<Vec<Timestamp>, Error> {
    let ticks = Ticks::of(timing)?;
    let first = ticks.first_after(after)?;
    Ok(std::iter::successors(Some(first), |tick| ticks.after(*tick)).take(count).collect())
}

/// Checks a schedule and stores it. It is due first at its next tick; but if it was there already with the same timing,
/// and did not rest, it stays where it was, so that a program may store its schedules each time it starts without
/// forgetting what it missed.
///
/// # Errors
/// [`Error::Invalid`], and those of the queue.
pub async fn put(queue: &dyn Queue, schedule: &Schedule) -> Result<(), Error> {
    schedule.check()?;
    let ticks = Ticks::of(&schedule.timing)?;
    let first = ticks.first_after(queue.clock().await?)?;
    let before = queue.schedules().await?.into_iter().find(|info| info.schedule.name == schedule.name);
    let goes_on = before.filter(|info| info.schedule.timing == schedule.timing && !info.schedule.paused);
    let next = goes_on.and_then(|info| info.next).unwrap_or(first);
    queue.put_schedule(schedule, Some(next), Expected::Anything, None).await.map(drop)
}

/// Lets a schedule rest, or lets one that rests go on with its next tick, and says whether there is one. Nothing else
/// of it is changed, whatever others change meanwhile.
///
/// # Errors
/// [`Error::Unavailable`] if others change it again and again meanwhile, and those of the queue.
pub async fn rest(queue: &dyn Queue, name: &str, paused: bool) -> Result<bool, Error> {
    for _ in 0..TRIES {
        let known = queue.schedules().await?.into_iter().find(|info| info.schedule.name == name);
        let Some(info) = known else { return Ok(false) };
        if info.schedule.paused == paused {
            return Ok(true);
        }
        let next =
            if paused { info.next } else { Some(Ticks::of(&info.schedule.timing)?.first_after(queue.clock().await?)?) };
        let schedule = Schedule { paused, ..info.schedule };
        if queue.put_schedule(&schedule, next, Expected::Revision(info.revision), None).await? {
            return Ok(true);
        }
    }
    Err(Error::Unavailable("the schedule is changed again and again".to_owned()))
}

/// What is to be done about a schedule now: a job for each tick that is due, as far as its policy for missed ticks goes,
/// and the tick after them. Nothing if none is due.
///
/// The work is bounded by what is enqueued, however long nobody looked: at most the ticks of the last minute and those
/// of the policy.
///
/// # Errors
/// [`Error::Invalid`] for a timing that this version does not understand.
pub fn due(info: &ScheduleInfo, now: Timestamp) -> Result<Option<Firing>, Error> {
    let Schedule { name, timing, missed, paused, .. } = &info.schedule;
    let Some(first) = info.next.filter(|next| !paused && *next <= now) else { return Ok(None) };
    let ticks = Ticks::of(timing)?;
    let mut missed_wanted = match missed {
        Missed::Skip => 0,
        Missed::RunOnce => 1,
        Missed::RunAll(most) => *most,
    };
    let mut chosen: Vec<_> = std::iter::successors(ticks.at_or_before(now), |tick| ticks.before(*tick))
        .take_while(|tick| *tick >= first)
        .take_while(|tick| {
            let is_wanted = now - *tick <= MISSED_AFTER || missed_wanted > 0;
            if now - *tick > MISSED_AFTER {
                missed_wanted = missed_wanted.saturating_sub(1);
            }
            is_wanted
        })
        .collect();
    chosen.reverse();
    Ok(Some(Firing {
        name: name.clone(),
        revision: info.revision,
        jobs: chosen.iter().map(|tick| job_of(&info.schedule, *tick)).collect(),
        last: chosen.last().copied(),
        next: ticks.after(now),
    }))
}

/// Enqueues all ticks that are due, each once however many do so at the same time, and answers how many schedules this
/// call moved on. A schedule that cannot be fired, for its program is gone, is logged and does not keep the others.
///
/// # Errors
/// Those of the queue that concern it as a whole.
pub async fn fire_due(queue: &dyn Queue, now: Now) -> Result<usize, Error> {
    fire(queue, now).await.map(|fired| fired.schedules)
}

/// Enqueues a schedule's job now, beside its ticks, whether it rests or not.
///
/// # Errors
/// [`Error::Invalid`] if there is no schedule of this name, and those of [`Queue::enqueue`].
pub async fn run_now(queue: &dyn Queue, name: &str) -> Result<JobId, Error> {
    let known = queue.schedules().await?.into_iter().find(|info| info.schedule.name == name);
    let Some(info) = known else {
        return Err(Error::invalid("schedule", "the name of a schedule", format!("{name:?}")));
    };
    let job = crate::queue::NewJob { id: JobId::fresh(), ..info.schedule.job };
    let id = job.id;
    queue.enqueue(vec![job], None).await?;
    Ok(id)
}

/// What firing came to.
pub(crate) struct Fired {
    /// Schedules that were moved on.
    pub(crate) schedules: usize,
    /// How long until the next tick of any of them.
    pub(crate) next_in: Option<Duration>,
}

/// As [`fire_due`].
pub(crate) async fn fire(queue: &dyn Queue, now: Now) -> Result<Fired, Error> {
    let mut fired = Fired { schedules: 0, next_in: None };
    let schedules = queue.schedules().await?;
    if schedules.is_empty() {
        return Ok(fired);
    }
    let moment = match now {
        Some(now) => now,
        None => queue.clock().await?,
    };
    for info in schedules.iter().filter(|info| !info.schedule.paused) {
        let next = match fire_one(queue, info, moment, now, &mut fired.schedules).await {
            Ok(next) => next,
            Err(error) if error.is_temporary() => return Err(error),
            Err(error) => {
                tracing::warn!(schedule = info.schedule.name, %error, "schedule not fired");
                continue;
            }
        };
        let next_in = next.map(|next| (next - moment).to_std().unwrap_or_default());
        fired.next_in = [fired.next_in, next_in].into_iter().flatten().min();
    }
    Ok(fired)
}

/// Fires one schedule if it is due, and answers when it is next.
async fn fire_one(
    queue: &dyn Queue,
    info: &ScheduleInfo,
    moment: Timestamp,
    now: Now,
    schedules: &mut usize,
) -> Result<Option<Timestamp>, Error> {
    let Some(firing) = due(info, moment)? else { return Ok(info.next) };
    let (next, jobs) = (firing.next, firing.jobs.len());
    if queue.fire(firing, now).await? {
        tracing::debug!(schedule = info.schedule.name, jobs, "schedule fired");
        *schedules += 1;
    }
    Ok(next)
}

/// The job of one tick: the same whoever makes it, but for its id, so that its key enqueues it once.
fn job_of(schedule: &Schedule, tick: Timestamp) -> crate::queue::NewJob {
    let moment = tick.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let key = format!("schedule:{}:{moment}", schedule.name);
    crate::queue::NewJob {
        id: JobId::fresh(),
        unique: Some(Unique { key, scope: UniqueScope::Forever }),
        start: Start::At(tick),
        ..schedule.job.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Job;
    use crate::queue::NewJob;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    fn info(timing: Timing, missed: Missed, next: &str) -> ScheduleInfo {
        let job = NewJob::new(Job::new("adder"));
        let schedule = Schedule { name: "nightly".into(), timing, job, missed, paused: false };
        ScheduleInfo { schedule, next: Some(at(next)), last: None, revision: 7 }
    }

    fn cron(expression: &str) -> Timing {
        Timing::Cron { expression: expression.into(), zone: "UTC".into() }
    }

    fn ticks_due(info: &ScheduleInfo, now: &str) -> Vec<String> {
        let firing = due(info, at(now)).expect("a timing").expect("something is due");
        firing.jobs.into_iter().map(|job| job.unique.expect("a key").key).collect()
    }

    #[test]
    fn a_tick_is_a_job_of_its_own_under_a_key_of_its_own() {
        let info = info(cron("0 * * * *"), Missed::RunOnce, "2026-05-01T10:00:00Z");
        assert_eq!(due(&info, at("2026-05-01T09:59:59.999Z")), Ok(None));
        let firing = due(&info, at("2026-05-01T10:00:00Z")).expect("a timing").expect("it is due");
        let [job] = &firing.jobs[..] else { panic!("one tick: {firing:?}") };
        let unique = Unique { key: "schedule:nightly:2026-05-01T10:00:00Z".into(), scope: UniqueScope::Forever };
        assert_eq!((job.unique.as_ref(), job.start), (Some(&unique), Start::At(at("2026-05-01T10:00:00Z"))));
        assert_ne!(job.id, info.schedule.job.id);
        assert_eq!((firing.revision, firing.next), (7, Some(at("2026-05-01T11:00:00Z"))));
        assert_eq!(firing.last, Some(at("2026-05-01T10:00:00Z")));
        assert!(job.check().is_ok());
    }

    #[test]
    fn what_becomes_of_missed_ticks_is_the_schedules_choice() {
        let due = |missed, now| ticks_due(&info(cron("0 * * * *"), missed, "2026-05-01T10:00:00Z"), now);
        let (late, on_time) = ("2026-05-01T14:30:00Z", "2026-05-01T14:00:30Z");
        let tick = |hour: u32| format!("schedule:nightly:2026-05-01T{hour}:00:00Z");
        assert!(due(Missed::Skip, late).is_empty());
        assert_eq!(due(Missed::Skip, on_time), [tick(14)]);
        assert_eq!(due(Missed::RunOnce, late), [tick(14)]);
        assert_eq!(due(Missed::RunOnce, on_time), [tick(13), tick(14)]);
        assert_eq!(due(Missed::RunAll(3), late), [tick(12), tick(13), tick(14)]);
        assert_eq!(due(Missed::RunAll(1_000), late).len(), 5);
        assert_eq!(due(Missed::RunOnce, "2026-05-01T10:01:00Z"), [tick(10)], "a minute late is not missed");
    }

    #[test]
    fn a_year_of_missed_seconds_costs_what_is_enqueued() {
        for timing in [cron("* * * * * *"), Timing::Every(Duration::from_secs(1))] {
            let info = info(timing, Missed::RunAll(5), "2025-05-01T10:00:00Z");
            // The minute with both its ends, and five before it.
            assert_eq!(ticks_due(&info, "2026-05-01T10:00:00.5Z").len(), 60 + 5);
            let firing = due(&info, at("2026-05-01T10:00:00.5Z")).expect("a timing").expect("it is due");
            assert_eq!(firing.next, Some(at("2026-05-01T10:00:01Z")));
        }
    }

    #[test]
    fn a_schedule_that_rests_or_has_no_tick_is_never_due() {
        let mut info = info(cron("0 * * * *"), Missed::RunOnce, "2026-05-01T10:00:00Z");
        info.schedule.paused = true;
        assert_eq!(due(&info, at("2026-05-02T10:00:00Z")), Ok(None));
        info.schedule.paused = false;
        info.next = None;
        assert_eq!(due(&info, at("2026-05-02T10:00:00Z")), Ok(None));
    }
}
