//! What a handler leaves of a body. The next request on a connection stands behind it, so it is read if it is little, and
//! otherwise the answer says that the connection ends: a client that is not told would send its next request into it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

/// The most that is read of a body that nobody wants, rather than to end a connection for it.
const MOST_BYTES: u64 = 64 << 10;

/// How long the answer waits for that: as a rule it came with the head.
const PATIENCE: Duration = Duration::from_millis(500);

/// What is left of the body of a connection's request, once its handler let go of it.
#[derive(Clone, Default)]
pub(super) struct Rest(Arc<Mutex<Option<Incoming>>>);

/// A body that comes back if it was not read to its end.
struct Lent {
    /// None once it was.
    body: Option<Incoming>,
    rest: Rest,
}

impl Rest {
    /// A body, to be read by a handler.
    pub(super) fn lend(&self, body: Incoming) -> Body {
        if body.is_end_stream() {
            return Body::empty();
        }
        Body::new(Lent { body: Some(body), rest: self.clone() })
    }

    /// Reads what is left if it is little. Gives whether another request can follow.
    ///
    /// A client that waits to be asked for its body (`is_asked_for`) and was not would be asked by that.
    pub(super) async fn is_read(&self, is_asked_for: bool) -> bool {
        let Some(mut body) = self.left().take() else { return true };
        if is_asked_for || body.size_hint().lower() > MOST_BYTES {
            return false;
        }
        let mut left = MOST_BYTES;
        let read = timeout(PATIENCE, async {
            while let Some(frame) = body.frame().await {
                let bytes = frame.ok().map(|frame| frame.data_ref().map_or(0, |data| data.len() as u64));
                match bytes.and_then(|bytes| left.checked_sub(bytes)) {
                    Some(still) => left = still,
                    None => return false,
                }
            }
            true
        });
        read.await.unwrap_or(false)
    }

    fn left(&self) -> MutexGuard<'_, Option<Incoming>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) {
            self.body = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            *self.rest.left() = Some(body);
        }
    }
}
