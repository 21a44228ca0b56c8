//! From a lease to a run: a job whose program is loaded starts at once, any other when it is.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::attempt::Attempt;
use super::held::{Holding, Run};
use super::http::{HttpDelivery, Try};
use super::programs::Trouble;
use super::shared::Shared;
use crate::call::Call;
use crate::error::Error;
use crate::failure::{Failure, Kind};
use crate::handle::JobHandle;
use crate::job::{Digest, Job, ProgramRef};
use crate::queue::{Delivery, Lease, LeaseKey, Target, Work};

/// What became of work that was to begin.
enum Begun {
    Runs(JobHandle),
    /// No runner is needed.
    Delivers(Box<Try>),
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
        let (attempt, work) = Attempt::of(shared.seat(), lease, claimed);
        let begins = if is_closing { Begun::HandsBack } else { begin(shared, &attempt, work) };
        begun.push((attempt, begins));
    }
    shared.held.insert_all(begun.iter().map(|(attempt, begun)| {
        let run = match begun {
            Begun::Runs(handle) => Some(Run::of(handle)),
            Begun::Delivers(made) => Some(Run::silent(made.control())),
            Begun::Loads(..) | Begun::Fails(_) | Begun::HandsBack => None,
        };
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
        Begun::Delivers(made) => {
            tokio::spawn(async move {
                match made.run().await {
                    Ok(outcome) => attempt.finish(outcome),
                    Err(wait) => attempt.put_off(wait),
                }
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

fn begin(shared: &Shared, attempt: &Attempt, work: Work) -> Begun {
    let job = match work {
        Work::Delivery(delivery) => return deliver(shared, attempt, delivery),
        Work::Job(job) => job,
    };
    let ProgramRef::Digest(digest) = job.program else { return run(shared, &attempt.key, job) };
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

fn deliver(shared: &Shared, attempt: &Attempt, delivery: Delivery) -> Begun {
    let LeaseKey { job: id, attempt: number, .. } = attempt.key;
    tracing::debug!(job_id = %id, attempt = number, to = delivery.to.name(), "delivery started");
    let Delivery { to, kwargs, ended } = delivery;
    // Only what is registered is claimed.
    match to {
        Target::Closure(name) => match shared.serves.closures.call(&name, ended, kwargs) {
            Some(call) => begun(shared.runner.run_thread_as(id, call.quiet())),
            None => Begun::HandsBack,
        },
        Target::Http { url, headers } => {
            let Some(http) = &shared.serves.http else { return Begun::HandsBack };
            let (tenant, trace) = (attempt.tenant(), attempt.trace());
            let delivery = HttpDelivery { id, attempt: number, tenant, url, headers, kwargs, ended, trace };
            Begun::Delivers(Box::new(Try::new(Arc::clone(http), delivery)))
        }
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
async fn load(attempt: Attempt, digest: Digest, job: Box<Job>) {
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
        Err(Trouble::Compiler(error)) => {
            tracing::warn!(job_id = %attempt.key.job, program = %digest, %error, "a program cannot be compiled now; its job is handed back");
            return go_on(attempt, Begun::HandsBack);
        }
        Err(Trouble::Queue(error)) => return attempt.fail(Failure::new(Kind::Host, error.to_string())),
    };
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
