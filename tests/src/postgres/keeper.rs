//! Keeps PostgreSQL for all tests: `postgres-keeper` listens on a socket, makes a cluster when it starts, and gives each
//! test that connects what it asks for, for as long as it stays connected.
//!
//! Requests are lines: `database`; `cluster SETTINGS` (parted by tabs), after which `stop fast`, `stop immediate` and
//! `start` are understood. Answers are `ok …` or `error …`.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::server::{Server, Stop, Tools, make_passable};

/// The name of the socket in the folder.
pub(super) const SOCKET: &str = "control";

/// How long it goes on without anybody: tests that run one after the other share it.
const IDLE: Duration = Duration::from_secs(10);

/// How often it looks whether anybody is left.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Where a keeper of this build and user has its files. Short, since a socket's path may have some hundred bytes only.
pub(super) fn folder() -> PathBuf {
    let user = fs::metadata("/proc/self").map_or(0, |process| process.uid());
    let build = super::keeper_program()
        .to_string_lossy()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    std::env::temp_dir().join(format!("ampule-postgres-{user}-{:08x}", build >> 32))
}

struct Keeper {
    tools: Tools,
    folder: PathBuf,
    shared: Server,
    next: AtomicU64,
}

/// Keeps PostgreSQL until nobody has needed it for a while. Ends at once if another does.
///
/// # Errors
/// If the folder or the socket cannot be made.
pub fn keep() -> io::Result<()> {
    let folder = folder();
    make_passable(&folder)?;
    // Held by this process until it ends, however it ends.
    let lock = folder.join("lock");
    let held = File::options().create(true).truncate(false).write(true).open(&lock)?;
    if held.try_lock().is_err() {
        return Ok(());
    }
    // One that ends removes the file: to lock what nobody finds any more would be to lock nothing.
    let found = fs::metadata(&lock).map(|found| found.ino());
    if !found.is_ok_and(|found| held.metadata().is_ok_and(|held| held.ino() == found)) {
        return Ok(());
    }
    let tools = Tools::find();
    remove_all(&tools, &folder)?;
    let listener = UnixListener::bind(folder.join(SOCKET))?;
    listener.set_nonblocking(true)?;
    // Fast, and as safe as a test needs: only the machine's own end would lose anything.
    let settings = ["fsync = off", "full_page_writes = off", "max_wal_size = '2GB'"];
    match Server::make(&tools, folder.join("shared"), &settings) {
        Ok(shared) => serve(
            &listener,
            Arc::new(Keeper { tools: tools.clone(), folder: folder.clone(), shared, next: AtomicU64::new(1) }),
        )?,
        Err(message) => refuse(&listener, &message)?,
    }
    fs::remove_file(folder.join(SOCKET))?;
    drop(listener);
    remove_all(&tools, &folder)?;
    fs::remove_file(&lock)?;
    fs::remove_dir(&folder)
}

/// Removes every server that is here and what else lies beside the lock.
fn remove_all(tools: &Tools, folder: &PathBuf) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            Server::left_in(tools, path).remove();
        } else if path.file_name().is_some_and(|name| name != "lock") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Takes tests in until there was none for a while.
fn serve(listener: &UnixListener, keeper: Arc<Keeper>) -> io::Result<()> {
    let mut needed = Instant::now();
    while needed.elapsed() < IDLE {
        // Each test has a thread, and each thread the keeper.
        if Arc::strong_count(&keeper) > 1 {
            needed = Instant::now();
        }
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                let keeper = Arc::clone(&keeper);
                thread::spawn(move || keeper.attend(stream));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(LOOK_EVERY),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Tells those who wait why there is no PostgreSQL.
fn refuse(listener: &UnixListener, message: &str) -> io::Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        match listener.accept() {
            Ok((mut stream, _)) => writeln!(stream, "error {message}")?,
            Err(_) => thread::sleep(LOOK_EVERY),
        }
    }
    Ok(())
}

impl Keeper {
    /// Serves one test until it hangs up, and takes back what it had.
    fn attend(&self, stream: UnixStream) {
        let (mut database, mut cluster) = (None, None);
        let mut requests = BufReader::new(&stream);
        let mut request = String::new();
        while matches!(requests.read_line(&mut request), Ok(1..)) {
            let answer = match self.answer(request.trim_end_matches('\n'), &mut database, &mut cluster) {
                Ok(found) => format!("ok {found}\n"),
                Err(message) => format!("error {message}\n"),
            };
            if (&stream).write_all(answer.as_bytes()).is_err() {
                break;
            }
            request.clear();
        }
        if let Some(name) = database {
            // What a test forgot to close does not keep its database.
            let _ = self.shared.execute(&format!("DROP DATABASE {name} WITH (FORCE)"));
        }
        if let Some(cluster) = cluster {
            Server::remove(cluster);
        }
    }

    fn answer(
        &self,
        request: &str,
        database: &mut Option<String>,
        cluster: &mut Option<Server>,
    ) -> Result<String, String> {
        let (verb, rest) = request.split_once(' ').unwrap_or((request, ""));
        match (verb, rest, &*cluster) {
            ("database", ..) if database.is_none() => {
                let name = format!("test_{}", self.number());
                self.shared.execute(&format!("CREATE DATABASE {name}"))?;
                *database = Some(name.clone());
                Ok(self.shared.url(&name))
            }
            ("cluster", settings, None) => {
                let folder = self.folder.join(format!("own_{}", self.number()));
                let settings: Vec<&str> = settings.split('\t').filter(|setting| !setting.is_empty()).collect();
                let server = cluster.insert(Server::make(&self.tools, folder, &settings)?);
                Ok(server.url("postgres"))
            }
            ("stop", "fast", Some(server)) => server.stop(Stop::Fast).map(|()| String::new()),
            ("stop", "immediate", Some(server)) => server.stop(Stop::Immediate).map(|()| String::new()),
            ("start", _, Some(server)) => server.start().map(|()| String::new()),
            _ => Err(format!("expected a request, found {request:?}")),
        }
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }
}
