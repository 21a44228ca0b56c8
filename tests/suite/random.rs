//! Programs that nobody wrote: valid modules drawn from seeds, and real ones with bytes changed. Whatever they are,
//! each is refused or ends in a way that has a name, and the host is never at fault.
//!
//! All that is random comes from the seeds below, so a failure names the seed that brings it back.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use ampule::{Failure, Fuel, Grants, Job, Kind, LoadError, Outcome, Program, Runner};
use ampule_tests::guest::fixture;
use ampule_tests::{run, runner};
use arbitrary::Unstructured;
use wasm_smith::{Config, Module};

/// How many modules are drawn from each configuration.
const MODULES: u64 = 400;

/// What a module is drawn from; it ends where they end.
const MODULE_BYTES: usize = 2_048;

/// How many variants are made of each real program.
const VARIANTS: u64 = 250;

/// SplitMix64: a few lines that are the same on every machine and in every version.
struct Draw(u64);

impl Draw {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.number() % end as u64) as usize
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.number() as u8).collect()
    }
}

// Modules drawn at random.

/// What a runner accepts: WebAssembly 2.0 with tail calls and extended constants, without references. The modules
/// export `run` and import nothing.
fn accepted_proposals() -> Config {
    Config {
        exports: Some(wat::parse_str("(module (func (export \"run\")))").expect("a module")),
        max_imports: 0,
        custom_page_sizes_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        reference_types_enabled: false,
        relaxed_simd_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        // Some fit into the memory that a run is given here, and some do not.
        max_memory32_bytes: 24 << 20,
        max_table_elements: 50_000,
        ..Config::default()
    }
}

/// The same with a few more proposals, others for each seed, and with memories and tables of any size.
fn more_proposals(seed: u64) -> Config {
    let mut draw = Draw(!seed);
    let mut config = accepted_proposals();
    let mut now_and_then = || draw.below(8) == 0;
    config.custom_page_sizes_enabled = now_and_then();
    config.exceptions_enabled = now_and_then();
    config.memory64_enabled = now_and_then();
    config.relaxed_simd_enabled = now_and_then();
    config.threads_enabled = now_and_then();
    config.wide_arithmetic_enabled = now_and_then();
    config.gc_enabled = now_and_then();
    config.reference_types_enabled = config.gc_enabled || draw.below(2) == 0;
    config.max_memory32_bytes = 4 << 30;
    config.max_table_elements = 1_000_000;
    (config.max_memories, config.max_tables) = (2, 6);
    config
}

fn drawn(config: Config, seed: u64) -> Vec<u8> {
    let bytes = Draw(seed).bytes(MODULE_BYTES);
    let module = Module::new(config, &mut Unstructured::new(&bytes));
    module.unwrap_or_else(|error| panic!("seed {seed}: {error}")).to_bytes()
}

/// The program, or why it is refused; nothing else can come of loading.
async fn loaded(runner: &Runner, bytes: Vec<u8>, what: &str) -> Result<Program, Failure> {
    match runner.load(bytes).await {
        Ok(program) => Ok(program),
        Err(LoadError::Refused(failure)) => {
            assert_eq!(failure.kind, Kind::BadProgram, "{what}: {}", failure.message);
            assert!(!failure.message.is_empty(), "{what}: a refusal says why");
            Err(*failure)
        }
        Err(LoadError::Host(error)) => panic!("{what}: the program is at fault and not the host: {error}"),
        Err(other) => panic!("{what}: {other}"),
    }
}

fn bounded(program: &Program) -> Job {
    Job::new(program).timeout(Duration::from_millis(100)).fuel(1_000_000).memory_bytes(16 << 20)
}

fn kind(outcome: &Outcome) -> Option<Kind> {
    outcome.result.as_ref().err().map(|failure| failure.kind)
}

/// The law of two runs of one program: ends that have a name, and the same both times.
fn agree(first: &Outcome, second: &Outcome, what: &str) {
    let ends = [None, Some(Kind::Trap), Some(Kind::OutOfFuel), Some(Kind::TimedOut), Some(Kind::OutOfMemory)];
    let kinds = [kind(first), kind(second)];
    assert!(kinds.iter().all(|kind| ends.contains(kind)), "{what}: {:?} {:?}", first.result, second.result);
    // Wall time is the machine's, and not the program's.
    if kinds.contains(&Some(Kind::TimedOut)) {
        return;
    }
    assert_eq!(kinds[0], kinds[1], "{what}: the same program ends the same way");
    assert_eq!(exact(first), exact(second), "{what}: the same program uses the same fuel");
    assert_eq!(first.usage.memory_peak_bytes, second.usage.memory_peak_bytes, "{what}");
}

