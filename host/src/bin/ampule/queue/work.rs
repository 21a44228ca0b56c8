//! `ampule work`: a worker process, until it is told to stop or nothing is left to do.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ampule::queue::{self, Filter, Mode, Page, Queue, Retention, Settlement, State, Summary, Verdict};
use ampule::{Allowance, Drained, Runner, Worker};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{open_or_make, when};
use crate::args::WorkArgs;
use crate::config::Config;
use crate::exit::{self, Fault};
use crate::printable::printable_line;
use crate::signals::Signals;
use crate::{interpreters, report, run};

/// Slots for each processor: jobs wait for the disk and for the queue too.
const SLOTS_PER_PROCESSOR: usize = 4;

/// How often it is looked whether anything is left although nothing was heard.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(super) async fn run(args: &WorkArgs, config: &Config) -> Result<ExitCode, Fault> {
    let mut signals = Signals::catch()?;
    let queue = open_or_make(&args.url, config).await?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let slots = args.slots.map_or(SLOTS_PER_PROCESSOR * processors, usize::from);
    let runner = runner(args, slots, processors, config)?;
    interpreters::install(&runner, config)?;
    prepare(&runner);
    let languages: Vec<String> = runner.languages().into_iter().map(|language| language.name).collect();
    let (sender, settled) = unbounded_channel();
    let mut builder = Worker::builder(runner, Arc::clone(&queue)).slots(slots).retention(retention(args));
    builder = builder.on_settled(move |settlement| {
        // Whoever prints is gone only when the process ends.
        let _ = sender.send(settlement.clone());
    });
    if !args.only.is_empty() {
        builder = builder.queues(&args.only);
    }
    if let Some(lease) = args.lease {
        builder = builder.lease(lease);
    }
    let worker = builder.start()?;
    let plural = if slots == 1 { "slot" } else { "slots" };
    say(&format!("worker {} is ready: {slots} {plural}, {}", worker.id(), served(&args.only)));
    let mut told = Told { queue: Arc::clone(&queue), settled, next: None, quiet: args.quiet, failed: false };
    tokio::select! {
        biased;
        () = signals.asked_to_stop() => say(&format!(
            "stopping: {} running, at most {} to go; a second signal leaves at once",
            worker.running(),
            when::span(args.grace),
        )),
        done = until_empty(&*queue, &args.only, &languages), if args.until_empty => done?,
        () = told.all() => {}
    }
    let drained = tokio::select! {
        biased;
        // The second signal ends the process in there.
        () = async { loop { signals.asked_to_stop().await } } => Drained::default(),
        drained = worker.shutdown(args.grace) => drained,
    };
    told.rest().await;
    say(&ended(&drained));
    Ok(match (drained.abandoned, args.until_empty && told.failed) {
        (0, false) => ExitCode::SUCCESS,
        (0, true) => ExitCode::from(exit::FAILED),
        _ => ExitCode::from(exit::HOST),
    })
}

fn runner(args: &WorkArgs, slots: usize, processors: usize, config: &Config) -> Result<Runner, Fault> {
    let mut allowance = Allowance::default();
    allowance.directories = Some(args.allow_dir.clone());
    allowance.write = args.allow_write;
    let builder = run::builder(config.cache(&args.cache))?;
    Ok(builder.guest_threads(slots.min(processors)).pool_size(slots).max_waiting(slots).allow(allowance).build()?)
}

/// Compiles interpreters in the background, so that the first job in each language does not wait for it.
fn prepare(runner: &Runner) {
    for language in runner.languages() {
        let runner = runner.clone();
        tokio::spawn(async move {
            if let Err(error) = runner.prepare(&language.name).await {
                tracing::error!(language = %language.name, %error, "the interpreter cannot be prepared");
            }
        });
    }
}

fn retention(args: &WorkArgs) -> Retention {
    let default = Retention::default();
    let kept = |asked: Option<Duration>, default: Option<Duration>| asked.or(default);
    Retention {
        completed: kept(args.keep_completed, default.completed),
        failed: kept(args.keep_failed, default.failed),
        cancelled: kept(args.keep_completed, default.cancelled),
    }
}

