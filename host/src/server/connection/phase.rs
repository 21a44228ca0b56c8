//! Where a connection is: within a request, or between two.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};

/// Where a connection is. It is written and read by the task that serves the connection, and by whoever drops an answer.
#[derive(Debug, Default)]
pub(super) struct Phase {
    begun: AtomicU32,
    is_in_request: AtomicBool,
}

/// For what a connection was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// For anything.
    Whole,
    /// For whoever watches over the server, when there are as many connections as there may be.
    Health,
}

/// One request, until it is dropped.
#[derive(Debug)]
pub(super) struct Held(Arc<Phase>);

/// A body that ends its request when it was handed over, or nobody wants it any more.
pub(super) struct UntilSent {
    body: Body,
    _held: Held,
}

impl Phase {
    pub(super) fn begin(this: &Arc<Self>) -> Held {
        this.begun.fetch_add(1, Ordering::AcqRel);
        this.is_in_request.store(true, Ordering::Release);
        Held(Arc::clone(this))
    }

    pub(super) fn is_in_request(&self) -> bool {
        self.is_in_request.load(Ordering::Acquire)
    }

    /// How many requests began on this connection.
    pub(super) fn begun(&self) -> u32 {
        self.begun.load(Ordering::Acquire)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.is_in_request.store(false, Ordering::Release);
    }
}

impl UntilSent {
    pub(super) fn new(body: Body, held: Held) -> Self {
        UntilSent { body, _held: held }
    }
}

impl HttpBody for UntilSent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
