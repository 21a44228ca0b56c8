//! The report that people read: failures first, then every case with its cost, and the count in the last line.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use ampule::suite::{CaseReport, Ended};
use anstyle::{AnsiColor, Effects, Style};

use super::{Report, describe, shown};
use crate::exit::Fault;
use crate::printable::printable_line;

const FAILED: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);
const PASSED: Style = AnsiColor::Green.on_default();
const DIM: Style = Style::new().effects(Effects::DIMMED);

/// Prints the report to stdout.
pub(super) fn print(report: &Report) -> Result<(), Fault> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text(report).as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("stdout").into())
        }
        _ => Ok(()),
    }
}

/// The report, with the styles of a terminal.
pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    report.cases.iter().filter(|case| case.failed()).for_each(|case| failure(&mut text, report, case));
    for (index, suite) in report.suites.iter().enumerate() {
        let mut cases = report.of_suite(index).peekable();
        if cases.peek().is_some() {
            let _ = writeln!(text, "{}", shown(&suite.file));
            cases.for_each(|case| line(&mut text, report, case));
        }
    }
    report.written.iter().for_each(|file| {
        let _ = writeln!(text, "wrote {}", shown(file));
    });
    let _ = writeln!(text, "{}", report.summary());
    text
}

fn failure(text: &mut String, report: &Report, case_report: &CaseReport) {
    let (suite, case) = report.case(case_report);
    let place = format!("{}:{}", shown(&suite.file), case.line);
    let _ = writeln!(text, "{FAILED}FAIL{FAILED:#} {place}: {}", printable_line(&case.name));
    for line in describe::failed(report, case_report).iter().flat_map(|line| line.lines()) {
        let _ = writeln!(text, "  {line}");
    }
    text.push('\n');
}

fn line(text: &mut String, report: &Report, case_report: &CaseReport) {
    let (_, case) = report.case(case_report);
    let name = printable_line(&case.name);
    let _ = match &case_report.ended {
        Ended::Skipped(reason) => writeln!(text, "  {DIM}skip{DIM:#}  {name}  {DIM}{}{DIM:#}", printable_line(reason)),
        Ended::Judged { passed, judgement, attempts, .. } => {
            let cost = describe::cost(&judgement.spent);
            let again = if *attempts > 1 { format!(", attempt {attempts}") } else { String::new() };
            match passed {
                true => writeln!(text, "  {PASSED}ok{PASSED:#}    {name}  {DIM}{cost}{again}{DIM:#}"),
                false => writeln!(text, "  {FAILED}FAIL{FAILED:#}  {name}  {DIM}{cost}{again}{DIM:#}"),
            }
        }
    };
}
