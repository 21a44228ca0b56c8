//! The wasmtime engine: which wasm is allowed, what is metered, how instances are pooled.
//!
//! One engine serves all runs of a runner. Every setting that keeps a guest in its place is in this file or in
//! `sandbox.rs`; the reason stands beside it.

use std::num::NonZeroUsize;

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails, WasmFeatures,
};

use crate::error::Error;
use crate::limits::MAX_TABLE_ELEMENTS;

/// What a program may use: WebAssembly 2.0 with tail calls and extended constants. Components need several
/// memories for their adapters; core modules are held to one by the check in `inspect.rs`. All else is refused,
/// newer proposals too, until someone has read what they open.
pub(crate) const ALLOWED: WasmFeatures = WasmFeatures::WASM2
    .difference(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::COMPONENT_MODEL);

/// The most tables that one program may define; the pool holds as many for each slot.
pub(crate) const TABLES_PER_PROGRAM: u32 = 4;

/// What one component may consist of: CPython, with its libraries and adapters, is some thirty core instances.
const CORE_INSTANCES_PER_COMPONENT: u32 = 64;
const TABLES_PER_COMPONENT: u32 = 16;
const MEMORIES_PER_COMPONENT: u32 = 2;

/// What one instance's own state may take: a large interpreter has tens of thousands of functions.
const INSTANCE_BYTES: usize = 8 << 20;

/// The most frames of a backtrace.
const BACKTRACE_FRAMES: NonZeroUsize = NonZeroUsize::new(32).expect("32 is not zero");

/// The stack of wasm code: address space, of which a run takes what it touches. Interpreters guard a stack of their own
/// in linear memory, and this one fills up to sixteen times as fast: 8 MiB let CPython raise `RecursionError` at its own
/// limits, and QuickJS call 1,500 deep.
const WASM_STACK_BYTES: usize = 8 << 20;

/// The stack of wasm code and of the host functions it calls, which have the difference to themselves: an overflow
/// there would abort the process.
const ASYNC_STACK_BYTES: usize = WASM_STACK_BYTES + (3 << 19);

/// What of a used stack is cleared by hand for the next run; the kernel clears the rest.
const STACK_KEEP_RESIDENT_BYTES: usize = 32 << 10;

/// What of a used memory is put back by hand for the next run, where the kernel tells which pages were touched
/// (PAGEMAP_SCAN, Linux 6.7): 5.3 µs of CPU a run against 11.6 µs. It stays in use while its slot is idle, and a hundred
/// idle slots are kept warm, so this is what a hundred small programs need and not what a large one could use.
const MEMORY_KEEP_RESIDENT_BYTES: usize = 1 << 20;
const TABLE_KEEP_RESIDENT_BYTES: usize = 64 << 10;

/// Where the kernel does not tell, putting pages back by hand costs 1.7 times as much as giving them back; that is
/// then done for this many memories at once.
const DECOMMIT_BATCH: usize = 32;

/// Builds the engine that runs programs.
pub(crate) fn running(pool_size: u32, metering: bool) -> Result<Engine, Error> {
    let mut config = compiling(metering);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(pool_size)));
    Engine::new(&config).map_err(|error| Error::Engine(format!("{error:#}")))
}

/// Builds an engine that only compiles: it reserves no memory, and what it makes is what [`running`] runs.
pub(crate) fn compiling_only(metering: bool) -> Result<Engine, Error> {
    Engine::new(&compiling(metering)).map_err(|error| Error::Engine(format!("{error:#}")))
}

fn compiling(metering: bool) -> Config {
    let mut config = Config::new();
    config
        .wasm_features(!ALLOWED, false)
        .wasm_features(ALLOWED, true)
        .concurrency_support(false)
        .consume_fuel(metering)
        .epoch_interruption(true)
        // Otherwise the bits of a NaN tell which processor the job ran on.
        .cranelift_nan_canonicalization(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(ASYNC_STACK_BYTES)
        // No byte of one run's stack is left for the next.
        .async_stack_zeroing(true)
        // The default would read an environment variable.
        .wasm_backtrace_details(WasmBacktraceDetails::Enable)
        .wasm_backtrace_max_frames(Some(BACKTRACE_FRAMES));
    config
}

fn pool(slots: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_core_instances(slots.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .total_component_instances(slots)
        .total_memories(slots.saturating_mul(MEMORIES_PER_COMPONENT))
        .total_stacks(slots)
        .total_tables(slots.saturating_mul(TABLES_PER_COMPONENT))
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .max_core_instance_size(INSTANCE_BYTES)
        .max_component_instance_size(INSTANCE_BYTES)
        .max_memories_per_module(1)
        .max_tables_per_module(TABLES_PER_PROGRAM)
        .table_elements(MAX_TABLE_ELEMENTS as usize)
        .async_stack_keep_resident(STACK_KEEP_RESIDENT_BYTES)
        .pagemap_scan(Enabled::Auto);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.linear_memory_keep_resident(MEMORY_KEEP_RESIDENT_BYTES).table_keep_resident(TABLE_KEEP_RESIDENT_BYTES);
    } else {
        pool.decommit_batch_size(DECOMMIT_BATCH);
    }
    pool
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::*;

    fn fingerprint(engine: &Engine) -> u64 {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn what_is_compiled_without_a_pool_runs_in_one() {
        for metering in [true, false] {
            let compiling = compiling_only(metering).expect("an engine");
            let running = running(1, metering).expect("an engine");
            assert_eq!(fingerprint(&compiling), fingerprint(&running));
        }
    }
}
