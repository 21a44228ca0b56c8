//! Single values of the command line, from text to types that cannot be wrong: times, sizes, directories, pairs.
//!
//! Each refusal says what was expected and what was found; clap puts the argument's name in front and exits with 2.

mod queue;

use std::fs;
use std::path::Path;
use std::time::Duration;

use ampule::{Access, Directory, MAX_MEMORY_BYTES, MAX_TIMEOUT};

pub(crate) use self::queue::{Limit, When, backoff, limit, missed, moment, real_directory, span, when};

/// A time such as `5s`, `500ms`, `2m`, `1h`, `1d`, or a plain number of seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    time_up_to(text, MAX_TIMEOUT)
}

fn time_up_to(text: &str, most: Duration) -> Result<Duration, String> {
    let expected = || format!("expected a time such as `5s`, `500ms`, `2m`, `1h` or `1.5`, found {text:?}");
    let (number, unit) = split_unit(text);
    let seconds_each = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return Err(expected()),
    };
    let number: f64 = number.parse().map_err(|_| expected())?;
    let duration = Duration::try_from_secs_f64(number * seconds_each).unwrap_or(Duration::MAX);
    if duration.is_zero() || duration > most {
        return Err(format!("expected more than 0 s and at most {} days, found {text:?}", most.as_secs() / 86_400));
    }
    Ok(duration)
}

/// A size such as `64MiB`, `64MB`, `1GiB`, or a plain number of bytes, up to what a run can be given.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let expected = || format!("expected a size such as `64MiB`, `64MB`, `1GiB` or `65536`, found {text:?}");
    let (number, unit) = split_unit(text);
    let bytes_each: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(expected()),
    };
    let number: u64 = number.parse().map_err(|_| expected())?;
    number
        .checked_mul(bytes_each)
        .filter(|bytes| *bytes <= MAX_MEMORY_BYTES)
        .ok_or_else(|| format!("expected at most {} GiB, found {text:?}", MAX_MEMORY_BYTES >> 30))
}

/// An amount of fuel: a whole number above 0, in which `_` may group digits.
pub(crate) fn fuel(text: &str) -> Result<u64, String> {
    let units = text.replace('_', "").parse().ok().filter(|units| *units > 0);
    units.ok_or_else(|| format!("expected a whole number above 0, such as 1_000_000, found {text:?}"))
}

/// A number and the letters after it.
fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

/// The name of a language: it names files, so it is short and plain.
pub(crate) fn language(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-_".contains(c);
    if (1..=32).contains(&text.len()) && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    Err(format!("expected the name of a language: up to 32 of a-z, 0-9, `+`, `-`, `_`, a letter first; found {text:?}"))
}

/// A named argument. Its value stays text until the program's schema is known.
pub(crate) fn kwarg(text: &str) -> Result<(String, String), String> {
    pair(text, "`-k count=3` or `-k name=Ada`")
}

/// An environment variable.
pub(crate) fn variable(text: &str) -> Result<(String, String), String> {
    pair(text, "`--env LANG=C`")
}

fn pair(text: &str, example: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("expected a name, `=` and a value, such as {example}, found {text:?}")),
    }
}

