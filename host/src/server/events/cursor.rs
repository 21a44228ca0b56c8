//! How far into a job's story a reader is, as the text that goes out with each event and comes back in `Last-Event-ID`.
//!
//! It says all that a server must know to go on, so any server can.

use std::fmt;
use std::str::FromStr;

use crate::queue::JobRecord;

/// What was told last. Written `ATTEMPT-NUMBER`, then `+LATE` if any were told late, then `-queued` or `-end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The attempt that is told of; 0 before the first.
    pub(super) attempt: u32,
    /// The number of the last stored event that was told; 0 before the first.
    pub(super) number: u64,
    /// How many events of this attempt were told from its outcome, because they were never stored.
    pub(super) late: u32,
    pub(super) place: Place,
}

/// Where in an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It goes on, or has not begun.
    Within,
    /// It is over, and the job waits for the next.
    Queued,
    /// It was the last, and the end was told.
    Ended,
}

impl Cursor {
    /// After the word that the job waits for its first attempt.
    pub(super) const QUEUED: Cursor = Cursor { attempt: 0, number: 0, late: 0, place: Place::Within };

    /// Whether it is in the middle of an attempt.
    pub(super) fn is_within_an_attempt(self) -> bool {
        self.attempt > 0 && self.place == Place::Within
    }

    /// Whether this job may have got so far.
    pub(super) fn is_of(self, record: &JobRecord) -> bool {
        self.attempt <= record.summary.attempt
    }

    /// Whether the end was told.
    pub(crate) fn is_end(self) -> bool {
        self.place == Place::Ended
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.attempt, self.number)?;
        if self.late > 0 {
            write!(f, "+{}", self.late)?;
        }
        f.write_str(match self.place {
            Place::Within => "",
            Place::Queued => "-queued",
            Place::Ended => "-end",
        })
    }
}

impl FromStr for Cursor {
    /// Nothing is said of why: it is some other text.
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, '-');
        let attempt = parts.next().ok_or(())?;
        let seen = parts.next().ok_or(())?;
        let place = match parts.next() {
            None => Place::Within,
            Some("queued") => Place::Queued,
            Some("end") => Place::Ended,
            Some(_) => return Err(()),
        };
        let (number, late) = match seen.split_once('+') {
            Some((number, late)) => (number, late.parse().map_err(|_| ())?),
            None => (seen, 0),
        };
        let (attempt, number) = (attempt.parse().map_err(|_| ())?, number.parse().map_err(|_| ())?);
        let cursor = Cursor { attempt, number, late, place };
        // One text for each cursor: no signs, no leading zeros, nothing of an attempt that there was not.
        if cursor.to_string() != text || (attempt == 0 && (number, late) != (0, 0)) {
            return Err(());
        }
        Ok(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_as_text() {
        for attempt in [1, 2, u32::MAX] {
            for (number, late) in [(0, 0), (7, 0), (0, 3), (u64::MAX, u32::MAX)] {
                for place in [Place::Within, Place::Queued, Place::Ended] {
                    let cursor = Cursor { attempt, number, late, place };
                    assert_eq!(cursor.to_string().parse(), Ok(cursor));
                }
            }
        }
        assert_eq!(Cursor::QUEUED.to_string(), "0-0");
        let cursor = Cursor { attempt: 2, number: 17, late: 4, place: Place::Ended };
        assert_eq!(cursor.to_string(), "2-17+4-end");
    }

    #[test]
    fn any_other_text_is_no_cursor() {
        for text in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "1-1-",
            "1-1-2",
            "1-1-end-",
            "1-1-END",
            "01-1",
            "1-01",
            "1-1+0",
            "1-1+",
            "+1-1",
            "1-+1",
            "0-1",
            "0-0+1",
            " 1-1",
            "1-1 ",
            "4294967296-0",
            "1-18446744073709551616",
            "1–1",
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(()), "{text:?}");
        }
    }
}
