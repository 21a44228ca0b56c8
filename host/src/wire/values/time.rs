//! Times and moments.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Datelike as _, SecondsFormat, TimeDelta, Utc};

use super::amount::split_unit;
use crate::limits::MAX_TIMEOUT;
use crate::queue::{Timestamp, YEARS};

/// The furthest that anything can be put off: what a queue takes.
const MAX_SPAN: Duration = Duration::from_secs(3_650 * 86_400);
/// The shortest time, and what every time is a multiple of: so finely they are stored, and so finely a run is watched.
const LEAST: Duration = Duration::from_millis(1);

pub(super) const PATTERN: &str = r"^[0-9]+(\.[0-9]+)?\s*(ms|s|m|min|h|d)?$";

/// A moment, said outright or counted back from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// This moment.
    At(Timestamp),
    /// So long ago.
    Ago(Duration),
}

impl When {
    /// The moment, counted from this one.
    #[must_use]
    pub fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            When::At(moment) => moment,
            When::Ago(ago) => TimeDelta::from_std(ago).ok().and_then(|ago| now.checked_sub_signed(ago)).unwrap_or(now),
        }
    }
}

/// A moment, or a time that is counted back from now.
///
/// # Errors
/// What was expected and what was found.
pub fn when(text: &str) -> Result<When, String> {
    let ago = span(text.strip_suffix("ago").unwrap_or(text).trim_end()).map(When::Ago);
    ago.or_else(|_| moment(text).map(When::At)).map_err(|_| {
        format!(
            "expected a moment such as 2027-01-31T08:00:00Z, or a time such as `2h` for two hours ago, found {text:?}"
        )
    })
}

/// A time such as `5s`, `500ms`, `2m`, `1h`, `1d`, or a plain number of seconds, from a millisecond to the longest timeout.
/// What is finer than a millisecond is rounded up, as it would be stored.
///
/// # Errors
/// What was expected and what was found.
pub fn time(text: &str) -> Result<Duration, String> {
    time_up_to(text, MAX_TIMEOUT)
}

/// A time as [`time`], up to ten years.
///
/// # Errors
/// What was expected and what was found.
pub fn span(text: &str) -> Result<Duration, String> {
    time_up_to(text, MAX_SPAN)
}

/// A moment as RFC 3339 has it, from 1970 to 9999 in UTC: one that it can write as well.
///
/// # Errors
/// What was expected and what was found.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    let expected = |_| format!("expected a moment such as 2027-01-31T08:00:00+01:00, found {text:?}");
    let moment = DateTime::parse_from_rfc3339(text).map_err(expected)?.with_timezone(&Utc);
    if !YEARS.contains(&moment.year()) {
        return Err(format!("expected a moment from {} to {} in UTC, found {text:?}", YEARS.start(), YEARS.end()));
    }
    Ok(moment)
}

fn time_up_to(text: &str, most: Duration) -> Result<Duration, String> {
    let expected = || format!("expected a time such as `5s`, `500ms`, `2m`, `1h` or `1.5`, found {text:?}");
    let (number, unit) = split_unit(text);
    let milliseconds_each: u32 = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(expected()),
    };
    // Whole numbers stay exact however long the time is.
    let duration = match number.parse::<u64>() {
        Ok(number) => number.checked_mul(milliseconds_each.into()).map_or(Duration::MAX, Duration::from_millis),
        Err(_) => {
            let number: f64 = number.parse().map_err(|_| expected())?;
            let seconds = number * f64::from(milliseconds_each) / 1_000.0;
            Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
        }
    };
    if duration < LEAST || duration > most {
        return Err(format!("expected at least 1ms and at most {} days, found {text:?}", most.as_secs() / 86_400));
    }
    Ok(whole_milliseconds(duration))
}

/// Rounded up.
fn whole_milliseconds(duration: Duration) -> Duration {
    let over = Duration::from_nanos(u64::from(duration.subsec_nanos() % 1_000_000));
    if over.is_zero() { duration } else { duration - over + LEAST }
}

