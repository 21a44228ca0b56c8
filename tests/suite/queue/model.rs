//! A queue beside a model of it that is small enough to be seen to be right: whatever is done to both, in whatever order
//! and with a clock that goes both ways, both say the same.
//!
//! The law of one job is [`after`]; the rest turns random steps into calls and compares.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use ampule::JobId;
use ampule::queue::{
    Change, Claim, Filter, Lease, LeaseKey, Queue, Renewed, RetryPolicy, Selection, Settled, State, Timestamp, Verdict,
    WorkerId,
};
use ampule_tests::clock::at;
use ampule_tests::place::Place;
use ampule_tests::queue::{LEASE, change_all, claim_of, end, job, list, put, reclaim, take};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestError, TestRunner};

/// What the model knows of a job.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Modelled {
    id: JobId,
    state: State,
    held: bool,
    priority: i16,
    due: Timestamp,
    attempt: u32,
    spared: u32,
    most: u32,
    lease: Timestamp,
    asked: bool,
}

/// What happens to a job.
#[derive(Clone, Debug)]
enum Happens {
    Claimed,
    Renewed(u32),
    Settled(u32, Verdict),
    Reclaimed,
    Changed(Change),
}

/// The law: what a job is after something happened to it.
fn after(job: Modelled, what: &Happens, now: Timestamp) -> Modelled {
    use Happens::{Changed, Claimed, Reclaimed, Renewed, Settled};
    use State::{Cancelled, Failed, Queued, Running};
    let holds = |attempt: &u32| job.state == Running && job.attempt == *attempt;
    let lost = job.state == Running && job.lease <= now;
    match what {
        Claimed if is_ready(&job, now) => {
            Modelled { state: Running, attempt: job.attempt + 1, lease: now + LEASE, ..job }
        }
        Renewed(attempt) if holds(attempt) => Modelled { lease: now + LEASE, ..job },
        Settled(attempt, verdict) if holds(attempt) => match verdict {
            Verdict::Retry(_) | Verdict::HandBack | Verdict::PutOff(_) if job.asked => {
                Modelled { state: Cancelled, ..job }
            }
            Verdict::Retry(wait) => Modelled { state: Queued, due: now + *wait, ..job },
            Verdict::HandBack => Modelled { state: Queued, spared: job.spared + 1, ..job },
            Verdict::PutOff(wait) => Modelled { state: Queued, due: now + *wait, spared: job.spared + 1, ..job },
            end => Modelled { state: end_of(*end), ..job },
        },
        Reclaimed if lost && job.asked => Modelled { state: Cancelled, ..job },
        Reclaimed if lost && job.attempt - job.spared >= job.most => Modelled { state: Failed, ..job },
        Reclaimed if lost => Modelled { state: Queued, due: now, ..job },
        Changed(Change::Cancel) if job.state == Queued => Modelled { state: Cancelled, ..job },
        Changed(Change::Cancel) if job.state == Running => Modelled { asked: true, ..job },
        Changed(Change::RunNow) if job.state == Queued => Modelled { due: job.due.min(now), held: false, ..job },
        Changed(Change::Hold) if job.state == Queued => Modelled { held: true, ..job },
        Changed(Change::Release) if job.state == Queued => Modelled { held: false, ..job },
        Changed(Change::Retry { .. }) if job.state.is_end() => {
            Modelled { state: Queued, due: now, spared: job.attempt, asked: false, held: false, ..job }
        }
        _ => job,
    }
}

fn is_ready(job: &Modelled, now: Timestamp) -> bool {
    job.state == State::Queued && !job.held && job.due <= now
}

fn end_of(verdict: Verdict) -> State {
    match verdict {
        Verdict::Completed => State::Completed,
        Verdict::Failed => State::Failed,
        _ => State::Cancelled,
    }
}

