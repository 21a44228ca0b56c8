//! Bodies as they come: counted while they are read, and cut off when they are too long or too slow.

use std::time::Duration;

use axum::body::Body;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use super::problem::{Code, Problem, Result};
use super::settings::Settings;

/// How long a body may be, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    bytes: usize,
    /// Without a byte.
    idle: Duration,
    /// In all.
    total: Duration,
}

impl Bounds {
    /// Of a request that is no program.
    pub(super) fn of_request(settings: &Settings) -> Self {
        Bounds { bytes: settings.request_bytes, idle: settings.idle_timeout, total: settings.body_timeout }
    }

    /// Of a program of at most so many bytes.
    pub(super) fn of_upload(bytes: usize, settings: &Settings) -> Self {
        Bounds { bytes, idle: settings.idle_timeout, total: settings.upload_timeout }
    }
}

/// Reads a body within its bounds. `look` sees what has come each time that more has, and may refuse it.
///
/// # Errors
/// `too_large`, as soon as it is known; `timeout`; `bad_request` for a body that ends in the middle; those of `look`.
pub(super) async fn receive(
    mut body: Body,
    bounds: Bounds,
    mut look: impl FnMut(&[u8]) -> Result<()>,
) -> Result<Vec<u8>> {
    let limit = bounds.bytes;
    let too_large = || Problem::new(Code::TooLarge, format!("expected a body of at most {limit} bytes"));
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if declared > limit {
        return Err(too_large());
    }
    let deadline = Instant::now() + bounds.total;
    let mut bytes = Vec::with_capacity(declared);
    loop {
        let end = deadline.min(Instant::now() + bounds.idle);
        let frame = match timeout_at(end, body.frame()).await {
            Ok(None) => return Ok(bytes),
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => return Err(Problem::new(Code::BadRequest, "the body did not come to its end")),
            Err(_) => return Err(Problem::new(Code::Timeout, "the body took too long to come")),
        };
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > limit - bytes.len() {
            return Err(too_large());
        }
        bytes.extend_from_slice(&data);
        look(&bytes)?;
    }
}
