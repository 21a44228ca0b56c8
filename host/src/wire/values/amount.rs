//! Sizes and fuel.

use std::fmt;

use crate::limits::MAX_MEMORY_BYTES;

pub(super) const SIZE_PATTERN: &str = r"^[0-9]+\s*([KkMmGg][Ii]?[Bb]|[Bb])?$";
pub(super) const FUEL_PATTERN: &str = r"^[0-9_]*[1-9][0-9_]*$";

/// A size such as `64MiB`, `64MB`, `1GiB`, or a plain number of bytes, up to what a run can be given.
///
/// # Errors
/// What was expected and what was found.
pub fn size(text: &str) -> Result<u64, String> {
    let bytes = byte_count(text)?;
    if bytes > MAX_MEMORY_BYTES {
        return Err(format!("expected at most {} GiB, found {text:?}", MAX_MEMORY_BYTES >> 30));
    }
    Ok(bytes)
}

/// A size as [`size`], whatever it is for.
///
/// # Errors
/// What was expected and what was found.
pub fn byte_count(text: &str) -> Result<u64, String> {
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
    Ok(number.saturating_mul(bytes_each))
}

/// An amount of fuel: a whole number above 0, in which `_` may group digits.
///
/// # Errors
/// What was expected and what was found.
pub fn fuel(text: &str) -> Result<u64, String> {
    let units = text.replace('_', "").parse().ok().filter(|units| *units > 0);
    units.ok_or_else(|| format!("expected a whole number above 0, such as 1_000_000, found {text:?}"))
}

/// A number and the letters after it.
pub(super) fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

/// The plain number.
pub(super) fn write(amount: &u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{amount}")
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
