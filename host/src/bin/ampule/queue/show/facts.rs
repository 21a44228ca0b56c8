//! A job in words: what it is, what it told so far, how each attempt went.

use std::fmt::Write as _;

use ampule::queue::{
    Attempt, AttemptEnd, Backoff, Callback, JobRecord, RetryPolicy, StoredEvent, Summary, Target, Timestamp, Work,
};
use ampule::{Event, Job, Outcome, ProgramRef};
use anstream::StripStream;

use super::super::when;
use super::delivery;
use crate::printable::{printable_json, printable_line};
use crate::report;

/// The most of a job's kwargs, its value and its source that is shown.
const SHOWN_CHARS: usize = 400;

/// What it is, and where.
pub(super) fn head(record: &JobRecord, now: Timestamp) -> String {
    let job = &record.summary;
    let mut text = String::new();
    let mut row = |key: &str, value: String| {
        if !value.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{key:<10} {value}");
        }
    };
    row("job", job.id.to_string());
    row("name", printable_line(&job.name));
    row("state", state(job, now));
    row("queue", job.queue.clone());
    row("priority", if job.priority == 0 { String::new() } else { job.priority.to_string() });
    row("tenant", job.tenant.as_deref().map(printable_line).unwrap_or_default());
    row("tags", printable_line(&job.tags.join(", ")));
    match &record.payload.work {
        Work::Job(job) => work(&mut row, job),
        Work::Delivery(delivery) => {
            row("delivers", format!("the end of {} to {}", delivery.ended.job, delivery::to(&delivery.to)));
        }
        // A kind of work that this version does not know.
        #[expect(unreachable_patterns, reason = "the list may grow")]
        _ => {}
    }
    row("at_return", record.payload.at_return.as_ref().map(callback).unwrap_or_default());
    row("at_err", record.payload.at_err.as_ref().map(callback).unwrap_or_default());
    row("retries", retries(&record.payload.retry));
    row("follows", job.parent.map(|parent| parent.to_string()).unwrap_or_default());
    let moment = |moment: Timestamp| format!("{} ({})", when::moment(moment), when::distance(now, moment));
    row("enqueued", moment(job.enqueued_at));
    row("due", if job.state.is_end() { String::new() } else { moment(job.run_at) });
    row("expires", job.start_before.filter(|_| job.attempt == 0).map(moment).unwrap_or_default());
    row("ended", job.ended_at.map(moment).unwrap_or_default());
    match record.outcome.as_ref().map(|outcome| &outcome.result) {
        Some(Ok(value)) => row("value", json(value)),
        Some(Err(failure)) => row("failure", format!("{}: {}", failure.kind, printable_line(&failure.message))),
        None => {}
    }
    text
}

fn state(job: &Summary, now: Timestamp) -> String {
    let mut state = job.state.to_string();
    if job.held {
        state.push_str(", held");
    }
    if job.run_at > now && !job.state.is_end() {
        let _ = write!(state, ", due {}", when::distance(now, job.run_at));
    }
    if job.cancel_asked && !job.state.is_end() {
        state.push_str(", asked to stop");
    }
    if job.attempt > 0 {
        let _ = write!(state, ", attempt {} of {}", job.tries, job.max_tries);
    }
    state
}

fn work(row: &mut impl FnMut(&str, String), job: &Job) {
    match &job.program {
        ProgramRef::Language(language) => {
            let source = shortened(printable_line(job.source.as_deref().unwrap_or_default()));
            row("source", format!("{language}: {source}"));
        }
        program => row("program", printable_line(&program.to_string())),
    }
    row(
        "kwargs",
        if job.kwargs.is_empty() {
            String::new()
        } else {
            shortened(printable_json(&job.kwargs.to_json()).into_owned())
        },
    );
    let limits = [
        job.limits.timeout.map(|timeout| format!("timeout {timeout:?}")),
        job.limits.fuel.map(|fuel| format!("fuel {fuel}")),
        job.limits.memory_bytes.map(|bytes| format!("memory {bytes} bytes")),
    ];
    row("limits", limits.into_iter().flatten().collect::<Vec<_>>().join(", "));
    let directories = job.grants.directories.iter();
    let directories = directories.map(|directory| format!("{} as {}", directory.host.display(), directory.guest));
    let env = job.grants.env.keys().map(|name| format!("${name}"));
    row("grants", printable_line(&directories.chain(env).collect::<Vec<_>>().join(", ")));
}

