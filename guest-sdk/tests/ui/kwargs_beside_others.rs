//! A job that takes all kwargs and one of them.
//! It does not compile: `ui.rs` compares what the compiler says with the file beside this one.

use ampule_guest::job;

#[job]
fn pick(#[kwargs] all: ampule_guest::Kwargs, name: String) -> bool {
    all.contains_key(&name)
}
