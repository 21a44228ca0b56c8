//! Lesson: a job reads a granted directory as if it were any directory, row by row.
//!
//! Only one row is in memory at a time, so that the file may be larger than the run's memory.
//! Without the grant the file cannot be opened, and the job says so.

use std::fs::File;

use ampule_guest::{JobError, Schema, job};
use csv::{Reader, StringRecord};
use serde::Serialize;

/// One column of the file.
#[derive(Debug, Default, Serialize, Schema)]
struct Column {
    name: String,
    /// Cells with something in them.
    filled: u64,
    empty: u64,
    /// Absent if any cell is filled with something that is no number.
    #[serde(skip_serializing_if = "Option::is_none")]
    numbers: Option<Numbers>,
}

/// The numbers of a column.
#[derive(Debug, Serialize, Schema)]
struct Numbers {
    minimum: f64,
    maximum: f64,
    mean: f64,
    /// Of the column as a whole, not of a sample.
    standard_deviation: f64,
}

/// Describes each column of a CSV file.
#[job]
fn csv_stats(
    /// The file, with a first row of names.
    #[default("/data/rivers.csv")]
    path: &str,
) -> Result<Vec<Column>, JobError> {
    let unreadable = |error: &dyn std::fmt::Display| JobError::new("unreadable_file", format!("{path}: {error}"));
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let mut reader = Reader::from_reader(file);
    let names = reader.headers().map_err(|error| unreadable(&error))?.clone();
    let mut tallies = vec![Tally::default(); names.len()];
    let mut row = StringRecord::new();
    while reader.read_record(&mut row).map_err(|error| unreadable(&error))? {
        tallies.iter_mut().zip(&row).for_each(|(tally, cell)| tally.add(cell.trim()));
    }
    Ok(tallies.into_iter().zip(&names).map(|(tally, name)| tally.column(name)).collect())
}

/// A column so far. The mean and the squares are Welford's, which stay exact for many rows:
/// <https://en.wikipedia.org/wiki/Algorithms_for_calculating_variance#Welford's_online_algorithm>.
#[derive(Clone, Default)]
struct Tally {
    empty: u64,
    words: u64,
    numbers: u64,
    minimum: f64,
    maximum: f64,
    mean: f64,
    squares: f64,
}

impl Tally {
    fn add(&mut self, cell: &str) {
        match cell.parse::<f64>() {
            Ok(number) if number.is_finite() => self.add_number(number),
            _ if cell.is_empty() => self.empty += 1,
            _ => self.words += 1,
        }
    }

    fn add_number(&mut self, number: f64) {
        self.minimum = if self.numbers == 0 { number } else { self.minimum.min(number) };
        self.maximum = if self.numbers == 0 { number } else { self.maximum.max(number) };
        self.numbers += 1;
        let distance = number - self.mean;
        self.mean += distance / self.numbers as f64;
        self.squares += distance * (number - self.mean);
    }

    fn column(self, name: &str) -> Column {
        let numbers = (self.words == 0 && self.numbers > 0).then(|| Numbers {
            minimum: self.minimum,
            maximum: self.maximum,
            mean: self.mean,
            standard_deviation: (self.squares / self.numbers as f64).sqrt(),
        });
        Column { name: name.to_owned(), filled: self.words + self.numbers, empty: self.empty, numbers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(cells: &[&str]) -> Column {
        let mut tally = Tally::default();
        cells.iter().for_each(|cell| tally.add(cell));
        tally.column("column")
    }

    #[test]
    fn numbers_are_summed_up() {
        let column = column(&["2", "4", "4", "4", "5", "5", "7", "9", ""]);
        let numbers = column.numbers.unwrap();
        assert_eq!((column.filled, column.empty), (8, 1));
        assert_eq!((numbers.minimum, numbers.maximum), (2.0, 9.0));
        assert_eq!((numbers.mean, numbers.standard_deviation), (5.0, 2.0));
    }

    #[test]
    fn one_word_makes_a_column_of_words() {
        let column = column(&["1", "NaN"]);
        assert!(column.numbers.is_none() && column.filled == 2);
    }

    #[test]
    fn the_rivers_have_lengths() {
        let columns = csv_stats(concat!(env!("CARGO_MANIFEST_DIR"), "/input/rivers.csv")).unwrap();
        let length = columns.iter().find(|column| column.name == "length_km").unwrap();
        assert_eq!(length.numbers.as_ref().unwrap().maximum, 6650.0);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = csv_stats("/nowhere/rivers.csv").unwrap_err();
        assert!(error.message().starts_with("/nowhere/rivers.csv: "));
    }
}