fn callback(callback: &Callback) -> String {
    match callback {
        Callback::Closure { name, .. } => format!("closure:{}", printable_line(name)),
        Callback::Job(next) => match next.payload.job() {
            Some(job) if job.name.is_empty() => printable_line(&job.program.to_string()),
            Some(job) => format!("{} ({})", printable_line(&job.name), printable_line(&job.program.to_string())),
            None => String::new(),
        },
        Callback::Http(webhook) => delivery::plain(&webhook.url),
        _ => "of a kind that this version does not know".to_owned(),
    }
}

fn retries(policy: &RetryPolicy) -> String {
    if *policy == RetryPolicy::default() {
        return String::new();
    }
    let waits = match &policy.backoff {
        Backoff::Delays(delays) => delays.iter().map(|delay| when::span(*delay)).collect::<Vec<_>>().join(", "),
        Backoff::Exponential { first, most, .. } => format!("{} to {}", when::span(*first), when::span(*most)),
    };
    let kinds: Vec<&str> = policy.kinds.iter().map(|kind| kind.as_str()).collect();
    format!("{} attempts, {waits} between them, after {}", policy.attempts, kinds.join(", "))
}

/// What a job that has not ended told: its last progress, and each value.
pub(super) fn so_far(events: &[StoredEvent]) -> String {
    let mut text = String::new();
    let last = events.iter().rev().find_map(|event| match &event.event {
        Event::Progress(value) => Some(value),
        _ => None,
    });
    if let Some(value) = last {
        let _ = writeln!(text, "{:<10} {}", "progress", json(value));
    }
    for event in events {
        match &event.event {
            Event::Return(value) => {
                let _ = writeln!(text, "{:<10} {}", "returned", json(value));
            }
            Event::Log(line) => {
                let _ = writeln!(text, "{:<10} {}: {}", "log", line.level.as_str(), printable_line(&line.message));
            }
            _ => {}
        }
    }
    text
}

/// How each attempt went, oldest first.
pub(super) fn attempts(record: &JobRecord) -> String {
    let mut text = String::new();
    let told = if is_webhook(record) { delivery::tried } else { run };
    for attempt in &record.attempts {
        let _ = writeln!(text, "\n{}", attempt_line(attempt));
        // The last one's outcome is the job's.
        let is_last = record.attempts.last().is_some_and(|last| last.attempt == attempt.attempt);
        let own = attempt.outcome.as_ref();
        if let Some(outcome) = own.or(record.outcome.as_ref().filter(|_| is_last && attempt.end != AttemptEnd::Lost)) {
            text.push_str(&told(outcome));
        }
    }
    text
}

fn is_webhook(record: &JobRecord) -> bool {
    matches!(&record.payload.work, Work::Delivery(delivery) if matches!(delivery.to, Target::Http { .. }))
}

fn attempt_line(attempt: &Attempt) -> String {
    let took = attempt.ended_at.map(|end| format!(" after {}", when::span(when::between(attempt.started_at, end))));
    format!(
        "attempt {}: {}{}, from {}, by worker {}",
        attempt.attempt,
        attempt.end.as_str().replace('_', " "),
        took.unwrap_or_default(),
        when::moment(attempt.started_at),
        attempt.worker,
    )
}

fn run(outcome: &Outcome) -> String {
    let mut out = StripStream::new(Vec::new());
    if let Err(failure) = &outcome.result {
        report::failure_facts(&mut out, failure);
    }
    for line in &outcome.output.logs {
        report::log_line(&mut out, line);
    }
    report::output(&mut out, &outcome.output);
    let text = String::from_utf8_lossy(&out.into_inner()).into_owned();
    let mut indented: String = text.lines().map(|line| format!("  {line}\n")).collect();
    let usage = &outcome.usage;
    let fuel = usage.fuel.map(|fuel| format!(", {} fuel", fuel.units())).unwrap_or_default();
    let memory = usage.memory_peak_bytes.div_ceil(1 << 10);
    let _ = writeln!(indented, "  used {:?}{fuel}, {memory} KiB", usage.wall);
    indented
}

fn json(value: &ampule::Value) -> String {
    shortened(printable_json(&value.to_string()).into_owned())
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}… (`--json` shows all)", &text[..end]),
        None => text,
    }
}
