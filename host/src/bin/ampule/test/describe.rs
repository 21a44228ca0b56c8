//! What a report tells of one case, the same in every format: what is not as expected, how the run failed, what it
//! cost, the end of what it wrote, and the command that repeats it.

use std::fmt::Write as _;

use ampule::suite::{Case, CaseReport, Ended, Problem, Spent, Subject, Suite, What};
use ampule::{Failure, Fuel, Outcome};
use anstyle::{AnsiColor, Style};

use super::{Report, difference, repeat};
use crate::printable::{printable, printable_line};
use crate::report;

const EXPECTED: Style = AnsiColor::Red.on_default();
const FOUND: Style = AnsiColor::Green.on_default();

/// How much of what a case wrote is shown.
const LOG_LINES: usize = 20;
const OUTPUT_LINES: usize = 20;

/// The longest command that is shown whole: what is longer hides the rest of the report.
const COMMAND_BYTES: usize = 400;

/// All that is told of a case that failed: lines with the styles of a terminal, without an indent.
pub(super) fn failed(report: &Report, case_report: &CaseReport) -> Vec<String> {
    let (suite, case) = report.case(case_report);
    let Ended::Judged { observed, judgement, .. } = &case_report.ended else { return Vec::new() };
    let mut lines: Vec<String> = judgement.problems.iter().flat_map(problem).collect();
    if let Err(failure) = &observed.outcome.result
        && judgement.problems.iter().any(|problem| matches!(problem.what, What::UnexpectedFailure | What::Failure))
    {
        lines.extend(failure_lines(failure, &case.subject));
    }
    lines.push(cost(&judgement.spent));
    if let Some(budget) = case.budget.memory_bytes {
        lines.push(format!("memory: {} of {budget} bytes", observed.outcome.usage.memory_peak_bytes));
    }
    lines.extend(written(&observed.outcome));
    lines.push(format!("repeat it: {}", repeat_line(report, suite, case)));
    lines
}

/// The command that repeats a case, or the one that prints it.
fn repeat_line(report: &Report, suite: &Suite, case: &Case) -> String {
    let command = repeat::command(case, &report.catalogs);
    if command.len() <= COMMAND_BYTES && !command.contains('\n') {
        return printable_line(&command);
    }
    let (file, name) = (suite.file.to_string_lossy(), repeat::quoted(&case.name));
    printable_line(&format!("ampule test {} --repro --filter {name}", repeat::quoted(&file)))
}

/// The same without styles, as one text.
pub(super) fn failed_plainly(report: &Report, case_report: &CaseReport) -> String {
    let text = failed(report, case_report).join("\n");
    anstream::adapter::strip_str(&text).to_string()
}

/// One problem: a sentence, and the difference of values that are more than a word.
fn problem(problem: &Problem) -> Vec<String> {
    let title = problem.what.as_str();
    if problem.what == What::UnexpectedFailure {
        return vec![format!("{title}: expected a return, found:")];
    }
    let (Some(expected), Some(found)) = (&problem.expected, &problem.found) else {
        return vec![format!("{title}: {}", printable(&problem.message).replace('\n', "\n  "))];
    };
    if !(expected.is_array() || expected.is_object() || found.is_array() || found.is_object()) {
        return vec![format!("{title}: {}", printable(&problem.message).replace('\n', "\n  "))];
    }
    let mut lines = vec![format!("{title} ({EXPECTED}- expected{EXPECTED:#}, {FOUND}+ found{FOUND:#}):")];
    lines.extend(difference::lines(expected, found).into_iter().map(|line| match line.chars().next() {
        Some('-') => format!("  {EXPECTED}{line}{EXPECTED:#}"),
        Some('+') => format!("  {FOUND}{line}{FOUND:#}"),
        _ => format!("  {line}"),
    }));
    lines
}

fn failure_lines(failure: &Failure, subject: &Subject) -> Vec<String> {
    let mut failure = failure.clone();
    if matches!(subject, Subject::Source { .. }) {
        // It shows the interpreter's functions, in which nobody looks for the fault.
        failure.backtrace = None;
    }
    let mut bytes = Vec::new();
    report::failure_facts(&mut bytes, &failure);
    String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
}

/// The fuel of a run beside its budget and what was recorded.
pub(super) fn cost(spent: &Spent) -> String {
    let mut text = match spent.fuel {
        None => "fuel: not known".to_owned(),
        Some(Fuel::Exact(units)) => format!("fuel: {units}"),
        Some(Fuel::AtLeast(units)) => format!("fuel: at least {units}"),
    };
    if let Some(budget) = spent.budget {
        let _ = write!(text, " of {budget}");
    }
    if let (Some(recorded), Some(change)) = (spent.recorded, spent.change_percent()) {
        let _ = match (recorded.units, recorded.same_compilers) {
            (units, _) if spent.exact() == Some(units) => write!(text, " (as recorded)"),
            (units, true) => write!(text, " (recorded {units}, {change:+.1} %)"),
            (units, false) => write!(text, " (recorded {units} by another compiler, {change:+.1} %)"),
        };
    }
    text
}

/// The end of the log and of what was written.
fn written(outcome: &Outcome) -> Vec<String> {
    let output = &outcome.output;
    let mut lines = Vec::new();
    if !output.logs.is_empty() {
        let logged = output.logs.iter().map(|line| format!("{}: {}", line.level.as_str(), printable(&line.message)));
        lines.extend(tail("log", logged.collect(), LOG_LINES));
    }
    for (title, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        if !bytes.is_empty() {
            let text = String::from_utf8_lossy(bytes);
            lines.extend(tail(title, printable(&text).lines().map(str::to_owned).collect(), OUTPUT_LINES));
        }
    }
    lines
}

fn tail(title: &str, lines: Vec<String>, most: usize) -> Vec<String> {
    let skipped = lines.len().saturating_sub(most);
    let title = match skipped {
        0 => format!("{title}:"),
        _ => format!("{title}, the last {most} of {} lines:", lines.len()),
    };
    let shown = lines[skipped..].iter().map(|line| format!("  {}", line.replace('\n', "\n  ")));
    std::iter::once(title).chain(shown).collect()
}
