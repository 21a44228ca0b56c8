//! The subcommands that speak to a durable queue: each against a file of its own, with real workers.

mod batch;
mod change;
mod enqueue;
mod list;
mod schedules;
mod serve;
mod tokens;
mod wait;
mod work;

use regex::Regex;
use serde_json::Value;

use super::shell::{Ended, Shell, fixture};

impl Shell {
    /// Enqueues a fixture and gives its id.
    fn enqueue(&self, program: &str, arguments: &[&str]) -> String {
        let ended = self.call([&["enqueue", &fixture(program)], arguments].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout.trim_end().to_owned()
    }

    /// Calls the command for a document.
    fn document(&self, arguments: &[&str]) -> Value {
        let ended = self.call([arguments, &["--json"]].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.document()
    }

    /// Runs what is queued, and gives how the worker ended.
    fn work(&self, arguments: &[&str]) -> Ended {
        self.call([&["work", "--until-empty"], arguments].concat())
    }

    /// The states of all jobs, oldest first, by their names.
    fn states(&self) -> Vec<(String, String)> {
        let list = self.document(&["list"]);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let jobs = list["jobs"].as_array().unwrap().iter().rev();
        jobs.map(|job| (text(&job["name"]), text(&job["state"]))).collect()
    }

    fn state_of(&self, id: &str) -> String {
        self.document(&["show", id])["state"].as_str().unwrap().to_owned()
    }
}

/// The text without what differs from run to run: ids, digests, moments, times.
pub(super) fn redacted(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, replacement) in [
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>"),
        (r"sha256:[0-9a-f]{64}", "<digest>"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<moment>"),
        (r"<?\d+(\.\d+)?(ms|µs|ns|s|m|h|d)( \d+(s|m|h))?\b( ago)?", "<time>"),
        (r"[\w.-]+:\d+(  .+?  )0\.1\.0", "<host>$1<version>"),
        (r"\d+ fuel", "<fuel>"),
        // Columns are as wide as what stood in them.
        (r"(\S) {2,}", "$1  "),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, replacement).into_owned();
    }
    text
}
