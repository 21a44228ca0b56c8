//! This very executable, for those who start it again: the runner to compile, `ampule dev` to build and test.

use std::path::PathBuf;

use crate::exit::Fault;

/// What starts the executable that runs here, also once another lies at its path, or none: an upgrade under a server
/// must neither fail its jobs nor have another version compile for it.
#[cfg(target_os = "linux")]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it has to be looked for")]
pub(crate) fn path() -> Result<PathBuf, Fault> {
    // Whoever resolves it is the new process, which until then is a copy of this one.
    Ok(PathBuf::from("/proc/self/exe"))
}

/// Elsewhere nothing but the path is known.
#[cfg(not(target_os = "linux"))]
pub(crate) fn path() -> Result<PathBuf, Fault> {
    std::env::current_exe().map_err(|error| anyhow::Error::new(error).context("this executable").into())
}
