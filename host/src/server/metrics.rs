//! What is counted, for Prometheus: in a registry of the server's own.
//!
//! No label is a tenant's or anybody else's: they are the server's own words, and a bounded number of queues and
//! programs.

mod bounded;
mod http;
mod jobs;
mod state;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::http::{Method, StatusCode};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use self::http::Http;
use self::jobs::Jobs;
use self::state::State;
use super::App;
use crate::worker::SettledJob;

/// What is counted. Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct Metrics(Arc<Counted>);

struct Counted {
    registry: Registry,
    http: Http,
    jobs: Jobs,
    state: State,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("ampule");
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "What is running", build);
        let (http, jobs, state) = (Http::new(&mut registry), Jobs::new(&mut registry), State::new(&mut registry));
        Metrics(Arc::new(Counted { registry, http, jobs, state }))
    }

    /// Counts an end that a worker of this process settled.
    pub fn settled(&self, settled: &SettledJob) {
        self.0.jobs.settled(settled);
    }

    pub(super) fn request_began(&self) {
        self.0.http.began();
    }

    /// No status if the client went before there was one.
    pub(super) fn request_ended(&self, route: &str, method: &Method, status: Option<StatusCode>, took: Duration) {
        self.0.http.ended(route, method, status, took);
    }

    pub(super) fn connections(&self, open: usize) {
        self.0.http.connections(open);
    }

    pub(super) fn sent_away(&self) {
        self.0.http.sent_away();
    }

    /// All of it, as OpenMetrics has it, with how things are at this moment.
    pub(super) async fn scrape(&self, app: &App) -> Result<String, fmt::Error> {
        self.0.state.look(app).await;
        let mut text = String::new();
        encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
