//! Components small enough to read, merged: what is one module afterwards, what is a constant, what is refused.

use ampule_merge::{Error, merge};

const LINKED: &str = include_str!("linked.wat");

/// A memory that is shared, for what only differs in one place.
const SHARING: &str = r#"
    (core module $main (memory (export "memory") 1) (table (export "table") 2 funcref)
        (global (export "base") i32 (i32.const 16)))
    (core instance $main (instantiate $main))"#;

fn merged(wat: &str) -> Result<String, Error> {
    let merged = merge(&wat::parse_str(wat).expect("a test is right WAT"))?;
    Ok(wasmprinter::print_bytes(merged).expect("what is returned is valid"))
}

fn refusal(wat: &str) -> String {
    merged(wat).expect_err("it is refused").to_string()
}

/// The lines of the merged module that begin with a word.
fn lines<'a>(text: &'a str, word: &'a str) -> Vec<&'a str> {
    let module =
        text.split("  (core module").find(|module| module.contains("(memory")).expect("a module with a memory");
    let module = module.split("\n  )").next().unwrap_or(module);
    module.lines().map(str::trim).filter(|line| line.starts_with(word)).collect()
}

#[test]
fn modules_that_share_a_memory_become_one() {
    let text = merged(LINKED).unwrap();
    // The shim, its fixup, the merged module, and a module that starts it.
    assert_eq!(text.matches("  (core module").count(), 4);
    assert_eq!(lines(&text, "(memory"), ["(memory (;0;) 1)"]);
    assert_eq!(
        lines(&text, "(import"),
        [
            r#"(import "outside" "log" (func $log (;0;) (type 1)))"#,
            r#"(import "outside" "tick" (func $tick (;1;) (type 4)))"#,
        ]
    );
}

#[test]
fn the_table_is_defined_beside_its_elements_at_constant_offsets() {
    let text = merged(LINKED).unwrap();
    assert_eq!(lines(&text, "(table"), ["(table (;0;) 8 funcref)"]);
    assert_eq!(
        lines(&text, "(elem"),
        [
            "(elem (;0;) (i32.const 1) func $twice $thrice)",
            "(elem (;1;) (i32.const 3) func $square)",
            "(elem (;2;) (i32.const 5) func $square)",
        ]
    );
}

