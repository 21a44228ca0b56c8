//! One connection: HTTP/1.1 over a socket, each of whose waits has an end.
//!
//! What is served is the router's; how long a client may take is decided here and in the parts of this file.

mod alarm;
mod io;
mod phase;
mod rest;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;

use self::io::{Io, Times};
pub(super) use self::phase::Lane;
use self::phase::{Held, Phase};
use self::rest::Rest;
use super::App;
use super::access::Peer;

/// Headers of one request: more than any client has a use for.
const MAX_HEADERS: usize = 100;

/// The head of one request. A token, a traceparent and a long query fit easily.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// How long a head that is on its way may still take once the server goes.
const LAST_HEAD: Duration = Duration::from_secs(1);

/// Serves until the client goes, is too slow, or the server goes and no request is under way.
pub(super) async fn serve(app: App, router: Router, stream: TcpStream, peer: SocketAddr, lane: Lane) {
    // Answers are written whole, so there is nothing to wait for.
    let _ = stream.set_nodelay(true);
    let phase = Arc::new(Phase::default());
    let io = Io::new(stream, Arc::clone(&phase), Times::of(&app.settings, lane));
    let routes = TowerToHyperService::new(router);
    let rest = Rest::default();
    let service = service_fn(|request: Request<Incoming>| {
        let held = Phase::begin(&phase);
        let is_asked_for = request.headers().contains_key(header::EXPECT);
        let mut request = request.map(|body| rest.lend(body));
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(lane);
        let answered = routes.call(request);
        let rest = rest.clone();
        async move {
            let Ok(mut response) = answered.await;
            // Which the router says of the answer to a `HEAD`: RFC 9110 §8.6 has none here.
            if response.status() == StatusCode::NO_CONTENT {
                response.headers_mut().remove(header::CONTENT_LENGTH);
            }
            if !rest.is_read(is_asked_for).await {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(held_until_sent(response, held))
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).max_headers(MAX_HEADERS).max_header_size(MAX_HEAD_BYTES);
    // `Io` has a time for heads, and another for the silence between requests.
    builder.header_read_timeout(None);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(io), service));
    tokio::select! {
        _ = serving.as_mut() => return,
        () = app.closing.raised() => serving.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ = serving.as_mut() => return,
        () = tokio::time::sleep(LAST_HEAD) => {}
    }
    if phase.is_in_request() {
        let _ = serving.await;
    }
}

/// The request goes on until the last byte of its answer is handed over.
fn held_until_sent(response: Response<Body>, held: Held) -> Response<Body> {
    response.map(|body| Body::new(phase::UntilSent::new(body, held)))
}
