//! What a run may touch. Empty by default: no files, no environment, no arguments, no network.
//!
//! A job asks with [`Grants`]; the runner's owner says with [`Allowance`] what may be asked for. The sandbox
//! opens what both agree on.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What one run may touch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Grants {
    /// Directories of the host, each under its guest path.
    pub directories: Vec<Directory>,
    /// Environment variables. Nothing is inherited.
    pub env: BTreeMap<String, String>,
    /// Arguments after the program's own name.
    pub args: Vec<String>,
    /// Standard input. Without it the kwargs stand there, as JSON.
    pub stdin: Option<Vec<u8>>,
    /// Which time the run sees.
    pub clock: Clock,
    /// Where the run's random bytes come from.
    pub random: Random,
}

/// A directory of the host, opened for a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// The directory on the host.
    pub host: PathBuf,
    /// Its name in the guest, such as `/data`.
    pub guest: String,
    /// Whether the guest may change it.
    #[serde(default)]
    pub access: Access,
}

/// Whether a granted directory may be changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Look only.
    #[default]
    ReadOnly,
    /// Look and change.
    ReadWrite,
}

/// Which time a run sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The host's clocks; a sleep takes as long as it says.
    #[default]
    Host,
    /// A clock of the run's own. It stands still while the guest computes and jumps when the guest sleeps, so a
    /// sleep takes no time and the same program sees the same times in every run.
    Virtual {
        /// The wall clock at the start, in seconds since 1970-01-01T00:00:00Z.
        start_unix_seconds: u64,
    },
}

/// Where a run's random bytes come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Random {
    /// A generator seeded by the operating system, new for every run.
    #[default]
    Host,
    /// A stream that the seed alone decides: for tests and replays, never for secrets.
    Seeded(u64),
}

/// 2000-01-01T00:00:00Z: what a deterministic run takes for the time of its start.
pub const DETERMINISTIC_START_UNIX_SECONDS: u64 = 946_684_800;

impl Grants {
    /// Nothing granted.
    #[must_use]
    pub fn none() -> Self {
        Grants::default()
    }

    /// Opens `host` under the guest path `guest`, to look only.
    #[must_use]
    pub fn directory(self, host: impl Into<PathBuf>, guest: impl Into<String>) -> Self {
        self.open(host.into(), guest.into(), Access::ReadOnly)
    }

    /// Opens `host` under the guest path `guest`, to look and change.
    #[must_use]
    pub fn writable_directory(self, host: impl Into<PathBuf>, guest: impl Into<String>) -> Self {
        self.open(host.into(), guest.into(), Access::ReadWrite)
    }

    fn open(mut self, host: PathBuf, guest: String, access: Access) -> Self {
        self.directories.push(Directory { host, guest, access });
        self
    }

    /// Sets one environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.args.push(argument.into());
        self
    }

    /// Gives these bytes as standard input, in place of the kwargs.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Makes the run repeatable: a virtual clock from the year 2000 and random bytes from `seed`. The same
    /// program, kwargs and seed then give the same bytes and use the same fuel.
    #[must_use]
    pub fn deterministic(mut self, seed: u64) -> Self {
        self.clock = Clock::Virtual { start_unix_seconds: DETERMINISTIC_START_UNIX_SECONDS };
        self.random = Random::Seeded(seed);
        self
    }

    /// Refuses grants that no run could be given.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.fault() {
            Some(GrantFault { field, expected, found }) => {
                Err(Error::Grant(format!("`{field}`: expected {expected}, found {found}")))
            }
            None => Ok(()),
        }
    }

    /// What of them no run could be given.
    pub(crate) fn fault(&self) -> Option<GrantFault> {
        let mut guests: Vec<&str> = Vec::with_capacity(self.directories.len());
        for Directory { guest, .. } in &self.directories {
            if guest.is_empty() || guests.contains(&guest.as_str()) {
                let expected = "guest paths that are not empty, each once";
                return Some(GrantFault {
                    field: "dir",
                    expected,
                    found: format!("{guest:?}, which is empty or given twice"),
                });
            }
            guests.push(guest);
        }
        if let Some(argument) = self.args.iter().find(|argument| argument.contains('\0')) {
            let expected = "arguments without a NUL";
            return Some(GrantFault { field: "args", expected, found: format!("{argument:?}") });
        }
        let is_bad =
            |(name, value): &(&String, &String)| name.is_empty() || name.contains(['=', '\0']) || value.contains('\0');
        self.env.iter().find(is_bad).map(|(name, _)| {
            // A value may be a secret.
            let expected = "variables without a NUL, whose names are not empty and without `=`";
            GrantFault { field: "env", expected, found: format!("one of the name {name:?}") }
        })
    }
}

