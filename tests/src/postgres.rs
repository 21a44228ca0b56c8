//! PostgreSQL for tests: an empty database of one's own in a cluster that all tests share, or a whole cluster that can be
//! stopped and started.
//!
//! Each test is a process of its own, so the shared cluster is kept by another process, the [keeper](self::keeper). It
//! ends what a test had as soon as the test is gone, however it went, and itself soon after the last of them.

pub mod keeper;
mod server;

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

pub use self::server::Stop;

/// The name of the keeper's program.
const KEEPER: &str = "postgres-keeper";

/// Longer than it takes to make a cluster on a machine that is busy.
const GIVE_UP: Duration = Duration::from_secs(120);

/// An empty database that is this test's alone, and is dropped with this.
#[derive(Debug)]
pub struct Database {
    url: String,
    _held: Held,
}

/// A cluster that is this test's alone, with `fsync` on, and is removed with this.
#[derive(Debug)]
pub struct Cluster {
    url: String,
    held: Mutex<Held>,
}

/// A connection to the keeper: what was asked for over it lives as long as it does.
#[derive(Debug)]
struct Held {
    answers: BufReader<UnixStream>,
}

impl Database {
    /// Makes one in the cluster that all tests share, whose `fsync` is off.
    ///
    /// # Panics
    /// If PostgreSQL is not installed, or does not start.
    #[must_use]
    pub fn fresh() -> Self {
        let (held, url) = Held::ask("database");
        Database { url, _held: held }
    }

    /// Where it is, as `postgres://…`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Cluster {
    /// Makes one and starts it, with these settings beside the usual: `["max_connections=20"]`.
    ///
    /// # Panics
    /// As [`Database::fresh`].
    #[must_use]
    pub fn own(settings: &[&str]) -> Self {
        let (held, url) = Held::ask(&format!("cluster {}", settings.join("\t")));
        Cluster { url, held: Mutex::new(held) }
    }

    /// Where its database is, as `postgres://…`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops it, and returns when it has stopped.
    pub fn stop(&self, how: Stop) {
        self.tell(&format!("stop {}", how.as_str()));
    }

    /// Starts it again, and returns when it takes connections.
    pub fn start(&self) {
        self.tell("start");
    }

    fn tell(&self, request: &str) {
        let mut held = self.held.lock().expect("whoever held it did not panic");
        match held.exchange(request) {
            Some(Ok(_)) => {}
            Some(Err(message)) => panic!("{request}: {message}"),
            None => panic!("{request}: the keeper of PostgreSQL is gone"),
        }
    }
}

impl Held {
    /// Connects to the keeper, starts it if there is none, and makes a request.
    fn ask(request: &str) -> (Self, String) {
        let _ = server::Tools::find();
        let begun = Instant::now();
        loop {
            // A keeper that is about to end hangs up; then it is another's turn.
            let stream = UnixStream::connect(keeper::folder().join(keeper::SOCKET)).ok();
            let mut held = stream.map(|stream| Held { answers: BufReader::new(stream) });
            match held.as_mut().and_then(|held| held.exchange(request)) {
                Some(Ok(url)) => return (held.expect("it answered"), url),
                Some(Err(message)) => panic!("PostgreSQL for the tests: {message}"),
                None if begun.elapsed() > GIVE_UP => panic!("the keeper of PostgreSQL did not answer"),
                None => start_keeper(),
            }
        }
    }

    /// A line there and a line back; nothing if the keeper hung up.
    fn exchange(&mut self, request: &str) -> Option<Result<String, String>> {
        writeln!(self.answers.get_mut(), "{request}").ok()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).ok()?;
        let answer = answer.strip_suffix('\n')?;
        let refused = || answer.strip_prefix("error ").map(|message| Err(message.to_owned()));
        answer.strip_prefix("ok ").map(|found| Ok(found.to_owned())).or_else(refused)
    }
}

/// Starts a keeper that outlives this process. If there is one already, the new one ends at once.
fn start_keeper() {
    let started = Command::new(keeper_program())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Whoever stops the tests stops their process groups.
        .process_group(0)
        .spawn();
    let mut keeper = started.unwrap_or_else(|error| panic!("the keeper of PostgreSQL does not start: {error}"));
    // Until it listens, or has found that another does.
    let begun = Instant::now();
    let socket = keeper::folder().join(keeper::SOCKET);
    while !matches!(keeper.try_wait(), Ok(Some(_))) && !socket.exists() && begun.elapsed() < GIVE_UP {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(20));
}

/// Cargo puts it above the folder in which the tests are.
fn keeper_program() -> PathBuf {
    let test = env::current_exe().expect("a test is a program");
    let found = test.ancestors().skip(1).take(2).map(|folder| folder.join(KEEPER)).find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("`{KEEPER}` is not built: cargo build -p ampule-tests --bin {KEEPER}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_test_has_a_database_of_its_own() {
        let (one, other) = (Database::fresh(), Database::fresh());
        assert_ne!(one.url(), other.url());
    }

    #[test]
    fn a_cluster_of_its_own_is_stopped_and_started() {
        let cluster = Cluster::own(&["max_connections = 20"]);
        let (_, folder) = cluster.url().split_once("?host=").expect("a socket's folder");
        let socket = std::path::Path::new(folder).join(".s.PGSQL.5432");
        assert!(UnixStream::connect(&socket).is_ok(), "it takes connections");
        for how in [Stop::Fast, Stop::Immediate] {
            cluster.stop(how);
            assert!(UnixStream::connect(&socket).is_err(), "it has stopped");
            cluster.start();
            assert!(UnixStream::connect(&socket).is_ok(), "it takes connections again");
        }
    }
}