/// One step of a test. Numbers choose among what there is by then.
#[derive(Clone, Debug)]
enum Step {
    Enqueue { priority: i16, delay: u64, held: bool, attempts: u32 },
    Claim { slots: usize },
    Renew(usize),
    Settle(usize, Verdict),
    Change(usize, Change),
    ChangeAll(State, Change),
    Reclaim,
    Clock(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let change = || {
        let all = [Change::Cancel, Change::RunNow, Change::Hold, Change::Release, Change::Retry { kwargs: None }];
        proptest::sample::select(all.to_vec())
    };
    let verdict = prop_oneof![
        Just(Verdict::Completed),
        Just(Verdict::Failed),
        Just(Verdict::Cancelled),
        Just(Verdict::HandBack),
        (0_u64..40).prop_map(|seconds| Verdict::Retry(Duration::from_secs(seconds))),
        (0_u64..40).prop_map(|seconds| Verdict::PutOff(Duration::from_secs(seconds))),
    ];
    let enqueue = (-1_i16..2, 0_u64..40, prop::bool::weighted(0.2), 1_u32..4);
    let step = prop_oneof![
        4 => enqueue.prop_map(|(priority, delay, held, attempts)| Step::Enqueue { priority, delay, held, attempts }),
        6 => (0_usize..4).prop_map(|slots| Step::Claim { slots }),
        2 => any::<usize>().prop_map(Step::Renew),
        5 => (any::<usize>(), verdict).prop_map(|(lease, verdict)| Step::Settle(lease, verdict)),
        5 => (any::<usize>(), change()).prop_map(|(job, change)| Step::Change(job, change)),
        1 => (proptest::sample::select(State::ALL.to_vec()), change())
            .prop_map(|(state, change)| Step::ChangeAll(state, change)),
        2 => Just(Step::Reclaim),
        4 => (-30_i64..60).prop_map(Step::Clock),
    ];
    vec(step, 1..40)
}

/// A queue, the model, and who has been given what.
struct Pair {
    queue: Arc<dyn Queue>,
    name: String,
    seconds: i64,
    now: Timestamp,
    jobs: Vec<Modelled>,
    leases: Vec<Lease>,
}

impl Pair {
    /// Lets it happen to the jobs that are chosen, and says which of them are others now.
    fn happens(&mut self, what: &Happens, chosen: impl Fn(&Modelled) -> bool) -> Vec<JobId> {
        let now = self.now;
        let mut changed = Vec::new();
        for job in self.jobs.iter_mut().filter(|job| chosen(job)) {
            let next = after(*job, what, now);
            if next != *job {
                changed.push(job.id);
            }
            *job = next;
        }
        changed
    }

