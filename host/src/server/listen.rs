//! Accepts connections, no more than there may be, and ends them when the server goes.
//!
//! Past the ceiling a few are still let in, for whoever asks whether the server is well; all others are told 503 at once
//! and closed.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::connection::{self, Lane};
use super::{App, api};

/// Connections past the ceiling for questions of health.
const HEALTH_CONNECTIONS: usize = 64;

/// Connections that are closed in an orderly way past all ceilings; more are cut.
const LINGERING: usize = 256;

/// How long a client that is sent away may take to hear of it.
const LINGER: Duration = Duration::from_millis(500);

/// How long nothing is accepted when descriptors or memory are used up: first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// What is told to who comes when the server is full.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n\
Content-Length: 186\r\nRetry-After: 1\r\nConnection: close\r\n\r\n\
{\"type\":\"urn:ampule:problem:busy\",\"title\":\"as much is going on as is taken on\",\"status\":503,\"code\":\"busy\",\
\"detail\":\"as many connections are open as there may be\",\"retry_after_seconds\":1}";

/// A listener that is served.
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

/// Serves until it is told to stop.
pub(crate) fn start(app: App, listener: TcpListener) -> io::Result<Listening> {
    let address = listener.local_addr()?;
    let router = api::router(&app);
    Ok(Listening { address, task: tokio::spawn(serve(app, router, listener)) })
}

async fn serve(app: App, router: Router, listener: TcpListener) {
    let (mut served, mut sent_away) = (JoinSet::new(), JoinSet::new());
    let mut pause = PAUSE.0;
    loop {
        let accepted = tokio::select! {
            biased;
            () = app.closing.raised() => break,
            Some(_) = served.join_next() => {
                app.metrics.connections(served.len());
                continue;
            }
            Some(_) = sent_away.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause = PAUSE.0;
                match lane(served.len(), app.settings.max_connections) {
                    Some(lane) => {
                        served.spawn(connection::serve(app.clone(), router.clone(), stream, peer, lane));
                        app.metrics.connections(served.len());
                    }
                    None => {
                        app.metrics.sent_away();
                        send_away(&stream);
                        if sent_away.len() < LINGERING {
                            sent_away.spawn(linger(stream));
                        }
                    }
                }
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, pause_ms = pause.as_millis() as u64, "connections cannot be accepted");
                tokio::select! {
                    () = app.closing.raised() => break,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }
    drop(listener);
    while served.join_next().await.is_some() {}
}

/// For what one more connection is let in, if it is.
fn lane(served: usize, most: usize) -> Option<Lane> {
    if served < most {
        Some(Lane::Whole)
    } else if served < most.saturating_add(HEALTH_CONNECTIONS) {
        Some(Lane::Health)
    } else {
        None
    }
}

/// Writes as much as the socket takes at once, which is all of it.
fn send_away(stream: &TcpStream) {
    let _ = stream.try_write(FULL);
}

/// Reads what the client had to say until it closes: a socket that is closed with bytes unread is reset, and the client
/// may never see the answer.
async fn linger(mut stream: TcpStream) {
    let mut buffer = [0; 1_024];
    let _ = tokio::time::timeout(LINGER, async {
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut stream).await;
        while stream.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {}
    })
    .await;
}

/// Whether the next connection may well be accepted: this one was gone before it was.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

impl Listening {
    pub(crate) async fn shutdown(mut self, grace: Duration) {
        if tokio::time::timeout(grace, &mut self.task).await.is_err() {
            tracing::warn!("requests that did not end in time are cut");
            self.task.abort();
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::problem::{Code, Problem};

    #[test]
    fn what_is_told_when_full_is_a_problem_of_its_length() {
        let text = std::str::from_utf8(FULL).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{}", body.len());
        let problem: Problem = serde_json::from_str(body).expect("a problem");
        let expected = Problem::new(Code::Busy, "as many connections are open as there may be").retry_after(1);
        assert_eq!(problem, expected);
    }

    #[test]
    fn past_the_ceiling_only_questions_of_health_are_let_in_and_of_them_a_few() {
        assert_eq!(lane(9, 10), Some(Lane::Whole));
        assert_eq!(lane(10, 10), Some(Lane::Health));
        assert_eq!(lane(10 + HEALTH_CONNECTIONS, 10), None);
    }
}
