//! When a token that is to be made is over: after a time, or at a moment.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Deserializer, de};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::queue::Timestamp;
use crate::wire::{moment, span};

/// The end of a token that is to be made: `30d` from now on, or a moment as RFC 3339 has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expires {
    /// So long after it was made.
    After(Duration),
    /// At this moment.
    At(Timestamp),
}

impl Expires {
    /// The moment, for a token that is made now.
    #[must_use]
    pub fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Expires::At(moment) => moment,
            Expires::After(time) => {
                let later = TimeDelta::from_std(time).ok().and_then(|time| now.checked_add_signed(time));
                later.unwrap_or(Timestamp::MAX_UTC)
            }
        }
    }
}

impl FromStr for Expires {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let after = span(text).map(Expires::After);
        after.or_else(|_| moment(text).map(Expires::At)).map_err(|_| {
            format!("expected a time such as `30d`, or a moment such as 2027-01-31T08:00:00Z, found {text:?}")
        })
    }
}

impl<'de> Deserialize<'de> for Expires {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl PartialSchema for Expires {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).examples(["30d", "2027-01-31T08:00:00Z"]);
        text.description(Some("A time from now on such as `30d`, or a moment as RFC 3339 has it.")).into()
    }
}

impl ToSchema for Expires {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Expires")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_time_from_now_or_a_moment() {
        let now = moment("2027-01-01T00:00:00Z").expect("a moment");
        let end = |text: &str| text.parse::<Expires>().map(|expires| expires.moment(now));
        assert_eq!(end("30d"), moment("2027-01-31T00:00:00Z"));
        assert_eq!(end("2027-01-31T01:00:00+01:00"), moment("2027-01-31T00:00:00Z"));
        for text in ["", "never", "-1d", "2027-01-31", "4000d"] {
            assert!(end(text).is_err_and(|said| said.contains(&format!("{text:?}"))), "{text}");
        }
    }
}
