//! Ampule's own queue: producers, a backlog, and the wait of one job when nothing else is going on.
//!
//! The jobs are real: a module of a few lines that returns its kwargs, run in a sandbox of its own each time, its result
//! stored. Producers and worker are in this process. A job counts as done when the database says that it completed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ampule::queue::{NewJob, Queue, QueueUrl, open};
use ampule::{Job, JobId, Runner, Worker};
use rusqlite::{Connection, OpenFlags};
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;

use crate::cluster::Cluster;
use crate::report::Sample;
use crate::step::{Mode, Step};
use crate::{cluster, meter};

/// Returns its own kwargs.
const ECHO: &str = r#"(module
    (import "ampule" "_return" (func $return (param i32 i32)))
    (import "ampule" "kwargs_len" (func $kwargs_len (result i32)))
    (import "ampule" "kwargs_read" (func $kwargs_read (param i32)))
    (memory (export "memory") 1)
    (func (export "run")
        (call $kwargs_read (i32.const 0))
        (call $return (i32.const 0) (call $kwargs_len))))"#;

/// Returns the time at which it began, in nanoseconds since 1970.
const CLOCK: &str = r#"(module
    (import "ampule" "_return" (func $return (param i32 i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "run") (local $at i32) (local $rest i64)
        (if (call $clock (i32.const 0) (i64.const 1) (i32.const 64)) (then unreachable))
        (local.set $rest (i64.load (i32.const 64)))
        (local.set $at (i32.const 32))
        (loop $digit
            (local.set $at (i32.sub (local.get $at) (i32.const 1)))
            (i32.store8 (local.get $at)
                (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $rest) (i64.const 10)))))
            (local.set $rest (i64.div_u (local.get $rest) (i64.const 10)))
            (br_if $digit (i64.ne (local.get $rest) (i64.const 0))))
        (call $return (local.get $at) (i32.sub (i32.const 32) (local.get $at)))))"#;

/// Jobs at once: enough that a group of ends is worth a commit.
pub(crate) const SLOTS: usize = 256;
const PRODUCERS: u64 = 16;
const GROUP_PRODUCERS: u64 = 4;
const GROUP: u64 = 100;

/// The runner of all steps.
pub(crate) fn runner() -> Runner {
    Runner::builder().pool_size(2 * SLOTS).build().expect("a runner")
}

