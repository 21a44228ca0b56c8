//! The cache in which the carried interpreters are compiled: once, for all tests of all binaries.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A cache in which both interpreters are ready.
pub(crate) fn cache() -> PathBuf {
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interpreters");
    let cache = shared.join("cache");
    fs::create_dir_all(&shared).expect("a directory");
    let lock = File::create(shared.join("lock")).expect("a file");
    // Each test is a process of its own, and only one of them is to compile.
    lock.lock().expect("a lock");
    let output = Command::new(env!("CARGO_BIN_EXE_ampule"))
        .args(["interpreters", "prepare", "python", "javascript"])
        .env_clear()
        .env("AMPULE_CACHE", &cache)
        .env("AMPULE_INTERPRETERS", shared.join("none"))
        .output()
        .expect("the command starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the binary carries both interpreters (`make interpreters`): {said}");
    cache
}
