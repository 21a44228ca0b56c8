//! Guests made of text: the fixtures, and those that differ only in what they say.
//!
//! A fixture may stand for a family: the test replaces its words in capitals, such as `CODE`. `(;number;)` stands for
//! the function `$number`, which returns its argument as JSON digits and needs `$return` and a page of memory.

use std::path::Path;

const NUMBER: &str = r#"
    (func $number (param $n i32) (local $end i32)
      (local.set $end (i32.const 65535))
      (loop $digit
        (i32.store8 (local.get $end) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
        (local.set $end (i32.sub (local.get $end) (i32.const 1)))
        (local.set $n (i32.div_u (local.get $n) (i32.const 10)))
        (br_if $digit (local.get $n)))
      (call $return (i32.add (local.get $end) (i32.const 1)) (i32.sub (i32.const 65535) (local.get $end))))"#;

/// The text of `fixtures/<name>.wat`.
#[must_use]
pub fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name).with_extension("wat");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.replace("(;number;)", NUMBER)
}

/// A guest that sleeps for an hour.
#[must_use]
pub fn sleeping() -> String {
    fixture("sleep").replace("NANOSECONDS", "3600000000000")
}

/// A guest that returns each of these texts, in order.
#[must_use]
pub fn returning(texts: &[&str]) -> String {
    speaking(&texts.iter().map(|text| ("$return", text.as_bytes())).collect::<Vec<_>>(), "")
}

/// A guest that makes each of these calls with these bytes, in order, and then does `last`. The calls are `$return`,
/// `$progress`, `$fail`, and `$log` at level 2.
#[must_use]
pub fn speaking(calls: &[(&str, &[u8])], last: &str) -> String {
    let mut data = String::new();
    let mut body = String::new();
    let mut ptr = 0;
    for (function, bytes) in calls {
        let level = if *function == "$log" { "(i32.const 2)" } else { "" };
        body.push_str(&format!("(call {function} {level} (i32.const {ptr}) (i32.const {}))\n", bytes.len()));
        data.extend(bytes.iter().map(|byte| format!("\\{byte:02x}")));
        ptr += bytes.len();
    }
    let pages = ptr / 65_536 + 1;
    format!(
        r#"(module
            (import "ampule" "_return" (func $return (param i32 i32)))
            (import "ampule" "progress" (func $progress (param i32 i32)))
            (import "ampule" "fail" (func $fail (param i32 i32)))
            (import "ampule" "log" (func $log (param i32 i32 i32)))
            (memory (export "memory") {pages}) (data (i32.const 0) "{data}")
            (func (export "run") {body} {last}))"#
    )
}
