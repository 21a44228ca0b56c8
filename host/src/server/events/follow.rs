//! One stream of events: a body that looks at the queue when something happened there, and tells what is new.
//!
//! It looks only when the connection takes more, so a slow reader keeps at most one page.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use http_body::{Body, Frame};
use tokio::time::{Instant, sleep, sleep_until};

use super::super::App;
use super::super::access::Principal;
use super::cursor::Cursor;
use super::encode::encode;
use super::story::{self, Line, Next};
use super::streams::Seat;
use super::untold::Untold;
use crate::job::JobId;
use crate::queue::{Error, JobRecord, Signals};

/// How often it looks although nothing woke it: what happened on another machine is heard of late or never.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long it rests after looking for nothing, longer each time: every end of any job wakes every stream.
const FIRST_REST: Duration = Duration::from_millis(5);
const LONGEST_REST: Duration = Duration::from_millis(250);

/// What a client that lost its connection waits before it comes back, in milliseconds.
const RECONNECT: &str = "retry: 1000\n\n";

/// Says that the stream is alive, to whoever closes what is silent.
const KEEP_ALIVE: &[u8] = b":\n\n";

/// A job that is followed.
pub(crate) struct Follow {
    app: App,
    job: JobId,
    cursor: Option<Cursor>,
    /// Whose token is looked at again from time to time.
    principal: Arc<Principal>,
    signals: Signals,
    next: Next,
    rest: Duration,
    look_at_token: Instant,
    is_new: bool,
    _seat: Seat,
}

impl Follow {
    /// The signals were made before the job was looked at first.
    pub(super) fn new(
        app: App,
        principal: Arc<Principal>,
        job: JobId,
        cursor: Option<Cursor>,
        signals: Signals,
        seat: Seat,
    ) -> Self {
        let look_at_token = Instant::now() + app.settings.stream_check_every;
        let (next, rest) = (Next::Look, Duration::ZERO);
        Follow { app, job, cursor, principal, signals, next, rest, look_at_token, is_new: true, _seat: seat }
    }

    /// The body of the answer.
    pub(super) fn body(self) -> axum::body::Body {
        axum::body::Body::new(Chunks(Some(Box::pin(self.chunk()))))
    }

    /// The next bytes, or none when the stream is over.
    async fn chunk(mut self) -> (Self, Option<Bytes>) {
        if std::mem::take(&mut self.is_new) {
            return (self, Some(Bytes::from_static(RECONNECT.as_bytes())));
        }
        let keep_alive = Instant::now() + self.app.settings.keep_alive_every;
        loop {
            let over = self.next == Next::Over || self.app.closing.is_raised();
            if over || !self.is_still_allowed().await {
                return (self, None);
            }
            match self.look().await {
                Ok(lines) if !lines.is_empty() => {
                    self.rest = Duration::ZERO;
                    let bytes = encode(&lines);
                    return (self, Some(bytes));
                }
                Ok(_) => {}
                Err(error) if error.is_temporary() => {
                    tracing::debug!(job_id = %self.job, %error, "a stream waits for the queue");
                    self.next = Next::Wait;
                }
                Err(error) => {
                    tracing::error!(job_id = %self.job, %error, "a stream of events ended");
                    return (self, None);
                }
            }
            if self.next == Next::Wait && self.wait(keep_alive).await {
                return (self, Some(Bytes::from_static(KEEP_ALIVE)));
            }
        }
    }

    /// What is new, the cursor moved past it.
    async fn look(&mut self) -> Result<Vec<Line>, Error> {
        let (lines, next) = match self.app.queue.get(self.job).await? {
            Some(record) => self.tell(&record).await?,
            // It was there when the stream began, so it was deleted.
            None => match self.cursor {
                Some(cursor) if cursor.is_end() => (Vec::new(), Next::Over),
                cursor => (vec![story::deleted(cursor)], Next::Over),
            },
        };
        self.next = next;
        self.cursor = lines.last().map(|(cursor, _)| *cursor).or(self.cursor);
        Ok(lines)
    }

    async fn tell(&self, record: &JobRecord) -> Result<(Vec<Line>, Next), Error> {
        let page = self.app.queue.events(self.job, self.cursor.map_or(0, |cursor| cursor.number)).await?;
        let (lines, next) = story::tell(self.cursor, record, &page);
        match self.cursor {
            Some(cursor) if next == Next::Close && lines.is_empty() => {
                let untold = self.untold(cursor, record).await?;
                Ok(story::close(cursor, record, &untold))
            }
            _ => Ok((lines, next)),
        }
    }

    /// What the attempt of the cursor told and nobody stored.
    async fn untold(&self, cursor: Cursor, record: &JobRecord) -> Result<Vec<crate::events::Event>, Error> {
        let attempt = record.attempts.iter().find(|attempt| attempt.attempt == cursor.attempt);
        let Some(outcome) = attempt.and_then(|attempt| attempt.outcome.as_ref()) else { return Ok(Vec::new()) };
        let mut untold = Untold::of(outcome);
        let mut after = 0;
        while after < cursor.number {
            let page = self.app.queue.events(self.job, after).await?;
            let Some(last) = page.last() else { break };
            after = last.number;
            page.iter().filter(|stored| stored.attempt == cursor.attempt).for_each(|stored| untold.stored(stored));
        }
        Ok(untold.events())
    }

    /// Waits until something may have happened. Answers whether it is time for a sign of life.
    async fn wait(&mut self, keep_alive: Instant) -> bool {
        let rest = self.rest;
        self.rest = (rest * 2).clamp(FIRST_REST, LONGEST_REST);
        let woken = async {
            sleep(rest).await;
            tokio::select! {
                () = self.signals.ended() => {}
                () = sleep(LOOK_EVERY) => {}
            }
        };
        tokio::select! {
            biased;
            () = self.app.closing.raised() => false,
            () = sleep_until(keep_alive) => true,
            () = sleep_until(self.look_at_token) => false,
            () = woken => false,
        }
    }

    /// Looks at the token again from time to time.
    async fn is_still_allowed(&mut self) -> bool {
        if Instant::now() < self.look_at_token {
            return true;
        }
        self.look_at_token = Instant::now() + self.app.settings.stream_check_every;
        self.app.access.holds(&self.principal).await
    }
}

/// The bytes of a stream, each made when the one before was taken.
struct Chunks(Option<Making>);

/// A chunk in the making; what made it makes the next.
type Making = Pin<Box<dyn Future<Output = (Follow, Option<Bytes>)> + Send>>;

impl Body for Chunks {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(chunk) = self.0.as_mut() else { return Poll::Ready(None) };
        let (follow, bytes) = ready!(chunk.as_mut().poll(context));
        // Dropped with the last chunk, the stream makes room for another.
        self.0 = bytes.is_some().then(|| Box::pin(follow.chunk()) as _);
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
