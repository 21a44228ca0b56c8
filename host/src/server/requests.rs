//! What every request goes through: a ceiling, a name for the log, and an answer whatever happens.

mod caught;
mod ceiling;
mod id;

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, Method, StatusCode, header};
use tracing::Instrument as _;

use self::caught::caught;
pub(super) use self::ceiling::{Ceiling, InRequest};
use self::id::RequestId;
use super::connection::Lane;
use super::problem::{Code, Problem};
use super::{App, head, headers};

/// What those ask for who watch over the server: answered however much goes on.
const WATCHED: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Serves one request.
pub(super) async fn serve(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let begun = Begun::of(&app, &request);
    let span = tracing::debug_span!(
        "request",
        id = begun.id.as_str(),
        method = %begun.method,
        path = begun.route(),
        status = tracing::field::Empty,
        token = tracing::field::Empty,
    );
    let mut response = match admit(&app, &mut request, &begun) {
        Ok(_in_request) => caught(next.run(request)).instrument(span.clone()).await.unwrap_or_else(panicked),
        Err(problem) => problem.into_response(),
    };
    if begun.lane == Lane::Health {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    headers::complete(response.headers_mut());
    response.headers_mut().insert(id::HEADER, begun.id.header());
    span.record("status", response.status().as_u16());
    begun.end(response.status());
    response
}

/// Lets a request in. Its handler may step out of the ceiling; whatever it does, it is out when it has answered.
fn admit(app: &App, request: &mut Request, begun: &Begun) -> Result<Option<InRequest>, Problem> {
    head::check(request.version(), request.method(), begun.route(), request.headers())?;
    if WATCHED.contains(&begun.route()) {
        return Ok(None);
    }
    if begun.lane == Lane::Health {
        return Err(Problem::new(Code::Busy, "as many connections are open as there may be").retry_after(1));
    }
    let in_request = app.ceiling.enter(app.settings.max_requests)?;
    request.extensions_mut().insert(in_request.clone());
    Ok(Some(in_request))
}

fn panicked(message: String) -> Response {
    tracing::error!(panic = message, "a handler panicked");
    Problem::new(Code::Internal, "the server's log says more").into_response()
}

/// A request that has begun. Dropped without an end, it is one whose client went.
struct Begun {
    app: App,
    id: RequestId,
    method: Method,
    matched: Option<MatchedPath>,
    lane: Lane,
    at: Instant,
    is_over: bool,
}

impl Begun {
    fn of(app: &App, request: &Request) -> Self {
        app.metrics.request_began();
        Begun {
            app: app.clone(),
            id: RequestId::of(request.headers()),
            method: request.method().clone(),
            matched: request.extensions().get::<MatchedPath>().cloned(),
            lane: request.extensions().get::<Lane>().copied().unwrap_or(Lane::Whole),
            at: Instant::now(),
            is_over: false,
        }
    }

    /// The path with names in place of what varies.
    fn route(&self) -> &str {
        self.matched.as_ref().map_or("other", MatchedPath::as_str)
    }

    fn end(mut self, status: StatusCode) {
        self.is_over = true;
        let took = self.at.elapsed();
        self.app.metrics.request_ended(self.route(), &self.method, Some(status), took);
        let took_us = took.as_micros() as u64;
        if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
            let (id, path) = (self.id.as_str(), self.route());
            tracing::warn!(id, method = %self.method, path, status = status.as_u16(), took_us, "request failed");
        } else {
            tracing::debug!(id = self.id.as_str(), status = status.as_u16(), took_us, "request ended");
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if !self.is_over {
            self.app.metrics.request_ended(self.route(), &self.method, None, self.at.elapsed());
        }
    }
}
