//! A connection to a server as a hostile client has one: bytes go out as the test says, and not otherwise.

use ampule::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::soon;

/// A connection.
#[derive(Debug)]
pub struct Raw(pub TcpStream);

/// An answer, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawAnswer {
    /// The status.
    pub status: u16,
    /// All lines before the body, in lower case.
    pub head: String,
    /// What came after them.
    pub body: String,
}

impl Raw {
    /// Connects to `http://ADDRESS`.
    ///
    /// # Panics
    /// If nobody listens there.
    pub async fn connect(base: &str) -> Self {
        let address = base.trim_start_matches("http://");
        Raw(soon("a connection", TcpStream::connect(address)).await.expect("a connection"))
    }

    /// A connection on which this was said.
    pub async fn saying(base: &str, text: &str) -> Self {
        let mut raw = Raw::connect(base).await;
        raw.say(text).await;
        raw
    }

    /// Sends text.
    ///
    /// # Panics
    /// If the server has gone.
    pub async fn say(&mut self, text: &str) {
        soon("it is taken", self.0.write_all(text.as_bytes())).await.expect("it is taken");
    }

    /// Sends text, and says whether the server took it.
    pub async fn try_say(&mut self, text: &str) -> bool {
        soon("it is taken or refused", self.0.write_all(text.as_bytes())).await.is_ok()
    }

    /// Whether the server closes without another byte.
    pub async fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        matches!(soon("the server closes", self.0.read(&mut byte)).await, Ok(0) | Err(_))
    }

    /// All that comes until the server closes.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset is an end too.
        let _ = soon("the server closes", self.0.read_to_end(&mut bytes)).await;
        bytes
    }

    /// One answer, or none if the server closes before it begins.
    ///
    /// # Panics
    /// If the server closes in the middle of it.
    pub async fn answer_if_any(&mut self) -> Option<RawAnswer> {
        let mut byte = [0];
        let came = soon("it is answered or closed", self.0.peek(&mut byte)).await;
        if came.is_ok_and(|bytes| bytes > 0) { Some(self.answer().await) } else { None }
    }

    /// One answer, whose length is told.
    ///
    /// # Panics
    /// If the server closes before its end.
    pub async fn answer(&mut self) -> RawAnswer {
        let mut bytes = Vec::new();
        loop {
            if let Some(answer) = RawAnswer::of(&bytes) {
                return answer;
            }
            let came = soon("an answer", self.0.read_buf(&mut bytes)).await.expect("an answer");
            assert!(came > 0, "the server closed after {:?}", String::from_utf8_lossy(&bytes));
        }
    }
}

impl RawAnswer {
    /// An answer, once all of it is there.
    fn of(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let (head, body) = (head.to_lowercase(), body.to_owned());
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or("0", str::trim);
        let status = head.split(' ').nth(1)?.parse().ok()?;
        (body.len() >= length.parse().ok()?).then_some(RawAnswer { status, head, body })
    }

    /// The problem's code.
    ///
    /// # Panics
    /// If the body is no problem.
    #[must_use]
    pub fn code(&self) -> String {
        let problem: Value = serde_json::from_str(&self.body).expect("a problem");
        problem["code"].as_str().expect("a code").to_owned()
    }
}
