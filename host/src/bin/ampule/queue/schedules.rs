//! `ampule schedules`: jobs that are enqueued again and again.

use std::fmt::Write as _;
use std::process::ExitCode;

use ampule::queue::{Missed, NewJob, Queue, Schedule, ScheduleInfo, Timestamp, Timing};
use ampule::schedule;

use super::programs::Programs;
use super::table::table;
use super::{Opened, open, open_or_make, terms, when};
use crate::args::{AddScheduleArgs, SchedulesAction, SchedulesArgs};
use crate::config::Config;
use crate::exit::Fault;
use crate::printable::printable_line;
use crate::{report, wire};

/// How many of a schedule's next runs are shown.
const SHOWN_RUNS: usize = 10;

pub(super) async fn run(args: &SchedulesArgs, config: &Config) -> Result<ExitCode, Fault> {
    let (url, json) = (&args.report.url, args.report.json);
    if let Some(SchedulesAction::Add(schedule)) = &args.action {
        add(&open_or_make(url, config).await?, schedule, config, json).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let queue = open(url, config).await?;
    match &args.action {
        None => list(&*queue, json).await?,
        Some(SchedulesAction::Add(_)) => {}
        Some(SchedulesAction::Pause { names }) => pause(&*queue, names, true, json).await?,
        Some(SchedulesAction::Resume { names }) => pause(&*queue, names, false, json).await?,
        Some(SchedulesAction::RunNow { name }) => run_now(&*queue, name, json).await?,
        Some(SchedulesAction::Remove { names }) => remove(&*queue, names, json).await?,
        Some(SchedulesAction::Show { name }) => show(&*queue, name, json).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn add(queue: &Opened, args: &AddScheduleArgs, config: &Config, json: bool) -> Result<(), Fault> {
    let mut programs = Programs::new(queue, config, &args.what.catalog);
    let job = terms::new_job(&args.what, &args.job, &args.terms, &mut programs).await?;
    // Clap forgets that one needs the other where a third takes the other's place.
    if args.zone.is_some() && args.cron.is_none() {
        return Err(Fault::Usage("expected --zone with --cron, found it with --every".to_owned()));
    }
    let timing = match (&args.cron, args.every) {
        (Some(expression), _) => {
            let zone = args.zone.clone().unwrap_or_else(|| "UTC".to_owned());
            Timing::Cron { expression: expression.clone(), zone }
        }
        (None, Some(every)) => Timing::Every(every),
        (None, None) => return Err(Fault::Usage("expected --cron or --every, found neither".to_owned())),
    };
    let schedule = Schedule { name: args.schedule.clone(), timing, job, missed: args.missed, paused: args.paused };
    // What is wrong with the timing is said before anything is stored.
    schedule::upcoming(&schedule.timing, queue.clock().await?, 1)?;
    programs.store().await?;
    schedule::put(&**queue, &schedule).await?;
    show(&**queue, &schedule.name, json).await
}

async fn list(queue: &dyn Queue, json: bool) -> Result<(), Fault> {
    let schedules = queue.schedules().await?;
    if json {
        return report::print_json(&wire::queue::schedules(&schedules));
    }
    if schedules.is_empty() {
        report::note(&mut anstream::stderr().lock(), "no schedules; `ampule schedules add` makes one");
        return Ok(());
    }
    let now = queue.clock().await?;
    let rows = schedules.iter().map(|info| row(info, now)).collect();
    report::print(&table(["SCHEDULE", "WHEN", "JOB", "QUEUE", "NEXT", "LAST"], rows))
}

fn row(info: &ScheduleInfo, now: Timestamp) -> [String; 6] {
    let next = match info.next {
        _ if info.schedule.paused => "paused".to_owned(),
        Some(next) => when::distance(now, next),
        None => "never".to_owned(),
    };
    [
        info.schedule.name.clone(),
        timing(&info.schedule.timing),
        info.schedule.job.payload.name().to_owned(),
        info.schedule.job.queue.clone(),
        next,
        info.last.map_or_else(|| "-".to_owned(), |last| when::distance(now, last)),
    ]
}

fn timing(timing: &Timing) -> String {
    match timing {
        Timing::Cron { expression, zone } => format!("{expression} ({zone})"),
        Timing::Every(every) => format!("every {}", when::span(*every)),
    }
}

async fn pause(queue: &dyn Queue, names: &[String], paused: bool, json: bool) -> Result<(), Fault> {
    for name in names {
        known(queue, name).await?;
    }
    let mut changed = Vec::with_capacity(names.len());
    for name in names {
        schedule::rest(queue, name, paused).await?;
        changed.push(known(queue, name).await?);
    }
    if json {
        return report::print_json(&wire::queue::schedules(&changed));
    }
    let now = queue.clock().await?;
    let rows = changed.iter().map(|info| row(info, now)).collect();
    report::print(&table(["SCHEDULE", "WHEN", "JOB", "QUEUE", "NEXT", "LAST"], rows))
}

async fn run_now(queue: &dyn Queue, name: &str, json: bool) -> Result<(), Fault> {
    let schedule = known(queue, name).await?.schedule;
    let Some(work) = schedule.job.payload.job().cloned() else {
        return Err(Fault::Usage(format!("expected a schedule with a job, found none in {name:?}")));
    };
    // Each run is a job of its own, so it has an id of its own.
    let id = NewJob::new(work).id;
    let mut job = schedule.job;
    job.id = id;
    let enqueued = queue.enqueue(vec![job], None).await?;
    let [enqueued] = enqueued.as_slice() else {
        return Err(anyhow::anyhow!("expected one job to be stored, found {}", enqueued.len()).into());
    };
    if json {
        return report::print_json(&wire::queue::enqueued(enqueued));
    }
    report::print(&format!("{}\n", enqueued.id))
}

async fn remove(queue: &dyn Queue, names: &[String], json: bool) -> Result<(), Fault> {
    for name in names {
        known(queue, name).await?;
    }
    for name in names {
        queue.delete_schedule(name).await?;
    }
    if json {
        return report::print_json(&wire::queue::removed(names));
    }
    let schedules = if names.len() == 1 { "schedule" } else { "schedules" };
    report::print(&format!("{} {schedules} removed\n", names.len()))
}

async fn show(queue: &dyn Queue, name: &str, json: bool) -> Result<(), Fault> {
    let info = known(queue, name).await?;
    let now = queue.clock().await?;
    let runs = schedule::upcoming(&info.schedule.timing, now, SHOWN_RUNS)?;
    if json {
        return report::print_json(&wire::queue::schedule_with_runs(&info, &runs));
    }
    report::print(&text(&info, &runs, now))
}

fn text(info: &ScheduleInfo, runs: &[Timestamp], now: Timestamp) -> String {
    let schedule = &info.schedule;
    let mut text = String::new();
    let mut row = |key: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key:<9} {}", printable_line(value));
    };
    row("schedule", &schedule.name);
    row("when", &timing(&schedule.timing));
    row("job", &format!("{} on {}", schedule.job.payload.name(), schedule.job.queue));
    row("missed", &missed(schedule.missed));
    row("last", &info.last.map_or_else(|| "-".to_owned(), when::moment));
    if schedule.paused {
        row("next", "paused; it would run at:");
    }
    for (index, run) in runs.iter().enumerate() {
        let key = if index == 0 && !schedule.paused { "next" } else { "" };
        row(key, &format!("{} ({})", when::moment(*run), when::distance(now, *run)));
    }
    text
}

fn missed(missed: Missed) -> String {
    match missed {
        Missed::Skip => "missed ticks are skipped".to_owned(),
        Missed::RunOnce => "of missed ticks the latest is run".to_owned(),
        Missed::RunAll(most) => format!("missed ticks are run, up to {most}"),
    }
}

async fn known(queue: &dyn Queue, name: &str) -> Result<ScheduleInfo, Fault> {
    let mut schedules = queue.schedules().await?;
    match schedules.iter().position(|info| info.schedule.name == name) {
        Some(place) => Ok(schedules.swap_remove(place)),
        None => {
            let known: Vec<&str> = schedules.iter().map(|info| info.schedule.name.as_str()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { printable_line(&known.join(", ")) };
            Err(Fault::Usage(format!("expected a schedule of this queue ({known}), found {name:?}")))
        }
    }
}
