//! A job whose value cannot be JSON.
//! It does not compile: `ui.rs` compares what the compiler says with the file beside this one.

use ampule_guest::job;

struct Secret;

#[job]
fn secret() -> Secret {
    Secret
}
