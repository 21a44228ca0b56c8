//! Requests and connections.

use std::borrow::Cow;
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// From a tenth of a millisecond, what an echo costs, to a minute, the longest wait.
const SECONDS: [f64; 12] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0];

/// The client went before there was an answer.
const GONE: &str = "gone";

pub(super) struct Http {
    requests: Family<Request, Counter>,
    seconds: Family<Route, Histogram>,
    in_progress: Gauge,
    connections: Gauge,
    sent_away: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: String,
    method: &'static str,
    status: Cow<'static, str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
    method: &'static str,
}

impl Http {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let http = Http {
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            in_progress: Gauge::default(),
            connections: Gauge::default(),
            sent_away: Counter::default(),
        };
        registry.register("http_requests", "Requests that ended", http.requests.clone());
        let help = "From a request's head to its answer's";
        registry.register_with_unit("http_request", help, Unit::Seconds, http.seconds.clone());
        registry.register("http_requests_in_progress", "Requests without an answer yet", http.in_progress.clone());
        registry.register("http_connections", "Connections that are open", http.connections.clone());
        let help = "Connections that were told 503 since there were as many as there may be";
        registry.register("http_connections_refused", help, http.sent_away.clone());
        http
    }

    pub(super) fn began(&self) {
        self.in_progress.inc();
    }

    pub(super) fn ended(&self, route: &str, method: &Method, status: Option<StatusCode>, took: Duration) {
        self.in_progress.dec();
        let (route, method) = (route.to_owned(), known(method));
        let status = status.map_or(Cow::Borrowed(GONE), |status| Cow::Owned(status.as_str().to_owned()));
        self.seconds.get_or_create(&Route { route: route.clone(), method }).observe(took.as_secs_f64());
        self.requests.get_or_create(&Request { route, method, status }).inc();
    }

    pub(super) fn connections(&self, open: usize) {
        self.connections.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    pub(super) fn sent_away(&self) {
        self.sent_away.inc();
    }
}

/// A method by its name; clients may make up others.
fn known(method: &Method) -> &'static str {
    let all = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::HEAD, Method::OPTIONS, Method::PATCH];
    let names = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];
    all.iter().position(|known| known == method).map_or("other", |place| names[place])
}
