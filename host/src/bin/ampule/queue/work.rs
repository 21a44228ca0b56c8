//! `ampule work`: a worker process, until it is told to stop or nothing is left to do.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ampule::queue::{self, Filter, Mode, Page, Queue, QueueUrl, State, Summary, Target, Verdict};
use ampule::{Drained, SettledJob};

use super::when;
use crate::args::WorkArgs;
use crate::config::{Config, Service};
use crate::exit::{self, Fault};
use crate::outlet::Outlet;
use crate::printable::printable_line;
use crate::report;
use crate::signals::Signals;
use crate::workers::{self, Workers};

/// How often it is looked whether anything is left although nothing was heard.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long a reader has for the last lines once the worker was told to stop: far longer than one takes who reads.
const LAST_LINES: Duration = Duration::from_secs(5);

pub(crate) async fn run(args: &WorkArgs, service: &Service, config: &Config) -> Result<ExitCode, Fault> {
    let mut signals = Signals::catch()?;
    let told = Told::default();
    let (outlet, writer) = Outlet::start(io::stdout(), |dropped| say(&format!("{dropped} more ended: nobody read")))?;
    let lines = (!args.quiet).then_some(outlet);
    let Some(started) = signals.unless(Started::new(service, config, told.clone(), lines)).await else {
        say(&workers::ended(&Drained::default()));
        return Ok(ExitCode::SUCCESS);
    };
    let Started { queue, languages, workers } = started?;
    let (slots, only) = (service.worker.slots, service.worker.only.as_slice());
    let plural = if slots == 1 { "slot" } else { "slots" };
    say(&format!("worker {} is ready: {slots} {plural}, {}", workers.id(), served(only)));
    let is_empty = tokio::select! {
        biased;
        () = signals.asked_to_stop() => {
            say(&format!(
                "stopping: {} running, at most {} to go; a second signal leaves at once",
                workers.running(),
                when::span(service.grace),
            ));
            false
        }
        done = until_empty(&*queue, only, &languages), if args.until_empty => {
            done?;
            true
        }
    };
    let mut drained = tokio::select! {
        biased;
        // The second signal ends the process in there.
        () = async { loop { signals.asked_to_stop().await } } => Drained::default(),
        drained = workers.shutdown(service.grace) => drained,
    };
    if is_empty {
        // Whoever asked for an end of the work has asked for all of its lines too.
        signals.unless(writer.finish()).await;
        // The queue told of these ends before the worker had counted them: nothing ran any more.
        drained.finished = 0;
        say_what_waits(&*queue).await;
    } else {
        // Who does not read by then is not waited for.
        let _ = tokio::time::timeout(LAST_LINES, writer.finish()).await;
    }
    say(&workers::ended(&drained));
    Ok(match (drained.abandoned, args.until_empty && told.has_failed()) {
        (0, false) => ExitCode::SUCCESS,
        (0, true) => ExitCode::from(exit::FAILED),
        _ => ExitCode::from(exit::HOST),
    })
}

/// All that works.
struct Started {
    queue: Arc<dyn Queue>,
    languages: Vec<String>,
    workers: Workers,
}

impl Started {
    async fn new(service: &Service, config: &Config, told: Told, lines: Option<Outlet>) -> Result<Self, Fault> {
        let queue = queue::open(&service.queue.parse::<QueueUrl>()?).await?;
        let runner = workers::runner(service, service.worker.slots, config)?;
        let languages = runner.languages().into_iter().map(|language| language.name).collect();
        let workers = Workers::start(&runner, &queue, service, move |end| told.tell(end, lines.as_ref()))?;
        Ok(Started { queue, languages, workers })
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

/// Says how many webhooks nobody took yet, since whoever ends here tells them no more.
async fn say_what_waits(queue: &dyn Queue) {
    // Who cannot be asked any more is not worth a fault: all that was to be done is done.
    let Ok(queues) = queue.queues(None).await else { return };
    let waiting = queues.iter().filter(|info| info.name == Target::HTTP_QUEUE).map(|info| info.queued).sum();
    match waiting {
        0 => {}
        1 => say("1 webhook waits for another try, by another worker"),
        many => say(&format!("{many} webhooks wait for another try, by another worker")),
    }
}

fn served(only: &[String]) -> String {
    match only {
        [] => "all queues".to_owned(),
        [one] => format!("queue {}", printable_line(one)),
        many => format!("queues {}", printable_line(&many.join(", "))),
    }
}

fn say(text: &str) {
    report::note(&mut anstream::stderr().lock(), text);
}

/// What became of the jobs that ended, whether a line tells of each or none.
#[derive(Clone, Default)]
struct Told {
    /// Whether a job failed for good.
    failed: Arc<AtomicBool>,
}

impl Told {
    fn tell(&self, end: &SettledJob, lines: Option<&Outlet>) {
        if end.settlement.verdict == Verdict::Failed {
            self.failed.store(true, Ordering::Release);
        }
        if let Some(lines) = lines {
            lines.put(&line(end));
        }
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }
}

fn line(end: &SettledJob) -> String {
    let settlement = &end.settlement;
    let failure = settlement.outcome.as_ref().and_then(|outcome| outcome.result.as_ref().err());
    let why = failure.map(|failure| format!(": {}: {}", failure.kind, printable_line(&failure.message)));
    let took = settlement.outcome.as_ref().map(|outcome| format!(" in {}", when::span(outcome.usage.wall)));
    let name = if end.name.is_empty() { String::new() } else { format!(" {}", printable_line(&end.name)) };
    let end = match settlement.verdict {
        Verdict::Completed => "completed".to_owned(),
        Verdict::Failed => "failed".to_owned(),
        Verdict::Cancelled => "cancelled".to_owned(),
        Verdict::Retry(wait) => format!("failed, again in {}", when::span(wait)),
        Verdict::HandBack => "handed back".to_owned(),
        Verdict::PutOff(wait) => format!("put off for {}", when::span(wait)),
    };
    format!("{}{name} {end}{}{}", settlement.key.job, took.unwrap_or_default(), why.unwrap_or_default())
}
