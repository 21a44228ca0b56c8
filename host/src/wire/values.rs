//! Single values as people write them, in JSON and on the command line: times, sizes, moments, backoffs.
//!
//! Each reads from text or from a number, writes text that reads as the same, and refuses with what was expected and
//! what was found.

mod amount;
mod directory;
mod plain;
mod terms;
mod time;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

pub use self::amount::{byte_count, fuel, size};
pub use self::directory::directory_parts;
pub use self::plain::language;
pub use self::terms::{backoff, missed};
pub use self::time::{When, moment, span, time, when};
use crate::grants::Directory;
use crate::queue::{Backoff, Missed, Timestamp};

macro_rules! values {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident($inner:ty) = $read:path, $write:path, $schema:expr;
    )*) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(pub $inner);

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                $read(text).map($name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $write(&self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                written(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema.description(Some(concat!($($doc),+).trim())).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )*};
}

values! {
    /// A time such as `30s`, `500ms`, `2m`, `1h`, or a number of seconds: 1 ms to thirty days.
    Time(Duration) = time, time::write, number_or(time::PATTERN, "30s");
    /// A time as of a run, up to ten years.
    Span(Duration) = span, time::write, number_or(time::PATTERN, "7d");
    /// A moment as RFC 3339 has it.
    Moment(Timestamp) = moment, time::write_moment, text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    /// A moment, or a time such as `2h` for two hours ago.
    WhenText(When) = when, time::write_when, text().examples(["2h"]);
    /// A size such as `64MiB`, `64MB`, `1GiB`, or a number of bytes: at most 4 GiB.
    Size(u64) = size, amount::write, number_or(amount::SIZE_PATTERN, "64MiB");
    /// An amount of fuel: a whole number above 0, in which `_` may group digits.
    FuelAmount(u64) = fuel, amount::write, number_or(amount::FUEL_PATTERN, "1_000_000");
    /// The waits between tries: `1s,10s,5m` for these, `2s..1h` for longer ones each time.
    BackoffText(Backoff) = backoff, terms::write_backoff, text().examples(["2s..1h"]);
    /// What becomes of ticks that nobody was there for: `skip`, `once`, or `all=N` with N from 1 to 1000.
    MissedText(Missed) = missed, terms::write_missed, text().pattern(Some("^(skip|once|all=[1-9][0-9]{0,3})$"));
    /// The name of a language.
    LanguageName(String) = language, plain::write, text().pattern(Some(plain::PATTERN)).examples(["python"]);
    /// A directory of the host under its name in the guest: `/srv/data::/data`, and `:rw` if it may be changed.
    DirectoryText(Directory) = directory::read, directory::write, text().examples(["/srv/data::/data"]);
}

/// Text, or a number as it is written.
fn written<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        other => {
            let found = crate::kwargs::kind_of(&other);
            Err(de::Error::custom(format!("expected text or a number, found {found}")))
        }
    }
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// Text of this form, or a number.
fn number_or(pattern: &str, example: &str) -> ObjectBuilder {
    let either = SchemaType::from_iter([Type::String, Type::Number]);
    ObjectBuilder::new().schema_type(either).pattern(Some(pattern)).examples([example])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads_as_the_same<T: FromStr<Err = String> + fmt::Display + PartialEq + fmt::Debug>(texts: &[&str]) {
        for text in texts {
            let read: T = text.parse().expect(text);
            assert_eq!(read.to_string().parse(), Ok(read), "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_as_the_same() {
        reads_as_the_same::<Time>(&["30s", "500ms", "1.5", "0.0015s", "30d", "1001ms", "2m"]);
        reads_as_the_same::<Span>(&["3650d", "315359999999ms", "1h"]);
        reads_as_the_same::<Moment>(&["2027-01-31T08:00:00.123+01:00", "2027-01-31T08:00:00Z"]);
        reads_as_the_same::<WhenText>(&["2027-01-31T08:00:00Z", "2h", "2h ago"]);
        reads_as_the_same::<Size>(&["0", "64MiB", "4GiB", "1000"]);
        reads_as_the_same::<FuelAmount>(&["1_000", "18446744073709551615"]);
        reads_as_the_same::<BackoffText>(&["2s..1h", "1s,10s,5m", "1ms"]);
        reads_as_the_same::<MissedText>(&["skip", "once", "all=1000"]);
        reads_as_the_same::<LanguageName>(&["c++"]);
        reads_as_the_same::<DirectoryText>(&["/srv::/data", "/srv::/data:rw", "/srv:ro", "/srv:x::/data"]);
    }

    #[test]
    fn a_number_is_read_as_it_is_written() {
        let time: Time = serde_json::from_str("1.5").expect("a number");
        assert_eq!(time, Time(Duration::from_millis(1_500)));
        assert_eq!(serde_json::to_string(&time).expect("text"), "\"1500ms\"");
        let error = serde_json::from_str::<Time>("true").expect_err("no time").to_string();
        assert!(error.contains("expected text or a number, found a boolean"), "{error}");
        let error = serde_json::from_str::<Size>("-1").expect_err("no size").to_string();
        assert!(error.contains("expected a size") && error.contains("\"-1\""), "{error}");
    }
}
