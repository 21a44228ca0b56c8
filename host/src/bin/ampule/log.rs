//! The log on stderr: how much of it, and how its lines are written.
//!
//! Jobs and clients have a say in what events tell. Whatever they put in, an event stays one line, and a terminal finds
//! nothing in it to obey.

use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat};
use crate::printable::{printable_json, printable_line};

/// What a service says of itself: where it listens, and that it ends. Told whatever the level is.
pub(crate) const SERVICE: &str = "ampule::service";

/// Starts the log of a command that does one thing: what went wrong on the host, and all if it is to be verbose.
pub(crate) fn start(verbose: bool) {
    let level = if verbose { LevelFilter::DEBUG } else { LevelFilter::ERROR };
    write(Log { format: LogFormat::Text, level }, LevelFilter::TRACE);
}

/// Starts the log of a service. A worker that has a line of its own for each job that ends logs none of them.
pub(crate) fn start_service(log: Log, verbose: bool, tells_of_ends: bool) {
    let level = if verbose { log.level.max(LevelFilter::DEBUG) } else { log.level };
    let attempts = if tells_of_ends && level < LevelFilter::DEBUG { LevelFilter::OFF } else { level };
    write(Log { level, ..log }, attempts);
}

fn write(log: Log, attempts: LevelFilter) {
    let filter = Targets::new()
        .with_target("ampule", log.level)
        .with_target(SERVICE, log.level.max(LevelFilter::INFO))
        .with_target("ampule::worker::attempt", attempts.min(log.level))
        .with_default(LevelFilter::ERROR.min(log.level));
    let colours = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    let lines = tracing_subscriber::fmt::layer().with_writer(move || Lines { format: log.format, colours });
    let registry = tracing_subscriber::registry();
    match log.format {
        LogFormat::Text => registry.with(lines.with_ansi(colours).with_target(false).with_filter(filter)).init(),
        LogFormat::Json => registry.with(lines.json().with_current_span(true).with_filter(filter)).init(),
    }
}

/// Stderr, as the subscriber writes to it: a whole event at a time, with the newline that ends it.
struct Lines {
    format: LogFormat,
    colours: bool,
}

impl Write for Lines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(self.line(&String::from_utf8_lossy(event)).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl Lines {
    /// The event on one line.
    fn line(&self, event: &str) -> String {
        let event = event.strip_suffix('\n').unwrap_or(event);
        let line = match self.format {
            LogFormat::Json => printable_json(event).into_owned(),
            // With colours the subscriber has escaped every other ESC, so that these are its own.
            LogFormat::Text if self.colours => {
                event.split('\u{1b}').map(printable_line).collect::<Vec<_>>().join("\u{1b}")
            }
            LogFormat::Text => printable_line(event),
        };
        format!("{line}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_whatever_it_tells() {
        let line = |format, colours, event| Lines { format, colours }.line(event);
        assert_eq!(line(LogFormat::Text, false, "a\nb\r\u{1b}[2Jc\n"), "a\\nb\\r\\u{1b}[2Jc\n");
        assert_eq!(line(LogFormat::Text, true, "\u{1b}[31mERROR\u{1b}[0m a\nb\n"), "\u{1b}[31mERROR\u{1b}[0m a\\nb\n");
        assert_eq!(line(LogFormat::Json, false, "{\"a\":\"\u{9b}\"}\n"), "{\"a\":\"\\u009b\"}\n");
    }
}
