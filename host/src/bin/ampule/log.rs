//! The log on stderr: how much of it, and how its lines are written.

use anstream::{AutoStream, ColorChoice};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat};

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
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry();
    match log.format {
        LogFormat::Text => {
            let colours = AutoStream::choice(&std::io::stderr()) != ColorChoice::Never;
            registry.with(lines.with_ansi(colours).with_target(false).with_filter(filter)).init();
        }
        LogFormat::Json => registry.with(lines.json().with_current_span(true).with_filter(filter)).init(),
    }
}
