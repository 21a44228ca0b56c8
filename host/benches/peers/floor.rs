//! The least that runs a tiny job under the bounds of a runner: a hand-written wasmtime loop, to measure beside.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{
    Caller, Config, Enabled, Engine, InstanceAllocationStrategy, InstancePre, Linker, Module, PoolingAllocationConfig,
    ResourceLimiter, Store, UpdateDeadline, WasmBacktraceDetails,
};

/// Reads its kwargs and returns twice, as the first example of the README does.
pub(crate) const TINY: &str = r#"(module
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

/// Fuel, epoch, a limit of memory, a store for each run.
pub(crate) struct Floor {
    engine: Engine,
    linked: InstancePre<Data>,
    _ticker: Ticker,
}

struct Data {
    kwargs: Cow<'static, [u8]>,
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
    pub(crate) fn new() -> Self {
        let engine = Engine::new(&config()).expect("an engine");
        let mut linker = Linker::<Data>::new(&engine);
        linker.func_wrap("ampule", "_return", return_value).expect("a new name");
        linker
            .func_wrap("ampule", "kwargs_len", |caller: Caller<'_, Data>| caller.data().kwargs.len() as i32)
            .expect("a new name");
        linker
            .func_wrap("ampule", "kwargs_read", |mut caller: Caller<'_, Data>, ptr: i32| {
                let memory = caller.get_export("memory").and_then(|item| item.into_memory()).expect("exported");
                let (bytes, data) = memory.data_and_store_mut(&mut caller);
                bytes[ptr as usize..][..data.kwargs.len()].copy_from_slice(&data.kwargs);
            })
            .expect("a new name");
        let wasm = wat::parse_str(TINY).expect("valid text");
        let module = Module::from_binary(&engine, &wasm).expect("a valid module");
        let linked = linker.instantiate_pre(&module).expect("all imports are there");
        Floor { _ticker: Ticker::start(engine.clone()), engine, linked }
    }

    pub(crate) async fn run(&self, kwargs: Cow<'static, [u8]>) -> Vec<serde_json::Value> {
        let mut store = Store::new(&self.engine, Data { kwargs, returns: Vec::new(), memory_bytes: 0 });
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

struct Ticker(Arc<AtomicBool>, Option<JoinHandle<()>>);

impl Ticker {
    fn start(engine: Engine) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
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
