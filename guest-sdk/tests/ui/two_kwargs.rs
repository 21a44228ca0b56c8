//! A job that takes all kwargs twice.
//! It does not compile: `ui.rs` compares what the compiler says with the file beside this one.

use ampule_guest::job;

type Kwargs = ampule_guest::Kwargs;

#[job]
fn merge(#[kwargs] left: Kwargs, #[kwargs] right: Kwargs) -> usize {
    left.len() + right.len()
}
