//! What the tests of a runner share: small runners, guests made of text, and witnesses of what was called back.
//!
//! Nothing here asserts a law of its own, save that every run ends.

pub mod clock;
pub mod dice;
pub mod faulty;
pub mod full;
pub mod guest;
pub mod history;
pub mod journal;
pub mod log;
pub mod order;
pub mod part;
pub mod place;
pub mod postgres;
pub mod psql;
pub mod queue;
pub mod raw;
pub mod receiver;
pub mod recorder;
pub mod served;
pub mod snippet;
pub mod sse;
pub mod witness;

use std::time::Duration;

use ampule::{Call, Failure, Job, JobHandle, Kwargs, Outcome, Program, Runner, RunnerBuilder, Status, Value};

/// Longer than any test takes: what is due then is not due in a test.
pub const LATER: Duration = Duration::from_secs(3_600);

/// Far longer than any run of the suite takes: whoever waits this long found a run without an end.
const GIVE_UP: Duration = Duration::from_secs(60);

/// A small runner: a default one reserves address space for a thousand runs.
pub fn builder() -> RunnerBuilder {
    Runner::builder().pool_size(4).guest_threads(2)
}

/// As [`builder`] describes it.
#[must_use]
pub fn runner() -> Runner {
    builder().build().expect("a small runner can be built")
}

/// Loads a program from text that is expected to be one.
pub async fn load(runner: &Runner, text: &str) -> Program {
    runner.load_wat(text).await.expect("the text is a program")
}

/// Why a program is refused, by a runner of its own.
pub async fn refusal(text: &str) -> Failure {
    match runner().load_wat(text).await.expect_err("the program is refused") {
        ampule::LoadError::Refused(failure) => *failure,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

/// Runs a program without arguments, in a runner of its own.
pub async fn run_wat(text: &str) -> Outcome {
    run_wat_with(text, |job| job).await
}

/// Runs a program in a runner of its own, as the job that `describe` makes of it.
pub async fn run_wat_with(text: &str, describe: impl FnOnce(Job) -> Job) -> Outcome {
    let runner = runner();
    let program = load(&runner, text).await;
    run(&runner, describe(Job::new(&program))).await
}

/// Why a run without arguments fails, in a runner of its own.
pub async fn failure_of(text: &str) -> Failure {
    failure(run_wat(text).await)
}

/// Runs a job to its end.
pub async fn run(runner: &Runner, call: impl Into<Call<Job>>) -> Outcome {
    ended(runner.run_async(call).expect("the job is accepted")).await
}

/// Kwargs from JSON that is expected to be an object.
#[must_use]
pub fn kwargs(json: Value) -> Kwargs {
    Kwargs::try_from(json).expect("an object")
}

/// The end of a run: every run has one.
pub async fn ended(handle: JobHandle) -> Outcome {
    soon("the run ends", handle).await
}

/// Awaits what must come, and says which law is broken if it does not.
pub async fn soon<T>(law: &str, what: impl Future<Output = T>) -> T {
    tokio::time::timeout(GIVE_UP, what).await.unwrap_or_else(|_| panic!("{law}: it did not"))
}

/// Lets others run until `condition` holds.
pub async fn until(law: &str, condition: impl Fn() -> bool) {
    soon(law, async {
        while !condition() {
            // Asking again at once would keep a processor from whom it waits for.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// Lets others run until the guest does.
pub async fn until_running(handle: &JobHandle) {
    until("the run begins", || handle.status() == Status::Running).await;
}

/// The value of a run that is expected to return.
#[must_use]
pub fn value(outcome: Outcome) -> Value {
    outcome.result.expect("the run returns")
}

/// The failure of a run that is expected to fail.
#[must_use]
pub fn failure(outcome: Outcome) -> Failure {
    outcome.result.expect_err("the run fails")
}
