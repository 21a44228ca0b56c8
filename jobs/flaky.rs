//! Lesson: each way in which a run can end badly by itself, and how it looks from the host.
//!
//! A returned error is kind `guest`, a panic `panic`, an exit code `exit`, and what the processor
//! refuses `trap`. The trap is a few calls deep, so that its backtrace has something to show.

use ampule_guest::{JobError, Schema, job};
use serde::Deserialize;

/// How the run ends.
#[derive(Clone, Copy, Deserialize, Schema)]
#[serde(rename_all = "lowercase")]
enum Ending {
    Ok,
    Error,
    Retry,
    Panic,
    Exit,
    Trap,
}

/// Ends as it is told to.
#[job]
fn flaky(
    how: Ending,
    /// The exit code of `exit`.
    #[default(7)]
    code: i32,
) -> Result<&'static str, JobError> {
    match how {
        Ending::Ok => Ok("all is well"),
        Ending::Error => Err(JobError::new("bad_weather", "expected sun, found rain").retry(false)),
        Ending::Retry => Err(JobError::new("busy", "expected a free line, found none; call again").retry(true)),
        Ending::Panic => panic!("the job panicked because it was told to"),
        Ending::Exit => std::process::exit(code),
        Ending::Trap => open_the_box(),
    }
}

#[inline(never)]
fn open_the_box() -> ! {
    lift_the_lid()
}

#[inline(never)]
fn lift_the_lid() -> ! {
    look_inside()
}

#[inline(never)]
fn look_inside() -> ! {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    panic!("only a WebAssembly program can trap")
}

#[cfg(test)]
mod tests {
    use ampule_guest::testing;

    use super::*;

    #[test]
    fn a_good_end_is_a_value() {
        assert_eq!(testing::run::<flaky>(r#"{"how": "ok"}"#).returns, ["all is well"]);
    }

    #[test]
    fn an_error_says_whether_to_retry() {
        let retry = |kwargs| testing::run::<flaky>(kwargs).failure.map(|failure| failure["retry"] == true);
        assert_eq!(retry(r#"{"how": "error"}"#), Some(false));
        assert_eq!(retry(r#"{"how": "retry"}"#), Some(true));
    }

    #[test]
    #[should_panic = "told to"]
    fn a_panic_is_a_panic() {
        let _ = flaky(Ending::Panic, 0);
    }
}
