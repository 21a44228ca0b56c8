//! The laws of the tool, tried on programs of a few lines.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use wasmtime::{Engine, Instance, Module, Store};

fn tool(arguments: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ampule-snapshot")).args(arguments).output().expect("the tool starts")
}

/// Runs the tool on a program, for the function `initialize`, and returns the directory with `out.wasm`.
fn snapshot(text: &str) -> (TempDir, Output) {
    let directory = tempfile::tempdir().expect("a directory");
    let [input, output] = ["in.wasm", "out.wasm"].map(|name| directory.path().join(name));
    std::fs::write(&input, wat::parse_str(text).expect("a program")).expect("a file");
    let about = Path::new(r#"{"name":"x"}"#);
    let ended = tool(&[&input, Path::new("initialize"), &output, Path::new("--about"), about]);
    (directory, ended)
}

#[test]
fn a_snapshot_goes_on_where_its_init_function_ended_and_exports_only_a_job() {
    let (directory, ended) = snapshot(
        r#"(module
            (memory (export "memory") 1)
            (global $made (mut i32) (i32.const 0))
            (global (export "__heap_base") i32 (i32.const 0))
            (func (export "initialize") (global.set $made (i32.const 7)) (i32.store (i32.const 8) (i32.const 5)))
            (func (export "run") (result i32) (i32.add (global.get $made) (i32.load (i32.const 8)))))"#,
    );
    assert!(ended.status.success(), "{ended:?}");
    let engine = Engine::default();
    let module = Module::from_file(&engine, directory.path().join("out.wasm")).expect("a program");
    let names: Vec<&str> = module.exports().map(|export| export.name()).collect();
    assert_eq!(names, ["memory", "run"]);
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let run = instance.get_typed_func::<(), i32>(&mut store, "run").expect("a function");
    assert_eq!(run.call(&mut store, ()).expect("it returns"), 12);
}

#[test]
fn an_import_that_is_called_before_the_snapshot_is_named() {
    let (directory, ended) = snapshot(
        r#"(module (import "host" "ask" (func $ask)) (memory (export "memory") 1)
            (func (export "initialize") (call $ask)))"#,
    );
    assert!(!ended.status.success());
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("host.ask"), "{said}");
    assert!(!directory.path().join("out.wasm").exists());
}

#[test]
fn what_is_compressed_is_read_by_the_decoder_of_the_product_and_described_by_its_manifest() {
    let (directory, _) = snapshot(r#"(module (memory (export "memory") 1) (func (export "initialize")))"#);
    let [program, packed, manifest] = ["out.wasm", "out.zst", "manifest"].map(|name| directory.path().join(name));
    let ended = tool(&[Path::new("compress"), &program, &packed, &manifest]);
    assert!(ended.status.success(), "{ended:?}");
    let program = std::fs::read(program).expect("a file");
    let packed = std::fs::read(packed).expect("a file");
    let mut unpacked = Vec::new();
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(&packed[..]).expect("a frame");
    std::io::Read::read_to_end(&mut decoder, &mut unpacked).expect("it decodes");
    assert_eq!(unpacked, program);
    let manifest = std::fs::read_to_string(manifest).expect("a file");
    let lines: Vec<&str> = manifest.lines().collect();
    assert!(lines[0].starts_with("sha256:") && lines[0].len() == 71, "{manifest}");
    assert_eq!(lines[1..], [program.len().to_string().as_str(), r#"{"name":"x"}"#]);
}
