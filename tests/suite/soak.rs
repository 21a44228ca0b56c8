//! After a thousand mixed runs nothing is left behind: no thread, no descriptor, no slot.
//!
//! The runs are in the program `alone`, for only in a process of their own can threads and descriptors be counted.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

#[test]
fn a_thousand_mixed_runs_leave_nothing_behind() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("1"), "7").expect("a file");
    let soaked = Command::new(env!("CARGO_BIN_EXE_alone")).arg("soak").arg(directory.path()).output();
    let soaked = soaked.expect("the program starts");
    assert!(soaked.status.success(), "{}", String::from_utf8_lossy(&soaked.stderr));
    let found: Value = serde_json::from_slice(&soaked.stdout).expect("it prints JSON");
    let kinds = json!({
        "returned": 200, "trap": 200, "out_of_fuel": 100, "timed_out": 200, "out_of_memory": 100, "guest": 100,
        "cancelled": 100,
    });
    assert_eq!(found["kinds"], kinds, "each run ends as it should");
    assert_eq!(found["busy"]["late"], found["busy"]["early"], "nothing grows with the number of runs");
    assert_eq!(found["busy"]["late"]["alive"], 0);
    assert_eq!(found["busy"]["late"]["free_slots"], 8);
    assert_eq!((&found["busy"]["stopped"], &found["busy"]["left"]), (&json!(0), &json!(0)));
    assert_eq!(found["after"], found["before"], "the runner took nothing with it that it did not give back");
}
