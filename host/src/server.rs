//! The job server: HTTP in front of a runner and a durable queue.
//!
//! It holds nothing that the queue does not: what it remembers are copies that it may lose. Whatever it can do is a verb
//! of the runner or of the queue, so any number of servers may stand before one queue, and any may be killed at any line.

mod access;
mod api;
mod asked;
mod backlog;
mod body;
mod connection;
mod docs;
mod document;
mod events;
mod head;
mod headers;
mod listen;
mod metrics;
mod names;
mod params;
mod problem;
mod programs;
mod receive;
mod requests;
mod settings;
mod sources;
mod trace;
mod uploads;
mod waits;
pub mod webhook;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use tokio::net::TcpListener;

use self::access::Access;
pub use self::access::{Expires, MadeTokenDocument, Role, Token, TokenDocument, Tokens};
use self::backlog::Backlog;
pub use self::document::openapi;
use self::events::Streams;
use self::listen::Listening;
pub use self::metrics::Metrics;
pub use self::problem::{Code, Problem};
use self::programs::Programs;
use self::requests::Ceiling;
pub use self::settings::{Ceilings, Rate, Settings};
use self::uploads::Uploads;
use self::waits::Waits;
use crate::live::Flag;
use crate::queue::Queue;
use crate::runner::Runner;

/// A server that listens. Dropping it closes every connection; [`Server::shutdown`] lets requests finish.
pub struct Server {
    app: App,
    listening: Listening,
}

/// What every request shares.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) runner: Runner,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) settings: Settings,
    pub(crate) access: Access,
    pub(crate) programs: Programs,
    pub(crate) uploads: Uploads,
    pub(crate) backlog: Backlog,
    pub(crate) waits: Waits,
    pub(crate) streams: Streams,
    pub(crate) metrics: Metrics,
    /// How many requests are worked on.
    pub(crate) ceiling: Ceiling,
    /// The OpenAPI document, as it is sent.
    pub(crate) document: Bytes,
    /// No new requests: what waits is answered, what streams ends.
    pub(crate) closing: Flag,
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Server {
    /// Serves on a listener that is bound already.
    ///
    /// # Errors
    /// What the operating system says of the listener.
    pub fn start(
        runner: Runner,
        queue: Arc<dyn Queue>,
        settings: Settings,
        listener: TcpListener,
    ) -> std::io::Result<Server> {
        let access = Access::new(Arc::clone(&queue), &settings);
        let uploads = Uploads::new(settings.max_uploads);
        let programs = Programs::new(Arc::clone(&queue), runner.clone());
        let app = App(Arc::new(Shared {
            runner,
            queue,
            settings,
            access,
            programs,
            uploads,
            backlog: Backlog::default(),
            waits: Waits::default(),
            streams: Streams::default(),
            metrics: Metrics::new(),
            ceiling: Ceiling::default(),
            document: Bytes::from(openapi().to_string()),
            closing: Flag::default(),
        }));
        let listening = listen::start(app.clone(), listener)?;
        Ok(Server { app, listening })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listening.address
    }

    /// What is counted here. A worker beside it tells it of ends, by
    /// [`WorkerBuilder::on_settled`](crate::WorkerBuilder::on_settled).
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.app.metrics.clone()
    }

    /// Takes no more connections, ends streams and waits, gives requests that go on up to `grace`, then closes all.
    pub async fn shutdown(self, grace: Duration) {
        self.app.closing.raise();
        self.listening.shutdown(grace).await;
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.listening.address).finish_non_exhaustive()
    }
}
