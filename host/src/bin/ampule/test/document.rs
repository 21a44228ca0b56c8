//! The one JSON document of `ampule test`. Of each run it holds what `ampule run --json` prints.

use ampule::Value;
use ampule::suite::{CaseReport, Ended, Judgement, Problem};
use serde_json::json;

use super::{Counts, Report, repeat};
use crate::exit::Fault;
use crate::wire;

/// What came of all cases.
pub(super) fn report(report: &Report) -> Value {
    let Counts { passed, failed, skipped } = report.counts(|_| true);
    let suites = report.suites.iter().enumerate().filter_map(|(index, suite)| {
        let cases: Vec<_> = report.of_suite(index).map(|case_report| case(report, case_report)).collect();
        let file = suite.file.display().to_string();
        (!cases.is_empty()).then(|| json!({ "name": suite.name, "file": file, "cases": cases }))
    });
    let written: Vec<_> = report.written.iter().map(|file| file.display().to_string()).collect();
    json!({
        "suites": suites.collect::<Vec<_>>(),
        "passed": passed,
        "failed": failed,
        "skipped": skipped,
        "written": written,
        "fault": null,
    })
}

/// Why nothing ran.
pub(super) fn refused(fault: &Fault) -> Value {
    json!({
        "suites": [],
        "passed": 0,
        "failed": 0,
        "skipped": 0,
        "written": [],
        "fault": { "kind": fault.kind(), "message": fault.message() },
    })
}

fn case(report: &Report, case_report: &CaseReport) -> Value {
    let (_, case) = report.case(case_report);
    let common = |status: &str, reason: Option<&str>, attempts: u32| {
        json!({
            "name": case.name,
            "line": case.line,
            "status": status,
            "reason": reason,
            "attempts": attempts,
            "command": repeat::command(case, &report.catalogs),
            "problems": [],
            "fuel": null,
            "built_by": null,
            "progress": [],
            "run": null,
        })
    };
    match &case_report.ended {
        Ended::Skipped(reason) => common("skipped", Some(reason), 0),
        Ended::Judged { passed, observed, judgement, built_by, attempts } => {
            let mut document = common(if *passed { "passed" } else { "failed" }, None, *attempts);
            document["problems"] = judgement.problems.iter().map(problem).collect();
            document["fuel"] = fuel(judgement);
            document["built_by"] = built_by.as_deref().into();
            document["progress"] = observed.progress.clone().into();
            document["run"] = wire::outcome(&observed.outcome);
            document
        }
    }
}

fn problem(problem: &Problem) -> Value {
    json!({
        "what": problem.what.as_str(),
        "message": problem.message,
        "expected": problem.expected,
        "found": problem.found,
    })
}

fn fuel(judgement: &Judgement) -> Value {
    let spent = &judgement.spent;
    json!({
        "exact": spent.exact(),
        "budget": spent.budget,
        "recorded": spent.recorded.map(|record| record.units),
        "recorded_by_same_compilers": spent.recorded.map(|record| record.same_compilers),
        "change_percent": spent.change_percent(),
    })
}
