//! Ends of jobs and tries of webhooks, as the workers of this process settled them.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::bounded::{Bounded, OTHER};
use crate::outcome::{Fuel, Outcome};
use crate::queue::{Target, Verdict};
use crate::worker::SettledJob;

/// From a short function to the longest timeout.
const RUN_SECONDS: [f64; 12] = [0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0, 3_600.0];

/// From a queue that is kept up with to one that is not.
const WAIT_SECONDS: [f64; 10] = [0.001, 0.005, 0.01, 0.05, 0.1, 1.0, 10.0, 60.0, 600.0, 3_600.0];

/// From a page to the four gibibytes that a memory can have.
const MEMORY_BYTES: [f64; 9] = [
    65_536.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    134_217_728.0,
    268_435_456.0,
    1_073_741_824.0,
    4_294_967_296.0,
];

/// How much of a digest tells programs apart.
const DIGEST_CHARS: usize = 12;

/// The kind of an end that is no failure.
const RETURNED: &str = "returned";

pub(super) struct Jobs {
    queues: Bounded,
    /// Queues with programs: together, or there could be as many series as one times the other.
    programs: Bounded,
    ended: Family<End, Counter>,
    attempts: Family<Attempt, Counter>,
    run_seconds: Family<Queue, Histogram>,
    wait_seconds: Family<Queue, Histogram>,
    fuel: Family<Program, Counter>,
    memory_bytes: Family<Queue, Histogram>,
    webhook_tries: Family<Try, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct End {
    queue: Arc<str>,
    program: Arc<str>,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Attempt {
    queue: Arc<str>,
    verdict: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Queue {
    queue: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Program {
    queue: Arc<str>,
    program: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Try {
    outcome: &'static str,
}

impl Jobs {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let jobs = Jobs {
            queues: Bounded::default(),
            programs: Bounded::default(),
            ended: Family::default(),
            attempts: Family::default(),
            run_seconds: Family::new_with_constructor(|| Histogram::new(RUN_SECONDS)),
            wait_seconds: Family::new_with_constructor(|| Histogram::new(WAIT_SECONDS)),
            fuel: Family::default(),
            memory_bytes: Family::new_with_constructor(|| Histogram::new(MEMORY_BYTES)),
            webhook_tries: Family::default(),
        };
        registry.register("jobs_ended", "Jobs that ended here, by how they did", jobs.ended.clone());
        registry.register(
            "attempts_ended",
            "Attempts that ended here, by what became of the job",
            jobs.attempts.clone(),
        );
        let seconds = Unit::Seconds;
        registry.register_with_unit("job_run", "How long runs took", seconds.clone(), jobs.run_seconds.clone());
        registry.register_with_unit("job_wait", "From due to handed out", seconds, jobs.wait_seconds.clone());
        registry.register("job_fuel", "Fuel that runs used, where it is known", jobs.fuel.clone());
        let help = "The most memory that a run held";
        registry.register_with_unit("job_memory_peak", help, Unit::Bytes, jobs.memory_bytes.clone());
        registry.register("webhook_tries", "Deliveries that were tried here", jobs.webhook_tries.clone());
        jobs
    }

    pub(super) fn settled(&self, settled: &SettledJob) {
        let settlement = &settled.settlement;
        let kind = settlement.outcome.as_ref().map(kind);
        if settled.is_delivery {
            if let Some(outcome) = kind.filter(|_| settled.queue == Target::HTTP_QUEUE) {
                self.webhook_tries.get_or_create(&Try { outcome }).inc();
            }
            return;
        }
        let queue = self.queues.label(&settled.queue);
        let verdict = verdict(settlement.verdict);
        self.attempts.get_or_create(&Attempt { queue: Arc::clone(&queue), verdict }).inc();
        let Some(outcome) = &settlement.outcome else { return };
        let program = program(outcome);
        let is_told = self.programs.tells_apart(&format!("{queue} {program}"));
        let program: Arc<str> = if is_told { program.into() } else { OTHER.into() };
        if let (Some(kind), false) =
            (kind, matches!(settlement.verdict, Verdict::Retry(_) | Verdict::PutOff(_) | Verdict::HandBack))
        {
            let (queue, program) = (Arc::clone(&queue), Arc::clone(&program));
            self.ended.get_or_create(&End { queue, program, kind }).inc();
        }
        let labels = Queue { queue: Arc::clone(&queue) };
        self.run_seconds.get_or_create(&labels).observe(outcome.usage.wall.as_secs_f64());
        self.wait_seconds.get_or_create(&labels).observe(settled.waited.as_secs_f64());
        self.memory_bytes.get_or_create(&labels).observe(outcome.usage.memory_peak_bytes as f64);
        if let Some(fuel) = outcome.usage.fuel.map(Fuel::units) {
            self.fuel.get_or_create(&Program { queue, program }).inc_by(fuel);
        }
    }
}

fn kind(outcome: &Outcome) -> &'static str {
    outcome.result.as_ref().map_or_else(|failure| failure.kind.as_str(), |_| RETURNED)
}

/// What ran: of a source it is the interpreter. Names are not for everybody who may look at figures.
fn program(outcome: &Outcome) -> String {
    let digest = outcome.program.map(|digest| digest.to_hex());
    digest.map_or_else(|| "none".to_owned(), |hex| hex.chars().take(DIGEST_CHARS).collect())
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Completed => "completed",
        Verdict::Failed => "failed",
        Verdict::Cancelled => "cancelled",
        Verdict::Retry(_) => "retry",
        Verdict::PutOff(_) => "put_off",
        Verdict::HandBack => "handed_back",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::job::{Digest, JobId};
    use crate::queue::{LeaseKey, Settlement, WorkerId};

    fn settled(queue: usize, program: usize) -> SettledJob {
        let job = JobId::from_bytes([7; 16]);
        let key = LeaseKey { job, attempt: 1, worker: WorkerId::fresh() };
        let mut outcome = Outcome::of(job, Ok(Vec::new()));
        outcome.program = Some(Digest::of(&program.to_le_bytes()));
        SettledJob {
            settlement: Settlement { key, verdict: Verdict::Completed, outcome: Some(outcome), follow_up: None },
            queue: format!("queue-{queue}"),
            tenant: None,
            name: String::new(),
            program: None,
            is_delivery: false,
            waited: Duration::ZERO,
        }
    }

    #[test]
    fn however_many_programs_run_in_however_many_queues_there_are_few_series() {
        let mut registry = Registry::default();
        let jobs = Jobs::new(&mut registry);
        for (queue, program) in (0..100).flat_map(|queue| (0..10).map(move |program| (queue, program))) {
            jobs.settled(&settled(queue, program));
        }
        let mut text = String::new();
        encode(&mut text, &registry).expect("text");
        let series = text.lines().filter(|line| line.starts_with("jobs_ended_total{")).count();
        // Two hundred pairs, and what is left of each queue.
        assert!((200..=300).contains(&series), "{series}");
    }
}
