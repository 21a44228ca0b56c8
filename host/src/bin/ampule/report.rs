//! What a person reads: values on stdout, everything about the run on stderr.
//!
//! Text that a job or a program had a say in is made printable here. Nobody can be told that stderr is gone, so faults
//! in writing to it are let pass.

use std::fmt::Display;
use std::io::{self, Write};

use ampule::{Failure, Kind, LogLine, Output, Value};
use anstyle::{AnsiColor, Effects, Style};

use crate::backtrace;
use crate::exit::Fault;
use crate::printable::{printable, printable_json, printable_line};

const ERROR: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);
const DIM: Style = Style::new().effects(Effects::DIMMED);

/// How much of what was returned before a failure is shown.
const RETURNS_CHARS: usize = 400;

/// Prints JSON on one line of stdout. A reader that has gone away is no fault.
///
/// # Errors
/// [`Fault::Host`] if stdout takes nothing for any other reason, such as a full disk.
pub(crate) fn print_json(value: &Value) -> Result<(), Fault> {
    print(&format!("{}\n", printable_json(&value.to_string())))
}

/// Prints text to stdout, as [`print_json`] does.
pub(crate) fn print(text: &str) -> Result<(), Fault> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("stdout").into())
        }
        _ => Ok(()),
    }
}

/// One line of a job's log.
pub(crate) fn log_line(out: &mut impl Write, line: &LogLine) {
    let _ = writeln!(out, "{}: {}", line.level.as_str(), printable(&line.message));
}

/// What the job wrote. Its log was told while it ran.
pub(crate) fn output(out: &mut impl Write, output: &Output) {
    for stream in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(stream);
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        let _ = write!(out, "{}{end}", printable(&text));
    }
}

/// An aside, for whoever watches.
pub(crate) fn note(out: &mut impl Write, text: &str) {
    let _ = writeln!(out, "{DIM}{text}{DIM:#}");
}

/// Why nothing ran.
pub(crate) fn fault(out: &mut impl Write, fault: &Fault) {
    match fault {
        Fault::Refused { failure, .. } => self::failure(out, failure),
        Fault::Usage(message) | Fault::Build(message) => headline(out, &printable(message)),
        Fault::Host(_) => headline(out, &format!("host: {}", printable(&fault.message()))),
    }
}

/// Why a program would not be accepted.
pub(crate) fn refusal(out: &mut impl Write, failure: &Failure) {
    failed(out, failure);
}

/// Why a job failed, with all that helps to mend it.
pub(crate) fn failure(out: &mut impl Write, failure: &Failure) {
    failure_facts(out, failure);
    if let Some(hint) = hint(failure) {
        note(out, &format!("  hint: {hint}"));
    }
}

/// Why a job failed, without the hints that only `ampule run` can follow.
pub(crate) fn failure_facts(out: &mut impl Write, failure: &Failure) {
    failed(out, failure);
    // Whatever compiles to wasm panics and aborts by `unreachable`; to say so of anything but a trap is noise.
    if let Some(code) = failure.trap.filter(|_| failure.kind == Kind::Trap) {
        let _ = writeln!(out, "  trap code: {code}");
    }
    if let Some(code) = failure.code {
        let _ = writeln!(out, "  exit code: {code}");
    }
    if let Some(name) = failure.error_type.as_deref().filter(|_| failure.kind == Kind::Guest) {
        let _ = writeln!(out, "  type: {}", printable_line(name));
    }
    if let Some(traceback) = &failure.traceback {
        block(out, "the job's own traceback", printable(traceback).lines());
    }
    if let Some(backtrace) = &failure.backtrace {
        block(out, "backtrace, innermost first", backtrace::lines(backtrace).iter());
    }
    if !failure.returns.is_empty() {
        let _ = writeln!(out, "  returned before: {}", shortened(&failure.returns));
    }
}

fn failed(out: &mut impl Write, failure: &Failure) {
    // An error without words, such as Python's MemoryError, is known by its type.
    let message = match failure.message.as_str() {
        "" => failure.error_type.as_deref().unwrap_or("the job gave no reason"),
        message => message,
    };
    headline(out, &format!("{}: {}", failure.kind, printable(message)));
}

fn headline(out: &mut impl Write, text: &str) {
    let _ = writeln!(out, "{ERROR}error{ERROR:#}: {text}");
}

fn block<T: Display>(out: &mut impl Write, title: &str, lines: impl Iterator<Item = T>) {
    let _ = writeln!(out, "  {title}:");
    for line in lines {
        let _ = writeln!(out, "    {line}");
    }
}

fn shortened(returns: &[Value]) -> String {
    let json = Value::from(returns).to_string();
    let shown = printable_json(&json);
    match shown.char_indices().nth(RETURNS_CHARS) {
        Some((end, _)) => format!("{}… ({} values; `--json` shows all)", &shown[..end], returns.len()),
        None => shown.into_owned(),
    }
}

fn hint(failure: &Failure) -> Option<&'static str> {
    match (failure.kind, failure.retry) {
        (Kind::TimedOut, _) => Some("`--timeout` gives it longer, such as `--timeout 1m`"),
        (Kind::OutOfFuel, _) => Some("`--fuel` gives it more; without it there is no budget, only the timeout"),
        (Kind::OutOfMemory, _) => Some("`--memory` gives it more, such as `--memory 1GiB`"),
        (Kind::BadKwargs, _) => Some("`ampule run --help-job PROGRAM` shows which arguments it takes"),
        (Kind::BadProgram, _) => Some("`ampule inspect` shows what the program is and what it imports"),
        (Kind::Denied, _) => Some("it asked for a directory, a variable or a limit past what its runner grants"),
        (_, Some(true)) => Some("the job says that another attempt may succeed"),
        (_, Some(false)) => Some("the job says that another attempt is no use"),
        _ => None,
    }
}
