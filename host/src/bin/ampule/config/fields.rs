//! Every key of the configuration: its place in the struct, its kind, and what it is for.
//!
//! The order is that in which `ampule config` prints them; what stands before the last dot is the table.

use super::given::Given;
use super::kinds;
use super::service::Service;

/// One key.
pub(super) struct Field {
    pub(super) key: &'static str,
    /// What it is for, as the example file says it.
    #[cfg_attr(not(test), expect(dead_code, reason = "only the test of the example file compares it"))]
    pub(super) about: &'static str,
    pub(super) set: fn(&mut Service, &Given) -> Result<(), String>,
    /// Its value as TOML, without secrets.
    pub(super) show: fn(&Service) -> String,
}

macro_rules! field {
    ($key:literal, $kind:ident, $($path:ident).+, $about:literal) => {
        Field {
            key: $key,
            about: $about,
            set: |service, given| {
                service.$($path).+ = (kinds::$kind.read)(given)?;
                Ok(())
            },
            show: |service| (kinds::$kind.show)(&service.$($path).+),
        }
    };
}

/// Every key.
pub(super) const FIELDS: &[Field] = &[
    field!("queue", URL, queue, "The queue: sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE."),
    field!("cache", MAYBE_PATH, cache, "Where compiled programs are kept, or \"none\"."),
    field!("grace", TIME, grace, "Once asked to stop, how long what goes on may go on."),
    field!("log.format", FORMAT, log.format, "\"text\" or \"json\"."),
    field!("log.level", LEVEL, log.level, "off, error, warn, info, debug or trace."),
    field!("server.listen", ADDRESS, server.listen, "Where to listen; port 0 takes a free one."),
    field!(
        "server.threads",
        COUNT,
        server.threads,
        "Threads that speak HTTP. Default: one for each processor, at least two."
    ),
    field!("server.max_connections", COUNT, server.settings.max_connections, "Connections at once; past it 503."),
    field!(
        "server.max_requests",
        COUNT,
        server.settings.max_requests,
        "Requests at once that are worked on; past it 503."
    ),
    field!(
        "server.max_waits",
        COUNT,
        server.settings.max_waits,
        "Requests at once that wait for a job's end; past it 503."
    ),
    field!("server.max_uploads", COUNT, server.settings.max_uploads, "Programs that come in at once; past it 503."),
    field!("server.max_streams", COUNT, server.settings.max_streams, "Streams of events at once; past it 429."),
    field!("server.max_streams_per_token", COUNT, server.settings.max_streams_per_token, "And of one token."),
    field!(
        "server.head_timeout",
        TIME,
        server.settings.head_timeout,
        "How long the head of a request may take to come."
    ),
    field!(
        "server.idle_timeout",
        TIME,
        server.settings.idle_timeout,
        "How long a client may be silent in the middle of a body, or not take what is sent."
    ),
    field!(
        "server.keep_alive_timeout",
        TIME,
        server.settings.keep_alive_timeout,
        "How long a connection may be silent between two requests."
    ),
    field!("server.body_timeout", TIME, server.settings.body_timeout, "How long a body may take in all."),
    field!(
        "server.upload_timeout",
        TIME,
        server.settings.upload_timeout,
        "How long a program's bytes may take in all."
    ),
    field!(
        "server.keep_alive_every",
        TIME,
        server.settings.keep_alive_every,
        "After how long a stream that is silent gets a sign of life."
    ),
    field!(
        "server.stream_check_every",
        TIME,
        server.settings.stream_check_every,
        "How often the token of an open stream is looked at again."
    ),
    field!("server.request_bytes", SIZE, server.settings.request_bytes, "The body of a request that is no program."),
    field!(
        "server.queue_timeout",
        TIME,
        server.settings.queue_timeout,
        "How long the queue may take to say whose a token is; past it 503. `/readyz` waits half as long."
    ),
    field!("server.max_wait", TIME, server.settings.max_wait, "The longest wait of `?wait`."),
    field!("server.max_batch", COUNT, server.settings.max_batch, "Jobs in one batch."),
    field!(
        "server.rate",
        RATE,
        server.settings.rate,
        "Requests of one token: \"100/s\" or \"100/s, 500 at once\"; past it 429."
    ),
    field!("server.max_queued", COUNT_64, server.settings.max_queued, "Jobs that may wait in the queue; past it 503."),
    field!(
        "server.max_queued_per_tenant",
        MAYBE_COUNT_64,
        server.settings.max_queued_per_tenant,
        "Jobs of one tenant that may wait; past it 429."
    ),
    field!("server.max_timeout", TIME, server.settings.ceilings.timeout, "The longest timeout that a job may ask for."),
    field!(
        "server.max_memory",
        SIZE_64,
        server.settings.ceilings.memory_bytes,
        "The most memory that a job may ask for."
    ),
    field!("server.max_fuel", MAYBE_COUNT_64, server.settings.ceilings.fuel, "The most fuel that a job may ask for."),
    field!(
        "server.echo",
        BOOL,
        server.settings.echo,
        "Whether POST /v1/echo answers with what it is sent, to measure."
    ),
    field!("server.public_metrics", BOOL, server.settings.public_metrics, "Whether /metrics takes no token."),
    field!(
        "webhooks.allow_hosts",
        TEXTS,
        server.settings.webhooks.allow_hosts,
        "Hosts that may be reached whatever their addresses are."
    ),
    field!(
        "webhooks.allow_networks",
        NETWORKS,
        server.settings.webhooks.allow_networks,
        "Networks that may be reached though they are private, such as \"10.1.0.0/16\"."
    ),
    field!("webhooks.allow_http", BOOL, server.settings.webhooks.allow_http, "Whether http is allowed beside https."),
    field!(
        "webhooks.allow_ports",
        PORTS,
        server.settings.webhooks.allow_ports,
        "Ports beside 443, and 80 where http is allowed: \"8443\" or \"8000-8999\"."
    ),
    field!(
        "webhooks.ca_file",
        CERTIFICATES,
        server.settings.webhooks.ca_file,
        "Certificates that are trusted beside the platform's, as PEM, or \"none\"."
    ),
    field!("webhooks.timeout", TIME, server.settings.webhooks.timeout, "How long one try may take in all."),
    field!(
        "webhooks.connect_timeout",
        TIME,
        server.settings.webhooks.connect_timeout,
        "How long the host's name and the connection may take of it."
    ),
    field!(
        "webhooks.max_in_flight_per_host",
        COUNT,
        server.settings.webhooks.max_in_flight_per_host,
        "Tries at once to one host."
    ),
    field!(
        "webhooks.max_in_flight_per_tenant",
        COUNT,
        server.settings.webhooks.max_in_flight_per_tenant,
        "And of one tenant."
    ),
    field!(
        "webhooks.in_flight_wait",
        TIME,
        server.settings.webhooks.in_flight_wait,
        "How long a try waits for one of these before it is put off."
    ),
    field!(
        "webhooks.keep_rotated",
        TIME,
        server.settings.webhooks.keep_rotated,
        "How long a secret that was rotated still signs beside the new one."
    ),
    field!("webhooks.slots", COUNT, webhook_slots, "Tries at once in all."),
    field!("worker.enabled", BOOL, worker.enabled, "Whether a server runs jobs of the queue too."),
    field!(
        "worker.slots",
        COUNT,
        worker.slots,
        "How many jobs of the queue run at once. Default: four for each processor."
    ),
    field!("worker.only", TEXTS, worker.only, "The queues that are served; all if there is none."),
    field!(
        "worker.lease",
        TIME,
        worker.lease,
        "How long a job is kept from other workers without a word from this one."
    ),
    field!(
        "worker.keep_completed",
        MAYBE_TIME,
        worker.retention.completed,
        "How long jobs that returned are kept, or \"none\" for ever."
    ),
    field!("worker.keep_failed", MAYBE_TIME, worker.retention.failed, "And those that failed."),
    field!("worker.keep_cancelled", MAYBE_TIME, worker.retention.cancelled, "And those that were cancelled."),
    field!("runner.threads", COUNT, runner.threads, "Threads on which jobs compute. Default: one for each processor."),
    field!("runner.direct_slots", COUNT, runner.direct_slots, "Runs at once beside those of the queue, for /v1/run."),
    field!("runner.max_waiting", COUNT, runner.max_waiting, "Runs that may wait for a slot; past it 503."),
    field!("runner.memory_budget", SIZE_64, runner.memory_budget_bytes, "The memory of all runs together."),
    field!("runner.allow_dir", DIRECTORIES, runner.allow_dir, "Directories that jobs may open, with all below them."),
    field!("runner.allow_write", BOOL, runner.allow_write, "Whether jobs may change what is in them, if they ask to."),
    field!("runner.allow_env", BOOL, runner.allow_env, "Whether jobs may set environment variables of their own run."),
    field!("runner.timeout", TIME, runner.limits.timeout, "The timeout of jobs that set none."),
    field!("runner.memory", SIZE_64, runner.limits.memory_bytes, "The memory of jobs that set none."),
    field!("runner.fuel", MAYBE_COUNT_64, runner.limits.fuel, "The fuel of jobs that set none."),
    field!("runner.kwargs_bytes", SIZE, runner.limits.kwargs_bytes, "The kwargs of a job as JSON text."),
    field!("runner.source_bytes", SIZE, runner.limits.source_bytes, "The source text of a job that has one."),
    field!("runner.return_bytes", SIZE, runner.limits.return_bytes, "All that a job returns as JSON text."),
    field!(
        "runner.log_bytes",
        SIZE,
        runner.limits.log_bytes,
        "What is kept of stdout, of stderr and of the log, each."
    ),
    field!("runner.program_bytes", SIZE, runner.programs.wasm_bytes, "A program's file."),
];
