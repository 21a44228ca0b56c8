//! Where a chaos test takes place: a queue of its own, a journal, and children that do not outlive the test.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ampule::queue::{self, AttemptEnd, Filter, Page, Queue, State};
use ampule_tests::history::{History, Rules, read};
use ampule_tests::journal::{Journal, Note, now_ms};
use ampule_tests::order::{Order, PROGRAM};
use ampule_tests::part::{Part, witnessed};
use ampule_tests::postgres::{Cluster, Database};
use tempfile::TempDir;

/// Far longer than anything here takes on a busy machine.
const GIVE_UP: Duration = Duration::from_secs(100);

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Where a queue lives.
pub(super) enum Home {
    /// A directory, and the file's name in it.
    Sqlite(TempDir, &'static str),
    Postgres(Database),
    /// A server that the test stops and starts.
    Cluster(Cluster),
}

impl Home {
    pub(super) fn sqlite() -> Self {
        Home::Sqlite(tempfile::tempdir().expect("a directory"), "queue.db")
    }

    pub(super) fn postgres() -> Self {
        Home::Postgres(Database::fresh())
    }

    pub(super) fn url(&self) -> String {
        match self {
            Home::Sqlite(..) => format!("sqlite:{}", self.file().display()),
            Home::Postgres(database) => database.url().to_owned(),
            Home::Cluster(cluster) => cluster.url().to_owned(),
        }
    }

    /// The file of a SQLite queue.
    pub(super) fn file(&self) -> PathBuf {
        let Home::Sqlite(directory, name) = self else { panic!("a server has no file") };
        directory.path().join(name)
    }
}

pub(super) struct Scene {
    pub(super) queue: Arc<dyn Queue>,
    pub(super) journal: Arc<Journal>,
    pub(super) seed: u64,
    /// Dropped last: children and queues are in them.
    directory: TempDir,
    pub(super) home: Home,
}

impl Scene {
    /// An empty queue with the program in it.
    pub(super) async fn set(home: Home) -> Self {
        let queue = Scene::open(&home).await;
        queue.put_program(&Order::program(), Some(PROGRAM), None).await.expect("the program is stored");
        let directory = tempfile::tempdir().expect("a directory");
        let journal = Arc::new(Journal::open(directory.path()).expect("a journal"));
        let seed = number("AMPULE_CHAOS_SEED").unwrap_or_else(now_ms);
        eprintln!("AMPULE_CHAOS_SEED={seed}");
        Scene { queue, journal, seed, directory, home }
    }

    /// A handle on the queue of a home, as another process would have one.
    pub(super) async fn open(home: &Home) -> Arc<dyn Queue> {
        queue::open(&home.url().parse().expect("a URL")).await.expect("the queue opens")
    }

    /// A part on this scene.
    pub(super) fn part(&self) -> Part {
        Part { seed: self.seed, ..Part::new(self.home.url(), self.directory.path()) }
    }

    /// The queue, with a note of all that passes.
    pub(super) fn witnessed(&self) -> Arc<dyn Queue> {
        witnessed(Arc::clone(&self.queue), &self.journal)
    }

    /// Waits until a condition holds of the journal.
    pub(super) async fn until_noted(&self, law: &str, is: impl Fn(&Note) -> bool, times: usize) {
        let many = || self.journal.read().iter().filter(|entry| is(&entry.note)).count() >= times;
        until(law, async || many()).await;
    }

    /// Waits until every job has ended.
    pub(super) async fn until_all_ended(&self) {
        let waiting = Filter { states: vec![State::Queued, State::Running], ..Filter::default() };
        let page = Page { after: None, limit: 10 };
        let begun = Instant::now();
        loop {
            let left = self.queue.list(&waiting, page).await;
            match &left {
                Ok(left) if left.is_empty() => return,
                // A database that has just come back.
                Ok(_) => {}
                Err(error) => assert!(error.is_temporary(), "jobs are listed: {error}"),
            }
            assert!(begun.elapsed() < GIVE_UP, "every job ends: these did not: {left:#?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What happened, to be checked.
    pub(super) async fn history(&self, rules: Rules) -> History {
        let found = read(&*self.queue).await;
        History { entries: self.journal.read(), found, rules }
    }

    /// Waits for the end of every job, and checks all that happened.
    pub(super) async fn expect_sound(&self, rules: Rules) -> History {
        self.until_all_ended().await;
        let history = self.history(rules).await;
        tell(&history);
        history.expect_sound();
        let findings = self.queue.check(None).await.expect("the queue is looked through");
        assert!(findings.iter().all(|finding| !finding.is_fault), "the queue is sound: {findings:?}");
        history
    }
}

/// What a history is worth, for whoever reads the output.
fn tell(history: &History) {
    let lines = history.entries.len();
    let stale = history.count(|note| matches!(note, Note::Settled { counts: false, .. }));
    eprintln!("{} jobs, {} attempts lost, {stale} ends refused, {lines} lines", history.found.len(), lost(history));
}

/// How many attempts were given up because nobody was heard of.
pub(super) fn lost(history: &History) -> usize {
    let attempts = history.found.iter().flat_map(|found| &found.attempts);
    attempts.filter(|(_, end)| *end == AttemptEnd::Lost).count()
}

/// Waits until a condition holds.
pub(super) async fn until(law: &str, holds: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < GIVE_UP, "{law}: it did not");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How often something is killed in one test.
pub(super) fn kills() -> u64 {
    number("AMPULE_CHAOS_KILLS").unwrap_or(10)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// A process that plays a part. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Played(Child);

impl Played {
    /// Starts workers.
    pub(super) fn work(part: &Part) -> Self {
        Played::start(&["work", &serde_json::to_string(part).expect("a part is JSON")])
    }

    /// Starts a program that embeds a queue: a producer and a worker.
    pub(super) fn embed(part: &Part) -> Self {
        Played::start(&["embed", &serde_json::to_string(part).expect("a part is JSON")])
    }

    fn start(arguments: &[&str]) -> Self {
        Played::of(Command::new(env!("CARGO_BIN_EXE_queue-child")).args(arguments))
    }

    /// Starts what ends when its standard input does.
    pub(super) fn of(command: &mut Command) -> Self {
        Played(command.stdin(Stdio::piped()).spawn().expect("the child starts"))
    }

    /// kill -9, at once.
    pub(super) fn kill(mut self) {
        self.expect_alive();
        self.0.kill().expect("it can be killed");
        let status = self.0.wait().expect("it is reaped");
        assert_eq!(status.signal(), Some(9), "it was killed, and did not end by itself: {status}");
    }

    /// Sends it a signal: `STOP`, `CONT`, `TERM`.
    pub(super) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.0.id().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "the child takes a signal");
    }

    /// Fails if it has ended by itself.
    pub(super) fn expect_alive(&mut self) {
        let ended = self.0.try_wait().expect("it can be asked");
        assert!(ended.is_none(), "a worker does not end by itself: {ended:?}");
    }

    /// Asks it to end, and waits until it has.
    pub(super) async fn end(self) {
        self.signal("TERM");
        let status = self.ended().await.expect("it can be waited for");
        assert!(status.success(), "it ends in good order: {status}");
    }

    /// Waits until it has ended.
    pub(super) async fn ended(mut self) -> io::Result<ExitStatus> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            assert!(begun.elapsed() < GIVE_UP, "the child ends: it did not");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        // It may have ended; then there is nothing to kill, and nothing to reap.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
