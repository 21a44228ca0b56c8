//! A job that is unsafe.
//! It does not compile: `ui.rs` compares what the compiler says with the file beside this one.

use ampule_guest::job;

#[job]
unsafe fn peek(address: usize) -> usize {
    address
}
