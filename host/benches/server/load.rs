//! One kind of request, sent by wrk over and over again, and what came of it.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What wrk tells at its end, as JSON on a line of its own.
const DONE: &str = r#"
done = function(summary, latency)
  io.write(string.format('\n{"requests":%d,"us":%d,"errors":%d,"p50":%d,"p99":%d}\n', summary.requests, summary.duration,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"#;

pub(crate) struct Load {
    url: String,
    script: String,
}

/// What came of one turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
}

impl Load {
    pub(crate) fn get(url: String) -> Self {
        Load { url, script: DONE.to_owned() }
    }

    pub(crate) fn post(url: String, body: &str, token: &str) -> Self {
        let mut script = String::new();
        // Writing to a string cannot fail.
        let _ = write!(
            script,
            "wrk.method = 'POST'\nwrk.body = '{body}'\nwrk.headers['Content-Type'] = 'application/json'\n\
             wrk.headers['Authorization'] = 'Bearer {token}'\n{DONE}"
        );
        Load { url, script }
    }

    /// Sends it for so long. Every answer must be a success.
    pub(crate) fn run(&self, folder: &Path, seconds: u32, connections: u32) -> Answered {
        let script = folder.join("load.lua");
        std::fs::write(&script, &self.script).expect("a file");
        let wrk = Command::new("wrk")
            .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), "--latency", "-s"])
            .arg(&script)
            .arg(&self.url)
            .output()
            .expect("expected wrk to measure with, found none; on Debian: apt-get install wrk");
        let text = String::from_utf8_lossy(&wrk.stdout);
        let line = text.lines().rev().find(|line| line.starts_with('{'));
        let told: Value = line.and_then(|line| serde_json::from_str(line).ok()).unwrap_or_else(|| panic!("{text}"));
        let number = |name: &str| told[name].as_u64().unwrap_or_else(|| panic!("{text}"));
        assert_eq!(number("errors"), 0, "{}: {text}", self.url);
        Answered {
            requests: number("requests"),
            seconds: number("us") as f64 / 1e6,
            p50_us: number("p50"),
            p99_us: number("p99"),
        }
    }
}
