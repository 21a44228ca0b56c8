//! Why a try came to nothing. What a tenant reads of it says nothing of the operator's network.

use std::io;
use std::time::Duration;

use super::target::Refusal;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The URL alone says so.
    #[error("the URL is not allowed: expected {}, found {}", .0.expected, .0.found)]
    Url(Refusal),
    /// No address of the host is one that may be connected to, or it has none. The log says which; whoever could read
    /// it here could learn the names of hosts inside.
    #[error("the host has no address that may be reached at the moment")]
    Unreachable,
    /// As many names are being looked up as may be; no fault of the target's.
    #[error("too many names are looked up at the moment")]
    Crowded,
    #[error("no connection: {0}")]
    Connection(io::Error),
    #[error("no encrypted connection: {0}")]
    Encryption(io::Error),
    #[error("no connection within {0:?}")]
    NoConnection(Duration),
    #[error("no answer within {0:?}")]
    NoAnswer(Duration),
    #[error("no answer that can be read: {}", chain(.0))]
    Answer(hyper::Error),
}

/// An error and what it comes from, each once.
fn chain(error: &hyper::Error) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string);
    source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
