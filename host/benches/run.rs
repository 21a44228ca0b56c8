//! What a run costs beside a hand-written wasmtime loop with the same engine settings.
//!
//! Four ways to run the same tiny job, interleaved in rounds so that a machine that slows down slows all of them:
//! the loop itself, the loop with a task for each job, `run_async` to its callback, and `run_inline` to its outcome. Prints CPU time for each run
//! (all threads of the process), wall time, and the ratio to the loop. `cargo bench --bench run`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ampule::{BoxError, Job, Runner};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Semaphore;
use wasmtime::{
    Caller, Config, Enabled, Engine, InstanceAllocationStrategy, InstancePre, Linker, Module, PoolingAllocationConfig,
    ResourceLimiter, Store, UpdateDeadline, WasmBacktraceDetails,
};

/// Reads its kwargs and returns twice, as the first example of the README does.
const TINY: &str = r#"(module
    (import "ampule" "_return" (func $return (param i32 i32)))
    (import "ampule" "kwargs_len" (func $kwargs_len (result i32)))
    (import "ampule" "kwargs_read" (func $kwargs_read (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 1024) "813")
    (func (export "run")
        (call $kwargs_read (i32.const 0))
        (if (i32.ne (call $kwargs_len) (i32.const 13)) (then unreachable))
        (call $return (i32.const 1024) (i32.const 1))
        (call $return (i32.const 1025) (i32.const 2))))"#;

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
        assert_eq!(floor.run().await.len(), 2);
    }
}

async fn by_hand_in_tasks(floor: &Arc<Floor>) {
    for _ in 0..RUNS / BURST {
        let done = Arc::new(Semaphore::new(0));
        for _ in 0..BURST {
            let (floor, done) = (Arc::clone(floor), Arc::clone(&done));
            tokio::spawn(async move {
                assert_eq!(floor.run().await.len(), 2);
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

/// The least that runs the job under the same bounds: fuel, epoch, memory limit, a store for each run.
struct Floor {
    engine: Engine,
    linked: InstancePre<Data>,
    _ticker: Ticker,
}

struct Data {
    kwargs: &'static [u8],
    returns: Vec<serde_json::Value>,
    memory_bytes: usize,
}

impl ResourceLimiter for Data {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.memory_bytes += desired - current;
        Ok(self.memory_bytes <= 256 << 20)
    }
    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= 100_000)
    }
}

impl Floor {
    fn new() -> Self {
        let engine = Engine::new(&config()).expect("an engine");
        let mut linker = Linker::<Data>::new(&engine);
        linker.func_wrap("ampule", "_return", return_value).expect("a new name");
        linker
            .func_wrap("ampule", "kwargs_len", |caller: Caller<'_, Data>| caller.data().kwargs.len() as i32)
            .expect("a new name");
        linker
            .func_wrap("ampule", "kwargs_read", |mut caller: Caller<'_, Data>, ptr: i32| {
                let memory = caller.get_export("memory").and_then(|item| item.into_memory()).expect("exported");
                let kwargs = caller.data().kwargs;
                memory.write(&mut caller, ptr as usize, kwargs).map_err(wasmtime::Error::from)
            })
            .expect("a new name");
        let wasm = wat::parse_str(TINY).expect("valid text");
        let module = Module::from_binary(&engine, &wasm).expect("a valid module");
        let linked = linker.instantiate_pre(&module).expect("all imports are there");
        Floor { _ticker: Ticker::start(engine.clone()), engine, linked }
    }

    async fn run(&self) -> Vec<serde_json::Value> {
        let mut store = Store::new(&self.engine, Data { kwargs: KWARGS, returns: Vec::new(), memory_bytes: 0 });
        store.limiter(|data| data);
        store.set_fuel(u64::MAX).expect("metered");
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        let instance = self.linked.instantiate_async(&mut store).await.expect("a slot is free");
        let run = instance.get_typed_func::<(), ()>(&mut store, "run").expect("exported");
        run.call_async(&mut store, ()).await.expect("it returns");
        store.into_data().returns
    }
}

fn return_value(mut caller: Caller<'_, Data>, ptr: i32, len: i32) -> wasmtime::Result<()> {
    let memory = caller.get_export("memory").and_then(|item| item.into_memory()).expect("exported");
    let (bytes, data) = memory.data_and_store_mut(&mut caller);
    data.returns.push(serde_json::from_slice(&bytes[ptr as usize..][..len as usize])?);
    Ok(())
}

/// The settings of `host/src/engine.rs`.
fn config() -> Config {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_core_instances(1_000)
        .total_memories(1_000)
        .total_stacks(1_000)
        .total_tables(4_000)
        .max_tables_per_module(4)
        .table_elements(200_000)
        .async_stack_keep_resident(32 << 10)
        .pagemap_scan(Enabled::Auto);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.linear_memory_keep_resident(1 << 20).table_keep_resident(64 << 10);
    } else {
        pool.decommit_batch_size(32);
    }
    let mut config = Config::new();
    config
        .concurrency_support(false)
        .gc_support(false)
        .consume_fuel(true)
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true)
        .max_wasm_stack(8 << 20)
        .async_stack_size((8 << 20) + (3 << 19))
        .async_stack_zeroing(true)
        .wasm_backtrace_details(WasmBacktraceDetails::Enable)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

struct Ticker(Arc<std::sync::atomic::AtomicBool>, Option<std::thread::JoinHandle<()>>);

impl Ticker {
    fn start(engine: Engine) -> Self {
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let theirs = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !theirs.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
                engine.increment_epoch();
            }
        });
        Ticker(stop, Some(thread))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        if let Some(thread) = self.1.take() {
            thread.join().expect("the ticker does not panic");
        }
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
