//! A job that is given a name.
//! It does not compile: `ui.rs` compares what the compiler says with the file beside this one.

use ampule_guest::job;

#[job(name = "add")]
fn adder(number: i64) -> i64 {
    number
}
