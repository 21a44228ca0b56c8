//! The other queues: programs of their own that say when they are ready, wait for a line, and tell in one line of JSON
//! what they did. See `host/benches/peers`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::cluster::{self, Cluster};
use crate::report::Sample;
use crate::step::{Mode, Step};

/// What a peer may take to start, to store a backlog, and to say what it did.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// graphile-worker as its page on performance has it.
    GraphileFast,
    /// graphile-worker, only told to run eight jobs at once.
    GraphileDefault,
    Apalis,
}

/// Where they are, or why they are not.
pub(crate) struct Peers {
    graphile: Result<PathBuf, String>,
    apalis: Result<PathBuf, String>,
}

impl Peers {
    /// Looks where `make bench-queue` puts them.
    pub(crate) fn find() -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a directory of the target directory");
        let (graphile, apalis) = (target.join("bench/graphile"), target.join("release/ampule-bench-apalis"));
        let has_node = std::process::Command::new("node").arg("--version").stdout(Stdio::null()).status().is_ok();
        let is_installed = graphile.join("node_modules/graphile-worker").is_dir();
        Peers {
            graphile: match (has_node, is_installed) {
                (true, true) => Ok(graphile.join("graphile.mjs")),
                (false, _) => Err("expected node, found none".to_owned()),
                (true, false) => Err("not installed: `make bench-queue` does".to_owned()),
            },
            apalis: if apalis.is_file() { Ok(apalis) } else { Err("not built: `make bench-queue` does".to_owned()) },
        }
    }

    /// Those that are not here, each with why.
    pub(crate) fn missing(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [("graphile-worker", &self.graphile), ("apalis", &self.apalis)];
        all.into_iter().filter_map(|(name, found)| Some((name, found.as_ref().err()?.as_str())))
    }

    pub(crate) fn has(&self, peer: Peer) -> bool {
        match peer {
            Peer::GraphileFast | Peer::GraphileDefault => self.graphile.is_ok(),
            Peer::Apalis => self.apalis.is_ok(),
        }
    }

    /// One step on the empty database of this URL.
    pub(crate) async fn run(&self, peer: Peer, mode: Mode, step: Step<'_>) -> Result<Sample, String> {
        let mut running = self.start(peer, mode.name(), &step).await?;
        let cluster = step.cluster;
        let syncs = cluster::syncs(cluster).await;
        let cpu = cluster.map(Cluster::cpu);
        let answer = running.go(step.limit).await?;
        let server_cpu = cluster.zip(cpu).map(|(cluster, before)| cluster.cpu() - before);
        running.end().await;
        let syncs = cluster::syncs_since(cluster, syncs).await;
        let number = |name: &str| answer[name].as_f64().ok_or_else(|| format!("expected `{name}` in {answer}"));
        Ok(Sample {
            asked: step.count,
            done: number("done")? as u64,
            seconds: number("seconds")?,
            client_cpu: Duration::from_secs_f64(number("cpu_seconds")?),
            server_cpu,
            syncs,
        })
    }

    /// From the commit of one job to its handler, in milliseconds, when nothing else goes on.
    pub(crate) async fn latency(&self, peer: Peer, step: Step<'_>) -> Result<Vec<f64>, String> {
        let mut running = self.start(peer, "latency", &step).await?;
        let answer = running.go(step.limit).await?;
        running.end().await;
        let waits = answer["milliseconds"].as_array().ok_or("expected `milliseconds`")?;
        Ok(waits.iter().filter_map(Value::as_f64).collect())
    }

    async fn start(&self, peer: Peer, mode: &str, step: &Step<'_>) -> Result<Running, String> {
        let status = timeout(PATIENCE, self.command(peer, step, "setup")?.status()).await;
        match status {
            Ok(Ok(status)) if status.success() => {}
            other => return Err(format!("its setup: {other:?}")),
        }
        let mut command = self.command(peer, step, mode)?;
        let mut child = command.stdin(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
        let stdout = child.stdout.take().ok_or("no output")?;
        let mut running = Running { child, lines: BufReader::new(stdout).lines() };
        running.line(PATIENCE).await?;
        Ok(running)
    }

    fn command(&self, peer: Peer, step: &Step<'_>, mode: &str) -> Result<Command, String> {
        let mut command = match peer {
            Peer::GraphileFast | Peer::GraphileDefault => {
                let script = self.graphile.as_ref()?;
                let mut node = Command::new("node");
                node.arg(script);
                node
            }
            Peer::Apalis => Command::new(self.apalis.as_ref()?),
        };
        command.args([step.url, mode, &step.count.to_string()]);
        match peer {
            Peer::GraphileFast => command.arg("fast"),
            Peer::GraphileDefault => command.arg("default"),
            Peer::Apalis => &mut command,
        };
        command.arg(step.limit.as_secs_f64().to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        Ok(command)
    }
}

/// A peer at work. Killed when dropped.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    async fn go(&mut self, limit: Duration) -> Result<Value, String> {
        let stdin = self.child.stdin.as_mut().ok_or("no input")?;
        stdin.write_all(b"\n").await.map_err(|error| error.to_string())?;
        let line = self.line(2 * limit + PATIENCE).await?;
        serde_json::from_str(&line).map_err(|error| format!("expected JSON, found {line:?}: {error}"))
    }

    async fn line(&mut self, patience: Duration) -> Result<String, String> {
        match timeout(patience, self.lines.next_line()).await {
            Ok(Ok(Some(line))) => Ok(line),
            Ok(Ok(None)) => Err("it ended before it said what it did".to_owned()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("it said nothing for too long".to_owned()),
        }
    }

    async fn end(mut self) {
        // It may have ended, or is killed when dropped.
        let _ = timeout(Duration::from_secs(5), self.child.wait()).await;
    }
}
