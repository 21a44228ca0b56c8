//! The ticks of a timing, forwards and backwards.

use std::time::Duration;

use chrono::{DurationRound, TimeDelta};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use crate::queue::{Error, Timestamp, Timing};

/// The shortest interval: workers look for ticks about once a second at the most.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// The longest: as far as a job may be put off.
const MAX_INTERVAL: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// Far longer than an expression with a list in each field.
const MAX_EXPRESSION_BYTES: usize = 500;

/// A timing that has a meaning.
pub(super) enum Ticks {
    Cron { cron: Box<Cron>, expression: String, zone: Tz },
    Every(i64),
}

impl Ticks {
    pub(super) fn of(timing: &Timing) -> Result<Self, Error> {
        match timing {
            Timing::Cron { expression, zone } => {
                let expected = "the IANA's name of a time zone, such as `Europe/Berlin`";
                let zone = zone.parse().map_err(|_| Error::invalid("zone", expected, format!("{zone:?}")))?;
                Ok(Ticks::Cron { cron: Box::new(parse(expression)?), expression: expression.clone(), zone })
            }
            Timing::Every(interval) if (MIN_INTERVAL..=MAX_INTERVAL).contains(interval) => {
                Ok(Ticks::Every(interval.as_millis() as i64))
            }
            Timing::Every(interval) => {
                Err(Error::invalid("every", "at least 1 s and at most ten years", format!("{interval:?}")))
            }
        }
    }

    /// The first tick after a moment; that there is none is the expression's fault.
    pub(super) fn first_after(&self, moment: Timestamp) -> Result<Timestamp, Error> {
        let never = || match self {
            Ticks::Cron { expression, .. } => format!("{expression:?}, whose date never comes"),
            Ticks::Every(milliseconds) => format!("{milliseconds} ms"),
        };
        self.after(moment).ok_or_else(|| Error::invalid("cron", "a date that comes", never()))
    }

    /// The first tick after a moment.
    pub(super) fn after(&self, moment: Timestamp) -> Option<Timestamp> {
        match self {
            Ticks::Cron { cron, zone, .. } => {
                let found = cron.find_next_occurrence(&moment.with_timezone(zone), false).ok()?;
                Some(found.to_utc())
            }
            Ticks::Every(interval) => {
                let ticks = moment.timestamp_millis().div_euclid(*interval);
                Timestamp::from_timestamp_millis((ticks + 1).checked_mul(*interval)?)
            }
        }
    }

    /// The last tick at or before a moment.
    pub(super) fn at_or_before(&self, moment: Timestamp) -> Option<Timestamp> {
        match self {
            Ticks::Cron { cron, zone, .. } => {
                // An expression knows seconds only, and half past one is not past it.
                let second = moment.duration_trunc(TimeDelta::seconds(1)).ok()?;
                let found = cron.find_previous_occurrence(&second.with_timezone(zone), true).ok()?;
                Some(found.to_utc())
            }
            Ticks::Every(interval) => {
                let ticks = moment.timestamp_millis().div_euclid(*interval);
                Timestamp::from_timestamp_millis(ticks.checked_mul(*interval)?)
            }
        }
    }

    /// The last tick before a moment.
    pub(super) fn before(&self, moment: Timestamp) -> Option<Timestamp> {
        self.at_or_before(moment.checked_sub_signed(TimeDelta::milliseconds(1))?)
    }
}