/// A granted directory: `HOST[::GUEST][:rw]`. It must be there.
pub(crate) fn directory(text: &str) -> Result<Directory, String> {
    let (paths, access) = match text.rsplit_once(':') {
        Some((paths, "rw")) => (paths, Access::ReadWrite),
        Some((paths, "ro")) => (paths, Access::ReadOnly),
        _ => (text, Access::ReadOnly),
    };
    let (host, guest) = match paths.split_once("::") {
        Some((host, guest)) => (host, Some(guest)),
        None => (paths, None),
    };
    let found = match fs::metadata(host) {
        Ok(metadata) if metadata.is_dir() => None,
        Ok(_) => Some("something else".to_owned()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(found) = found {
        let hint = if guest.is_none() && host.contains(':') { "; the guest path comes after `::`" } else { "" };
        return Err(format!("expected a directory at {host:?}, found: {found}{hint}"));
    }
    let guest = match guest {
        Some(guest) if guest.is_empty() || guest.contains(':') => {
            return Err(format!("expected a guest path after `::`, then nothing, `:rw` or `:ro`, found {guest:?}"));
        }
        Some(guest) => guest.to_owned(),
        None => own_name(Path::new(host))?,
    };
    Ok(Directory { host: host.into(), guest, access })
}

/// `/` and the directory's own name, which `.` and `..` have too.
fn own_name(host: &Path) -> Result<String, String> {
    let real = host.canonicalize().map_err(|error| format!("{}: {error}", host.display()))?;
    match real.file_name().map(|name| name.to_str()) {
        None => Ok("/".to_owned()),
        Some(Some(name)) => Ok(format!("/{name}")),
        Some(None) => Err(format!("expected a name in UTF-8, found {real:?}; name the guest path after `::`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_and_seconds_need_none() {
        for (text, milliseconds) in
            [("5s", 5_000), ("500ms", 500), ("2m", 120_000), ("1h", 3_600_000), ("1.5", 1_500), ("0.25s", 250)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn a_time_that_is_none_or_too_long_is_refused_with_what_was_found() {
        for text in ["", "s", "5x", "-1", "0", "0ms", "1e3", "inf", "NaN", "31000h", "1.2.3", "5 s s"] {
            let refusal = duration(text).expect_err(text);
            assert!(refusal.contains("expected") && refusal.contains(&format!("{text:?}")), "{refusal}");
        }
    }

    #[test]
    fn sizes_are_binary_or_decimal_as_written() {
        for (text, bytes) in [("65536", 65_536), ("64MiB", 64 << 20), ("64MB", 64_000_000), ("4gib", 4 << 30), ("0", 0)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "64M", "1.5GiB", "5GiB", "99999999999999999999", "18446744073709551615GiB", "-1"] {
            assert!(size(text).expect_err(text).contains(&format!("{text:?}")));
        }
    }

    #[test]
    fn fuel_is_a_whole_number_above_none() {
        assert_eq!(fuel("1_000_000"), Ok(1_000_000));
        assert!(fuel("0").is_err() && fuel("1.5").is_err() && fuel("").is_err());
    }

    #[test]
    fn a_language_is_a_plain_name() {
        assert_eq!(language("c++"), Ok("c++".to_owned()));
        for text in ["", "Python", "../x", "1c", "a/b", &"a".repeat(33)] {
            assert!(language(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_pair_splits_at_the_first_sign() {
        assert_eq!(kwarg("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(kwarg("a="), Ok(("a".into(), String::new())));
        assert!(kwarg("a").expect_err("no sign").contains("`=`"));
        assert!(variable("=a").is_err());
    }

    #[test]
    fn a_directory_is_read_only_and_named_after_itself_unless_said() {
        let open = |host: &str, guest: &str, access| Ok(Directory { host: host.into(), guest: guest.into(), access });
        assert_eq!(directory("src"), open("src", "/src", Access::ReadOnly));
        assert_eq!(directory("src/bin/.."), open("src/bin/..", "/src", Access::ReadOnly));
        assert_eq!(directory("src:rw"), open("src", "/src", Access::ReadWrite));
        assert_eq!(directory("src::/data"), open("src", "/data", Access::ReadOnly));
        assert_eq!(directory("src::/data:ro"), open("src", "/data", Access::ReadOnly));
        assert_eq!(directory("src::/data:rw"), open("src", "/data", Access::ReadWrite));
        assert_eq!(directory("/"), open("/", "/", Access::ReadOnly));
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        for (text, found) in [
            ("absent", "\"absent\""),
            ("Cargo.toml", "something else"),
            ("src:/data", "comes after `::`"),
            ("src::", "guest path"),
            ("src::/data:x", "`:rw`"),
            ("", "\"\""),
        ] {
            let refusal = directory(text).expect_err(text);
            assert!(refusal.contains(found), "{refusal}");
        }
    }
}