/// In whole seconds or milliseconds, where it is so many.
pub(super) fn write(time: &Duration, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match time.subsec_nanos() {
        0 => write!(f, "{}s", time.as_secs()),
        nanos if nanos % 1_000_000 == 0 => write!(f, "{}ms", time.as_millis()),
        _ => write!(f, "{}s", time.as_secs_f64()),
    }
}

/// In UTC, to the millisecond.
pub(super) fn write_moment(moment: &Timestamp, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(&moment.to_rfc3339_opts(SecondsFormat::Millis, true))
}

pub(super) fn write_when(when: &When, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match when {
        When::At(moment) => write_moment(moment, f),
        When::Ago(ago) => write(ago, f),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Moment;
    use super::*;

    #[test]
    fn times_have_units_and_seconds_need_none() {
        for (text, milliseconds) in
            [("5s", 5_000), ("500ms", 500), ("2m", 120_000), ("1h", 3_600_000), ("1.5", 1_500), ("0.25s", 250)]
        {
            assert_eq!(time(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn a_time_that_is_none_or_too_long_is_refused_with_what_was_found() {
        for text in ["", "s", "5x", "-1", "0", "0ms", "1e3", "inf", "NaN", "31000h", "1.2.3", "5 s s"] {
            let refusal = time(text).expect_err(text);
            assert!(refusal.contains("expected") && refusal.contains(&format!("{text:?}")), "{refusal}");
        }
    }

    #[test]
    fn a_span_may_be_years_and_not_decades() {
        assert_eq!(span("7d"), Ok(Duration::from_secs(7 * 86_400)));
        assert!(span("3651d").is_err() && span("0").is_err());
    }

    #[test]
    fn what_is_finer_than_a_millisecond_is_rounded_up_and_less_than_one_is_refused() {
        for (text, milliseconds) in [("1ms", 1), ("1.0001ms", 2), ("0.0015s", 2), ("2.5ms", 3), ("0.3", 300)] {
            assert_eq!(time(text), Ok(Duration::from_millis(milliseconds)), "{text}");
            assert_eq!(span(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["0.0001ms", "0.999ms", "0.0009", "0.00000001d"] {
            assert!(time(text).expect_err(text).starts_with("expected at least 1ms"), "{text}");
        }
    }

    #[test]
    fn a_moment_that_could_not_be_written_is_refused() {
        for text in ["1970-01-01T00:00:00Z", "1970-01-01T01:00:00+01:00", "9999-12-31T23:59:59.999Z"] {
            let read = Moment(moment(text).expect(text));
            assert_eq!(read.to_string().parse(), Ok(read), "{text}");
        }
        for text in [
            "0000-01-01T00:00:00+23:59",
            "0000-01-01T00:00:00Z",
            "1970-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-23:59",
        ] {
            let refusal = moment(text).expect_err(text);
            assert!(refusal.starts_with("expected a moment from 1970 to 9999"), "{refusal}");
        }
    }

    #[test]
    fn a_moment_has_an_offset() {
        assert_eq!(moment("2027-01-31T09:00:00+01:00"), moment("2027-01-31T08:00:00Z"));
        for text in ["2027-01-31", "2027-01-31T08:00:00", "", "now"] {
            assert!(moment(text).expect_err(text).contains(&format!("{text:?}")));
        }
    }

    #[test]
    fn a_moment_is_said_outright_or_counted_back() {
        let now = moment("2027-01-31T08:00:00Z").expect("a moment");
        let two_hours = Duration::from_secs(7_200);
        for text in ["2h", "2h ago", "120m"] {
            assert_eq!(when(text), Ok(When::Ago(two_hours)), "{text}");
        }
        assert_eq!(when("2h").map(|when| when.moment(now)), moment("2027-01-31T06:00:00Z"));
        assert_eq!(when("2027-01-31T08:00:00Z"), Ok(When::At(now)));
        for text in ["yesterday", "2027-01-31", "", "-2h"] {
            assert!(when(text).expect_err(text).contains(&format!("{text:?}")));
        }
    }
}
