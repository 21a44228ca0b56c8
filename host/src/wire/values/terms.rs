//! How a job is tried again, and what becomes of ticks that were missed.

use std::fmt;

use super::time::{self, span};
use crate::queue::{Backoff, Missed};

/// How many times longer each wait of `FIRST..MOST` is than the one before, and how far it may be off, in percent.
const BACKOFF_FACTOR: u32 = 4;
const BACKOFF_JITTER_PERCENT: u8 = 20;

/// `1s,10s,5m`, or `2s..1h`.
///
/// # Errors
/// What was expected and what was found.
pub fn backoff(text: &str) -> Result<Backoff, String> {
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
///
/// # Errors
/// What was expected and what was found.
pub fn missed(text: &str) -> Result<Missed, String> {
    match (text, text.strip_prefix("all=").map(str::parse)) {
        ("skip", _) => Ok(Missed::Skip),
        ("once", _) => Ok(Missed::RunOnce),
        (_, Some(Ok(most @ 1..=1_000))) => Ok(Missed::RunAll(most)),
        _ => Err(format!("expected `skip`, `once`, or `all=N` with N from 1 to 1000, found {text:?}")),
    }
}

/// A factor and a spread other than those of `FIRST..MOST` have no text, and are lost.
pub(super) fn write_backoff(backoff: &Backoff, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match backoff {
        Backoff::Exponential { first, most, .. } => {
            time::write(first, f)?;
            f.write_str("..")?;
            time::write(most, f)
        }
        Backoff::Delays(delays) => delays.iter().enumerate().try_for_each(|(index, delay)| {
            f.write_str(if index > 0 { "," } else { "" })?;
            time::write(delay, f)
        }),
    }
}

pub(super) fn write_missed(missed: &Missed, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match missed {
        Missed::Skip => f.write_str("skip"),
        Missed::RunOnce => f.write_str("once"),
        Missed::RunAll(most) => write!(f, "all={most}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

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
    fn policies_are_words_and_numbers() {
        assert_eq!(
            (missed("skip"), missed("once"), missed("all=7")),
            (Ok(Missed::Skip), Ok(Missed::RunOnce), Ok(Missed::RunAll(7)))
        );
        assert!(missed("all").is_err() && missed("all=0").is_err() && missed("all=1001").is_err());
    }
}