fn parse(expression: &str) -> Result<Cron, Error> {
    let refused = |why: &str| Error::invalid("cron", "five fields, or six with seconds first", why.to_owned());
    if expression.len() > MAX_EXPRESSION_BYTES {
        return Err(refused(&format!("{} bytes", expression.len())));
    }
    let fields = expression.split_ascii_whitespace().count();
    if !(5..=6).contains(&fields) {
        return Err(refused(&format!("{fields} in {expression:?}")));
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    parser.parse(expression).map_err(|error| refused(&format!("{expression:?}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    fn cron(expression: &str, zone: &str) -> Timing {
        Timing::Cron { expression: expression.into(), zone: zone.into() }
    }

    fn between(timing: &Timing, from: &str, to: &str) -> Vec<String> {
        let ticks = Ticks::of(timing).expect("a timing");
        let forwards: Vec<_> = std::iter::successors(ticks.after(at(from)), |tick| ticks.after(*tick))
            .take_while(|tick| *tick < at(to))
            .collect();
        let mut backwards: Vec<_> = std::iter::successors(ticks.before(at(to)), |tick| ticks.before(*tick))
            .take_while(|tick| *tick > at(from))
            .collect();
        backwards.reverse();
        assert_eq!(forwards, backwards, "the same ticks both ways: {timing:?}");
        forwards.into_iter().map(|tick| tick.format("%d %H:%M:%S").to_string()).collect()
    }

    #[test]
    fn a_fixed_time_happens_once_on_a_day_that_skips_it() {
        let night =
            |expression| between(&cron(expression, "Europe/Berlin"), "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
        assert_eq!(night("30 2 * * *"), ["29 01:00:00", "30 00:30:00"]);
        assert_eq!(night("0 30 2 * * *"), night("30 2 * * *"));
        assert_eq!(night("0 3 * * *"), ["29 01:00:00", "30 01:00:00"]);
    }

    #[test]
    fn a_fixed_time_happens_once_on_a_day_that_has_it_twice() {
        let night =
            |expression| between(&cron(expression, "Europe/Berlin"), "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z");
        assert_eq!(night("30 2 * * *"), ["25 00:30:00", "26 01:30:00"]);
        assert_eq!(night("0 2 * * *"), ["25 00:00:00", "26 01:00:00"]);
    }

    #[test]
    fn what_recurs_within_the_day_follows_the_clock_on_the_wall() {
        let spring = between(&cron("*/30 2,3 * * *", "Europe/Berlin"), "2026-03-28T23:00:00Z", "2026-03-29T12:00:00Z");
        assert_eq!(spring, ["29 01:00:00", "29 01:30:00"]);
        let autumn = between(&cron("*/30 2 * * *", "Europe/Berlin"), "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z");
        assert_eq!(autumn, ["25 00:00:00", "25 00:30:00", "25 01:00:00", "25 01:30:00"]);
        let steady = between(&cron("*/20 * * * *", "Europe/Berlin"), "2026-10-24T23:59:00Z", "2026-10-25T02:00:00Z");
        assert_eq!(steady.len(), 6);
    }

    #[test]
    fn an_interval_has_the_same_ticks_everywhere() {
        let ticks = between(&Timing::Every(Duration::from_secs(90)), "2026-05-01T00:00:00Z", "2026-05-01T00:05:00Z");
        assert_eq!(ticks, ["01 00:01:30", "01 00:03:00", "01 00:04:30"]);
        let before_the_epoch = Ticks::of(&Timing::Every(Duration::from_secs(60))).expect("a timing");
        assert_eq!(before_the_epoch.after(at("1969-12-31T23:59:30Z")), Some(at("1970-01-01T00:00:00Z")));
    }

    #[test]
    fn the_last_day_and_the_leap_day_are_found() {
        let days = |expression| between(&cron(expression, "UTC"), "2023-12-31T12:00:00Z", "2024-03-15T00:00:00Z");
        assert_eq!(days("0 0 L * *"), ["31 00:00:00", "29 00:00:00"]);
        assert_eq!(days("0 0 29 2 *"), ["29 00:00:00"]);
    }

    #[test]
    fn what_means_nothing_is_refused_with_what_was_expected_and_found() {
        let first = |timing| Ticks::of(&timing)?.first_after(at("2026-05-01T00:00:00Z"));
        let refused = |timing| first(timing).expect_err("it means nothing").to_string();
        for bad in ["", "* * * *", "* * * * * * *", "@daily", "60 * * * *", "* 24 * * *", "a b c d e", "5/5 * * * *"] {
            let message = refused(cron(bad, "UTC"));
            assert!(message.starts_with("cron: expected five fields, or six with"), "{bad}: {message}");
        }
        for never in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "* * * 31 2 *"] {
            let message = refused(cron(never, "America/New_York"));
            assert_eq!(message, format!("cron: expected a date that comes, found {never:?}, whose date never comes"));
        }
        assert!(refused(cron("* * * * *", "Europe/Atlantis")).ends_with(r#"found "Europe/Atlantis""#));
        for bad in [Duration::ZERO, Duration::from_millis(999), Duration::MAX] {
            assert!(refused(Timing::Every(bad)).starts_with("every: expected at least 1 s"));
        }
    }
}
