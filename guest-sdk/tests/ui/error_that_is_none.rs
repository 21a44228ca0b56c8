//! A job whose error is only a string.
//! It does not compile: `ui.rs` compares what the compiler says with the file beside this one.

use ampule_guest::job;

#[job]
fn divide(by: i64) -> Result<i64, String> {
    1_i64.checked_div(by).ok_or_else(|| "division by zero".to_owned())
}