/// A grant that no run could be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GrantFault {
    /// What requests and options call it.
    pub(crate) field: &'static str,
    pub(crate) expected: &'static str,
    pub(crate) found: String,
}

/// What jobs may ask for. Everything by default, for whoever embeds a runner writes the jobs; narrow it where
/// jobs come from others.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allowance {
    /// The directories, with all below them, that may be granted; `None` allows any.
    pub directories: Option<Vec<PathBuf>>,
    /// Whether a directory may be granted for change.
    pub write: bool,
    /// Whether environment variables may be set.
    pub env: bool,
}

impl Default for Allowance {
    fn default() -> Self {
        Allowance { directories: None, write: true, env: true }
    }
}

impl Allowance {
    /// Only what lies in the run itself: no directory and no environment.
    #[must_use]
    pub fn nothing() -> Self {
        Allowance { directories: Some(Vec::new()), write: false, env: false }
    }

    /// Why `grants` exceed this, if they do.
    pub(crate) fn refusal(&self, grants: &Grants) -> Option<String> {
        if !self.env && !grants.env.is_empty() {
            return Some("this runner grants no environment variables".to_owned());
        }
        grants.directories.iter().find_map(|directory| self.directory_refusal(directory))
    }

    fn directory_refusal(&self, directory: &Directory) -> Option<String> {
        let host = directory.host.display();
        if !self.write && directory.access == Access::ReadWrite {
            return Some(format!("this runner grants no directory for change, and {host} was asked for so"));
        }
        if self.directories.is_some() {
            return self.open(directory).err();
        }
        match directory.host.metadata() {
            Err(error) => Some(format!("directory {host}: {error}")),
            Ok(metadata) if !metadata.is_dir() => Some(format!("expected a directory at {host}, found something else")),
            Ok(_) => None,
        }
    }
}

/// A directory as a run is given it.
#[derive(Debug)]
pub(crate) struct Opened {
    /// A path that leads to what was opened and to nothing else.
    pub(crate) path: PathBuf,
    /// Keeps the path alive.
    _directory: Option<File>,
}

impl Allowance {
    /// Opens a granted directory, and judges what was opened: whatever its name led to when the job was accepted, it
    /// may lead elsewhere now.
    pub(crate) fn open(&self, directory: &Directory) -> Result<Opened, String> {
        let Some(roots) = &self.directories else {
            return Ok(Opened { path: directory.host.clone(), _directory: None });
        };
        // Whoever may not have it does not learn either whether it is there.
        let host = directory.host.display();
        let refused = || format!("expected a directory under one of those that this runner grants, found {host}");
        // Whatever else it is may take for ever to open.
        if !directory.host.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(refused());
        }
        let opened = File::open(&directory.host).map_err(|_| refused())?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", opened.as_raw_fd()));
        let real = path.read_link().map_err(|_| refused())?;
        let allowed = roots.iter().filter_map(|root| root.canonicalize().ok()).any(|root| real.starts_with(root));
        if !allowed {
            return Err(refused());
        }
        Ok(Opened { path, _directory: Some(opened) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_of_nothing_refuses_files_and_environment() {
        let nothing = Allowance::nothing();
        assert!(nothing.refusal(&Grants::none().directory(".", "/data")).is_some());
        assert!(nothing.refusal(&Grants::none().env("A", "1")).is_some());
        assert_eq!(nothing.refusal(&Grants::none().arg("x").stdin("y").deterministic(1)), None);
    }

    #[test]
    fn a_root_allows_what_lies_under_it_and_no_path_around_it() {
        let roots = Allowance { directories: Some(vec!["src".into()]), ..Allowance::default() };
        assert_eq!(roots.refusal(&Grants::none().directory("src/bin", "/data")), None);
        assert!(roots.refusal(&Grants::none().directory("src/..", "/data")).is_some());
        assert!(roots.refusal(&Grants::none().directory("src/absent", "/data")).is_some());
    }

    #[test]
    fn a_refusal_does_not_tell_what_is_there() {
        let roots = Allowance { directories: Some(vec!["src".into()]), ..Allowance::default() };
        let refusal = |host: &str| {
            let why = roots.refusal(&Grants::none().directory(host, "/data")).expect("a refusal");
            why.replace(host, "")
        };
        assert_eq!(refusal("/absent"), refusal("/etc"));
        assert_eq!(refusal("/etc/passwd"), refusal("/etc"));
    }

    #[test]
    fn a_guest_path_is_given_once() {
        let twice = Grants::none().directory("a", "/data").directory("b", "/data");
        assert!(twice.check().is_err());
    }
}
