//! Moments and times as people read them.

use std::time::Duration;

use ampule::queue::Timestamp;
use chrono::SecondsFormat;

/// A moment, to the second.
pub(super) fn moment(moment: Timestamp) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// How far a moment is from now: `3s ago`, `in 5m`, `now`.
pub(super) fn distance(now: Timestamp, moment: Timestamp) -> String {
    if moment > now {
        format!("in {}", span(between(now, moment)))
    } else {
        format!("{} ago", span(between(moment, now)))
    }
}

/// From one moment to a later one.
pub(super) fn between(start: Timestamp, end: Timestamp) -> Duration {
    (end - start).to_std().unwrap_or_default()
}

/// A time in its two largest units.
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let pair = |large: u64, large_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large}{large_unit}"),
        _ => format!("{large}{large_unit} {small}{small_unit}"),
    };
    match seconds {
        0 if span.as_millis() == 0 => "<1ms".to_owned(),
        0 => format!("{}ms", span.as_millis()),
        1..60 => format!("{seconds}s"),
        60..3_600 => pair(seconds / 60, "m", seconds % 60, "s"),
        3_600..86_400 => pair(seconds / 3_600, "h", seconds / 60 % 60, "m"),
        _ => pair(seconds / 86_400, "d", seconds / 3_600 % 24, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_its_two_largest_units() {
        for (milliseconds, text) in [
            (0, "<1ms"),
            (999, "999ms"),
            (59_999, "59s"),
            (60_000, "1m"),
            (61_000, "1m 1s"),
            (3_661_000, "1h 1m"),
            (90_000_000, "1d 1h"),
            (864_000_000, "10d"),
        ] {
            assert_eq!(span(Duration::from_millis(milliseconds)), text);
        }
    }

    #[test]
    fn a_moment_lies_before_or_after_now() {
        let now = Timestamp::UNIX_EPOCH;
        let later = now + chrono::TimeDelta::minutes(5);
        assert_eq!((distance(now, later), distance(later, now)), ("in 5m".to_owned(), "5m ago".to_owned()));
    }
}
