//! Lesson: a job may sleep; its thread in the host does not, and the timeout counts the sleep.
//!
//! In deterministic mode the sleep takes no time at all.

use std::thread::sleep;
use std::time::Duration;

use ampule_guest::{JobError, job};

/// Sleeps, then returns how long it slept.
#[job]
fn sleeper(
    /// Seconds, fractions included.
    #[default(1.0)]
    seconds: f64,
) -> Result<f64, JobError> {
    let duration = Duration::try_from_secs_f64(seconds)?;
    ampule_guest::debug!("asleep for {duration:?}");
    sleep(duration);
    Ok(seconds)
}

#[cfg(test)]
mod tests {
    use ampule_guest::testing;

    use super::*;

    #[test]
    fn it_returns_what_it_slept() {
        assert_eq!(testing::run::<sleeper>(r#"{"seconds": 0.0}"#).returns, [0.0]);
    }

    #[test]
    fn time_does_not_run_backwards() {
        let error = sleeper(-1.0).unwrap_err();
        assert_eq!(error.type_name(), "TryFromFloatSecsError");
    }
}
