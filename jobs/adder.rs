//! Lesson: a job may return more than once, and each value reaches the host as it is handed out.
//!
//! With `testvar=3` the run's value is the list `[8, 13]`.

use ampule_guest::{_return, job};

/// Adds five to a number, then five more.
#[job]
fn adder(
    /// The number to start from.
    testvar: i64,
) {
    _return(testvar + 5);
    _return(testvar + 10);
}

#[cfg(test)]
mod tests {
    use ampule_guest::testing;

    use super::*;

    #[test]
    fn both_sums_are_returned_in_order() {
        assert_eq!(testing::record(|| adder(3)).returns, [8, 13]);
    }

    #[test]
    fn kwargs_are_taken_by_name() {
        assert_eq!(testing::run::<adder>(r#"{"testvar": -5}"#).returns, [0, 5]);
    }
}
