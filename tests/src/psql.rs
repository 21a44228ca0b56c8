//! What a test says to PostgreSQL beside the queue, through `psql`: a statement that is answered, or a transaction that
//! stays open and holds its locks.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::soon;

/// What one statement answers.
///
/// # Panics
/// If it is refused, or `psql` is not installed.
pub fn ask(url: &str, statement: &str) -> String {
    let told = psql(url).args(["--command", statement]).output().expect("psql is installed beside PostgreSQL");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    String::from_utf8_lossy(&told.stdout).trim().to_owned()
}

/// Waits until at least so many statements wait for locks that others hold.
pub async fn until_waiting(url: &str, statements: usize) {
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    soon("statements wait for locks", async {
        while ask(url, waiting).parse::<usize>().expect("a number") < statements {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// A transaction that is open. When it is dropped, what it did is undone.
#[derive(Debug)]
pub struct Held {
    psql: Child,
}

impl Held {
    /// Runs a statement in a transaction of its own, and leaves that open.
    ///
    /// # Panics
    /// If the statement is refused, or `psql` is not installed.
    #[must_use]
    pub fn by(url: &str, statement: &str) -> Self {
        let mut psql = psql(url);
        let started = psql.args(["--set=ON_ERROR_STOP=1"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut held = Held { psql: started.expect("psql is installed beside PostgreSQL") };
        let (input, output) = (held.psql.stdin.as_mut(), held.psql.stdout.as_mut());
        writeln!(input.expect("piped"), "BEGIN; {statement};\n\\echo held").expect("psql listens");
        let lines = BufReader::new(output.expect("piped")).lines();
        let is_held = lines.map_while(Result::ok).any(|line| line == "held");
        assert!(is_held, "psql refused: {statement}");
        held
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // It ends when nobody has anything more to say.
        drop(self.psql.stdin.take());
        let _ = self.psql.wait();
    }
}

fn psql(url: &str) -> Command {
    let mut psql = Command::new("psql");
    psql.args([url, "--no-psqlrc", "-qAt"]);
    psql
}
