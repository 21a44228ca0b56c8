//! A job whose argument cannot be read from JSON.
//! It does not compile: `ui.rs` compares what the compiler says with the file beside this one.

use ampule_guest::job;

struct Secret;

#[job]
fn tell(secret: Secret) {
    drop(secret);
}
