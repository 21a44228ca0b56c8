//! What a run costs beside a hand-written wasmtime loop with the same engine settings.
//!
//! Four ways to run the same tiny job, interleaved in rounds so that a machine that slows down slows all of them:
//! the loop itself, the loop with a task for each job, `run_async` to its callback, and `run_inline` to its outcome. Prints
//! CPU time for each run (all threads of the process), wall time, and the ratio to the loop. `cargo bench --bench run`.

#[path = "peers/floor.rs"]
mod floor;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::floor::{Floor, TINY};
use ampule::{BoxError, Job, Runner};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Semaphore;

const KWARGS: &[u8] = br#"{"testvar":3}"#;
const ROUNDS: usize = 9;
const RUNS: usize = 4_000;
const BURST: usize = 250;
const THREADS: usize = 1;

fn main() {
    let caller = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let threads =
        tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build().expect("a runtime");
    let floor = Arc::new(Floor::new());
    let runner = Runner::builder().guest_threads(THREADS).build().expect("a runner");
    let program = caller.block_on(runner.load_wat(TINY)).expect("the program is valid");

    let mut ways = [
        Way::new("hand-written loop"),
        Way::new("the loop, a task each"),
        Way::new("run_async to callback"),
        Way::new("run_inline to outcome"),
    ];
    for round in 0..=ROUNDS {
        let samples = [
            measure(|| caller.block_on(by_hand(&floor))),
            measure(|| threads.block_on(by_hand_in_tasks(&floor))),
            measure(|| caller.block_on(by_runner(&runner, &program))),
            measure(|| caller.block_on(inline(&runner, &program))),
        ];
        // The first round warms caches, pools and branch predictors.
        if round > 0 {
            ways.iter_mut().zip(samples).for_each(|(way, sample)| way.samples.push(sample));
        }
    }
    report(&mut ways);
    caller.block_on(runner.shutdown(Duration::from_secs(1)));
}

async fn by_hand(floor: &Floor) {
    for _ in 0..RUNS {
        assert_eq!(floor.run(Cow::Borrowed(KWARGS)).await.len(), 2);
    }
}

async fn by_hand_in_tasks(floor: &Arc<Floor>) {
    for _ in 0..RUNS / BURST {
        let done = Arc::new(Semaphore::new(0));
        for _ in 0..BURST {
            let (floor, done) = (Arc::clone(floor), Arc::clone(&done));
            tokio::spawn(async move {
                assert_eq!(floor.run(Cow::Borrowed(KWARGS)).await.len(), 2);
                done.add_permits(1);
            });
        }
        let _all = done.acquire_many(BURST as u32).await.expect("never closed");
    }
}

async fn by_runner(runner: &Runner, program: &ampule::Program) {
    for _ in 0..RUNS / BURST {
        let done = Arc::new(Semaphore::new(0));
        for _ in 0..BURST {
            let done = Arc::clone(&done);
            let job = Job::new(program).kwarg("testvar", 3).expect("a number");
            let call = job.at_return(move |value, _| {
                assert_eq!(value, serde_json::json!([8, 13]));
                done.add_permits(1);
                Ok::<(), BoxError>(())
            });
            runner.run_async(call).expect("a slot is free").detach();
        }
        let _all = done.acquire_many(BURST as u32).await.expect("never closed");
    }
}

async fn inline(runner: &Runner, program: &ampule::Program) {
    for _ in 0..RUNS {
        let job = Job::new(program).kwarg("testvar", 3).expect("a number");
        let outcome = runner.run_inline(job).expect("a slot is free").await;
        assert_eq!(outcome.result.expect("it returns"), serde_json::json!([8, 13]));
    }
}

#[derive(Clone, Copy)]
struct Sample {
    cpu_us: f64,
    wall_us: f64,
}

struct Way {
    name: &'static str,
    samples: Vec<Sample>,
}

impl Way {
    fn new(name: &'static str) -> Self {
        Way { name, samples: Vec::new() }
    }
}

/// Time for one run, in microseconds.
fn measure(work: impl FnOnce()) -> Sample {
    let (cpu, wall) = (cpu_time(), Instant::now());
    work();
    let per_run = |elapsed: Duration| elapsed.as_secs_f64() * 1e6 / RUNS as f64;
    Sample { cpu_us: per_run(cpu_time() - cpu), wall_us: per_run(wall.elapsed()) }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn report(ways: &mut [Way]) {
    println!("{ROUNDS} interleaved rounds of {RUNS} runs, in bursts of {BURST}, {THREADS} guest threads");
    println!("{:<24} {:>12} {:>12} {:>8} {:>12}", "", "CPU µs/run", "least", "ratio", "wall µs/run");
    let loop_us = median(&ways[0].samples, |sample| sample.cpu_us);
    for way in ways {
        let cpu_us = median(&way.samples, |sample| sample.cpu_us);
        let least = way.samples.iter().map(|sample| sample.cpu_us).fold(f64::INFINITY, f64::min);
        let wall_us = median(&way.samples, |sample| sample.wall_us);
        println!("{:<24} {cpu_us:>12.2} {least:>12.2} {:>8.2} {wall_us:>12.2}", way.name, cpu_us / loop_us);
    }
}

fn median(samples: &[Sample], figure: impl Fn(&Sample) -> f64) -> f64 {
    let mut figures: Vec<f64> = samples.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
