//! A job with a type parameter.
//! It does not compile: `ui.rs` compares what the compiler says with the file beside this one.

use ampule_guest::job;

#[job]
fn largest<T: Ord>(numbers: Vec<T>) -> usize {
    numbers.len()
}
