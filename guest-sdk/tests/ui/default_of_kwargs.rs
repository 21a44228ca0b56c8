//! All kwargs with a default.
//! It does not compile: `ui.rs` compares what the compiler says with the file beside this one.

use ampule_guest::job;

#[job]
fn count(
    #[kwargs]
    #[default(Default::default())]
    all: ampule_guest::Kwargs,
) -> usize {
    all.len()
}
