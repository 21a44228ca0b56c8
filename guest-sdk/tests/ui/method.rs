//! A job that is a method.
//! It does not compile: `ui.rs` compares what the compiler says with the file beside this one.

use ampule_guest::job;

struct Counter;

impl Counter {
    #[job]
    fn count(&self, by: i64) -> i64 {
        by
    }
}

fn main() {}
