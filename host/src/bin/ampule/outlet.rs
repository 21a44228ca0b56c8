//! Lines for a reader who may stop reading: a thread writes them, and who works never waits for it.
//!
//! What nobody reads is kept up to a ceiling. Lines past that are dropped and counted, and the count is told as soon as
//! there is room again.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use crate::exit::Fault;

/// The most text that waits for its reader: some hundred thousand lines.
const WAITING_BYTES: usize = 16 << 20;

/// The end that lines are put into.
#[derive(Clone)]
pub(crate) struct Outlet(Arc<Shared>);

/// The thread that writes.
pub(crate) struct Writer {
    outlet: Outlet,
    /// Resolves when all was written.
    done: oneshot::Receiver<()>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    /// The ceiling of what waits.
    most_bytes: usize,
}

#[derive(Default)]
struct Waiting {
    text: String,
    /// Lines that found no room since the text was taken last.
    dropped: u64,
    is_over: bool,
}

impl Outlet {
    /// Starts the thread. It writes to `out`, and tells `on_dropped` how many lines are missing behind what it wrote.
    pub(crate) fn start(
        out: impl Write + Send + 'static,
        on_dropped: impl Fn(u64) + Send + 'static,
    ) -> Result<(Self, Writer), Fault> {
        Outlet::with_ceiling(WAITING_BYTES, out, on_dropped)
    }

    fn with_ceiling(
        most_bytes: usize,
        out: impl Write + Send + 'static,
        on_dropped: impl Fn(u64) + Send + 'static,
    ) -> Result<(Self, Writer), Fault> {
        let shared = Shared { waiting: Mutex::default(), changed: Condvar::new(), most_bytes };
        let outlet = Outlet(Arc::new(shared));
        let (sender, done) = oneshot::channel();
        let of_thread = outlet.clone();
        let write = move || {
            of_thread.write_all(out, on_dropped);
            // Nobody may wait for it any more.
            let _ = sender.send(());
        };
        // Nobody joins it: a write that its reader does not take ends with the process alone.
        thread::Builder::new()
            .name("ampule-outlet".to_owned())
            .spawn(write)
            .map_err(|error| anyhow::Error::new(error).context("the thread that writes lines"))?;
        Ok((outlet.clone(), Writer { outlet, done }))
    }

    /// Puts in a line, without the newline that ends it. Never waits.
    pub(crate) fn put(&self, line: &str) {
        let mut waiting = self.0.lock();
        // Once one was dropped those after it are too, so that all that is missing is missing in one place.
        if waiting.dropped > 0 || waiting.text.len() + line.len() >= self.0.most_bytes {
            waiting.dropped += 1;
            return;
        }
        waiting.text.push_str(line);
        waiting.text.push('\n');
        self.0.changed.notify_one();
    }

    fn write_all(&self, mut out: impl Write, on_dropped: impl Fn(u64)) {
        while let Some((text, dropped)) = self.0.take() {
            // A reader who has gone away, or whose disk is full, is no reason to stop working.
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            if dropped > 0 {
                on_dropped(dropped);
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // What lies in there is whole at every line.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines, and takes all that there are; nothing when no more will come.
    fn take(&self) -> Option<(String, u64)> {
        let mut waiting = self.lock();
        while waiting.text.is_empty() && waiting.dropped == 0 {
            if waiting.is_over {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        Some((std::mem::take(&mut waiting.text), std::mem::take(&mut waiting.dropped)))
    }
}

impl Writer {
    /// Resolves when all that was put in is written. Nothing may be put in after it.
    pub(crate) async fn finish(self) {
        self.outlet.0.lock().is_over = true;
        self.outlet.0.changed.notify_one();
        // A thread that panicked writes no more either.
        let _ = self.done.await;
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A reader who takes the next bytes when the test says so.
    struct Slow {
        begun: Sender<()>,
        may_go_on: Receiver<()>,
        read: Arc<Mutex<String>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.begun.send(()).unwrap();
            self.may_go_on.recv().unwrap();
            self.read.lock().unwrap().push_str(str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn who_puts_in_lines_never_waits_and_those_without_room_are_counted_in_their_place() {
        let (begun, has_begun) = channel();
        let (go_on, may_go_on) = channel();
        let read = Arc::new(Mutex::new(String::new()));
        let slow = Slow { begun, may_go_on, read: Arc::clone(&read) };
        let told = Arc::clone(&read);
        let on_dropped = move |dropped| told.lock().unwrap().push_str(&format!("{dropped} missing\n"));
        let (outlet, writer) = Outlet::with_ceiling(4, slow, on_dropped).unwrap();
        outlet.put("a");
        has_begun.recv().unwrap();
        for line in ["b", "c", "long", "d"] {
            outlet.put(line);
        }
        go_on.send(()).unwrap();
        has_begun.recv().unwrap();
        outlet.put("e");
        go_on.send(()).unwrap();
        go_on.send(()).unwrap();
        writer.finish().await;
        assert_eq!(*read.lock().unwrap(), "a\nb\nc\n2 missing\ne\n");
    }
}
