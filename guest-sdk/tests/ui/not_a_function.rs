//! A job that is a struct.
//! It does not compile: `ui.rs` compares what the compiler says with the file beside this one.

use ampule_guest::job;

#[job]
pub struct Adder {
    number: i64,
}
