//! One job of a queue while it waits and runs: what it tells, and on a terminal how it is doing.

use std::io;
use std::time::Duration;

use ampule::queue::{JobRecord, Queue, State, StoredEvent, Summary, Timestamp};
use ampule::{Event, JobId, LogLine, Outcome};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use super::when;
use crate::exit::Fault;
use crate::printable::{printable_json, printable_line};
use crate::report;

/// How often it looks although nothing woke it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a queue has to answer although the time of a wait is over: a last look is worth that much.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// How often the line on a terminal is drawn anew.
const DRAW_EVERY: Duration = Duration::from_millis(120);

/// The most of a progress report that is shown: it has to fit into one line of any terminal.
const PROGRESS_CHARS: usize = 50;

/// A job that is watched.
pub(super) struct Watch<'a> {
    queue: &'a dyn Queue,
    id: JobId,
    /// The number of the last event that was seen.
    seen: u64,
    /// On stderr, where it is a terminal.
    bar: ProgressBar,
    progress: String,
    /// How many lines of the log were told, and of which attempt.
    logged: (u32, usize),
    /// Whether it was said that the queue cannot be reached.
    unreachable: bool,
}

/// What of a job's events is printed on stderr.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing.
    Nothing,
    /// Its log.
    Log,
    /// Its log, its progress and each value.
    All,
}

impl<'a> Watch<'a> {
    pub(super) fn new(queue: &'a dyn Queue, id: JobId) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{spinner} {msg} [{elapsed}]");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        if !bar.is_hidden() {
            bar.enable_steady_tick(DRAW_EVERY);
        }
        Watch { queue, id, seen: 0, bar, progress: String::new(), logged: (0, 0), unreachable: false }
    }

    /// Waits until the job has ended, and gives all that is known of it; also if the deadline comes first, and nothing
    /// if nobody answers by then. Goes on while the queue's database cannot be reached.
    pub(super) async fn until_ended(
        &mut self,
        told: Told,
        deadline: Option<Instant>,
    ) -> Result<Option<JobRecord>, Fault> {
        // Made before the first look, so that nothing is missed between the two.
        let mut signals = self.queue.signals();
        loop {
            let is_over = || deadline.is_some_and(|deadline| deadline <= Instant::now());
            match answered(self.look(told), deadline).await {
                Some(Ok(Some(record))) => {
                    if record.summary.state.is_end() || is_over() {
                        self.bar.finish_and_clear();
                        return Ok(Some(record));
                    }
                }
                Some(Ok(None)) => {
                    self.bar.finish_and_clear();
                    return Err(Fault::Usage(unknown(self.id)));
                }
                Some(Err(error)) if error.is_temporary() && !is_over() => self.say_unreachable(&error),
                Some(Err(error)) if !error.is_temporary() => return Err(error.into()),
                Some(Err(_)) | None => {
                    self.bar.finish_and_clear();
                    return Ok(None);
                }
            }
            let look_again = Instant::now() + LOOK_EVERY;
            let until = deadline.map_or(look_again, |deadline| deadline.min(look_again));
            tokio::select! {
                () = signals.ended() => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    /// The job as it is, after all events that it told by then.
    async fn look(&mut self, told: Told) -> Result<Option<JobRecord>, ampule::queue::Error> {
        let record = self.queue.get(self.id).await?;
        if told != Told::Nothing || !self.bar.is_hidden() {
            loop {
                let events = self.queue.events(self.id, self.seen).await?;
                let Some(last) = events.last() else { break };
                self.seen = last.number;
                events.iter().for_each(|event| self.tell(event, told));
            }
        }
        if let Some(record) = record.as_ref().filter(|_| !self.bar.is_hidden()) {
            self.bar.set_message(self.line(record).await?);
        }
        Ok(record)
    }

    fn tell(&mut self, event: &StoredEvent, told: Told) {
        if let Event::Progress(value) = &event.event {
            self.progress = printable_json(&value.to_string()).chars().take(PROGRESS_CHARS).collect();
        }
        let mut line = Vec::new();
        match (&event.event, told) {
            (Event::Log(log), Told::Log | Told::All) => report::log_line(&mut line, log),
            (Event::Progress(value), Told::All) => line = told_value("progress", value),
            (Event::Return(value), Told::All) => line = told_value("returned", value),
            _ => return,
        }
        if matches!(event.event, Event::Log(_)) {
            let before = if self.logged.0 == event.attempt { self.logged.1 } else { 0 };
            self.logged = (event.attempt, before + 1);
        }
        self.bar.suspend(|| {
            // Nobody can be told that stderr is gone.
            let _ = io::Write::write_all(&mut anstream::stderr().lock(), &line);
        });
    }

    /// The lines of the last attempt's log that were not told while it ran: what a job tells in its last moments, and
    /// all that a short one tells, is known only with its end.
    pub(super) fn untold<'o>(&self, record: &JobRecord, outcome: &'o Outcome) -> &'o [LogLine] {
        let told = if self.logged.0 == record.summary.attempt { self.logged.1 } else { 0 };
        match &outcome.output {
            // Some that were told are missing in the outcome, so that no number says which.
            output if told > 0 && output.truncated.log_lines > 0 => &[],
            output => output.logs.get(told..).unwrap_or_default(),
        }
    }

    /// How the job is doing, on one line.
    async fn line(&self, record: &JobRecord) -> Result<String, ampule::queue::Error> {
        let job = &record.summary;
        let now = self.queue.clock().await?;
        let doing = match job.state {
            State::Queued => queued(job, now, self.due(job).await?),
            state => state.to_string(),
        };
        let attempt =
            if job.attempt > 0 { format!(", attempt {} of {}", job.tries, job.max_tries) } else { String::new() };
        let progress = if self.progress.is_empty() { String::new() } else { format!(": {}", self.progress) };
        let name = if job.name.is_empty() { job.id.to_string() } else { printable_line(&job.name) };
        Ok(format!("{name} {doing}{attempt}{progress}"))
    }

    /// How many jobs of its queue are due.
    async fn due(&self, job: &Summary) -> Result<u64, ampule::queue::Error> {
        let queues = self.queue.queues(None).await?;
        Ok(queues.iter().find(|info| info.name == job.queue).map_or(0, |info| info.due))
    }

    fn say_unreachable(&mut self, error: &ampule::queue::Error) {
        if !std::mem::replace(&mut self.unreachable, true) {
            let note = format!("{}; waiting on", printable_line(&error.to_string()));
            self.bar.suspend(|| report::note(&mut anstream::stderr().lock(), &note));
        }
    }
}

/// What a queue answers; nothing if the deadline comes before, and for a moment after it.
pub(super) async fn answered<T>(answer: impl Future<Output = T>, deadline: Option<Instant>) -> Option<T> {
    let Some(deadline) = deadline else { return Some(answer.await) };
    tokio::time::timeout_at(deadline.max(Instant::now() + ANSWER_WITHIN), answer).await.ok()
}

/// What is said of an id that the queue does not know.
pub(super) fn unknown(id: JobId) -> String {
    format!("expected a job of this queue, found none with the id {id}")
}

fn queued(job: &Summary, now: Timestamp, due: u64) -> String {
    match (job.held, job.run_at > now) {
        (true, _) => "held".to_owned(),
        (false, true) => format!("queued, due {}", when::distance(now, job.run_at)),
        (false, false) => format!("queued, one of {due} that are due"),
    }
}

fn told_value(what: &str, value: &ampule::Value) -> Vec<u8> {
    format!("{what}: {}\n", printable_json(&value.to_string())).into_bytes()
}
