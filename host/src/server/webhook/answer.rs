//! Sends a request over a connection and reads as much of the answer as is kept: the status, and how the body begins.
//!
//! The connection lives as long as the call. Nothing is decompressed, followed or pooled.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};

use super::connect::Stream;
use super::fault::Fault;

/// The head of an answer, and how much of it is read at once.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// The headers of an answer. None of them is looked at.
const MAX_HEADERS: usize = 256;
/// How much of a body is read before the connection is closed, so that receivers that say a little more than is kept are
/// not cut off while they do.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// How much of a body is kept.
const KEPT_BYTES: usize = 1024;

/// What a receiver answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// How the body begins, as far as it came in time.
    pub(super) body: Vec<u8>,
}

/// Sends, and waits for the answer, at most until so long after the start.
///
/// # Errors
/// If the head of an answer did not come. What happens to the body after it changes nothing.
pub(super) async fn exchange(
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
    (start, timeout): (Instant, Duration),
) -> Result<Answer, Fault> {
    let deadline = start + timeout;
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
        .await
        .map_err(Fault::Answer)?;
    let mut connection = Some(pin!(connection));
    let sending = beside(&mut connection, sender.send_request(request));
    let response = timeout_at(deadline, sending).await.map_err(|_| Fault::NoAnswer(timeout))?;
    let (head, incoming) = response.map_err(Fault::Answer)?.into_parts();
    let mut body = Vec::new();
    let reading = beside(&mut connection, read(incoming, &mut body));
    // The status is the verdict, and it is here.
    let _ = timeout_at(deadline, reading).await;
    Ok(Answer { status: head.status, body })
}

/// Keeps how a body begins.
async fn read(mut incoming: Incoming, kept: &mut Vec<u8>) {
    let mut read_bytes = 0;
    while read_bytes < MAX_BODY_BYTES && !incoming.is_end_stream() {
        let Some(Ok(frame)) = incoming.frame().await else { return };
        let Ok(data) = frame.into_data() else { return };
        read_bytes += data.len();
        let room = KEPT_BYTES.saturating_sub(kept.len()).min(data.len());
        kept.extend_from_slice(&data[..room]);
    }
}

/// Waits for something while the connection works for it.
async fn beside<C: Future, T>(connection: &mut Option<Pin<&mut C>>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        if let Some(running) = connection
            && running.as_mut().poll(context).is_ready()
        {
            *connection = None;
        }
        work.as_mut().poll(context)
    })
    .await
}
