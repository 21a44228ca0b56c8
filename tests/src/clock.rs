//! The time of tests: instants that a test gives to the verbs of a queue, counted from one moment that never changes.
//!
//! Nothing here reads a clock.

use std::time::Duration;

use ampule::queue::Timestamp;

/// 2026-03-01T12:00:00Z.
const BEGIN_MS: i64 = 1_772_366_400_000;

/// So many seconds after the moment at which every test begins.
#[must_use]
pub fn at(seconds: i64) -> Timestamp {
    at_ms(seconds * 1_000)
}

/// So many milliseconds after it.
#[must_use]
pub fn at_ms(milliseconds: i64) -> Timestamp {
    Timestamp::from_timestamp_millis(BEGIN_MS + milliseconds).expect("a moment of this century")
}

/// A duration in seconds.
#[must_use]
pub const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
