//! What a run sees of the outside: its streams, arguments, environment, directories, clocks and random bytes.
//!
//! Nothing is inherited from the host's process. What is not granted is an errno in the guest, or empty.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder, WasiView, async_trait};

use crate::capture::{Cut, SharedCapture};
use crate::deterministic::{SeededRandom, VirtualClock};
use crate::failure::{Failure, Kind};
use crate::given::Given;
use crate::grants::{Access, Allowance, Clock, Grants, Random};
use crate::limits::Limits;
use crate::outcome::GuestStop;

/// The name that a program finds as its own, before its arguments.
const PROGRAM_NAME: &str = "job";

/// The most that one write may carry; a longer one comes in parts.
const WRITE_BYTES: usize = 64 << 10;

/// The streams of a run, read when it is over.
pub(crate) struct Streams {
    pub(crate) stdout: SharedCapture,
    pub(crate) stderr: SharedCapture,
}

impl Streams {
    pub(crate) fn new(limits: &Limits) -> Self {
        Streams { stdout: SharedCapture::new(limits.log_bytes), stderr: SharedCapture::new(limits.log_bytes) }
    }
}

/// The clock of a run that has one of its own.
pub(crate) fn virtual_clock(grants: &Grants) -> Option<VirtualClock> {
    match grants.clock {
        Clock::Host => None,
        Clock::Virtual { start_unix_seconds } => Some(VirtualClock::starting_at(start_unix_seconds)),
    }
}

/// Builds what one run sees of WASI. The kwargs stand on stdin unless something else is granted there.
pub(crate) fn context(
    given: &Given,
    allowance: &Allowance,
    clock: Option<&VirtualClock>,
    streams: &Streams,
) -> Result<WasiP1Ctx, Failure> {
    let Given { grants, limits, .. } = given;
    let mut builder = WasiCtxBuilder::new();
    let stdin = Bytes::copy_from_slice(grants.stdin.as_deref().unwrap_or(given.kwargs.as_bytes()));
    builder
        .stdin(MemoryInputPipe::new(stdin))
        .stdout(Stream::new(&streams.stdout, "stdout", limits))
        .stderr(Stream::new(&streams.stderr, "stderr", limits))
        .arg(PROGRAM_NAME)
        .args(&grants.args)
        .max_random_size(limits.random_bytes)
        // A guest's file operation may not hold up the other guests of its thread.
        .allow_blocking_current_thread(false)
        // Denied by default, and said here so that a changed default changes nothing.
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false);
    for (name, value) in &grants.env {
        builder.env(name, value);
    }
    for directory in &grants.directories {
        let permissions = match directory.access {
            Access::ReadOnly => FsPerms::ReadOnly,
            Access::ReadWrite => FsPerms::ReadWrite,
        };
        let denied = |why: String| Failure::new(Kind::Denied, why);
        let opened = allowance.open(directory).map_err(denied)?;
        builder.preopened_dir(&opened.path, &directory.guest, permissions).map_err(|error| {
            denied(format!("directory {} cannot be granted: {}", directory.host.display(), error.root_cause()))
        })?;
    }
    if let Some(clock) = clock {
        builder.monotonic_clock(clock.clone()).wall_clock(clock.clone());
    }
    if let Random::Seeded(seed) = grants.random {
        builder
            .secure_random(SeededRandom::new(seed))
            .insecure_random(SeededRandom::new(seed))
            .insecure_random_seed(u128::from(seed));
    }
    let mut context = builder.build_p1();
    context.ctx().table.set_max_capacity(limits.descriptors);
    Ok(context)
}

/// One of a run's output streams, as the guest sees it.
#[derive(Clone)]
struct Stream {
    capture: SharedCapture,
    name: &'static str,
    log_bytes: usize,
    overflow_fails: bool,
}

impl Stream {
    fn new(capture: &SharedCapture, name: &'static str, limits: &Limits) -> Self {
        let overflow_fails = limits.log_overflow_fails;
        Stream { capture: capture.clone(), name, log_bytes: limits.log_bytes, overflow_fails }
    }
}

impl IsTerminal for Stream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if self.capture.write(&bytes) == Cut::Some && self.overflow_fails {
            let message = format!("wrote more than {} bytes to {}", self.log_bytes, self.name);
            return Err(StreamError::Trap(GuestStop::LogOverflow(message).into()));
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.capture.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
