//! A job that is async.
//! It does not compile: `ui.rs` compares what the compiler says with the file beside this one.

use ampule_guest::job;

#[job]
async fn fetch(number: i64) -> i64 {
    number
}
