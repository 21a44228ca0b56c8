//! Lesson: a job in Rust without the SDK: what `#[job]` of `guest-sdk` does for you, done by hand.
//!
//! It is a WASI command, so `main` is where it starts.

use serde::Deserialize;
use serde_json::{Value, json};

/// What the host gives, all of it under the import module `ampule`.
mod host {
    #[link(wasm_import_module = "ampule")]
    unsafe extern "C" {
        pub(crate) fn kwargs_len() -> usize;
        pub(crate) fn kwargs_read(to: *mut u8);
        pub(crate) fn _return(json: *const u8, len: usize);
        pub(crate) fn fail(json: *const u8, len: usize);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kwargs {
    testvar: i32,
}

fn main() {
    match serde_json::from_slice::<Kwargs>(&kwargs()) {
        Ok(kwargs) => {
            // An i32 is read and an i64 is handed out, so that no sum can overflow.
            let sum = i64::from(kwargs.testvar) + 5;
            _return(sum);
            _return(sum + 5);
        }
        Err(error) => fail("bad_kwargs", &error.to_string()),
    }
}

/// The kwargs object as JSON.
fn kwargs() -> Vec<u8> {
    // SAFETY: takes nothing and touches no memory of ours.
    let mut json = vec![0; unsafe { host::kwargs_len() }];
    // SAFETY: the host writes exactly `kwargs_len()` bytes, which the vector owns.
    unsafe { host::kwargs_read(json.as_mut_ptr()) };
    json
}

/// Hands a value out. May be called any number of times, and never ends the job.
fn _return(value: impl Into<Value>) {
    let json = value.into().to_string();
    // SAFETY: the host reads `len` bytes before it comes back, and the string outlives the call.
    unsafe { host::_return(json.as_ptr(), json.len()) };
}

/// Says what went wrong. The run then fails, however it ends.
fn fail(error_type: &str, message: &str) {
    let json = json!({"type": error_type, "message": message, "retry": false}).to_string();
    // SAFETY: as in `_return`.
    unsafe { host::fail(json.as_ptr(), json.len()) };
}
