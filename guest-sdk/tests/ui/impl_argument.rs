//! A job whose argument has no concrete type.
//! It does not compile: `ui.rs` compares what the compiler says with the file beside this one.

use ampule_guest::job;

#[job]
fn show(value: impl ToString) -> String {
    value.to_string()
}
