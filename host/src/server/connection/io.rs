//! Bytes in and out of a connection: a client that sends no head, says nothing between requests for long, or does not
//! take what is sent to it is cut.
//!
//! How long a body may take is decided where it is read (`receive.rs`).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::super::settings::Settings;
use super::alarm::Alarm;
use super::phase::{Lane, Phase};

/// What must be taken within the time for one write to start another: so a client that takes a few bytes now and then is
/// one that takes nothing.
const PROGRESS_BYTES: usize = 16 << 10;

/// How long whoever came when the server was full has for its request.
const HEALTH_HEAD: Duration = Duration::from_secs(1);

/// How long a client that was answered before all of its request was read may take to hear of it: without sending a byte
/// more, and in all. Many send to the end before they look.
const LINGER: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    head: Duration,
    /// Between two requests.
    between: Duration,
    write: Duration,
}

/// A socket whose waits have an end.
pub(super) struct Io {
    stream: TcpStream,
    phase: Arc<Phase>,
    times: Times,
    silence: Alarm,
    waits_for: WaitsFor,
    taken: Alarm,
    taken_bytes: usize,
    /// Set once nothing more is sent: until when is read what comes.
    lingers_until: Option<Instant>,
}

/// What the alarm for reading was set for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WaitsFor {
    Nothing,
    /// The end of an answer, to look again then.
    Answer(u32),
    /// The rest of a head, after so many requests.
    Head(u32),
    /// The next request, after so many.
    Request(u32),
}

impl Times {
    pub(super) fn of(settings: &Settings, lane: Lane) -> Self {
        match lane {
            Lane::Whole => Times {
                head: settings.head_timeout,
                between: settings.keep_alive_timeout,
                write: settings.idle_timeout,
            },
            Lane::Health => Times { head: HEALTH_HEAD, between: HEALTH_HEAD, write: HEALTH_HEAD },
        }
    }
}

impl Io {
    pub(super) fn new(stream: TcpStream, phase: Arc<Phase>, times: Times) -> Self {
        let (silence, taken) = (Alarm::default(), Alarm::default());
        Io { stream, phase, times, silence, waits_for: WaitsFor::Nothing, taken, taken_bytes: 0, lingers_until: None }
    }

    /// Nothing came: not for too long, if it is the client's turn.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let begun = self.phase.begun();
        if self.phase.is_in_request() {
            // The end of an answer may come after the last look at the socket, and wakes nobody.
            self.wait_for(WaitsFor::Answer(begun));
            while self.silence.poll(context).is_ready() {
                self.silence.set(Instant::now() + self.times.between);
            }
            return Poll::Pending;
        }
        // The first request is one that the client came for; it has no reason to wait with it.
        if begun == 0 {
            self.wait_for(WaitsFor::Head(0));
        } else if self.waits_for != WaitsFor::Head(begun) {
            self.wait_for(WaitsFor::Request(begun));
        }
        ready!(self.silence.poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client sent no request in time")))
    }

    fn wait_for(&mut self, what: WaitsFor) {
        if self.waits_for == what {
            return;
        }
        self.waits_for = what;
        match what {
            WaitsFor::Nothing => self.silence.clear(),
            WaitsFor::Head(_) => self.silence.set(Instant::now() + self.times.head),
            WaitsFor::Answer(_) | WaitsFor::Request(_) => self.silence.set(Instant::now() + self.times.between),
        }
    }

    /// Something came: between requests it is the beginning of a head, or more of it, whose time goes on.
    fn came(&mut self) {
        if !self.phase.is_in_request() {
            self.wait_for(WaitsFor::Head(self.phase.begun()));
        }
    }

    /// The socket's answer to a write: not taken for too long is an error.
    fn progress(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                self.taken_bytes += bytes;
                if self.taken_bytes >= PROGRESS_BYTES {
                    self.all_taken();
                }
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(error) => Poll::Ready(error),
            Poll::Pending => {
                if !self.taken.is_set() {
                    self.taken.set(Instant::now() + self.times.write);
                    self.taken_bytes = 0;
                }
                ready!(self.taken.poll(context));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not take what is sent")))
            }
        }
    }

    fn all_taken(&mut self) {
        self.taken.clear();
        self.taken_bytes = 0;
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(read) => {
                if buffer.filled().len() > before {
                    self.came();
                }
                Poll::Ready(read)
            }
            Poll::Pending => self.poll_silence(context),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.progress(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.progress(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Asked for once everything was written: whatever was slow is taken now.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.all_taken();
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Says that no more comes, and for a moment reads what the client still has to say: a socket that is closed with
    /// bytes unread is reset, and the client may never see its answer.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (silent, in_all) = LINGER;
        let until = match self.lingers_until {
            Some(until) => until,
            None => {
                ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
                let now = Instant::now();
                self.silence.set(now + silent);
                *self.lingers_until.insert(now + in_all)
            }
        };
        let mut scrap = [0; 4 << 10];
        while self.silence.poll(context).is_pending() {
            let mut unread = ReadBuf::new(&mut scrap);
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut unread));
            if read.is_err() || unread.filled().is_empty() {
                break;
            }
            self.silence.set(until.min(Instant::now() + silent));
        }
        Poll::Ready(Ok(()))
    }
}
