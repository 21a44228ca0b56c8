//! What a person sees of a job while it runs: its log, and on a terminal its progress, in one line that is rewritten.

use std::io::{self, IsTerminal as _, Write as _};

use ampule::{Event, Events, Value};

use crate::printable::printable_json;
use crate::report;

/// The most of a progress report that is shown: it has to fit into one line of any terminal.
const PROGRESS_CHARS: usize = 60;

/// The stderr of a running job.
pub(crate) struct Live {
    on_terminal: bool,
    /// How many characters of progress stand in the last line.
    shown_chars: usize,
}

impl Live {
    pub(crate) fn new() -> Self {
        Live { on_terminal: io::stderr().is_terminal(), shown_chars: 0 }
    }

    /// Shows the events until the run has ended, and says if some came too fast to be seen.
    pub(crate) async fn follow(&mut self, mut events: Events) {
        while let Some(event) = events.next().await {
            match event {
                Event::Log(line) => {
                    self.clear();
                    report::log_line(&mut anstream::stderr().lock(), &line);
                }
                Event::Progress(value) => self.progress(&value),
                _ => {}
            }
            // A flood of events leaves no room for signals otherwise: as long as there is one, nothing here waits.
            tokio::task::yield_now().await;
        }
        self.clear();
        if events.dropped() > 0 {
            self.note(&format!("({} log lines and other events came too fast to be shown)", events.dropped()));
        }
    }

    /// Says something to whoever watches.
    pub(crate) fn note(&mut self, text: &str) {
        self.clear();
        report::note(&mut anstream::stderr().lock(), text);
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.on_terminal
    }

    fn progress(&mut self, value: &Value) {
        if !self.on_terminal {
            return;
        }
        let json = value.to_string();
        let text: String = "progress: ".chars().chain(printable_json(&json).chars().take(PROGRESS_CHARS)).collect();
        self.rewrite(&text);
        self.shown_chars = text.chars().count();
    }

    fn clear(&mut self) {
        if self.shown_chars > 0 {
            self.rewrite("");
            self.shown_chars = 0;
        }
    }

    /// Writes over what stands in the line, with blanks and not with escapes, which some terminals lack.
    fn rewrite(&self, text: &str) {
        let width = self.shown_chars;
        let end = if text.is_empty() { "\r" } else { "" };
        let mut stderr = io::stderr().lock();
        // Nobody can be told that stderr is gone.
        let _ = write!(stderr, "\r{text:<width$}{end}").and_then(|()| stderr.flush());
    }
}
