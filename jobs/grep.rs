//! Lesson: a job sees a granted directory with all below it, and keeps its own output bounded.
//!
//! It goes through files in the order of their names, so that two runs find the same; it follows
//! no links and skips what is not UTF-8.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use ampule_guest::{JobError, Schema, job};
use regex::Regex;
use serde::Serialize;

/// Characters of a matching line that are returned.
const LINE_CHARACTERS: usize = 200;

#[derive(Debug, Default, Serialize, Schema)]
struct Found {
    /// Files looked at.
    files: u64,
    matches: Vec<Match>,
    /// Whether the search ended early, at `limit`.
    truncated: bool,
}

#[derive(Debug, Serialize, Schema)]
struct Match {
    path: PathBuf,
    /// From 1.
    line: u64,
    /// The beginning of the line.
    text: String,
}

/// Searches all files of a directory.
#[job]
fn grep(
    /// A regular expression, in the syntax of Rust's `regex`.
    pattern: &str,
    /// Where to begin.
    #[default("/data")]
    directory: PathBuf,
    /// The most matches to return.
    #[default(100)]
    limit: usize,
) -> Result<Found, JobError> {
    let regex = Regex::new(pattern).map_err(|error| JobError::new("bad_pattern", error.to_string()).retry(false))?;
    let mut found = Found::default();
    let mut left = vec![directory];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            // The last is looked at first.
            left.extend(entries(&path)?.into_iter().rev());
            continue;
        }
        search(&path, &regex, limit, &mut found)?;
        if found.truncated {
            break;
        }
        ampule_guest::progress(found.files);
    }
    Ok(found)
}

/// What a directory holds, links left out, in the order of the names.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, JobError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(|error| unreadable(directory, &error))? {
        let entry = entry.map_err(|error| unreadable(directory, &error))?;
        if !entry.file_type().map_err(|error| unreadable(&entry.path(), &error))?.is_symlink() {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn search(path: &Path, regex: &Regex, limit: usize, found: &mut Found) -> Result<(), JobError> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    found.files += 1;
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let line = match line {
            Ok(line) => line,
            Err(error) if error.kind() == ErrorKind::InvalidData => break,
            Err(error) => return Err(unreadable(path, &error)),
        };
        if regex.is_match(&line) {
            if found.matches.len() == limit {
                found.truncated = true;
                break;
            }
            let text = line.chars().take(LINE_CHARACTERS).collect();
            found.matches.push(Match { path: path.to_owned(), line: number, text });
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> JobError {
    JobError::new("unreadable_file", format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(pattern: &str, limit: usize) -> Found {
        grep(pattern, concat!(env!("CARGO_MANIFEST_DIR"), "/input").into(), limit).unwrap()
    }

    #[test]
    fn a_match_says_where_it_is() {
        let found = find("^Danube,", 10);
        let [only] = &found.matches[..] else { panic!("one line is about the Danube") };
        assert!(only.path.ends_with("rivers.csv") && only.text.starts_with("Danube,"));
        assert!(only.line > 1 && !found.truncated);
    }

    #[test]
    fn the_search_ends_at_its_limit() {
        let found = find("e", 3);
        assert!(found.truncated && found.matches.len() == 3);
    }

    #[test]
    fn exactly_as_many_as_the_limit_are_not_cut() {
        assert!(!find("^Danube,", 1).truncated);
    }

    #[test]
    fn a_bad_pattern_is_refused() {
        assert_eq!(grep("(", PathBuf::new(), 1).unwrap_err().type_name(), "bad_pattern");
    }
}
