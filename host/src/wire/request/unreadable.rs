//! What of a request cannot be read, and where within it that stands.

use std::fmt;

use serde::Deserialize;
use serde_path_to_error::{Path, Segment};

/// A part of a request that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The field after those that it stands in, as `jobs[0].at_err.timeout`; empty for the request itself.
    pub place: String,
    /// What was expected and what was found, for a person.
    pub message: String,
    /// What was expected, where that is said apart.
    pub expected: Option<String>,
    /// What was found, where that is said apart.
    pub found: Option<String>,
}

impl Unreadable {
    /// Something else than what was expected.
    pub(crate) fn expected(expected: impl Into<String>, found: impl Into<String>) -> Self {
        let (expected, found) = (expected.into(), found.into());
        let message = format!("expected {expected}, found {found}");
        Unreadable { place: String::new(), message, expected: Some(expected), found: Some(found) }
    }

    /// What a reader said when it came to this place.
    pub(crate) fn at(path: &Path, said: &dyn fmt::Display) -> Self {
        Unreadable { place: place(path), message: in_words(said.to_string()), expected: None, found: None }
    }

    /// The same, of a field or an item within another.
    pub(crate) fn within(mut self, outer: &str) -> Self {
        let separator = if self.place.is_empty() || self.place.starts_with('[') { "" } else { "." };
        self.place = format!("{outer}{separator}{}", self.place);
        self
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.as_str() {
            "" => f.write_str(&self.message),
            place => write!(f, "`{place}`: {}", self.message),
        }
    }
}

/// Reads a document, and says where within it a fault is.
pub(crate) fn read<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(document: D) -> Result<T, Unreadable>
where
    D::Error: fmt::Display,
{
    serde_path_to_error::deserialize(document).map_err(|error| Unreadable::at(error.path(), error.inner()))
}

/// Types of this language, which readers expect, and what they mean to whoever writes JSON.
const TYPES: [(&str, &str); 4] = [
    ("expected i16", "expected a whole number from -32768 to 32767"),
    ("expected u16", "expected a whole number from 0 to 65535"),
    ("expected u32", "expected a whole number from 0 to 4294967295"),
    ("expected u64", "expected a whole number from 0 to 18446744073709551615"),
];

fn in_words(said: String) -> String {
    match TYPES.iter().find(|(name, _)| said.contains(name)) {
        Some((name, words)) => said.replacen(name, words, 1),
        None => said,
    }
}

/// The path as people write it, as far as it has names.
fn place(path: &Path) -> String {
    let mut place = String::new();
    for segment in path.iter().take_while(|segment| !matches!(segment, Segment::Unknown)) {
        let separator = if place.is_empty() || matches!(segment, Segment::Seq { .. }) { "" } else { "." };
        place = format!("{place}{separator}{segment}");
    }
    place
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Lists = BTreeMap<String, Vec<u8>>;

    fn place_in(json: &str) -> String {
        read::<Lists, _>(&mut serde_json::Deserializer::from_str(json)).expect_err(json).place
    }

    #[test]
    fn a_place_has_the_names_and_numbers_on_the_way_to_it() {
        assert_eq!(place_in(r#"{"a": [], "b": [1, 2, true]}"#), "b[2]");
        assert_eq!(place_in("3"), "");
        assert_eq!(place_in("{"), "");
        let inner = Unreadable::expected("one", "two");
        assert_eq!(inner.clone().within("[3]").within("jobs").to_string(), "`jobs[3]`: expected one, found two");
        assert_eq!(inner.within("timeout").within("at_err").place, "at_err.timeout");
    }
}
