//! Lesson: a result is a struct, and its fields become the schema of the result.
//!
//! The text comes along as a kwarg or is a file in a granted directory. Words are counted without
//! regard to case; equally frequent ones are in alphabetical order, so that runs can be compared.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs;

use ampule_guest::{JobError, Schema, job};
use serde::Serialize;

/// What was counted.
#[derive(Debug, PartialEq, Serialize, Schema)]
struct Counts {
    lines: usize,
    words: usize,
    /// Unicode characters, line ends included.
    characters: usize,
    /// The most frequent words, most frequent first.
    top: Vec<Frequency>,
}

#[derive(Debug, PartialEq, Serialize, Schema)]
struct Frequency {
    word: String,
    count: usize,
}

/// Counts the lines, words and characters of a text.
#[job]
fn word_count(
    /// The text itself.
    text: Option<String>,
    /// A file to read instead, such as `/data/poem.txt`.
    path: Option<String>,
    /// How many of the most frequent words to list.
    #[default(10)]
    top: usize,
) -> Result<Counts, JobError> {
    let text = match (text, path) {
        (Some(text), None) => text,
        (None, Some(path)) => read(&path)?,
        (Some(_), Some(_)) => return Err(no_text("both")),
        (None, None) => return Err(no_text("neither")),
    };
    let words: Vec<String> = words(&text).collect();
    Ok(Counts {
        lines: text.lines().count(),
        words: words.len(),
        characters: text.chars().count(),
        top: most_frequent(words, top),
    })
}

fn no_text(found: &str) -> JobError {
    JobError::new("no_text", format!("expected either `text` or `path`, found {found}")).retry(false)
}

fn read(path: &str) -> Result<String, JobError> {
    fs::read_to_string(path).map_err(|error| JobError::new("unreadable_file", format!("{path}: {error}")))
}

/// Lower-case runs of letters and digits; an apostrophe inside belongs to its word.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !letter.is_alphanumeric() && !matches!(letter, '\'' | '’'))
        .map(|word| word.trim_matches(['\'', '’']).to_lowercase())
        .filter(|word| !word.is_empty())
}

/// The map is in alphabetical order, and the sort keeps it among equals.
fn most_frequent(words: Vec<String>, top: usize) -> Vec<Frequency> {
    let mut counts = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_insert(0) += 1;
    }
    let mut frequencies: Vec<_> = counts.into_iter().map(|(word, count)| Frequency { word, count }).collect();
    frequencies.sort_by_key(|frequency| Reverse(frequency.count));
    frequencies.truncate(top);
    frequencies
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str, top: usize) -> Counts {
        word_count(Some(text.to_owned()), None, top).unwrap()
    }

    #[test]
    fn words_are_counted_without_regard_to_case() {
        let frequency = |word: &str, count| Frequency { word: word.to_owned(), count };
        let counts = count("The sea, the sea!\nIt's 'all' sea.", 2);
        assert_eq!((counts.lines, counts.words, counts.characters), (2, 7, 33));
        assert_eq!(counts.top, [frequency("sea", 3), frequency("the", 2)]);
    }

    #[test]
    fn an_empty_text_has_nothing() {
        assert_eq!(count("", 5), Counts { lines: 0, words: 0, characters: 0, top: Vec::new() });
    }

    #[test]
    fn the_poem_is_read_from_its_file() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/input/poem.txt");
        let counts = word_count(None, Some(path.to_owned()), 1).unwrap();
        assert_eq!(counts.top[0].word, "the");
    }

    #[test]
    fn one_source_is_needed_and_no_more() {
        assert_eq!(word_count(None, None, 1).unwrap_err().type_name(), "no_text");
        assert_eq!(word_count(Some(String::new()), Some(String::new()), 1).unwrap_err().type_name(), "no_text");
    }
}
