//! A default that is not said.
//! It does not compile: `ui.rs` compares what the compiler says with the file beside this one.

use ampule_guest::job;

#[job]
fn adder(#[default] number: i64) -> i64 {
    number
}
