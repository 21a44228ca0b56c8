//! A queue and a runner behind a server: the verbs of a client, over its HTTP API.
//!
//! [`RemoteQueue`] is a [`Queue`](crate::queue::Queue), so whoever speaks to a queue speaks to a server with the same
//! words. What only a worker or an operator of the database does, it refuses.

mod change;
mod clock;
mod deep;
mod enqueue;
mod filter;
mod follow;
mod http;
mod options;
mod programs;
mod queue;
mod read;
mod refusal;
mod run;
mod tokens;

use std::sync::Arc;

use self::follow::Follower;
use self::http::Http;
pub use self::options::RemoteOptions;
pub use self::programs::Meaning;
use crate::queue::Error;

/// A server, as a queue.
#[derive(Debug)]
pub struct RemoteQueue {
    http: Arc<Http>,
    follower: Follower,
}

impl RemoteQueue {
    /// A client of this server. Nothing is sent yet. Inside a runtime: it listens in the background while somebody waits.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the certificates that are to be trusted cannot be read.
    pub fn new(options: &RemoteOptions) -> Result<Self, Error> {
        let http = Arc::new(Http::new(options)?);
        let follower = Follower::new(Arc::clone(&http));
        Ok(RemoteQueue { http, follower })
    }
}
