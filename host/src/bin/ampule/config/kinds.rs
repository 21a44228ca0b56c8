//! The kinds of values: how each is read from what was given, and how it is written as TOML.
//!
//! Whatever is written here is read back as the same.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use ampule::server::Rate;
use ampule::server::webhook::{Network, PortRange, WebhookSettings};
use ampule::wire::{byte_count, span};
use tracing_subscriber::filter::LevelFilter;

use super::given::Given;
use super::service::LogFormat;
use crate::values;

/// What stands for nothing.
pub(super) const NONE: &str = "none";

/// One kind of value.
pub(super) struct Kind<T> {
    pub(super) read: fn(&Given) -> Result<T, String>,
    pub(super) show: fn(&T) -> String,
}

pub(super) const TEXTS: Kind<Vec<String>> = Kind { read: |given| list(given, ','), show: |texts| array(texts) };
pub(super) const BOOL: Kind<bool> = Kind { read: boolean, show: bool::to_string };
pub(super) const COUNT: Kind<usize> = Kind { read: whole, show: usize::to_string };
pub(super) const COUNT_64: Kind<u64> = Kind { read: whole, show: u64::to_string };
pub(super) const MAYBE_COUNT_64: Kind<Option<u64>> =
    Kind { read: |given| maybe(given, whole), show: |count| shown_or_none(*count, |count| count.to_string()) };
pub(super) const SIZE: Kind<usize> = Kind { read: size, show: |bytes| shown_size(*bytes as u64) };
pub(super) const SIZE_64: Kind<u64> = Kind { read: size, show: |bytes| shown_size(*bytes) };
pub(super) const TIME: Kind<Duration> = Kind { read: time, show: |time| shown_time(*time) };
pub(super) const MAYBE_TIME: Kind<Option<Duration>> =
    Kind { read: |given| maybe(given, time), show: |time| shown_or_none(*time, shown_time) };
pub(super) const ADDRESS: Kind<SocketAddr> = Kind { read: address, show: |address| quoted(&address.to_string()) };
pub(super) const DIRECTORIES: Kind<Vec<PathBuf>> = Kind {
    read: |given| list(given, ':')?.iter().map(|path| values::real_directory(path)).collect(),
    show: |paths| array(&paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>()),
};
pub(super) const NETWORKS: Kind<Vec<Network>> = Kind { read: parsed, show: |networks| array(networks) };
pub(super) const PORTS: Kind<Vec<PortRange>> = Kind { read: parsed, show: |ports| array(ports) };
pub(super) const MAYBE_PATH: Kind<Option<PathBuf>> = Kind {
    read: |given| maybe(given, |given| text(given).map(PathBuf::from)),
    show: |path| quoted(&path.as_ref().map_or(NONE.to_owned(), |path| path.display().to_string())),
};
/// Certificates that are there, and can be read.
pub(super) const CERTIFICATES: Kind<Option<PathBuf>> =
    Kind { read: |given| maybe(given, certificates), show: MAYBE_PATH.show };
pub(super) const RATE: Kind<Option<Rate>> = Kind {
    read: |given| maybe(given, rate),
    show: |rate| shown_or_none(*rate, |rate| quoted(&format!("{}/s, {} at once", rate.per_second, rate.burst))),
};
pub(super) const FORMAT: Kind<LogFormat> = Kind { read: format, show: |format| quoted(format.as_str()) };
pub(super) const LEVEL: Kind<LevelFilter> = Kind { read: level, show: |level| quoted(&level.to_string()) };
/// A URL with a password is shown without it.
pub(super) const URL: Kind<String> = Kind { read: queue_url, show: |url| quoted(&masked(url)) };

fn expected(what: &str, found: &Given) -> String {
    format!("expected {what}, found {found}")
}

fn text(given: &Given) -> Result<String, String> {
    match given {
        Given::Text(text) if !text.is_empty() => Ok(text.clone()),
        _ => Err(expected("text", given)),
    }
}

/// Several texts; those of one text are parted by a sign.
fn list(given: &Given, sign: char) -> Result<Vec<String>, String> {
    match given {
        Given::List(texts) => Ok(texts.clone()),
        Given::Text(text) => {
            let parts = text.split(sign).map(str::trim).filter(|part| !part.is_empty());
            Ok(parts.map(str::to_owned).collect())
        }
        _ => Err(expected("an array of strings", given)),
    }
}

/// Several, each of which reads from text.
fn parsed<T: FromStr<Err: Display>>(given: &Given) -> Result<Vec<T>, String> {
    list(given, ',')?.iter().map(|text| text.parse().map_err(|error: T::Err| error.to_string())).collect()
}

