//! The guest ABI, core-module form: the functions imported from `ampule`, made safe.
//!
//! The rest of the crate calls these and never an import. All of the crate's unsafe code is here.
//! It does not look into what it carries: JSON is written and read elsewhere.
//! Compiled for wasm32 only; `stand_in.rs` has the same functions for native builds.

use crate::log::Level;

mod import {
    #[link(wasm_import_module = "ampule")]
    unsafe extern "C" {
        pub(super) fn _return(ptr: *const u8, len: usize);
        pub(super) fn progress(ptr: *const u8, len: usize);
        pub(super) fn fail(ptr: *const u8, len: usize);
        pub(super) fn log(level: i32, ptr: *const u8, len: usize);
        pub(super) fn kwargs_len() -> usize;
        pub(super) fn kwargs_read(ptr: *mut u8);
    }
}

/// Hands one JSON value out.
pub(crate) fn hand_out(json: &[u8]) {
    // SAFETY: the host reads `len` bytes at `ptr` before it returns; the slice outlives the call.
    unsafe { import::_return(json.as_ptr(), json.len()) }
}

/// Tells the host how far the job is, as one JSON value.
pub(crate) fn progress(json: &[u8]) {
    // SAFETY: as in `hand_out`.
    unsafe { import::progress(json.as_ptr(), json.len()) }
}

/// Fails the run with a JSON failure; comes back, and the program still has to end.
pub(crate) fn fail(json: &[u8]) {
    // SAFETY: as in `hand_out`.
    unsafe { import::fail(json.as_ptr(), json.len()) }
}

/// Logs one message.
pub(crate) fn log(level: Level, message: &str) {
    // SAFETY: as in `hand_out`.
    unsafe { import::log(level as i32, message.as_ptr(), message.len()) }
}

/// The kwargs object as JSON; the same bytes every time.
pub(crate) fn kwargs() -> Vec<u8> {
    // SAFETY: takes nothing and touches no guest memory.
    let len = unsafe { import::kwargs_len() };
    let mut json = vec![0; len];
    // SAFETY: the host writes exactly `kwargs_len()` bytes at `ptr`, which the vector owns.
    unsafe { import::kwargs_read(json.as_mut_ptr()) }
    json
}
