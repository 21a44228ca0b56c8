//! As much of HTTP as these tests speak: one request on each connection, sent as slowly as the test wants.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Far longer than any answer takes.
const GIVE_UP: Duration = Duration::from_secs(60);

/// A request that has begun.
pub(super) struct Exchange(TcpStream);

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

/// A request and its answer; nothing if there is none.
pub(super) fn ask(address: &str, token: &str, method: &str, path: &str, body: &[u8]) -> Option<Answer> {
    let kind = if body.starts_with(b"\0asm") { "application/wasm" } else { "application/json" };
    let mut exchange = Exchange::begin_of(kind, address, token, method, path, body.len())?;
    exchange.send(body)?;
    exchange.answer()
}

impl Exchange {
    /// Sends the head of a request with JSON; nothing if nobody is there to take it.
    pub(super) fn begin(address: &str, token: &str, method: &str, path: &str, length: usize) -> Option<Self> {
        Exchange::begin_of("application/json", address, token, method, path, length)
    }

    fn begin_of(kind: &str, address: &str, token: &str, method: &str, path: &str, length: usize) -> Option<Self> {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(GIVE_UP)).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Type: {kind}\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).ok()?;
        Some(Exchange(stream))
    }

    /// Sends some of the body.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Option<()> {
        self.0.write_all(bytes).ok()
    }

    /// The next bytes of the answer.
    pub(super) fn some(&mut self) -> String {
        let mut bytes = vec![0; 4_096];
        let read = self.0.read(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    }

    /// The answer, when the server has closed; nothing if there is none.
    pub(super) fn answer(mut self) -> Option<Answer> {
        let mut text = String::new();
        self.0.read_to_string(&mut text).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        Some(Answer { status: head.split(' ').nth(1)?.parse().ok()?, body: body.to_owned() })
    }

    /// All that comes until the server closes.
    pub(super) fn rest(mut self) -> String {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}
