//! The directory in which all databases of a benchmark lie, and what removes it, however the benchmark ends.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Waits until this program is gone or lets go, then stops the server of PostgreSQL if there is one, and removes all.
const JANITOR: &str = r#"
trap '' INT TERM HUP
read -r _
pid=$(head -n 1 "$1/postgres/data/postmaster.pid" 2>/dev/null) || pid=
if [ -n "$pid" ]; then
    kill -QUIT "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
fi
rm -rf "$1" "$2"
"#;

/// A directory of this benchmark's own. Removed with this, or soon after the program was killed.
pub(crate) struct Scratch {
    directory: PathBuf,
    /// Short, since a socket's path may have some hundred bytes only.
    sockets: PathBuf,
    janitor: Child,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        let chosen = std::env::var_os("AMPULE_BENCH_DIRECTORY").map(PathBuf::from);
        let parent = chosen.unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into());
        let name = format!("ampule-bench-{}", std::process::id());
        let (directory, sockets) = (parent.join(&name), std::env::temp_dir().join(&name));
        for path in [&directory, &sockets] {
            std::fs::create_dir_all(path).expect("a directory that can be written to");
            // The server of PostgreSQL may be another user's; it makes its socket here.
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o1777)).expect("its own directory");
        }
        let janitor = Command::new("sh")
            .args(["-c", JANITOR, "sh"])
            .args([&directory, &sockets])
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell");
        Scratch { directory, sockets, janitor }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn sockets(&self) -> &Path {
        &self.sockets
    }

    /// The URL of a SQLite file that is not there yet.
    pub(crate) fn sqlite(&self, name: &str) -> String {
        for suffix in ["", "-wal", "-shm"] {
            // It may not be there.
            let _ = std::fs::remove_file(self.directory.join(format!("{name}.db{suffix}")));
        }
        format!("sqlite:{}", self.directory.join(format!("{name}.db")).display())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(self.janitor.stdin.take());
        // If it fails, its own message says why.
        let _ = self.janitor.wait();
    }
}
