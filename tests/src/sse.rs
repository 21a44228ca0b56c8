//! Reads a stream of server-sent events, as a browser would: one event at a time, comments passed over.

use ampule::Value;
use reqwest::{RequestBuilder, Response};

use crate::soon;

/// An open stream.
#[derive(Debug)]
pub struct Sse {
    response: Response,
    text: String,
    /// How many comments came so far.
    pub comments: usize,
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// Its id.
    pub id: String,
    /// Its name.
    pub event: String,
    /// Its document.
    pub data: Value,
}

impl Sse {
    /// Opens a stream.
    ///
    /// # Panics
    /// If the answer is none.
    pub async fn open(request: RequestBuilder) -> Self {
        let response = soon("the stream opens", request.send()).await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Sse { response, text: String::new(), comments: 0 }
    }

    /// The next event, or none when the stream has ended.
    ///
    /// # Panics
    /// If what comes is no event.
    pub async fn next(&mut self) -> Option<Heard> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            if block.starts_with(':') {
                self.comments += 1;
                continue;
            }
            if field("retry: ").is_some() {
                continue;
            }
            let data = field("data: ").expect("a document");
            return Some(Heard {
                id: field("id: ").expect("an id"),
                event: field("event: ").expect("a name"),
                data: serde_json::from_str(&data).expect("JSON"),
            });
        }
    }

    /// Everything up to the end of the stream.
    pub async fn rest(&mut self) -> Vec<Heard> {
        let mut all = Vec::new();
        while let Some(heard) = self.next().await {
            all.push(heard);
        }
        all
    }

    /// Waits for a comment.
    ///
    /// # Panics
    /// If an event comes first, or the stream ends.
    pub async fn comment(&mut self) {
        loop {
            let block = self.block().await.expect("the stream goes on");
            if block.starts_with(':') {
                return;
            }
            assert!(block.starts_with("retry: "), "{block}");
        }
    }

    /// The lines up to the next empty one.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            // A server that goes away in the middle has ended the stream too.
            let chunk = soon("the stream goes on or ends", self.response.chunk()).await.ok().flatten()?;
            self.text.push_str(std::str::from_utf8(&chunk).expect("whole events are sent at once"));
        }
    }
}
