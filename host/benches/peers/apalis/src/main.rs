//! apalis, measured beside Ampule's queue: `ampule-bench-apalis URL MODE COUNT SECONDS`, where the URL is
//! `postgres://…` or `sqlite:PATH`.
//!
//! Prepares, prints `{"ready":true}`, waits for a line or the end of its input, does the work of one mode and prints one
//! line of JSON. A job counts as done when the database says so. Modes: `setup`; `producers`, sixteen that each wait
//! for their own commit; `groups`, four that push a hundred jobs a call; `backlog`, where only the draining is timed;
//! `latency`, from the commit to the start of each job.
//!
//! `apalis-sqlite` sets `synchronous` to `OFF` when it sets itself up; here that is done on a pool that is closed again,
//! and every connection of the next is told `FULL`, so that both sides wait for the disk.

mod storage;

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::storage::Storage;

const PRODUCERS: u64 = 16;
const GROUP_PRODUCERS: u64 = 4;
const GROUP: u64 = 100;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Job {
    n: u64,
    padding: String,
}

impl Job {
    fn new(n: u64) -> Self {
        Job { n, padding: "x".repeat(80) }
    }
}

/// What the handler saw.
#[derive(Debug, Default)]
struct Seen {
    count: AtomicU64,
    starts: Option<Mutex<HashMap<u64, Instant>>>,
}

impl Seen {
    fn hit(&self, n: u64) {
        if let Some(starts) = &self.starts {
            starts.lock().expect("whoever held it did not panic").insert(n, Instant::now());
        }
        self.count.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, mode, count, seconds] = arguments.as_slice() else {
        return Err("expected URL MODE COUNT SECONDS".into());
    };
    let (count, limit) = (count.parse()?, Duration::from_secs_f64(seconds.parse()?));
    if mode == "setup" {
        return storage::set_up(url).await;
    }
    let seen = Arc::new(Seen { starts: (mode == "latency").then(Mutex::default), ..Seen::default() });
    let storage = Storage::open(url).await?;
    let answer = match mode.as_str() {
        "producers" => {
            storage.start(&seen, false);
            timed(&storage, &seen, count, limit, push(&storage, PRODUCERS, count, 1)).await
        }
        "groups" => {
            storage.start(&seen, false);
            timed(&storage, &seen, count, limit, push(&storage, GROUP_PRODUCERS, count, GROUP)).await
        }
        "backlog" => {
            for first in (0..count).step_by(GROUP as usize) {
                storage.push((first..count.min(first + GROUP)).map(Job::new).collect()).await?;
            }
            timed(&storage, &seen, count, limit, async { storage.start(&seen, false) }).await
        }
        "latency" => latency(&storage, &seen, count, limit).await?,
        _ => return Err(format!("no such mode: {mode}").into()),
    };
    println!("{answer}");
    // The worker has no end of its own.
    std::process::exit(0);
}

/// Times the work until the database says that all is done, or the limit is reached.
async fn timed(
    storage: &Storage,
    seen: &Seen,
    count: u64,
    limit: Duration,
    work: impl Future<Output = ()>,
) -> serde_json::Value {
    go().await;
    let (begun, cpu) = (Instant::now(), cpu_time());
    let all = async {
        work.await;
        while seen.count.load(Ordering::SeqCst) < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        while storage.done().await.unwrap_or(0) < count {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    };
    let in_time = tokio::time::timeout(limit, all).await.is_ok();
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), cpu_time() - cpu);
    let done = if in_time { count } else { storage.done().await.unwrap_or(0) };
    json!({ "done": done, "seconds": seconds, "cpu_seconds": cpu.as_secs_f64() })
}

/// Pushes jobs from several producers, so many a call. Each waits for its own commit, and tries again if refused.
async fn push(storage: &Storage, producers: u64, count: u64, at_once: u64) {
    let next = Arc::new(AtomicU64::new(0));
    let producer = |_| {
        let (storage, next) = (storage.clone(), Arc::clone(&next));
        tokio::spawn(async move {
            loop {
                let first = next.fetch_add(at_once, Ordering::SeqCst);
                if first >= count {
                    return;
                }
                let jobs: Vec<Job> = (first..count.min(first + at_once)).map(Job::new).collect();
                while let Err(error) = storage.push(jobs.clone()).await {
                    eprintln!("apalis: {error}");
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        })
    };
    futures::future::join_all((0..producers).map(producer)).await;
}

async fn latency(
    storage: &Storage,
    seen: &Arc<Seen>,
    count: u64,
    limit: Duration,
) -> Result<serde_json::Value, BoxError> {
    storage.start(seen, true);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    go().await;
    let mut commits = Vec::new();
    for n in 0..count {
        tokio::time::sleep(Duration::from_millis(15 + (n * 7919) % 20)).await;
        storage.push(vec![Job::new(n)]).await?;
        commits.push(Instant::now());
    }
    let ended = Instant::now();
    while seen.count.load(Ordering::SeqCst) < count && ended.elapsed() < limit {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let starts = seen.starts.as_ref().ok_or("starts were not kept")?.lock().map_err(|_| "a handler panicked")?;
    let wait = |(n, start): (&u64, &Instant)| start.saturating_duration_since(commits[*n as usize]).as_secs_f64() * 1e3;
    let milliseconds: Vec<f64> = starts.iter().map(wait).collect();
    Ok(json!({ "done": milliseconds.len(), "milliseconds": milliseconds }))
}

async fn go() {
    println!("{}", json!({ "ready": true }));
    std::io::stdout().flush().expect("whoever started this reads");
    let read = || std::io::stdin().read_line(&mut String::new());
    tokio::task::spawn_blocking(read).await.expect("it does not panic").expect("an input that can be read");
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
