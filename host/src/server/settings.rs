//! The server's own ceilings: what one client may cost. What a run may cost is the runner's (`limits.rs`).

use std::time::Duration;

use super::webhook::WebhookSettings;

/// How a server serves. Every bound is there so that nobody who reaches it can make it cost more than this.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// Connections at once. Default 4,096: each is some ten kilobytes. Past it new ones are told 503 and closed.
    pub max_connections: usize,
    /// Requests at once that are worked on; those that wait for a job or stream count apart. Default 1,024. Past it 503.
    pub max_requests: usize,
    /// Requests at once that wait for a job's end (`?wait`). Default 2,048. Past it 503.
    pub max_waits: usize,
    /// Streams of events at once, and of one token. Default 1,024 and 64. Past it 429.
    pub max_streams: usize,
    /// See `max_streams`.
    pub max_streams_per_token: usize,
    /// Programs that are taken in or shown at once: each may be in memory as a whole. Default 8. Past it 503.
    pub max_uploads: usize,
    /// After how long a stream that is silent gets a sign of life. Default 15 s: proxies close what is silent for longer.
    pub keep_alive_every: Duration,
    /// How often the token of an open stream is looked at again. Default 60 s.
    pub stream_check_every: Duration,
    /// How long the head of a request may take to come. Default 10 s.
    pub head_timeout: Duration,
    /// How long a client may be silent in the middle of a body, or not take what is sent. Default 10 s.
    pub idle_timeout: Duration,
    /// How long a connection may be silent between two requests. Default 75 s.
    pub keep_alive_timeout: Duration,
    /// How long a body may take in all. Default 60 s.
    pub body_timeout: Duration,
    /// How long a program's bytes may take in all. Default 10 min.
    pub upload_timeout: Duration,
    /// The body of a request that is no program. Default 4 MiB.
    pub request_bytes: usize,
    /// How long the queue may take to say whose a token is, and how much waits in it. Default 2 s. Past it a token that was
    /// not in use of late is told 503, and `/metrics` that the queue is away. `/readyz` waits half as long.
    pub queue_timeout: Duration,
    /// The longest wait of `?wait`. Default 60 s.
    pub max_wait: Duration,
    /// Jobs in one batch. Default 10,000, what a queue takes in one call.
    pub max_batch: usize,
    /// Requests a second of one token, on average, and at once. Default none.
    pub rate: Option<Rate>,
    /// Jobs that may wait in the queue before no more are taken in: 503. Default 1,000,000.
    pub max_queued: u64,
    /// Jobs of one tenant that may wait: 429. Default none.
    pub max_queued_per_tenant: Option<u64>,
    /// The largest limits that a job may ask for. Default: a timeout of one hour, a gibibyte of memory.
    pub ceilings: Ceilings,
    /// Whether `/metrics` is for anybody who reaches it. Default false: it takes a token without a tenant.
    pub public_metrics: bool,
    /// How webhooks are sent, and where to.
    pub webhooks: WebhookSettings,
    /// Whether `POST /v1/echo` answers with the JSON that it is sent, to measure what everything but a run costs. Default
    /// false.
    pub echo: bool,
}

/// How often something may happen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// On average.
    pub per_second: u32,
    /// At once, after a pause.
    pub burst: u32,
}

/// The most that a job may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceilings {
    /// Wall-clock time of a run.
    pub timeout: Duration,
    /// Linear memory of a run.
    pub memory_bytes: u64,
    /// Fuel of a run, if it is bounded.
    pub fuel: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            max_connections: 4_096,
            max_requests: 1_024,
            max_waits: 2_048,
            max_uploads: 8,
            max_streams: 1_024,
            max_streams_per_token: 64,
            keep_alive_every: Duration::from_secs(15),
            stream_check_every: Duration::from_secs(60),
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(10),
            keep_alive_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(60),
            upload_timeout: Duration::from_secs(10 * 60),
            request_bytes: 4 << 20,
            queue_timeout: Duration::from_secs(2),
            max_wait: Duration::from_secs(60),
            max_batch: 10_000,
            rate: None,
            max_queued: 1_000_000,
            max_queued_per_tenant: None,
            ceilings: Ceilings { timeout: Duration::from_secs(60 * 60), memory_bytes: 1 << 30, fuel: None },
            public_metrics: false,
            webhooks: WebhookSettings::default(),
            echo: false,
        }
    }
}