/// Resolves when no job runs and none is queued that could run here, now or later.
async fn until_empty(queue: &dyn Queue, only: &[String], languages: &[String]) -> Result<(), Fault> {
    let mut signals = queue.signals();
    loop {
        match is_empty(queue, only, languages).await {
            Ok(true) => return Ok(()),
            Err(error) if !error.is_temporary() => return Err(error.into()),
            Ok(false) | Err(_) => {}
        }
        tokio::select! {
            () = signals.ended() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

async fn is_empty(queue: &dyn Queue, only: &[String], languages: &[String]) -> Result<bool, queue::Error> {
    let counted = counted(queue, only).await?;
    for (name, mode, queued, running) in &counted {
        let waits = *mode != Mode::Paused && *queued > 0;
        if (waits || *running > 0) && has_work(queue, name, *mode, languages).await? {
            return Ok(false);
        }
    }
    // A job that ended in between may have been followed by one in a queue that was looked at before.
    Ok(counted == self::counted(queue, only).await?)
}

/// The queues that are served, with how many jobs wait there and are not held, and how many run.
async fn counted(queue: &dyn Queue, only: &[String]) -> Result<Vec<(String, Mode, u64, u64)>, queue::Error> {
    // Deliveries to closures wait for a program that has them; this one has none.
    let is_served = |name: &String| !name.starts_with('@') && (only.is_empty() || only.contains(name));
    let queues = queue.queues(None).await?.into_iter().filter(|info| is_served(&info.name));
    Ok(queues.map(|info| (info.name, info.settings.mode, info.queued - info.held, info.running)).collect())
}

/// Whether a job runs, or waits that could run here: one that is not held, in a language that is known. Both are asked
/// at once, or a job that is claimed in between would be seen by neither.
async fn has_work(queue: &dyn Queue, name: &str, mode: Mode, languages: &[String]) -> Result<bool, queue::Error> {
    let states = vec![State::Queued, State::Running];
    let filter = Filter { states, queue: Some(name.to_owned()), ..Filter::default() };
    let mut page = Page { after: None, limit: 1_000 };
    loop {
        let jobs = queue.list(&filter, page).await?;
        let is_known = |job: &Summary| job.language.as_ref().is_none_or(|language| languages.contains(language));
        let may_run = |job: &Summary| mode != Mode::Paused && !job.held && is_known(job);
        if jobs.iter().any(|job| job.state == State::Running || may_run(job)) {
            return Ok(true);
        }
        match jobs.last() {
            Some(last) => page.after = Some(last.id),
            None => return Ok(false),
        }
    }
}

fn served(only: &[String]) -> String {
    match only {
        [] => "all queues".to_owned(),
        [one] => format!("queue {}", printable_line(one)),
        many => format!("queues {}", printable_line(&many.join(", "))),
    }
}

fn ended(drained: &Drained) -> String {
    let mut text = "stopped".to_owned();
    for (jobs, what) in [
        (drained.finished, "ended meanwhile"),
        (drained.handed_back, "handed back"),
        (drained.abandoned, "left to their leases, since the queue cannot be told"),
    ] {
        if jobs > 0 {
            text.push_str(&format!(", {jobs} {what}"));
        }
    }
    text
}

fn say(text: &str) {
    report::note(&mut anstream::stderr().lock(), text);
}

/// One line for each end.
struct Told {
    queue: Arc<dyn Queue>,
    settled: UnboundedReceiver<Settlement>,
    /// The end that is told of next.
    next: Option<Settlement>,
    quiet: bool,
    /// Whether a job failed for good.
    failed: bool,
}

impl Told {
    /// Tells of all that comes. Whatever it is dropped at, no end is lost: [`Told::rest`] tells of it.
    async fn all(&mut self) {
        loop {
            if self.next.is_none() {
                self.next = self.settled.recv().await;
            }
            if !self.tell_next().await {
                return;
            }
        }
    }

    /// Tells of all that came.
    async fn rest(&mut self) {
        loop {
            if self.next.is_none() {
                self.next = self.settled.try_recv().ok();
            }
            if !self.tell_next().await {
                return;
            }
        }
    }

    /// Tells of the next end, and says whether there was one.
    async fn tell_next(&mut self) -> bool {
        let Some(settlement) = &self.next else { return false };
        self.failed |= settlement.verdict == Verdict::Failed;
        if !self.quiet {
            // It may be deleted by now, or the queue away: then it goes without a name.
            let name = match self.queue.get(settlement.key.job).await {
                Ok(Some(record)) => printable_line(&record.summary.name),
                _ => String::new(),
            };
            // A full disk on the reader's side is no reason to stop working.
            let _ = report::print(&format!("{}\n", line(settlement, &name)));
        }
        self.next = None;
        true
    }
}

fn line(settlement: &Settlement, name: &str) -> String {
    let failure = settlement.outcome.as_ref().and_then(|outcome| outcome.result.as_ref().err());
    let why = failure.map(|failure| format!(": {}: {}", failure.kind, printable_line(&failure.message)));
    let took = settlement.outcome.as_ref().map(|outcome| format!(" in {}", when::span(outcome.usage.wall)));
    let name = if name.is_empty() { String::new() } else { format!(" {name}") };
    let end = match settlement.verdict {
        Verdict::Completed => "completed".to_owned(),
        Verdict::Failed => "failed".to_owned(),
        Verdict::Cancelled => "cancelled".to_owned(),
        Verdict::Retry(wait) => format!("failed, again in {}", when::span(wait)),
        Verdict::HandBack => "handed back".to_owned(),
    };
    format!("{}{name} {end}{}{}", settlement.key.job, took.unwrap_or_default(), why.unwrap_or_default())
}
