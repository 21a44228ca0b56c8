//! Embeds a durable queue: stores jobs in one file, runs them, and is told how each ended, even if it was killed in
//! between.
//!
//! `cargo run --example queue`. Kill it at any moment and start it again: what was stored still runs, once.

use std::sync::Arc;
use std::time::Duration;

use ampule::queue::{Callback, Filter, NewJob, Page, QueueUrl, RetryPolicy, State, UniqueScope, open};
use ampule::{BoxError, Job, Kwargs, Runner, Worker};

/// Returns its own kwargs, whatever they are.
const ECHO: &str = r#"(module
    (import "ampule" "_return" (func $return (param i32 i32)))
    (import "ampule" "kwargs_len" (func $kwargs_len (result i32)))
    (import "ampule" "kwargs_read" (func $kwargs_read (param i32)))
    (memory (export "memory") 1)
    (func (export "run")
        (call $kwargs_read (i32.const 0))
        (call $return (i32.const 0) (call $kwargs_len))))"#;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let file = std::env::temp_dir().join("ampule-example.db");
    let queue = open(&QueueUrl::Sqlite(file)).await?;

    // The program lies beside the jobs, so that any worker on the queue can run them. The name is pinned when a job is
    // stored: a later program of this name changes nothing for it.
    queue.put_program(&ampule::assemble(ECHO)?, Some("echo"), None).await?;

    // A closure cannot be stored, but its name can. It is called at least once for each end.
    let runner = Runner::builder().pool_size(8).build()?;
    let told = |ended: ampule::queue::Ended, kwargs: Kwargs| {
        println!("{} ended: {:?} (told with {})", ended.name, ended.result, kwargs.to_json());
        Ok::<(), BoxError>(())
    };
    let worker = Worker::builder(runner.clone(), Arc::clone(&queue)).slots(8).closure("told", told).start()?;

    let soon = NewJob::new(Job::new("echo").name("soon").kwarg("n", 1)?)
        .delay(Duration::from_millis(300))
        .retry(RetryPolicy::attempts(5))
        .at_return(Callback::closure("told"))
        .at_err(Callback::closure("told"));
    // Whoever asks twice gets the same job.
    let once = NewJob::new(Job::new("echo").name("once")).unique("only one of me", UniqueScope::Unfinished);
    // The result of the first becomes an argument of the second.
    let chain = NewJob::new(Job::new("echo").name("first").kwarg("n", 2)?)
        .at_return(Callback::job(NewJob::new(Job::new("echo").name("second")).at_return(Callback::closure("told"))));
    let stored = queue.enqueue(vec![soon, once.clone(), once, chain], None).await?;
    println!("stored {} jobs, {} of them known already", stored.len(), stored.iter().filter(|job| job.existed).count());

    let mut signals = queue.signals();
    let unfinished = Filter { states: vec![State::Queued, State::Running], ..Filter::default() };
    while !queue.list(&unfinished, Page { after: None, limit: 1 }).await?.is_empty() {
        // A signal is a hint, so it is not waited for alone.
        let _ = tokio::time::timeout(Duration::from_secs(1), signals.ended()).await;
    }
    let drained = worker.shutdown(Duration::from_secs(5)).await;
    println!("{} jobs were finished by this worker", drained.finished);
    runner.shutdown(Duration::from_secs(1)).await;
    Ok(())
}
