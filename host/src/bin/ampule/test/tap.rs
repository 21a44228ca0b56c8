//! The report in the Test Anything Protocol, version 14: <https://testanything.org/tap-version-14-specification.html>.

use std::fmt::Write as _;

use ampule::suite::Ended;

use super::{Report, describe};
use crate::printable::printable_line;

/// The document. What is told of a failure is one block of YAML.
pub(super) fn document(report: &Report) -> String {
    let mut text = format!("TAP version 14\n1..{}\n", report.cases.len());
    for (number, case_report) in (1..).zip(&report.cases) {
        let (suite, case) = report.case(case_report);
        let name = description(&suite.full_name(case));
        let _ = match &case_report.ended {
            Ended::Skipped(reason) => writeln!(text, "ok {number} - {name} # SKIP {}", description(reason)),
            Ended::Judged { passed: true, .. } => writeln!(text, "ok {number} - {name}"),
            Ended::Judged { .. } => {
                let told = describe::failed_plainly(report, case_report);
                let lines = told.lines().fold(String::new(), |lines, line| lines + "    " + line + "\n");
                // Lines may begin with blanks, so the block says how far it is indented.
                writeln!(text, "not ok {number} - {name}\n  ---\n  message: |2\n{lines}  ...")
            }
        };
    }
    text
}

/// A line in which nothing is taken for a directive.
fn description(text: &str) -> String {
    printable_line(text).replace('\\', r"\\").replace('#', r"\#")
}
