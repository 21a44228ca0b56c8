//! Which WebAssembly is accepted, `design.md` §5: no proposal that was not read, and each refusal names what it refuses.
//!
//! What else a program is refused for is in `load.rs`.

use ampule::Kind;
use ampule_tests::{refusal, run_wat};

async fn refused_for(module: &str, words: &str) {
    let text = format!("(module {module} (func (export \"run\")))");
    let failure = refusal(&text).await;
    assert_eq!(failure.kind, Kind::BadProgram, "{module}");
    assert!(failure.message.contains(words), "{words:?} stands in {:?}", failure.message);
}

#[tokio::test]
async fn threads_and_shared_memory_are_refused() {
    refused_for("(memory 1 1 shared)", "threads").await;
    refused_for("(memory 1) (func (drop (i32.atomic.load (i32.const 0))))", "threads").await;
    refused_for("(func (atomic.fence))", "threads").await;
}

#[tokio::test]
async fn garbage_collection_is_refused() {
    refused_for("(type (struct (field i32)))", "gc").await;
    refused_for("(type (array i8))", "gc").await;
    refused_for("(func (drop (ref.i31 (i32.const 1))))", "gc").await;
    refused_for("(rec (type (func)) (type (func)))", "gc").await;
}

#[tokio::test]
async fn function_references_are_refused() {
    refused_for("(type $f (func)) (func (param (ref null $f)) (call_ref $f (local.get 0)))", "function").await;
    refused_for("(func (param (ref func)))", "function").await;
}

#[tokio::test]
async fn exceptions_are_refused() {
    refused_for("(tag $t)", "exceptions").await;
    refused_for("(func (try_table (nop)))", "exceptions").await;
    refused_for("(func (unreachable) (throw_ref))", "exceptions").await;
}

#[tokio::test]
async fn sixty_four_bit_memories_and_tables_are_refused() {
    refused_for("(memory i64 1)", "memory64").await;
    refused_for("(table i64 1 funcref)", "memory64").await;
}

#[tokio::test]
async fn relaxed_simd_is_refused() {
    let body = "(drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0)))";
    refused_for(&format!("(func {body})"), "relaxed").await;
}

#[tokio::test]
async fn several_memories_are_refused() {
    refused_for("(memory 1) (memory 1)", "memories").await;
}

#[tokio::test]
async fn stack_switching_is_refused() {
    refused_for("(type $f (func)) (type $c (cont $f))", "stack").await;
}

#[tokio::test]
async fn external_references_are_refused_wherever_they_stand() {
    refused_for("(func (param externref))", "externref").await;
    refused_for("(func (result externref) unreachable)", "externref").await;
    refused_for("(func (local externref))", "externref").await;
    refused_for("(func (drop (ref.null extern)))", "externref").await;
    refused_for("(table 1 externref)", "externref").await;
    refused_for("(global externref (ref.null extern))", "externref").await;
    refused_for("(func (drop (block (result externref) unreachable)))", "gc types").await;
    refused_for("(func (select (result externref) unreachable) drop)", "gc types").await;
    refused_for("(elem declare externref (ref.null extern))", "gc types").await;
}

#[tokio::test]
async fn other_proposals_are_refused() {
    refused_for("(memory 1 (pagesize 1))", "custom page sizes").await;
    refused_for(
        "(func (param i64 i64) (i64.add128 (local.get 0) (local.get 1) (local.get 0) (local.get 1)) drop drop)",
        "wide",
    )
    .await;
}

#[tokio::test]
async fn what_webassembly_2_has_is_accepted() {
    for module in [
        "(func (drop (i32.extend8_s (i32.const 1))))",
        "(func (drop (i32.trunc_sat_f32_s (f32.const 1))))",
        "(func (result i32 i64) (i32.const 1) (i64.const 2))",
        "(memory 1) (func (memory.copy (i32.const 0) (i32.const 1) (i32.const 2)))",
        "(func (drop (v128.const i64x2 0 0)))",
        "(table 1 funcref) (table 2 funcref) (func (drop (ref.null func)))",
        "(func $f) (func (return_call $f))",
        "(global i32 (i32.add (i32.const 1) (i32.const 2)))",
    ] {
        let outcome = run_wat(&format!("(module {module} (func (export \"run\")))")).await;
        assert!(outcome.result.is_ok(), "{module}: {:?}", outcome.result);
    }
}

#[tokio::test]
async fn a_refusal_shows_no_control_character_of_a_programs_names() {
    let twice = r#"(module (func (export "\1b[2J")) (func (export "\1b[2J")) (func (export "run")))"#;
    let message = refusal(twice).await.message;
    assert!(message.contains("duplicate") && !message.contains('\u{1b}'), "{message:?}");
}