fn exact(outcome: &Outcome) -> Option<u64> {
    match outcome.usage.fuel {
        Some(Fuel::Exact(units)) => Some(units),
        _ => None,
    }
}

/// How many modules ended in which way.
async fn ends_of(config_of: impl Fn(u64) -> Config) -> BTreeMap<&'static str, u64> {
    let runner = runner();
    let mut ends = BTreeMap::new();
    for seed in 0..MODULES {
        let what = format!("seed {seed}");
        let end = match loaded(&runner, drawn(config_of(seed), seed), &what).await {
            Err(refusal) => refusal.kind.as_str(),
            Ok(program) => {
                let (first, second) = (run(&runner, bounded(&program)).await, run(&runner, bounded(&program)).await);
                agree(&first, &second, &what);
                kind(&first).map_or("returned", Kind::as_str)
            }
        };
        *ends.entry(end).or_default() += 1;
    }
    ends
}

#[tokio::test]
async fn a_random_module_ends_in_a_way_that_has_a_name_and_twice_in_the_same() {
    let ends = ends_of(|_| accepted_proposals()).await;
    let refused = ends.get("bad_program").copied().unwrap_or_default();
    assert!(refused <= MODULES / 2, "at least half of them ran: {ends:?}");
    for end in ["returned", "trap", "out_of_fuel", "out_of_memory"] {
        assert!(ends.contains_key(end), "{end} is one of the ends: {ends:?}");
    }
}

#[tokio::test]
async fn a_random_module_of_other_proposals_too_is_refused_or_ends_in_a_way_that_has_a_name() {
    let ends = ends_of(more_proposals).await;
    for end in ["bad_program", "returned", "trap", "out_of_fuel", "out_of_memory"] {
        assert!(ends.contains_key(end), "{end} is one of the ends: {ends:?}");
    }
}

// Real programs with bytes changed.

/// A few bytes changed somewhere, and one in eight cut short.
fn changed(whole: &[u8], seed: u64) -> Vec<u8> {
    let mut draw = Draw(seed);
    let mut bytes = whole.to_vec();
    for _ in 0..=draw.below(4) {
        let at = draw.below(bytes.len());
        bytes[at] ^= 1 << draw.below(8);
    }
    if draw.below(8) == 0 {
        bytes.truncate(draw.below(bytes.len()));
    }
    bytes
}

#[tokio::test]
async fn a_fixture_with_bytes_changed_is_refused_with_a_message_or_runs_without_harm_to_the_host() {
    let runner = runner();
    let names = [
        "clock",
        "fail_and_leave",
        "grow_past_maximum",
        "kwargs",
        "link_out",
        "loop_after_return",
        "million_returns",
        "name",
        "read_all",
        "recursion",
        "seek",
        "spoil",
        "stdin",
        "touch",
        "twice",
        "write",
    ];
    let mut accepted = 0;
    for name in names {
        let text = fixture(name).replace("THEN", "").replace("TARGET", "up").replace("LEN", "2");
        let whole = wat::parse_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        for seed in 0..VARIANTS {
            let what = format!("{name}, seed {seed}");
            let Ok(program) = loaded(&runner, changed(&whole, seed), &what).await else { continue };
            accepted += 1;
            // A clock of its own, so that no sleep takes time.
            let outcome = run(&runner, bounded(&program).grants(Grants::none().deterministic(seed))).await;
            assert_ne!(kind(&outcome), Some(Kind::Host), "{what}: {:?}", outcome.result);
        }
    }
    let variants = VARIANTS * names.len() as u64;
    assert!((variants / 20..variants * 19 / 20).contains(&accepted), "{accepted} of {variants} were accepted");
}

#[test]
fn a_job_of_the_sdk_with_bytes_changed_is_inspected_without_harm() {
    let runner = runner();
    let whole = std::fs::read(Path::new(env!("AMPULE_JOBS_DIR")).join("adder.wasm")).expect("build.rs built it");
    let mut accepted = 0;
    for seed in 0..VARIANTS {
        let refusal = runner.inspect(&changed(&whole, seed)).map_or_else(Some, |(_, refusal)| refusal);
        accepted += u64::from(refusal.is_none());
        if let Some(refusal) = refusal {
            assert_eq!((refusal.kind, refusal.message.is_empty()), (Kind::BadProgram, false), "seed {seed}");
        }
    }
    assert!((1..VARIANTS).contains(&accepted), "{accepted} of {VARIANTS} were accepted");
}
