//! A server for tests: in this process, on a port of its own, before a queue in a folder of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ampule::queue::{Queue, SqliteOptions, SqliteQueue};
use ampule::server::{Role, Server, Settings, Tokens};
use ampule::{Allowance, Digest, Runner, RunnerBuilder, Value, Worker, assemble};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::LATER;

/// A server that listens on loopback, with a worker beside it unless it was told otherwise.
#[derive(Debug)]
pub struct Served {
    /// What it serves.
    pub queue: Arc<dyn Queue>,
    /// What it runs jobs on.
    pub runner: Runner,
    /// `http://127.0.0.1:PORT`.
    pub base: String,
    /// An admin's token, without a tenant.
    pub admin: String,
    /// Sends requests.
    pub client: Client,
    server: Option<Server>,
    worker: Option<Worker>,
    _folder: TempDir,
}

/// Settings of a server that waits for its queue for as long as that takes: on a machine that stalls, no answer tells of
/// that.
#[must_use]
pub fn patient(mut settings: Settings) -> Settings {
    settings.queue_timeout = LATER;
    settings
}

/// What a server answered.
#[derive(Debug)]
pub struct Answered {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body: JSON, or its text.
    pub body: Value,
}

impl Served {
    /// A server as it comes, with a worker.
    pub async fn start() -> Self {
        Served::with(Settings::default(), true).await
    }

    /// A server with these settings, but [`patient`], and a worker if one is wanted.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn with(settings: Settings, works: bool) -> Self {
        Served::on(Served::runner(), settings, works).await
    }

    /// How runners of tests begin: few threads, and nothing granted.
    pub fn runner() -> RunnerBuilder {
        Runner::builder().guest_threads(2).pool_size(8).max_waiting(64).allow(Allowance::nothing())
    }

    /// A server on such a runner.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn on(runner: RunnerBuilder, settings: Settings, works: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let queue = SqliteQueue::open(folder.path().join("queue.db"), SqliteOptions::default()).await;
        let queue: Arc<dyn Queue> = Arc::new(queue.expect("a queue"));
        let runner = runner.build().expect("a runner");
        let made = Tokens::new(Arc::clone(&queue)).make("tests", Role::Admin, None, None).await;
        let (_, admin) = made.expect("a token");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let settings = patient(settings);
        let server = Server::start(runner.clone(), Arc::clone(&queue), settings, listener).expect("a server");
        let worker = works.then(|| {
            let (builder, metrics) = (Worker::builder(runner.clone(), Arc::clone(&queue)).slots(8), server.metrics());
            let builder = builder.on_settled(move |settled| metrics.settled(settled));
            builder.poll_every(Duration::from_millis(100)).start().expect("a worker")
        });
        let base = format!("http://{}", server.address());
        // It was installed already where a test starts a second server.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().build().expect("a client");
        Served { queue, runner, base, admin, client, server: Some(server), worker, _folder: folder }
    }

    /// Another server before a queue, on the same runner and without a worker, and its `http://127.0.0.1:PORT`.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn another(&self, queue: Arc<dyn Queue>, settings: Settings) -> (Server, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let server = Server::start(self.runner.clone(), queue, settings, listener).expect("a server");
        let base = format!("http://{}", server.address());
        (server, base)
    }

    /// A token of this role and tenant.
    ///
    /// # Panics
    /// If the queue does not take it.
    pub async fn token(&self, role: Role, tenant: Option<&str>) -> String {
        let made = Tokens::new(Arc::clone(&self.queue)).make("tests", role, tenant.map(str::to_owned), None).await;
        made.expect("a token").1
    }

    /// Stores a program made of text under a name.
    ///
    /// # Panics
    /// If the queue does not take it.
    pub async fn store(&self, name: &str, text: &str) -> Digest {
        let wasm = assemble(text).expect("WebAssembly");
        self.queue.put_program(&wasm, Some(name), None).await.expect("a program that is stored")
    }

    /// Another server before the same queue, on the same runner, and where it listens.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn beside(&self) -> (Server, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let (runner, queue) = (self.runner.clone(), Arc::clone(&self.queue));
        let server = Server::start(runner, queue, patient(Settings::default()), listener).expect("a server");
        let base = format!("http://{}", server.address());
        (server, base)
    }

    /// What a request with this token gives.
    pub async fn ask_as(&self, token: &str, method: Method, path: &str, body: Option<&Value>) -> Answered {
        let request = self.request_as(token, method, path);
        Answered::of(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    /// What a GET of the admin gives as soon as it is as wanted.
    ///
    /// # Panics
    /// If it is not within twenty seconds.
    pub async fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let answered = self.get(path).await;
            if is_so(&answered.body) {
                return answered.body;
            }
            assert!(Instant::now() < deadline, "{path} is still {}", answered.body);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// A request with the admin's token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_as(&self.admin, method, path)
    }

    /// A request with this token.
    pub fn request_as(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).bearer_auth(token)
    }

    /// What a GET of the admin gives.
    pub async fn get(&self, path: &str) -> Answered {
        Answered::of(self.request(Method::GET, path)).await
    }

    /// What a POST of the admin gives.
    pub async fn post(&self, path: &str, body: &Value) -> Answered {
        Answered::of(self.request(Method::POST, path).json(body)).await
    }

    /// What a PUT of the admin gives.
    pub async fn put(&self, path: &str, body: &Value) -> Answered {
        Answered::of(self.request(Method::PUT, path).json(body)).await
    }

    /// What a DELETE of the admin gives.
    pub async fn delete(&self, path: &str) -> Answered {
        Answered::of(self.request(Method::DELETE, path)).await
    }

    /// Ends the worker and the server.
    ///
    /// # Panics
    /// If it was ended before.
    pub async fn stop(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.shutdown(Duration::from_secs(5)).await;
        }
        self.server.take().expect("a server").shutdown(Duration::from_secs(5)).await;
    }
}

impl Answered {
    /// What comes of a request.
    ///
    /// # Panics
    /// If nothing does.
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("a body");
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answered { status, headers, body }
    }
}