fn boolean(given: &Given) -> Result<bool, String> {
    match given {
        Given::Bool(value) => Ok(*value),
        Given::Text(text) if text == "true" => Ok(true),
        Given::Text(text) if text == "false" => Ok(false),
        _ => Err(expected("true or false", given)),
    }
}

/// A whole number above 0.
fn whole<T: FromStr + Default + PartialOrd>(given: &Given) -> Result<T, String> {
    let parsed = match given {
        Given::Number(text) | Given::Text(text) => text.replace('_', "").parse().ok(),
        _ => None,
    };
    parsed.filter(|number| *number > T::default()).ok_or_else(|| expected("a whole number above 0", given))
}

fn size<T: TryFrom<u64>>(given: &Given) -> Result<T, String> {
    let bytes = match given {
        Given::Number(text) | Given::Text(text) => byte_count(&text.replace('_', ""))?,
        _ => return Err(expected("a size such as \"64MiB\", or a number of bytes", given)),
    };
    let above = T::try_from(bytes).ok().filter(|_| bytes > 0);
    above.ok_or_else(|| expected("a size above 0", given))
}

fn time(given: &Given) -> Result<Duration, String> {
    match given {
        Given::Number(text) | Given::Text(text) => span(text),
        _ => Err(expected("a time such as \"30s\", or a number of seconds", given)),
    }
}

fn maybe<T>(given: &Given, read: fn(&Given) -> Result<T, String>) -> Result<Option<T>, String> {
    match given {
        Given::Text(text) if text == NONE => Ok(None),
        _ => read(given).map(Some).map_err(|message| format!("{message} (or \"{NONE}\")")),
    }
}

fn address(given: &Given) -> Result<SocketAddr, String> {
    let parsed = text(given).ok().and_then(|text| text.replace("localhost", "127.0.0.1").parse().ok());
    parsed.ok_or_else(|| expected("an address and a port such as \"127.0.0.1:7070\" or \"[::]:7070\"", given))
}

fn certificates(given: &Given) -> Result<PathBuf, String> {
    let mut settings = WebhookSettings::default();
    let file = settings.ca_file.insert(PathBuf::from(text(given)?)).clone();
    settings.check().map(|()| file).map_err(|error| error.to_string())
}

/// `100/s`, or `100/s, 500 at once`.
fn rate(given: &Given) -> Result<Rate, String> {
    let parsed = text(given).ok().and_then(|text| {
        let (often, burst) = match text.split_once(',') {
            Some((often, burst)) => (often, Some(burst.trim().strip_suffix("at once")?.trim().parse().ok()?)),
            None => (text.as_str(), None),
        };
        let per_second: u32 = often.trim().strip_suffix("/s")?.trim().parse().ok()?;
        Some(Rate { per_second, burst: burst.unwrap_or(per_second) })
    });
    let rate = parsed.filter(|rate| rate.per_second > 0 && rate.burst > 0);
    rate.ok_or_else(|| expected("a rate such as \"100/s\" or \"100/s, 500 at once\"", given))
}

fn format(given: &Given) -> Result<LogFormat, String> {
    match text(given).as_deref() {
        Ok("text") => Ok(LogFormat::Text),
        Ok("json") => Ok(LogFormat::Json),
        _ => Err(expected("\"text\" or \"json\"", given)),
    }
}

fn level(given: &Given) -> Result<LevelFilter, String> {
    let names = ["off", "error", "warn", "info", "debug", "trace"];
    let text = text(given).unwrap_or_default();
    let level = names.contains(&text.as_str()).then(|| text.parse().ok()).flatten();
    level.ok_or_else(|| expected("one of off, error, warn, info, debug, trace", given))
}

/// The URL of a queue, as text: it is parsed once more where the queue is opened.
fn queue_url(given: &Given) -> Result<String, String> {
    let text = text(given)?;
    text.parse::<ampule::queue::QueueUrl>().map(|_| text).map_err(|error| error.to_string())
}

/// The URL without its password, which may hold any sign: whatever may be a part of it is not shown.
fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let mut secrets = passwords_of_query(rest);
    if let (Some(colon), Some(at)) = (rest.find(':'), rest.rfind('@')) {
        secrets.push(colon + 1..at);
    }
    secrets.sort_by_key(|secret| secret.start);
    let (mut shown, mut end) = (format!("{scheme}://"), 0);
    for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
        if secret.start >= end {
            shown.push_str(&rest[end..secret.start]);
            shown.push_str("***");
        }
        end = end.max(secret.end);
    }
    shown + &rest[end..]
}

