//! What a program may use of WASI, told from what it imports.

use std::collections::BTreeSet;

use super::{Form, Import, Inspection};

/// Something of WASI. Importing is not using, but what is not imported cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Directories that are granted.
    Directories,
    /// Environment variables that are granted.
    Env,
    /// Arguments after the program's own name.
    Args,
    /// The time.
    Clock,
    /// Random bytes.
    Random,
    /// Sleeping.
    Sleep,
    /// Sockets, which are always denied.
    Sockets,
}

impl Need {
    /// Every need.
    pub const ALL: [Need; 7] =
        [Need::Directories, Need::Env, Need::Args, Need::Clock, Need::Random, Need::Sleep, Need::Sockets];

    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Need::Directories => "directories",
            Need::Env => "env",
            Need::Args => "args",
            Need::Clock => "clock",
            Need::Random => "random",
            Need::Sleep => "sleep",
            Need::Sockets => "sockets",
        }
    }

    /// Functions of preview 1, interfaces of WASI 0.2.
    fn imports(self) -> &'static [&'static str] {
        match self {
            Need::Directories => &["path_open", "path_filestat_get", "fd_readdir", "wasi:filesystem/preopens"],
            Need::Env => &["environ_get", "wasi:cli/environment"],
            Need::Args => &["args_get", "wasi:cli/environment"],
            Need::Clock => &["clock_time_get", "wasi:clocks/wall-clock", "wasi:clocks/monotonic-clock"],
            Need::Random => &["random_get", "wasi:random/random"],
            Need::Sleep => &["poll_oneoff", "wasi:io/poll"],
            Need::Sockets => &["wasi:sockets/tcp-create-socket", "wasi:sockets/udp-create-socket"],
        }
    }
}

impl Inspection {
    /// What the program may use of WASI.
    #[must_use]
    pub fn needs(&self) -> Vec<Need> {
        let name = |import: &'_ Import| match self.form {
            Form::Module => import.name.clone(),
            Form::Component => import.module.split('@').next().unwrap_or_default().to_owned(),
        };
        let imported: BTreeSet<String> = self.imports.iter().map(name).collect();
        Need::ALL.into_iter().filter(|need| need.imports().iter().any(|import| imported.contains(*import))).collect()
    }
}