    async fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Clock(seconds) => {
                self.seconds += seconds;
                self.now = at(self.seconds);
            }
            Step::Enqueue { priority, delay, held, attempts } => self.enqueue(priority, delay, held, attempts).await,
            Step::Claim { slots } => self.claim(slots).await?,
            Step::Renew(number) => self.renew(number).await?,
            Step::Settle(number, verdict) => self.settle(number, verdict).await?,
            Step::Change(number, change) => self.change(number, change).await?,
            Step::ChangeAll(state, change) => self.change_all(state, change).await?,
            Step::Reclaim => {
                let expected = self.happens(&Happens::Reclaimed, |_| true).len() as u64;
                prop_assert_eq!(reclaim(&self.queue, self.now).await, expected);
            }
        }
        self.compare().await
    }

    async fn enqueue(&mut self, priority: i16, delay: u64, held: bool, attempts: u32) {
        let delay = Duration::from_secs(delay);
        let mut new = job("").queue(&*self.name).priority(priority).delay(delay);
        new.held = held;
        let id = put(&self.queue, new.retry(RetryPolicy::attempts(attempts)), self.now).await;
        let due = self.now + delay;
        let (state, lease) = (State::Queued, self.now);
        let new =
            Modelled { id, state, held, priority, due, attempt: 0, spared: 0, most: attempts, lease, asked: false };
        self.jobs.push(new);
    }

    async fn claim(&mut self, slots: usize) -> Result<(), TestCaseError> {
        let mut ready: Vec<Modelled> = self.jobs.iter().filter(|job| is_ready(job, self.now)).copied().collect();
        ready.sort_by_key(|job| (std::cmp::Reverse(job.priority), job.due, job.id));
        let expected: Vec<(JobId, u32, u32)> =
            ready.iter().take(slots).map(|job| (job.id, job.attempt + 1, job.attempt + 1 - job.spared)).collect();
        // Always the same worker, so that nothing but the number of the attempt tells its leases apart.
        let claim = Claim { worker: WorkerId::from_bytes([1; 16]), ..claim_of(&self.name, slots) };
        let leases = take(&self.queue, &claim, self.now).await;
        let claimed: Vec<_> = leases.iter().map(|lease| (lease.key.job, lease.key.attempt, lease.tries)).collect();
        prop_assert_eq!(&claimed, &expected);
        self.leases.extend(leases);
        self.happens(&Happens::Claimed, |job| expected.iter().any(|(id, ..)| *id == job.id));
        Ok(())
    }

    /// One of the leases that were ever given, with its job as it is now.
    fn lease(&self, number: usize) -> Option<(Lease, Modelled)> {
        let lease = self.leases.get(number.checked_rem(self.leases.len())?)?.clone();
        let job = self.jobs.iter().find(|job| job.id == lease.key.job)?;
        Some((lease, *job))
    }

    async fn renew(&mut self, number: usize) -> Result<(), TestCaseError> {
        let Some((Lease { key, .. }, job)) = self.lease(number) else { return Ok(()) };
        let expected = match (holds(&job, key), job.asked) {
            (false, _) => Renewed::Lost,
            (true, false) => Renewed::Kept,
            (true, true) => Renewed::CancelAsked,
        };
        self.happens(&Happens::Renewed(key.attempt), |job| job.id == key.job);
        prop_assert_eq!(self.queue.renew(&[key], LEASE, Some(self.now)).await, Ok(vec![expected]));
        Ok(())
    }

    async fn settle(&mut self, number: usize, verdict: Verdict) -> Result<(), TestCaseError> {
        let Some((lease, job)) = self.lease(number) else { return Ok(()) };
        let expected = if holds(&job, lease.key) { Settled::Done } else { Settled::Stale };
        self.happens(&Happens::Settled(lease.key.attempt, verdict), |job| job.id == lease.key.job);
        prop_assert_eq!(end(&self.queue, &lease, verdict, self.now).await, expected);
        Ok(())
    }

    async fn change(&mut self, number: usize, change: Change) -> Result<(), TestCaseError> {
        let Some(number) = number.checked_rem(self.jobs.len()) else { return Ok(()) };
        let id = self.jobs[number].id;
        let expected = self.happens(&Happens::Changed(change.clone()), |job| job.id == id);
        let changed = change_all(&self.queue, &Selection::Ids(vec![id]), &change, self.now).await;
        prop_assert!(expected.iter().all(|id| changed.contains(id)), "{:?} of {:?}", change, changed);
        Ok(())
    }

    async fn change_all(&mut self, state: State, change: Change) -> Result<(), TestCaseError> {
        let mut expected = self.happens(&Happens::Changed(change.clone()), |job| job.state == state);
        let filter = Filter { states: vec![state], queue: Some(self.name.clone()), ..Filter::default() };
        let changed = change_all(&self.queue, &Selection::Filter(filter), &change, self.now).await;
        expected.sort();
        prop_assert!(expected.iter().all(|id| changed.contains(id)), "{:?} of {:?}", change, changed);
        Ok(())
    }

    async fn compare(&self) -> Result<(), TestCaseError> {
        let filter = Filter { queue: Some(self.name.clone()), ..Filter::default() };
        let mut listed = list(&self.queue, &filter).await;
        listed.sort_by_key(|job| job.id);
        let mut expected = self.jobs.clone();
        expected.sort_by_key(|job| job.id);
        prop_assert_eq!(listed.len(), expected.len());
        for (listed, expected) in listed.iter().zip(&expected) {
            prop_assert_eq!((listed.id, listed.state), (expected.id, expected.state));
            prop_assert_eq!((listed.attempt, listed.tries), (expected.attempt, expected.attempt - expected.spared));
            if expected.state == State::Queued {
                prop_assert_eq!((listed.held, listed.run_at), (expected.held, expected.due));
            }
            if expected.state == State::Running {
                prop_assert_eq!(listed.cancel_asked, expected.asked);
            }
        }
        Ok(())
    }

    /// Ends and forgets all of it, so that the next case finds an empty queue.
    async fn clear(&mut self) -> Result<(), TestCaseError> {
        let all = Selection::Filter(Filter { queue: Some(self.name.clone()), ..Filter::default() });
        change_all(&self.queue, &all, &Change::Cancel, self.now).await;
        reclaim(&self.queue, self.now + 100 * LEASE).await;
        let forgotten = change_all(&self.queue, &all, &Change::Delete, self.now).await;
        prop_assert_eq!(forgotten.len(), self.jobs.len(), "every job has ended by now");
        Ok(())
    }
}

fn holds(job: &Modelled, key: LeaseKey) -> bool {
    job.state == State::Running && job.attempt == key.attempt
}

/// Runs so many cases on one queue; a case that fails is kept and tried first from then on.
pub(super) fn agrees(place: &Place, cases: u32) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    let queue = runtime.block_on(place.open());
    let persistence = FileFailurePersistence::Direct("suite/queue/model.regressions");
    let config = Config { cases, failure_persistence: Some(Box::new(persistence)), ..Config::default() };
    let counter = Cell::new(0_u32);
    let found = TestRunner::new(config).run(&steps(), |steps| {
        counter.set(counter.get() + 1);
        let name = format!("case-{}", counter.get());
        let mut pair = Pair { queue: Arc::clone(&queue), name, seconds: 0, now: at(0), jobs: vec![], leases: vec![] };
        runtime.block_on(async {
            let mut told = Ok(());
            for step in steps {
                told = pair.step(step).await;
                if told.is_err() {
                    break;
                }
            }
            let cleared = pair.clear().await;
            told.and(cleared)
        })
    });
    match found {
        Ok(()) => {}
        Err(TestError::Fail(reason, steps)) => panic!("{reason}\nafter {steps:#?}"),
        Err(other) => panic!("{other}"),
    }
}
