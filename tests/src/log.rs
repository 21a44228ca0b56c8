//! What the library logged at `warn` and above, in this process. Look for a run by its id: tests share the log.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tracing_subscriber::filter::LevelFilter;

static LOG: OnceLock<Mutex<Vec<u8>>> = OnceLock::new();

/// Listens from now on.
pub fn listen() {
    LOG.get_or_init(|| {
        let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::WARN).with_ansi(false);
        subscriber.with_writer(|| Writer).init();
        Mutex::default()
    });
}

/// The lines in which `word` stands.
#[must_use]
pub fn lines_with(word: &str) -> Vec<String> {
    String::from_utf8_lossy(&log()).lines().filter(|line| line.contains(word)).map(str::to_owned).collect()
}

struct Writer;

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        log().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn log() -> MutexGuard<'static, Vec<u8>> {
    LOG.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}