/// One step on a database.
pub(crate) async fn run(runner: &Runner, mode: Mode, step: Step<'_>) -> Sample {
    let Step { url, count, limit, cluster } = step;
    let queue = open_with(url, ECHO).await;
    let mut look = Look::at(url).await;
    let before = look.done().await;
    let at_once = if mode == Mode::Producers { 1 } else { GROUP };
    if mode == Mode::Backlog {
        enqueue(&queue, GROUP_PRODUCERS, count, 1_000).await;
    }
    let worker = || Worker::builder(runner.clone(), Arc::clone(&queue)).slots(SLOTS).start().expect("a worker");
    let started = (mode != Mode::Backlog).then(worker);
    if started.is_some() {
        // It has looked once, and waits.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let server_syncs = cluster::syncs(cluster).await;
    let server_cpu = cluster.map(Cluster::cpu);
    let (syncs, cpu, begun) = (meter::syncs_of_this_process(), meter::cpu_of_this_process(), Instant::now());
    let worker = started.unwrap_or_else(worker);
    let all = async {
        match mode {
            Mode::Producers => enqueue(&queue, PRODUCERS, count, at_once).await,
            Mode::Groups => enqueue(&queue, GROUP_PRODUCERS, count, at_once).await,
            Mode::Backlog => {}
        }
        let mut signals = queue.signals();
        while look.is_anything_left().await {
            // A signal is a hint, so it is not waited for alone; and nobody who wants all needs to look each time.
            let _ = tokio::time::timeout(Duration::from_millis(20), signals.ended()).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    // What is not done by then is not counted.
    let _ = tokio::time::timeout(limit, all).await;
    let seconds = begun.elapsed().as_secs_f64();
    let client_cpu = meter::cpu_of_this_process() - cpu;
    let server_cpu = cluster.zip(server_cpu).map(|(cluster, before)| cluster.cpu() - before);
    let mut syncs = Some(meter::syncs_of_this_process() - syncs);
    let done = look.done().await - before;
    worker.shutdown(Duration::from_secs(1)).await;
    drop((queue, look));
    if cluster.is_some() {
        syncs = cluster::syncs_since(cluster, server_syncs).await;
    }
    Sample { asked: count, done, seconds, client_cpu, server_cpu, syncs }
}

/// From the commit of one job to the first instruction of its run, in milliseconds, when nothing else goes on.
pub(crate) async fn latency(runner: &Runner, step: Step<'_>) -> Vec<f64> {
    let Step { url, count, limit, .. } = step;
    let queue = open_with(url, CLOCK).await;
    let worker = Worker::builder(runner.clone(), Arc::clone(&queue)).slots(SLOTS).start().expect("a worker");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let mut commits: Vec<(JobId, Duration)> = Vec::new();
    let stored = async {
        for n in 0..count {
            tokio::time::sleep(Duration::from_millis(15 + n * 7_919 % 20)).await;
            let job =
                queue.enqueue(vec![NewJob::new(Job::new("bench"))], None).await.expect("a job that may be stored");
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
            commits.push((job[0].id, now));
        }
        let mut look = Look::at(url).await;
        while look.is_anything_left().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let _ = tokio::time::timeout(limit, stored).await;
    let mut waits = Vec::new();
    for (id, committed) in commits {
        let record = queue.get(id).await.expect("it answers").expect("it was stored");
        let began = record.outcome.and_then(|outcome| outcome.result.ok()).and_then(|value| value.as_u64());
        // A run may begin before whoever stored it is told that it did.
        waits.extend(began.map(|began| Duration::from_nanos(began).saturating_sub(committed).as_secs_f64() * 1e3));
    }
    worker.shutdown(Duration::from_secs(1)).await;
    waits
}

async fn open_with(url: &str, program: &str) -> Arc<dyn Queue> {
    let url: QueueUrl = url.parse().expect("made so");
    let queue = open(&url).await.expect("a queue");
    let wasm = ampule::assemble(program).expect("valid text");
    queue.put_program(&wasm, Some("bench"), None).await.expect("a program");
    queue
}

/// Stores jobs from several producers, so many a call.
async fn enqueue(queue: &Arc<dyn Queue>, producers: u64, count: u64, at_once: u64) {
    let next = Arc::new(AtomicU64::new(0));
    // Aborted with whoever waits for it: a step that takes too long is over.
    let mut tasks = JoinSet::new();
    for _ in 0..producers {
        let (queue, next) = (Arc::clone(queue), Arc::clone(&next));
        tasks.spawn(async move {
            loop {
                let first = next.fetch_add(at_once, Ordering::Relaxed);
                if first >= count {
                    return;
                }
                let jobs = (first..count.min(first + at_once)).map(job).collect();
                queue.enqueue(jobs, None).await.expect("jobs that may be stored");
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("a producer does not fail");
    }
}

/// Some hundred bytes of JSON, as of a real call.
fn job(n: u64) -> NewJob {
    let job = Job::new("bench").kwarg("n", n).and_then(|job| job.kwarg("padding", "x".repeat(80)));
    NewJob::new(job.expect("plain JSON"))
}

/// Looks at the tables past the queue, so that it is the database that says what is done.
enum Look {
    Sqlite(Connection),
    Postgres(Box<PgConnection>),
}

impl Look {
    async fn at(url: &str) -> Self {
        match url.strip_prefix("sqlite:") {
            Some(path) => {
                let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
                Look::Sqlite(db.expect("a file that is there"))
            }
            None => Look::Postgres(Box::new(PgConnection::connect(url).await.expect("a server that is there"))),
        }
    }

    async fn is_anything_left(&mut self) -> bool {
        match self {
            Look::Sqlite(db) => {
                db.query_row("SELECT EXISTS (SELECT 1 FROM jobs)", [], |row| row.get(0)).expect("a table")
            }
            // The newest, which goes last, through the index: a scan would step over all that were deleted.
            Look::Postgres(db) => sqlx::query("SELECT id FROM ampule.jobs ORDER BY id DESC LIMIT 1")
                .fetch_optional(&mut **db)
                .await
                .expect("a table")
                .is_some(),
        }
    }

    async fn done(&mut self) -> u64 {
        let done: i64 = match self {
            Look::Sqlite(db) => {
                db.query_row("SELECT count(*) FROM ended WHERE state = 2", [], |row| row.get(0)).expect("a table")
            }
            Look::Postgres(db) => sqlx::query_scalar("SELECT count(*) FROM ampule.ended WHERE state = 2")
                .fetch_one(&mut **db)
                .await
                .expect("a table"),
        };
        done.unsigned_abs()
    }
}
