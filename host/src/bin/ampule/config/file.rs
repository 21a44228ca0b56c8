//! The TOML file: every value in it with its key and its place. Which keys there are is not known here.

use std::fs;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::given::{Given, Place, Said};
use super::layers::Wrong;

/// The most that is read: a configuration is some pages.
const MOST_BYTES: u64 = 1 << 20;

/// Reads a file. What is no TOML is among the faults.
pub(super) fn read(file: &Path, wrong: &mut Vec<Wrong>) -> Vec<Said> {
    let place = || Place::Flag(file.display().to_string());
    let text = match fs::metadata(file) {
        Ok(metadata) if metadata.len() > MOST_BYTES => {
            wrong.push(Wrong::at(place(), format!("expected at most {MOST_BYTES} bytes, found {}", metadata.len())));
            return Vec::new();
        }
        _ => fs::read(file),
    };
    match text.map(String::from_utf8) {
        Ok(Ok(text)) => parse(file, &text, wrong),
        Ok(Err(error)) => {
            let is_text = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(&error.as_bytes()[..is_text]);
            let message = "expected text in UTF-8, found other bytes".to_owned();
            wrong.push(Wrong::at(self::place(file, &before, is_text), message));
            Vec::new()
        }
        Err(error) => {
            wrong.push(Wrong::at(place(), format!("expected a TOML file, found: {error}")));
            Vec::new()
        }
    }
}

/// Every value of a text.
pub(super) fn parse(file: &Path, text: &str, wrong: &mut Vec<Wrong>) -> Vec<Said> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let place_at = |offset| place(file, text, offset);
    for error in &errors {
        let offset = error.span().map_or(0, |span| span.start);
        let message = format!("expected TOML, found what is none: {}", error.message().trim_end());
        wrong.push(Wrong::at(place_at(offset), message));
    }
    let mut said = Vec::new();
    // What is left of a text that is no TOML would only give faults that come of the first.
    if errors.is_empty() {
        collect("", table.get_ref(), &place_at, &mut said);
    }
    said
}

fn collect(prefix: &str, table: &DeTable<'_>, place_at: &impl Fn(usize) -> Place, said: &mut Vec<Said>) {
    for (key, value) in table.iter() {
        let name = format!("{prefix}{}", key.get_ref());
        let value: &Spanned<DeValue<'_>> = value;
        match value.get_ref() {
            DeValue::Table(inner) if !inner.is_empty() => collect(&format!("{name}."), inner, place_at, said),
            other => said.push(Said { key: name, value: Given::of_toml(other), place: place_at(key.span().start) }),
        }
    }
}

/// Lines and columns count from 1, columns in characters.
fn place(file: &Path, text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line = 1 + before.matches('\n').count();
    let column = 1 + before.rsplit('\n').next().unwrap_or_default().chars().count();
    Place::File { file: file.to_owned(), line, column }
}
