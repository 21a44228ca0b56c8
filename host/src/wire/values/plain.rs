//! Plain names.

use std::fmt;

pub(super) const PATTERN: &str = "^[a-z][a-z0-9+_-]{0,31}$";

/// The name of a language: it names files, so it is short and plain.
///
/// # Errors
/// What was expected and what was found.
pub fn language(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-_".contains(c);
    if (1..=32).contains(&text.len()) && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    Err(format!("expected the name of a language: up to 32 of a-z, 0-9, `+`, `-`, `_`, a letter first; found {text:?}"))
}

/// The name itself.
#[expect(clippy::ptr_arg, reason = "the values' macro hands over what each of them holds")]
pub(super) fn write(name: &String, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_a_plain_name() {
        assert_eq!(language("c++"), Ok("c++".to_owned()));
        for text in ["", "Python", "../x", "1c", "a/b", &"a".repeat(33)] {
            assert!(language(text).is_err(), "{text}");
        }
    }
}
