//! From bytes to a program: what is accepted, what a refusal says, and that a program is compiled once.
//!
//! Refused proposals are in `proposals.rs`. How often the compiler is started is counted by the program `alone`, which
//! the runner is told to use as its compiler.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ampule::{Compiler, Error, Failure, Job, Kind, LoadError, ProgramLimits, Runner};
use ampule_tests::guest::{fixture, returning};
use ampule_tests::{builder, load, refusal, run, runner, value};

fn bytes_of(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the text is a program")
}

async fn refused(runner: &Runner, bytes: impl Into<Vec<u8>>) -> Failure {
    match runner.load(bytes).await.expect_err("the program is refused") {
        LoadError::Refused(failure) => *failure,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

// What a program may come as.

#[tokio::test]
async fn a_program_is_the_same_from_text_bytes_and_file() {
    let runner = runner();
    let directory = tempfile::tempdir().expect("a directory");
    let bytes = bytes_of(&returning(&["1"]));
    fs::write(directory.path().join("one.wasm"), &bytes).expect("a file");
    let from_text = load(&runner, &returning(&["1"])).await;
    let from_bytes = runner.load(bytes.clone()).await.expect("a program");
    let from_file = runner.load_file(directory.path().join("one.wasm")).await.expect("a program");
    let digest = ampule::Digest::of(&bytes);
    assert_eq!([from_text.digest(), from_bytes.digest(), from_file.digest()], [digest; 3]);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_the_hosts_fault() {
    let refused = runner().load_file("/nowhere/at/all.wasm").await;
    assert!(
        matches!(&refused, Err(LoadError::Host(Error::Io { path, .. })) if path.ends_with("all.wasm")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn text_is_never_taken_for_bytes_nor_bytes_for_text() {
    let runner = runner();
    let text = returning(&["1"]);
    assert_eq!(refused(&runner, text.clone()).await.kind, Kind::BadProgram);
    let bytes = String::from_utf8_lossy(&bytes_of(&text)).into_owned();
    assert_eq!(refusal(&bytes).await.kind, Kind::BadProgram);
}

#[tokio::test]
async fn what_is_no_program_is_refused_by_what_it_is() {
    let runner = runner();
    let component = bytes_of("(component)");
    let compiled = compiled_somewhere().await;
    let cases: [(&[u8], &str); 6] = [
        (b"", "0 bytes"),
        (b"(module)", "text"),
        (b"#!/bin/sh", "#!/bin/s"),
        (&component, "component"),
        (b"\x7fELF\x02\x01\x01", "ELF"),
        (&compiled, "native code"),
    ];
    for (bytes, word) in cases {
        let failure = refused(&runner, bytes).await;
        assert_eq!(failure.kind, Kind::BadProgram);
        assert!(failure.message.contains(word), "{word:?} stands in {:?}", failure.message);
    }
}

/// The last part of a cache file: what wasmtime would run without asking.
async fn compiled_somewhere() -> Vec<u8> {
    let (_home, cache) = home();
    load(&cached(&cache), &returning(&["1"])).await;
    let file = fs::read(cache_file(&cache)).expect("the file");
    let about_bytes = u64::from_le_bytes(file[32..40].try_into().expect("eight bytes"));
    file[40 + about_bytes as usize..].to_vec()
}

#[tokio::test]
async fn a_program_cut_short_or_with_a_byte_changed_is_refused_or_runs_to_a_classified_end() {
    let runner = runner();
    let whole = bytes_of(&fixture("count").replace("COUNT", "10"));
    let cut = (0..whole.len()).map(|len| whole[..len].to_vec());
    let changed = (0..whole.len()).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x15;
        bytes
    });
    for bytes in cut.chain(changed) {
        match runner.load(bytes).await {
            Err(LoadError::Refused(failure)) => assert_eq!(failure.kind, Kind::BadProgram),
            Err(other) => panic!("the program is at fault and not the host: {other}"),
            Ok(program) => {
                let outcome = run(&runner, Job::new(&program).fuel(100_000)).await;
                assert_ne!(outcome.result.err().map(|failure| failure.kind), Some(Kind::Host));
            }
        }
    }
}

#[tokio::test]
async fn a_program_without_an_entry_is_refused() {
    for text in [
        "(module)",
        "(module (func (export \"main\")))",
        "(module (func (export \"run\") (param i32)))",
        "(module (func (export \"_start\") (result i32) (i32.const 0)))",
        "(module (memory (export \"run\") 1))",
        "(module (func (export \"_initialize\")))",
    ] {
        let failure = refusal(text).await;
        assert_eq!(failure.kind, Kind::BadProgram, "{text}");
        assert!(failure.message.contains("`_start`") && failure.message.contains("`run`"), "{}", failure.message);
    }
}

// Imports.

#[tokio::test]
async fn all_missing_imports_are_listed_in_one_message_with_their_types() {
    let failure = refusal(
        r#"(module
            (import "ampule" "_return" (func (param i32 i32)))
            (import "ampule" "_return" (func (param i64)))
            (import "ampule" "launch" (func (param i32) (result i64)))
            (import "wasi_snapshot_preview1" "sock_open" (func (result i32)))
            (import "env" "memory" (memory 1))
            (import "env" "__indirect_function_table" (table 1 funcref))
            (import "env" "__stack_pointer" (global (mut i32)))
            (import "wasi_unstable" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
            (func (export "run")))"#,
    )
    .await;
    assert_eq!(failure.kind, Kind::BadProgram);
    insta::assert_snapshot!(failure.message, @r"
    the program imports what the runner does not offer:
      `ampule._return` as (i64), which is (i32, i32) here
      `ampule.launch` (i32) -> i64
      `wasi_snapshot_preview1.sock_open` () -> i32
      `env.memory` memory
      `env.__indirect_function_table` table
      `env.__stack_pointer` global
      `wasi_unstable.fd_write` (i32, i32, i32, i32) -> i32
    ");
}

#[tokio::test]
async fn an_import_of_another_type_is_refused_with_both_types() {
    let failure = refusal(r#"(module (import "ampule" "_return" (func (param i32))) (func (export "run")))"#).await;
    assert_eq!(failure.kind, Kind::BadProgram);
    insta::assert_snapshot!(failure.message, @r"
    the program imports what the runner does not offer:
      `ampule._return` as (i32), which is (i32, i32) here
    ");
}

#[tokio::test]
async fn the_name_of_a_missing_import_cannot_write_to_the_terminal() {
    let failure = refusal(r#"(module (import "evil" "\1b[2J" (func)) (func (export "run")))"#).await;
    assert!(!failure.message.contains('\x1b'), "{:?}", failure.message);
}

// Limits of programs.

async fn refused_under(change: impl FnOnce(&mut ProgramLimits), module: &str) {
    let mut limits = ProgramLimits::default();
    change(&mut limits);
    let text = format!("(module {module} (func (export \"run\")))");
    load(&runner(), &text).await;
    let runner = builder().program_limits(limits).build().expect("a runner");
    assert_eq!(refused(&runner, bytes_of(&text)).await.kind, Kind::BadProgram, "{module}");
}

#[tokio::test]
async fn a_program_over_any_of_its_limits_is_refused() {
    refused_under(|limits| limits.wasm_bytes = 20, "").await;
    refused_under(|limits| limits.functions = 2, "(func) (func)").await;
    refused_under(|limits| limits.body_bytes = 5, "(func (drop (i64.const 0x7fffffffffffffff)))").await;
    refused_under(|limits| limits.locals = 2, "(func (local i32 i64 i32))").await;
    refused_under(|limits| limits.branch_targets = 1, "(func (br_table 0 0 0 (i32.const 0)))").await;
    refused_under(|limits| limits.nesting = 2, "(func (block (block (block))))").await;
    refused_under(|limits| limits.section_entries = 1, "(global i32 (i32.const 0)) (global i32 (i32.const 0))").await;
    let schema = r#"(@custom "ampule:kwargs" "{\"type\":\"object\"}")"#;
    refused_under(|limits| limits.schema_bytes = 3, schema).await;
}

#[tokio::test]
async fn what_the_pool_has_no_room_for_is_refused_when_it_is_loaded() {
    let tables = "(table 1 funcref) ".repeat(5);
    let failure = refusal(&format!("(module {tables} (func (export \"run\")))")).await;
    assert_eq!(failure.kind, Kind::BadProgram);
    let failure = refusal("(module (table 200001 funcref) (func (export \"run\")))").await;
    assert_eq!(failure.kind, Kind::BadProgram);
}

// Inspecting.

#[tokio::test]
async fn inspecting_says_what_a_program_is_and_whether_it_would_be_accepted() {
    let runner = runner();
    let (inspection, refusal) = runner
        .inspect(&bytes_of(&fixture("start_large").replace("PAGES", "3").replace("ELEMENTS", "1")))
        .expect("a module");
    assert_eq!((inspection.initial_memory_bytes, inspection.entry_names(), refusal), (3 * 65_536, vec!["run"], None));
    let (_, refusal) = runner
        .inspect(&bytes_of("(module (func (export \"run\") (drop (i32.atomic.load (i32.const 0)))) (memory 1))"))
        .expect("a module");
    assert_eq!(refusal.expect("it would be refused").kind, Kind::BadProgram);
    assert_eq!(runner.inspect(b"no program").expect_err("nothing at all").kind, Kind::BadProgram);
}

// Compiling once.

struct Counter {
    directory: tempfile::TempDir,
}

impl Counter {
    fn new() -> Self {
        Counter { directory: tempfile::tempdir().expect("a directory") }
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("compiled")
    }

    /// A compiler child that adds a line to the log each time it is started.
    fn compiler(&self) -> Compiler {
        let log = self.log().display().to_string();
        Compiler::Child { executable: env!("CARGO_BIN_EXE_alone").into(), arguments: vec!["compile".to_owned(), log] }
    }

    fn count(&self) -> usize {
        fs::read_to_string(self.log()).unwrap_or_default().lines().count()
    }
}

#[tokio::test]
async fn a_compiler_child_compiles_what_this_process_then_runs() {
    for metering in [true, false] {
        let counter = Counter::new();
        let runner = builder().metering(metering).compiler(counter.compiler()).build().expect("a runner");
        let program = load(&runner, &returning(&["1"])).await;
        assert_eq!((value(run(&runner, Job::new(&program)).await), counter.count()), (1.into(), 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_many_load_at_once_is_compiled_once() {
    let counter = Counter::new();
    let runner = builder().compiler(counter.compiler()).build().expect("a runner");
    let loads: Vec<_> = (0..16)
        .map(|_| {
            let runner = runner.clone();
            tokio::spawn(async move { load(&runner, &returning(&["1"])).await })
        })
        .collect();
    let mut programs = Vec::new();
    for load in loads {
        programs.push(load.await.expect("the load does not panic"));
    }
    assert_eq!((programs.len(), counter.count()), (16, 1));
}

#[tokio::test]
async fn a_program_that_is_held_is_not_compiled_again_and_one_that_was_dropped_is() {
    let counter = Counter::new();
    let runner = builder().compiler(counter.compiler()).build().expect("a runner");
    let held = load(&runner, &returning(&["1"])).await;
    let again = load(&runner, &returning(&["1"])).await;
    assert_eq!(counter.count(), 1);
    drop((held, again));
    load(&runner, &returning(&["1"])).await;
    assert_eq!(counter.count(), 2);
}

#[tokio::test]
async fn a_compiler_that_is_not_there_or_talks_nonsense_is_the_hosts_fault() {
    let refused_by = async |executable: &str| {
        let compiler = Compiler::Child { executable: executable.into(), arguments: Vec::new() };
        let runner = builder().compiler(compiler).build().expect("a runner");
        runner.load_wat(&returning(&["1"])).await
    };
    let refused = refused_by("/nowhere/at/all").await;
    assert!(matches!(refused, Err(LoadError::Host(Error::NoCompiler { .. }))), "{refused:?}");
    let refused = refused_by("/bin/false").await;
    assert!(matches!(refused, Err(LoadError::Host(Error::Compiler(_)))), "{refused:?}");
}

// The cache.

/// A directory in which there can be one for the cache.
fn home() -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().expect("a directory");
    let cache = home.path().join("cache");
    (home, cache)
}

fn cached(directory: &Path) -> Runner {
    builder().cache_directory(directory).build().expect("the directory is ours alone")
}

fn cache_file(directory: &Path) -> PathBuf {
    let mut files: Vec<_> = fs::read_dir(directory)
        .expect("the directory")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cwasm"))
        .collect();
    assert_eq!(files.len(), 1, "one program is kept: {files:?}");
    files.remove(0)
}

#[tokio::test]
async fn a_program_found_in_the_cache_is_not_compiled_again() {
    let ((_home, cache), counter) = (home(), Counter::new());
    for _ in 0..2 {
        let runner = builder().cache_directory(&cache).compiler(counter.compiler()).build().expect("a runner");
        let program = load(&runner, &returning(&["1"])).await;
        assert_eq!(value(run(&runner, Job::new(&program)).await), 1);
    }
    assert_eq!(counter.count(), 1);
}

#[tokio::test]
async fn a_cache_file_that_was_changed_in_any_way_is_compiled_again() {
    let ((_home, cache), counter) = (home(), Counter::new());
    let make = || builder().cache_directory(&cache).compiler(counter.compiler()).build().expect("a runner");
    load(&make(), &returning(&["1"])).await;
    let path = cache_file(&cache);
    let whole = fs::read(&path).expect("the file");
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let tampered = [
        flipped(0),
        flipped(32),
        flipped(whole.len() / 2),
        flipped(whole.len() - 1),
        whole[..whole.len() - 1].to_vec(),
        Vec::new(),
    ];
    for (round, bytes) in tampered.into_iter().enumerate() {
        fs::write(&path, bytes).expect("the file");
        let runner = make();
        let program = load(&runner, &returning(&["1"])).await;
        assert_eq!(value(run(&runner, Job::new(&program)).await), 1);
        assert_eq!(counter.count(), round + 2, "it is compiled again");
        assert_eq!(fs::read(&path).expect("the file").len(), whole.len(), "and kept again");
    }
}

#[tokio::test]
async fn a_cache_file_of_another_program_or_another_key_is_not_taken() {
    let ((_home, cache), (_other_home, other)) = (home(), home());
    load(&cached(&cache), &returning(&["1"])).await;
    load(&cached(&other), &returning(&["2"])).await;
    let path = cache_file(&cache);
    fs::copy(cache_file(&other), &path).expect("a copy");
    let runner = cached(&cache);
    let program = load(&runner, &returning(&["1"])).await;
    assert_eq!(value(run(&runner, Job::new(&program)).await), 1);
}

#[tokio::test]
async fn a_cache_directory_is_made_for_its_owner_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let cache = directory.path().join("made/for/us");
    load(&cached(&cache), &returning(&["1"])).await;
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&cache), mode(&cache_file(&cache)), mode(&cache.join("key"))), (0o700, 0o600, 0o600));
}

#[test]
fn a_cache_directory_that_others_can_enter_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    for mode in [0o755, 0o770, 0o701, 0o720] {
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).expect("it is ours");
        let refused = builder().cache_directory(directory.path()).build();
        let says = |message: &str| message.contains("0700");
        assert!(matches!(&refused, Err(Error::Cache { message, .. }) if says(message)), "{mode:o}: {refused:?}");
    }
}

#[tokio::test]
async fn the_limits_of_programs_hold_for_those_in_the_cache_too() {
    let (_home, cache) = home();
    let text = "(module (func (export \"run\") (local i32 i64 i32)))";
    load(&cached(&cache), text).await;
    let mut limits = ProgramLimits::default();
    limits.locals = 2;
    let strict = builder().cache_directory(&cache).program_limits(limits).build().expect("a runner");
    assert_eq!(refused(&strict, bytes_of(text)).await.kind, Kind::BadProgram);
}
