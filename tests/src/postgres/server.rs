//! One PostgreSQL server: made, started, stopped and removed through the tools that come with it.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Connections are cut, what was committed is written out.
    Fast,
    /// As if the machine had lost its power, but for what the operating system holds.
    Immediate,
}

impl Stop {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        }
    }
}

/// Where PostgreSQL's programs are, and as whom they run.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    folder: PathBuf,
    /// Another user than this one: PostgreSQL refuses to run as root.
    user: Option<(u32, u32)>,
}

impl Tools {
    /// # Panics
    /// If PostgreSQL is not installed: a test that needs it is never skipped in silence.
    pub(super) fn find() -> Self {
        let Some(folder) = folders().into_iter().find(|folder| folder.join("initdb").is_file()) else {
            panic!(
                "expected PostgreSQL (initdb, pg_ctl, psql), found none; install it, on Debian: apt-get install postgresql"
            )
        };
        let is_root = number("id", &["-u"]) == Some(0);
        let user = is_root.then(|| {
            number("id", &["-u", "postgres"]).zip(number("id", &["-g", "postgres"])).unwrap_or_else(|| {
                panic!("expected a user `postgres`, as whom PostgreSQL runs when the tests run as root, found none")
            })
        });
        Tools { folder, user }
    }

    fn run(&self, tool: &str, arguments: &[&str], at: &Path) -> Result<String, String> {
        let mut command = Command::new(self.folder.join(tool));
        command.args(arguments).current_dir(at).stdin(Stdio::null()).env("LC_ALL", "C");
        // Nothing that is meant for another server reaches this one.
        command.env_remove("PGOPTIONS").env_remove("PGHOST").env_remove("PGPORT").env_remove("PGDATA");
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        let output = command.output().map_err(|error| format!("{tool}: {error}"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        let log = fs::read_to_string(at.join("log")).unwrap_or_default();
        let tail: Vec<_> = log.lines().rev().take(5).collect();
        Err(format!("{tool}: {} {} {tail:?}", text(&output.stderr), text(&output.stdout)).replace('\n', " "))
    }

    /// Makes a folder that the server's user owns.
    fn make_folder(&self, path: &Path) -> Result<(), String> {
        fs::DirBuilder::new().mode(0o700).create(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let (user, group) = self.user.map_or((None, None), |(user, group)| (Some(user), Some(group)));
        chown(path, user, group).map_err(|error| error.to_string())
    }
}

/// A server with all that it has in one folder.
#[derive(Debug)]
pub(super) struct Server {
    tools: Tools,
    folder: PathBuf,
}

impl Server {
    /// Makes a cluster in a folder that is not there yet, and starts it.
    pub(super) fn make(tools: &Tools, folder: PathBuf, settings: &[&str]) -> Result<Self, String> {
        tools.make_folder(&folder)?;
        let server = Server { tools: tools.clone(), folder };
        let data = server.data();
        // Nothing of it has to survive the machine.
        let how = ["--no-sync", "-E", "UTF8", "--locale=C", "-A", "trust", "-U", "postgres", "-D"];
        server.run("initdb", &[&how[..], &[&data]].concat())?;
        let mut text = format!(
            "listen_addresses = ''\nunix_socket_directories = '{}'\nmax_connections = 300\nshared_buffers = '64MB'\n",
            server.folder.display()
        );
        for setting in settings {
            text += setting;
            text.push('\n');
        }
        let file = Path::new(&data).join("postgresql.auto.conf");
        fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        server.start()?;
        Ok(server)
    }

    pub(super) fn start(&self) -> Result<(), String> {
        let log = self.folder.join("log");
        self.run("pg_ctl", &["start", "-w", "-t", "60", "-D", &self.data(), "-l", &log.to_string_lossy()]).map(drop)
    }

    pub(super) fn stop(&self, how: Stop) -> Result<(), String> {
        self.run("pg_ctl", &["stop", "-w", "-t", "60", "-D", &self.data(), "-m", how.as_str()]).map(drop)
    }

    pub(super) fn execute(&self, sql: &str) -> Result<(), String> {
        let folder = self.folder.to_string_lossy();
        self.run("psql", &["-X", "-q", "-h", &folder, "-U", "postgres", "-d", "postgres", "-c", sql]).map(drop)
    }

    pub(super) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.folder.display())
    }

    /// What an earlier keeper that was killed left behind.
    pub(super) fn left_in(tools: &Tools, folder: PathBuf) -> Self {
        Server { tools: tools.clone(), folder }
    }

    /// Stops it if it runs, and removes its folder.
    pub(super) fn remove(self) {
        // It may have stopped already; a folder that stays is seen by whoever looks, and removed by the next keeper.
        let _ = self.stop(Stop::Immediate);
        let _ = fs::remove_dir_all(&self.folder);
    }

    fn data(&self) -> String {
        self.folder.join("data").to_string_lossy().into_owned()
    }

    fn run(&self, tool: &str, arguments: &[&str]) -> Result<String, String> {
        self.tools.run(tool, arguments, &self.folder)
    }
}

/// Makes the folder in which servers get theirs; whoever is the server's user can pass through it.
pub(super) fn make_passable(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o711))
}

/// Where PostgreSQL's programs may be: what `pg_config` and PATH say, then where Debian puts them, the newest first.
fn folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").stderr(Stdio::null()).output() {
        folders.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    let entries = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let mut versions: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    versions.sort_by_key(|path| std::cmp::Reverse(version(path)));
    folders.extend(versions.into_iter().map(|path| path.join("bin")));
    folders
}

fn number(tool: &str, arguments: &[&str]) -> Option<u32> {
    let output = Command::new(tool).args(arguments).stderr(Stdio::null()).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}
