//! A job that takes references.
//! It does not compile: `ui.rs` compares what the compiler says with the file beside this one.

use ampule_guest::job;

#[job]
fn join(words: &[String], separator: Option<&str>) -> String {
    words.join(separator.unwrap_or_default())
}