#[test]
fn data_keeps_its_order_and_its_place() {
    let text = merged(LINKED).unwrap();
    assert_eq!(
        lines(&text, "(data"),
        [r#"(data (;0;) (i32.const 1024) "first library")"#, r#"(data (;1;) (i32.const 2048) "\07\00\00\00")"#]
    );
}

#[test]
fn only_globals_that_are_written_are_left() {
    let text = merged(LINKED).unwrap();
    assert_eq!(
        lines(&text, "(global"),
        ["(global (;0;) (mut i32) i32.const 4096)", "(global (;1;) (mut i32) i32.const 0)"]
    );
}

#[test]
fn a_base_and_its_offset_are_added_up() {
    let text = merged(LINKED).unwrap();
    // 1024 of the base, 1000 and 24 of the offsets.
    assert!(text.contains("i32.const 2048\n      i32.load\n"), "{text}");
    assert!(!text.contains("i32.const 1000"), "{text}");
}

#[test]
fn a_call_that_was_passed_on_through_the_table_is_direct() {
    let text = merged(LINKED).unwrap();
    assert!(text.contains("local.get 0\n      call $square\n"), "{text}");
}

#[test]
fn calls_are_still_passed_on_through_a_table_that_is_written_to() {
    let text =
        merged(&LINKED.replace(
            r#"(func (export "begin")"#,
            r#"(func (export "begin") (table.set (i32.const 5) (ref.null func))"#,
        ));
    assert!(!text.unwrap().contains("call $square"));
}

#[test]
fn what_nothing_calls_is_left_out() {
    assert!(!merged(LINKED).unwrap().contains("never_called"));
}

#[test]
fn a_start_function_runs_where_its_member_was_instantiated() {
    let text = merged(LINKED).unwrap();
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} in {text}"));
    let (merged, fixup, started) = (at("(instantiate 2"), at("(instantiate 1"), at("(instantiate 3"));
    assert!(merged < fixup && fixup < started);
    assert!(text.contains(r#"(import "outside" "start" (func (;0;) (type 0)))"#));
}

#[test]
fn the_component_around_the_modules_stays() {
    let text = merged(LINKED).unwrap();
    for kept in [
        r#"(import "log" (func $log (;0;) (type 0)))"#,
        r#"(import "tick" (func $tick (;1;) (type 1)))"#,
        "(canon lower (func $log) (memory 0) string-encoding=utf8)",
        r#"(export (;3;) "run" (func 2))"#,
        r#"(@custom "about" "kept")"#,
    ] {
        assert!(text.contains(kept), "{kept} in {text}");
    }
}

#[test]
fn a_module_that_is_instantiated_twice_is_merged_twice() {
    let text = merged(&format!(
        r#"(component {SHARING}
            (core module $library
                (import "env" "memory" (memory 1))
                (global $count (mut i32) (i32.const 0))
                (func (export "count") (result i32)
                    (global.set $count (i32.add (global.get $count) (i32.const 1))) (global.get $count)))
            (core instance $one (instantiate $library (with "env" (instance $main))))
            (core instance $two (instantiate $library (with "env" (instance $main))))
            (func (export "one") (result u32) (canon lift (core func $one "count")))
            (func (export "two") (result u32) (canon lift (core func $two "count"))))"#
    ))
    .unwrap();
    assert_eq!(lines(&text, "(export"), [r#"(export "count" (func 0))"#, r#"(export "count#2" (func 1))"#]);
    assert_eq!(lines(&text, "(global").len(), 2);
}

#[test]
fn segments_that_instructions_name_are_numbered_anew() {
    let library = |name: &str| {
        format!(
            r#"(core module ${name} (import "env" "memory" (memory 1)) (import "env" "table" (table 2 funcref))
                (data $data "x") (elem $elements func $used)
                (func $used)
                (func (export "fill") (memory.init $data (i32.const 0) (i32.const 0) (i32.const 1)) (data.drop $data)
                    (table.init $elements (i32.const 0) (i32.const 0) (i32.const 1)) (elem.drop $elements)))
            (core instance ${name} (instantiate ${name} (with "env" (instance $main))))
            (func (export "{name}") (canon lift (core func ${name} "fill")))"#
        )
    };
    let text = merged(&format!("(component {SHARING} {} {})", library("one"), library("two"))).unwrap();
    assert_eq!(lines(&text, "memory.init"), ["memory.init 0", "memory.init 1"]);
    assert_eq!(lines(&text, "data.drop"), ["data.drop 0", "data.drop 1"]);
    assert_eq!(lines(&text, "table.init"), ["table.init 0", "table.init 1"]);
    assert_eq!(lines(&text, "elem.drop"), ["elem.drop 0", "elem.drop 1"]);
}

#[test]
fn a_component_whose_modules_share_nothing_is_refused() {
    assert_eq!(
        refusal(r#"(component (core module $alone (memory 1)) (core instance (instantiate $alone)))"#),
        "expected core modules that share a memory, found none"
    );
}

#[test]
fn what_was_merged_is_not_merged_again() {
    let once = merge(&wat::parse_str(LINKED).unwrap()).unwrap();
    assert!(matches!(merge(&once), Err(Error::NothingShared)));
}

#[test]
fn a_core_module_is_refused() {
    assert_eq!(refusal("(module)"), "expected what dynamic linking produces, found a core module");
}

#[test]
fn what_is_not_valid_is_refused() {
    assert!(matches!(merge(b"\0asm"), Err(Error::Invalid(_))));
}

#[test]
fn segments_behind_a_start_function_are_refused() {
    let text = format!(
        r#"(component {SHARING}
            (core module $started (import "env" "memory" (memory 1)) (func $start) (start $start))
            (core module $writes (import "env" "memory" (memory 1)) (data (i32.const 0) "x"))
            (core instance (instantiate $started (with "env" (instance $main))))
            (core instance (instantiate $writes (with "env" (instance $main)))))"#
    );
    assert!(refusal(&text).ends_with("found segments of core instance 2 behind a start function"));
}

#[test]
fn segments_that_do_not_fit_are_refused() {
    let text = |segment| {
        format!(
            r#"(component {SHARING}
                (core module $writes (import "env" "memory" (memory 1)) (import "env" "table" (table 1 funcref))
                    {segment} (func $function))
                (core instance (instantiate $writes (with "env" (instance $main)))))"#
        )
    };
    let data = refusal(&text(r#"(data (i32.const 65530) "more than six")"#));
    assert!(data.ends_with("found data up to 65543 of a memory of 65536 bytes"), "{data}");
    let elements = refusal(&text("(elem (i32.const 2) $function)"));
    assert!(elements.ends_with("found elements up to 3 of a table of 2"), "{elements}");
}

#[test]
fn two_shared_memories_are_refused() {
    let text = r#"(component
        (core module $main (memory (export "memory") 1))
        (core module $library (import "env" "memory" (memory 1)))
        (core instance $one (instantiate $main))
        (core instance $two (instantiate $main))
        (core instance (instantiate $library (with "env" (instance $one))))
        (core instance (instantiate $library (with "env" (instance $two)))))"#;
    assert!(refusal(text).ends_with("found 2 memories that are shared, where one is expected"));
}

#[test]
fn modules_that_need_what_is_made_of_them_are_refused() {
    let text = format!(
        r#"(component {SHARING}
            (core module $between (import "env" "base" (func)) (func (export "call")))
            (core module $first (import "env" "memory" (memory 1)) (func (export "base")))
            (core module $last (import "env" "memory" (memory 1)) (import "between" "call" (func $call))
                (func (export "run") (call $call)))
            (core instance $first (instantiate $first (with "env" (instance $main))))
            (core instance $between (instantiate $between
                (with "env" (instance (export "base" (func $first "base"))))))
            (core instance $last (instantiate $last
                (with "env" (instance $main)) (with "between" (instance $between))))
            (func (export "run") (canon lift (core func $last "run"))))"#
    );
    assert!(refusal(&text).contains("stands behind what is made of it"));
}

#[test]
fn a_core_module_that_the_component_shows_is_refused() {
    let text = format!(r#"(component {SHARING} (export "module" (core module $main)))"#);
    assert!(refusal(&text).ends_with("found an export of a core module"));
}
