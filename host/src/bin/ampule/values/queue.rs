//! Values that only queues know: longer times, moments, limits, backoffs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ampule::queue::{Backoff, Missed, Timestamp};
use chrono::{DateTime, TimeDelta, Utc};

use super::time_up_to;

/// The furthest that anything can be put off: what a queue takes.
const MAX_SPAN: Duration = Duration::from_secs(3_650 * 86_400);

/// How many times longer each wait of `FIRST..MOST` is than the one before, and how far it may be off, in percent.
const BACKOFF_FACTOR: u32 = 4;
const BACKOFF_JITTER_PERCENT: u8 = 20;

/// A moment, said outright or counted back from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    At(Timestamp),
    Ago(Duration),
}

/// A limit that may be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit(pub(crate) Option<u32>);

impl When {
    /// The moment, by the queue's clock.
    pub(crate) fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            When::At(moment) => moment,
            When::Ago(ago) => TimeDelta::from_std(ago).ok().and_then(|ago| now.checked_sub_signed(ago)).unwrap_or(now),
        }
    }
}

/// A time as [`duration`](super::duration), up to ten years.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    time_up_to(text, MAX_SPAN)
}

/// A moment as RFC 3339 has it.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    let expected = |_| format!("expected a moment such as 2027-01-31T08:00:00+01:00, found {text:?}");
    Ok(DateTime::parse_from_rfc3339(text).map_err(expected)?.with_timezone(&Utc))
}

/// A moment, or a time that is counted back from now.
pub(crate) fn when(text: &str) -> Result<When, String> {
    let ago = span(text.strip_suffix("ago").unwrap_or(text).trim_end()).map(When::Ago);
    ago.or_else(|_| moment(text).map(When::At)).map_err(|_| {
        format!(
            "expected a moment such as 2027-01-31T08:00:00Z, or a time such as `2h` for two hours ago, found {text:?}"
        )
    })
}

/// A number above 0, or `none`.
pub(crate) fn limit(text: &str) -> Result<Limit, String> {
    if text == "none" {
        return Ok(Limit(None));
    }
    let limit = text.parse().ok().filter(|limit| *limit > 0);
    limit.map(|limit| Limit(Some(limit))).ok_or_else(|| {
        format!("expected a number above 0, or `none`, found {text:?}; `ampule queues pause` lets none run")
    })
}

/// `1s,10s,5m`, or `2s..1h`.
pub(crate) fn backoff(text: &str) -> Result<Backoff, String> {
    let expected = |why: String| format!("expected times such as `1s,10s,5m`, or `2s..1h`, found {text:?}: {why}");
    if let Some((first, most)) = text.split_once("..") {
        let (first, most) = (span(first).map_err(expected)?, span(most).map_err(expected)?);
        return Ok(Backoff::Exponential {
            first,
            factor: BACKOFF_FACTOR,
            most,
            jitter_percent: BACKOFF_JITTER_PERCENT,
        });
    }
    text.split(',').map(span).collect::<Result<_, _>>().map(Backoff::Delays).map_err(expected)
}

/// `skip`, `once` or `all=N`.
pub(crate) fn missed(text: &str) -> Result<Missed, String> {
    match (text, text.strip_prefix("all=").map(str::parse)) {
        ("skip", _) => Ok(Missed::Skip),
        ("once", _) => Ok(Missed::RunOnce),
        (_, Some(Ok(most @ 1..=1_000))) => Ok(Missed::RunAll(most)),
        _ => Err(format!("expected `skip`, `once`, or `all=N` with N from 1 to 1000, found {text:?}")),
    }
}

/// A directory that is there, by its own path.
pub(crate) fn real_directory(text: &str) -> Result<PathBuf, String> {
    match Path::new(text).canonicalize() {
        Ok(path) if path.is_dir() => Ok(path),
        Ok(_) => Err(format!("expected a directory at {text:?}, found something else")),
        Err(error) => Err(format!("expected a directory at {text:?}, found: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_said_outright_or_counted_back() {
        let now = moment("2027-01-31T08:00:00Z").expect("a moment");
        assert_eq!(moment("2027-01-31T09:00:00+01:00"), Ok(now));
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

    #[test]
    fn a_backoff_is_a_list_or_a_range() {
        let seconds = Duration::from_secs;
        assert_eq!(backoff("1s,10s,5m"), Ok(Backoff::Delays(vec![seconds(1), seconds(10), seconds(300)])));
        let exponential =
            Backoff::Exponential { first: seconds(2), factor: 4, most: seconds(3_600), jitter_percent: 20 };
        assert_eq!(backoff("2s..1h"), Ok(exponential.clone()));
        assert_eq!(exponential, Backoff::default());
        for text in ["", "1s,", "2s..", "x..1h", "1s;2s"] {
            assert!(backoff(text).expect_err(text).contains(&format!("{text:?}")));
        }
    }

    #[test]
    fn limits_and_policies_are_numbers_or_their_words() {
        assert_eq!((limit("none"), limit("3")), (Ok(Limit(None)), Ok(Limit(Some(3)))));
        assert!(limit("0").is_err() && limit("-1").is_err() && limit("").is_err());
        assert_eq!(
            (missed("skip"), missed("once"), missed("all=7")),
            (Ok(Missed::Skip), Ok(Missed::RunOnce), Ok(Missed::RunAll(7)))
        );
        assert!(missed("all").is_err() && missed("all=0").is_err() && missed("all=1001").is_err());
    }

    #[test]
    fn a_span_may_be_years_and_not_decades() {
        assert_eq!(span("7d"), Ok(Duration::from_secs(7 * 86_400)));
        assert!(span("3651d").is_err() && span("0").is_err());
    }
}