/// Where the values stand of all pairs whose name is that of a password.
fn passwords_of_query(rest: &str) -> Vec<Range<usize>> {
    let signs = rest.match_indices(['?', '&']);
    let values = signs.filter_map(|(sign, _)| {
        let pair = rest[sign + 1..].split('&').next().unwrap_or_default();
        let (name, value) = pair.split_once('=').filter(|(name, _)| name.to_lowercase().contains("password"))?;
        let start = sign + 2 + name.len();
        Some(start..start + value.len())
    });
    values.collect()
}

/// A basic string of TOML, whose escapes are those of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn array(texts: &[impl Display]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(&text.to_string())).collect();
    format!("[{}]", texts.join(", "))
}

fn shown_or_none<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
    value.map_or_else(|| quoted(NONE), show)
}

fn shown_size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.into_iter().find(|(bits, _)| bytes > 0 && bytes.is_multiple_of(1 << bits)) {
        Some((bits, unit)) => quoted(&format!("{}{unit}", bytes >> bits)),
        None => bytes.to_string(),
    }
}

fn shown_time(time: Duration) -> String {
    let milliseconds = time.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    match units.into_iter().find(|(each, _)| milliseconds > 0 && milliseconds.is_multiple_of(*each)) {
        Some((each, unit)) => quoted(&format!("{}{unit}", milliseconds / each)),
        None => quoted(&format!("{milliseconds}ms")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(kind: &Kind<T>, text: &str) -> Result<T, String> {
        (kind.read)(&Given::Text(text.to_owned()))
    }

    #[test]
    fn what_is_written_is_read_back_as_the_same() {
        let times = ["1500ms", "90s", "1h", "7d"];
        for text in times {
            let time = read(&TIME, text).expect(text);
            let shown = (TIME.show)(&time);
            assert_eq!(read(&TIME, shown.trim_matches('"')), Ok(time), "{shown}");
        }
        let rate = read(&RATE, "100/s").expect("a rate");
        assert_eq!((RATE.show)(&rate), "\"100/s, 100 at once\"");
        assert_eq!(read(&RATE, "100/s, 100 at once"), Ok(rate));
        assert_eq!((SIZE_64.show)(&read(&SIZE_64, "4096KiB").expect("a size")), "\"4MiB\"");
        assert_eq!(read(&MAYBE_TIME, "none"), Ok(None));
    }

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://ada:s3cr3t@db/jobs", "postgres://ada:***@db/jobs"),
            ("postgres://ada:a@b@db/jobs?sslmode=require", "postgres://ada:***@db/jobs?sslmode=require"),
            ("postgres://db/jobs?user=a&password=s3cr3t", "postgres://db/jobs?user=a&password=***"),
            ("postgres://db/jobs?password=a@b?c&user=a@b", "postgres://db/jobs?password=***&user=a@b"),
            ("postgres://ada@db:5432/jobs", "postgres://ada@db:5432/jobs"),
            ("sqlite:ampule.db", "sqlite:ampule.db"),
            ("sqlite:a@b?c", "sqlite:a@b?c"),
        ] {
            assert_eq!((URL.show)(&url.to_owned()), format!("{shown:?}"));
        }
    }

    #[test]
    fn a_password_is_never_shown_whatever_signs_it_has() {
        let hides = |url: &str| !masked(url).contains("s3") && !masked(url).contains("cr3t");
        for sign in ["?", "#", "/", "@", " ", ":", "%", "?password=", "://"] {
            let url = format!("postgres://ada:s3{sign}cr3t@db/jobs");
            assert!(hides(&url) && masked(&url).starts_with("postgres://ada:***"), "{}", masked(&url));
            for host in ["db", "db:5432", "ada@db:5432", "ada:s3cr3t@db"] {
                let url = format!("postgres://{host}/jobs?sslmode=require&password=s3{sign}cr3t");
                assert!(hides(&url), "{}", masked(&url));
            }
        }
        assert_eq!(masked("postgres://ada:s3?#/@& cr3t@db/jobs"), "postgres://ada:***@db/jobs");
    }

    #[test]
    fn what_means_nothing_is_said_to_be_expected_otherwise() {
        for (given, message) in [
            (Given::Number("0".to_owned()), "expected a whole number above 0, found 0"),
            (Given::Text("many".to_owned()), "expected a whole number above 0, found \"many\""),
            (Given::Bool(true), "expected a whole number above 0, found true"),
            (Given::Other("table"), "expected a whole number above 0, found table"),
        ] {
            assert_eq!((COUNT.read)(&given), Err(message.to_owned()));
        }
        assert!(read(&RATE, "fast").expect_err("no rate").contains("\"100/s\""));
        assert!(read(&ADDRESS, "7070").expect_err("no address").contains("127.0.0.1:7070"));
    }
}
