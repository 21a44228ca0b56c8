//! From a lease to a run: a job whose program is loaded starts at once, any other when it is.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::attempt::Attempt;
use super::held::{Holding, Run};
use super::programs::Trouble;
use super::shared::Shared;
use crate::call::Call;
use crate::error::Error;
use crate::failure::{Failure, Kind};
use crate::handle::JobHandle;
use crate::job::{Digest, Job, ProgramRef};
use crate::queue::{Delivery, Lease, LeaseKey, Work};

/// What became of work that was to begin.
enum Begun {
    Runs(JobHandle),
    /// Its program is to be loaded first.
    Loads(Digest, Box<Job>),
    /// It is its own fault, or the host's, that it does not.
    Fails(Failure),
    /// Somebody else can do it better.
    HandsBack,
}

/// Starts all that was claimed, in order. They are held from before the first of them can end.
pub(super) fn all(shared: &Arc<Shared>, leases: Vec<Lease>, safe_until: Instant) {
    let claimed = Instant::now();
    let is_closing = shared.closing.is_raised();
    let mut begun: Vec<(Attempt, Begun)> = Vec::with_capacity(leases.len());
    for lease in leases {
        let (mut attempt, work) = Attempt::of(shared.seat(), lease, claimed);
        let begins = if is_closing { Begun::HandsBack } else { begin(shared, &mut attempt, work) };
        begun.push((attempt, begins));
    }
    shared.held.insert_all(begun.iter().map(|(attempt, begun)| {
        let run = if let Begun::Runs(handle) = begun { Some(Run::of(handle)) } else { None };
        (attempt.key, Holding::new(safe_until, run))
    }));
    for (attempt, begun) in begun {
        go_on(attempt, begun);
    }
}

fn go_on(attempt: Attempt, begun: Begun) {
    match begun {
        Begun::Runs(handle) => {
            tokio::spawn(async move {
                let outcome = handle.await;
                attempt.finish(outcome);
            });
        }
        Begun::Loads(digest, job) => {
            tokio::spawn(load(attempt, digest, job));
        }
        Begun::Fails(failure) => attempt.fail(failure),
        Begun::HandsBack => {
            attempt.shared.refused.store(true, Ordering::Release);
            attempt.hand_back();
        }
    }
}

fn begin(shared: &Shared, attempt: &mut Attempt, work: Work) -> Begun {
    let job = match work {
        Work::Delivery(delivery) => return deliver(shared, &attempt.key, delivery),
        Work::Job(job) => job,
    };
    let ProgramRef::Digest(digest) = job.program else { return run(shared, &attempt.key, job) };
    attempt.set_program(digest);
    match shared.programs.get(&digest) {
        // It is loaded as long as somebody holds it, which we do here.
        Some(Ok(_program)) => run(shared, &attempt.key, job),
        Some(Err(refusal)) => Begun::Fails(refusal),
        None => Begun::Loads(digest, Box::new(job)),
    }
}

fn run(shared: &Shared, key: &LeaseKey, job: Job) -> Begun {
    tracing::debug!(job_id = %key.job, attempt = key.attempt, program = %job.program, name = job.name, "attempt started");
    begun(shared.runner.run_as(key.job, Call::from(job).quiet()))
}

fn deliver(shared: &Shared, key: &LeaseKey, delivery: Delivery) -> Begun {
    tracing::debug!(job_id = %key.job, attempt = key.attempt, to = delivery.to.name(), "delivery started");
    match shared.closures.call(delivery) {
        Some(call) => begun(shared.runner.run_thread_as(key.job, call.quiet())),
        // Only what is registered is claimed.
        None => Begun::HandsBack,
    }
}

/// Whose failure it is that a job was not accepted.
fn begun(accepted: Result<JobHandle, Error>) -> Begun {
    match accepted {
        Ok(handle) => Begun::Runs(handle),
        Err(Error::Busy { .. } | Error::ShuttingDown | Error::UnknownLanguage { .. }) => Begun::HandsBack,
        Err(error) => Begun::Fails(Failure::new(Kind::Host, error.to_string())),
    }
}

/// Loads the program and runs the job, or lets it go if the worker does meanwhile.
async fn load(mut attempt: Attempt, digest: Digest, job: Box<Job>) {
    let shared = Arc::clone(&attempt.shared);
    let loaded = tokio::select! {
        biased;
        () = shared.stopping.raised() => return attempt.hand_back(),
        loaded = shared.programs.load(digest, &*shared.queue, &shared.runner) => loaded,
    };
    let program = match loaded {
        Ok(Ok(program)) => program,
        Ok(Err(failure)) | Err(Trouble::Host(failure)) => return attempt.fail(failure),
        Err(Trouble::Queue(error)) if error.is_temporary() => return go_on(attempt, Begun::HandsBack),
        Err(Trouble::Queue(error)) => return attempt.fail(Failure::new(Kind::Host, error.to_string())),
    };
    attempt.set_program(program.digest());
    let key = attempt.key;
    match run(&shared, &key, *job) {
        Begun::Runs(handle) => {
            shared.held.started(&key, Run::of(&handle));
            drop(program);
            let outcome = handle.await;
            attempt.finish(outcome);
        }
        begun => go_on(attempt, begun),
    }
}
