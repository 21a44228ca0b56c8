//! The report for GitHub Actions: each failure as an annotation of its place in the suite, then what people read.

use super::{Report, describe, human};
use crate::exit::Fault;
use crate::report;

/// Prints annotations and report to stdout.
///
/// GitHub takes any line that begins with `::` for a command, blanks before it or not, and a job's output is in the
/// report: while the report is printed, commands are switched off by a word that no job can know.
pub(super) fn print(report: &Report) -> Result<(), Fault> {
    let word = uuid::Uuid::now_v7();
    report::print(&format!("{}::stop-commands::{word}\n", annotations(report)))?;
    human::print(report)?;
    report::print(&format!("::{word}::\n{}\n", report.summary()))
}

fn annotations(report: &Report) -> String {
    let mut text = String::new();
    for case_report in report.cases.iter().filter(|case| case.failed()) {
        let (suite, case) = report.case(case_report);
        let told = describe::failed_plainly(report, case_report);
        let (file, title) = (property(&suite.file.display().to_string()), property(&case.name));
        text.push_str(&format!("::error file={file},line={},title={title}::{}\n", case.line, data(&told)));
    }
    text
}

/// What may stand after the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What may stand between commas before it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_taken_for_the_end_of_it() {
        assert_eq!(data("a%\n::error::b"), "a%25%0A::error::b");
        assert_eq!(property("a:b,c\n"), "a%3Ab%2Cc%0A");
    }
}
