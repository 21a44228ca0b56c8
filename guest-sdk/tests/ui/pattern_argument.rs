//! A job whose argument has no name.
//! It does not compile: `ui.rs` compares what the compiler says with the file beside this one.

use ampule_guest::job;

#[job]
fn area((width, height): (f64, f64)) -> f64 {
    width * height
}
