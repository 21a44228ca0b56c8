//! What every operation of the document answers to those it does not let in, and where what is behind it fails.

use std::sync::Arc;
use std::time::Duration;

use ampule::Value;
use ampule::queue::Error;
use ampule::server::{Rate, Role, Server, Settings};
use ampule_tests::faulty::{Fault, FaultyQueue, Verb};
use ampule_tests::served::{Answered, Served, patient};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::super::openapi;
use super::super::walk::Seen;

/// A request for an operation, with something in place of each word in braces.
fn of_operation(client: &reqwest::Client, base: &str, token: &str, method: &str, path: &str) -> RequestBuilder {
    let path = path.replace("{id}", "01890000-0000-7000-8000-000000000000").replace("{name}", "nothing");
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    client.request(method, format!("{base}{path}")).bearer_auth(token)
}

/// Whether an operation takes part: those with a token, those with a body.
fn is_open(operation: &Value) -> bool {
    operation["security"].as_array().is_some_and(|all| all.iter().any(|one| one == &json!({})))
}

/// What every operation answers to those it does not know, to those who ask too often, and to bodies that are too long,
/// of another type, no JSON, or slow.
pub(super) async fn by_what_they_bring(document: &Value, seen: &mut Seen) {
    let mut settings = Settings::default();
    settings.request_bytes = 1_000;
    let served = Served::with(settings.clone(), false).await;
    settings.idle_timeout = Duration::from_millis(50);
    let hasty = Served::with(settings, false).await;
    for (path, method, operation) in openapi::operations(document) {
        let (method, token) = (method.to_uppercase(), &served.admin);
        let ask = format!("{method} {path}");
        let request = |token: &str| of_operation(&served.client, &served.base, token, &method, &path);
        if !is_open(&operation) {
            seen.note(&ask, &Answered::of(request("")).await);
        }
        if operation["requestBody"].is_object() {
            let json = |body: Vec<u8>| request(token).header("content-type", "application/json").body(body);
            seen.note(&ask, &Answered::of(json(vec![b' '; 1_001])).await);
            seen.note(&ask, &Answered::of(json(b"{".to_vec())).await);
            seen.note(&ask, &Answered::of(request(token).header("content-type", "text/plain").body("{}")).await);
            seen.note(&ask, &slow(&hasty, &method, &path).await);
        }
    }
}

/// What becomes of a body that does not come.
async fn slow(served: &Served, method: &str, path: &str) -> Answered {
    let address = served.base.strip_prefix("http://").expect("an address");
    let path = path.replace("{id}", "01890000-0000-7000-8000-000000000000").replace("{name}", "nothing");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 10\r\nConnection: close\r\n\r\n",
        served.admin
    );
    stream.write_all(head.as_bytes()).await.expect("it is taken");
    let mut text = String::new();
    let read = ampule_tests::soon("a body that does not come is given up", stream.read_to_string(&mut text)).await;
    read.expect("an answer");
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let body =
        text.split_once("\r\n\r\n").map_or(Value::Null, |(_, body)| serde_json::from_str(body).unwrap_or_default());
    Answered { status, headers: reqwest::header::HeaderMap::new(), body }
}

/// What every operation answers where the queue is away, is broken, and where a token may ask for no more.
pub(super) async fn by_what_is_behind(document: &Value, seen: &mut Seen) {
    let served = Served::with(Settings::default(), false).await;
    let failing = |verb, error| {
        let faulty = FaultyQueue::new(Arc::clone(&served.queue));
        faulty.fail_always(verb, Fault::Before(error));
        faulty
    };
    let mut bounded = Settings::default();
    bounded.rate = Some(Rate { per_second: 1, burst: 1 });
    let token = served.token(Role::Admin, None).await;
    let start = async |queue: Arc<FaultyQueue>, settings| {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let server = Server::start(served.runner.clone(), queue, patient(settings), listener).expect("a server");
        let base = format!("http://{}", server.address());
        (server, base)
    };
    let (_away, away) = start(failing(Verb::Entry, Error::Unavailable("gone".into())), Settings::default()).await;
    let (_broken, broken) = start(failing(Verb::Entry, Error::Database("broken".into())), Settings::default()).await;
    let (_stopped, stopped) = start(failing(Verb::Clock, Error::Unavailable("gone".into())), Settings::default()).await;
    seen.note("GET /readyz", &Answered::of(of_operation(&served.client, &stopped, "", "GET", "/readyz")).await);
    let (_bounded, bounded) = start(FaultyQueue::new(Arc::clone(&served.queue)), bounded).await;
    for (path, method, operation) in openapi::operations(document) {
        if is_open(&operation) {
            continue;
        }
        let method = method.to_uppercase();
        let ask = format!("{method} {path}");
        for base in [&away, &broken] {
            seen.note(&ask, &Answered::of(of_operation(&served.client, base, &token, &method, &path)).await);
        }
        let request = || Answered::of(of_operation(&served.client, &bounded, &token, &method, &path));
        ampule_tests::soon("too many requests are refused", async {
            loop {
                let answered = request().await;
                seen.note(&ask, &answered);
                if answered.status == 429 {
                    return;
                }
            }
        })
        .await;
    }
}
