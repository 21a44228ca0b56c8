//! How many files and connections this process may have open: as many as whoever started it allows.
//!
//! Shells and systemd start processes with 1,024, for the sake of programs that can count no further, and with a ceiling
//! to which each may raise that by itself.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::log;

/// What a server has open beside its connections: its queue, those whom it sends away, compilers and directories of jobs.
const OTHERS: u64 = 512;

/// Raises the limit as far as it goes. One that cannot be raised stays as it is.
pub(crate) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(target: log::SERVICE, %error, "the limit of open files cannot be raised");
        }
    }
}

/// Warns if so many connections do not fit.
pub(crate) fn warn_of_connections(most: usize) {
    let Some(limit) = getrlimit(Resource::Nofile).current else { return };
    let needed = (most as u64).saturating_add(OTHERS);
    if needed > limit {
        tracing::warn!(
            target: log::SERVICE,
            limit,
            "server.max_connections is {most}, for which {needed} open files have to be allowed (`ulimit -Hn`, LimitNOFILE)"
        );
    }
}
