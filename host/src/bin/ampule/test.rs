//! `ampule test`: suites of guest jobs from their files to the exit code. What a suite may say is in the library's
//! `suite`; here is which suites and cases are meant, and how the report is written.

mod describe;
mod difference;
mod document;
mod github;
mod human;
mod junit;
mod repeat;
mod subjects;
mod tap;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use ampule::suite::{Batch, Blessing, Case, CaseReport, Ended, SUFFIX, Suite, bless, find};

use crate::args::{TestArgs, TestFormat};
use crate::config::Config;
use crate::exit::{self, Fault};
use crate::printable::printable_line;
use crate::report;
use crate::run::Desk;

/// What came of all cases that were chosen.
struct Report {
    suites: Arc<Vec<Suite>>,
    /// In the order of the suites and of their cases.
    cases: Vec<CaseReport>,
    /// The directories in which names were looked up, as they were asked for.
    catalogs: Vec<PathBuf>,
    /// What `--bless` wrote.
    written: Vec<PathBuf>,
    started: SystemTime,
}

/// How many cases ended how.
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// Runs what was asked for and reports it. The caller says why nothing ran, but for the reader of documents.
pub(crate) async fn run(args: Box<TestArgs>, config: &Config) -> Result<ExitCode, Fault> {
    let ended = test(&args, config).await;
    if let (Err(fault), TestFormat::Json) = (&ended, args.format) {
        // A second fault has nowhere better to go than the exit code, which says that it failed already.
        let _ = report::print_json(&document::refused(fault));
    }
    ended
}

async fn test(args: &TestArgs, config: &Config) -> Result<ExitCode, Fault> {
    let suites = read(&args.paths)?;
    let chosen = choose(&suites, &args.filter)?;
    if args.list || args.repro {
        return list(&suites, &chosen, args);
    }
    let started = SystemTime::now();
    let jobs = args.jobs.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let mut desk = Desk::for_jobs(jobs, &args.cache, config)?;
    let selected = subjects::load(&mut desk, &suites, &chosen, args, config).await?;
    let own = tempfile::Builder::new().prefix("ampule-test-").tempdir();
    let own = own.map_err(|error| anyhow::Error::new(error).context("a directory for what cases write"))?;
    let suites = Arc::new(suites);
    let batch = Batch {
        suites: Arc::clone(&suites),
        selected,
        jobs,
        retries: args.retries,
        fail_fast: args.fail_fast,
        bless: args.bless,
        own: own.path().to_owned(),
    };
    let runner = desk.runner.clone();
    let cases = desk.unless_stopped(batch.run(&runner)).await??;
    let written = if args.bless { write_records(&suites, &cases)? } else { Vec::new() };
    let report = Report { suites, cases, catalogs: args.catalog.clone(), written, started };
    report.print(args.format)?;
    let failed = report.counts(|_| true).failed > 0;
    Ok(if failed { ExitCode::from(exit::FAILED) } else { ExitCode::SUCCESS })
}

/// Reads all suites at these paths, each once. All that cannot be read are told at once.
fn read(paths: &[PathBuf]) -> Result<Vec<Suite>, Fault> {
    let (mut suites, mut faults, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for path in paths {
        let files = find(path).map_err(|error| Fault::Usage(error.to_string()))?;
        for file in files {
            if !seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())) {
                continue;
            }
            match Suite::read(&file) {
                Ok(suite) => suites.push(suite),
                Err(error) => faults.push(error.to_string()),
            }
        }
    }
    if !faults.is_empty() {
        return Err(Fault::Usage(faults.join("\n")));
    }
    if suites.is_empty() {
        let places: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(Fault::Usage(format!("expected a suite, `NAME{SUFFIX}`, in {}, found none", places.join(", "))));
    }
    Ok(suites)
}

/// The cases that the filters name, all if there is no filter: indices of the suite and of the case in it.
fn choose(suites: &[Suite], filters: &[String]) -> Result<Vec<(usize, usize)>, Fault> {
    let all = suites.iter().enumerate().flat_map(|(suite, of)| (0..of.cases.len()).map(move |case| (suite, case)));
    let wanted = |&(suite, case): &(usize, usize)| {
        let name = suites[suite].full_name(&suites[suite].cases[case]);
        filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
    };
    let (total, chosen) = (all.clone().count(), all.filter(wanted).collect::<Vec<_>>());
    if chosen.is_empty() {
        let filters = filters.join("` or `");
        return Err(Fault::Usage(format!("expected a case with `{filters}` in its name, found none among {total}")));
    }
    Ok(chosen)
}

fn list(suites: &[Suite], chosen: &[(usize, usize)], args: &TestArgs) -> Result<ExitCode, Fault> {
    let mut text = String::new();
    for &(suite, case) in chosen {
        let (suite, case) = (&suites[suite], &suites[suite].cases[case]);
        let name = printable_line(&suite.full_name(case));
        let line = if args.repro { format!("# {name}\n{}", repeat::command(case, &args.catalog)) } else { name };
        text.push_str(&line);
        text.push('\n');
    }
    report::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn write_records(suites: &[Suite], cases: &[CaseReport]) -> Result<Vec<PathBuf>, Fault> {
    let mut written = Vec::new();
    for (index, suite) in suites.iter().enumerate() {
        let mut blessing = Blessing::default();
        for report in cases.iter().filter(|report| report.suite == index) {
            if let Ended::Judged { observed, judgement, built_by, .. } = &report.ended {
                blessing.note(&suite.cases[report.case], observed, judgement, built_by.as_deref());
            }
        }
        written.extend(bless(suite, blessing)?);
    }
    Ok(written)
}

impl Report {
    fn print(&self, format: TestFormat) -> Result<(), Fault> {
        match format {
            TestFormat::Human => human::print(self),
            TestFormat::Junit => report::print(&junit::document(self)),
            TestFormat::Json => report::print_json(&document::report(self)),
            TestFormat::Tap => report::print(&tap::document(self)),
            TestFormat::Github => github::print(self),
        }
    }

    fn case(&self, report: &CaseReport) -> (&Suite, &Case) {
        let suite = &self.suites[report.suite];
        (suite, &suite.cases[report.case])
    }

    /// The reports of one suite.
    fn of_suite(&self, index: usize) -> impl Iterator<Item = &CaseReport> + Clone {
        self.cases.iter().filter(move |report| report.suite == index)
    }

    fn counts(&self, counted: impl Fn(&CaseReport) -> bool) -> Counts {
        let mut counts = Counts { passed: 0, failed: 0, skipped: 0 };
        for report in self.cases.iter().filter(|report| counted(report)) {
            match report.ended {
                Ended::Judged { passed: true, .. } => counts.passed += 1,
                Ended::Judged { passed: false, .. } => counts.failed += 1,
                Ended::Skipped(_) => counts.skipped += 1,
            }
        }
        counts
    }

    /// The last line of what people read.
    fn summary(&self) -> String {
        let Counts { passed, failed, skipped } = self.counts(|_| true);
        format!("{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// A path as a report shows it.
fn shown(path: &Path) -> String {
    printable_line(&path.display().to_string())
}
