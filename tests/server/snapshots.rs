//! Every operation of the API, every status that the document says it may answer with, and every code: as snapshots.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ampule::queue::Error;
use ampule::server::{Code, Rate, Role, Server, Settings, openapi};
use ampule::{Interpreter, Value};
use ampule_tests::faulty::{Fault, FaultyQueue, Verb};
use ampule_tests::guest::fixture;
use ampule_tests::served::{Answered, Served};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::programs::program;
use super::walk::{Seen, Step, Walk, step};

/// Codes that no request can bring about by itself, each with where it is tried.
const ELSEWHERE: [(&str, &str); 3] = [
    ("busy", "uploads, run: as much goes on as is taken on"),
    ("shutting_down", "shutdown: a runner that has ended while its server has not"),
    ("unsupported", "no route asks a queue for what only one backend has"),
];

/// Operations with statuses that no request of a walk can bring about, each with the reason.
const NOT_HERE: [(&str, u16, &str); 0] = [];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_status_and_code_is_as_it_was_reviewed() {
    let document = openapi();
    let mut seen = Seen::of(&document);
    walks(&mut seen).await;
    refused_by_what_they_bring(&document, &mut seen).await;
    refused_by_what_is_behind(&document, &mut seen).await;
    let documented = documented(&document);
    let mut missing = documented.clone();
    missing.retain(|operation| !seen.statuses.contains(operation));
    missing.retain(|(operation, status)| !NOT_HERE.iter().any(|(not, of, _)| not == operation && of == status));
    let undocumented: Vec<_> = seen.statuses.difference(&documented).collect();
    let reached: BTreeSet<&str> =
        seen.codes.iter().map(String::as_str).chain(ELSEWHERE.map(|(code, _)| code)).collect();
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).filter(|code| !reached.contains(code)).collect();
    assert!(
        missing.is_empty() && undocumented.is_empty() && codes.is_empty(),
        "documented and not tried: {missing:#?}\nnot documented: {undocumented:#?}\ncodes that were not met: {codes:?}"
    );
}

/// Every operation with every status that the document says it may answer with.
fn documented(document: &Value) -> BTreeSet<(String, u16)> {
    let mut documented = BTreeSet::new();
    for (path, method, operation) in super::openapi::operations(document) {
        for status in operation["responses"].as_object().expect("responses").keys() {
            documented.insert((format!("{} {path}", method.to_uppercase()), status.parse().expect("a status")));
        }
    }
    documented
}

/// A server with a worker, a language and a few bounds that can be reached.
async fn served() -> Served {
    let interpreter = ampule::assemble(&fixture("interpreter")).expect("a program");
    let builder = Served::runner().interpreter(Interpreter::new("json", interpreter));
    let mut settings = Settings::default();
    settings.max_queued_per_tenant = Some(2);
    Served::on(builder, settings, true).await
}

async fn walks(seen: &mut Seen) {
    let served = served().await;
    let [reader, acme] = [served.token(Role::Read, None).await, served.token(Role::Admin, Some("acme")).await];
    let mut walk = Walk::new(&served, seen);
    walk.know("reader", reader);
    walk.know("acme", acme);
    walk.know("none", "01890000-0000-7000-8000-000000000000".to_owned());
    for (name, steps) in [
        ("programs", programs()),
        ("runs", runs()),
        ("jobs", jobs()),
        ("changes_of_jobs", changes()),
        ("schedules", schedules()),
        ("queues_and_workers", queues_and_workers()),
        ("tokens", tokens()),
        ("webhooks", webhooks()),
        ("server", server()),
        ("programs_that_go", programs_that_go()),
    ] {
        insta::assert_snapshot!(name, walk.take(steps).await);
    }
}

fn wasm(token: &'static str, ask: &'static str, bytes: Vec<u8>) -> Step {
    step(token, ask).bytes("application/wasm", bytes)
}

fn picky() -> Vec<u8> {
    let schema = r#"{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}},\"required\":[\"n\"]}"#;
    ampule::assemble(&fixture("schema").replace("SCHEMA", schema)).expect("a program")
}

fn programs() -> Vec<Step> {
    let failing = ampule::assemble(&fixture("unreachable")).expect("a program");
    vec![
        wasm("operator", "PUT /v1/programs/answer", program("42")),
        wasm("operator", "PUT /v1/programs/answer", program("42")),
        wasm("operator", "PUT /v1/programs/picky", picky()),
        wasm("operator", "PUT /v1/programs/failing", failing),
        wasm("acme", "PUT /v1/programs/answer", program("43")),
        step("operator", "PUT /v1/programs/text").json(json!({"language": "json", "source": "[1, 2]"})),
        step("operator", "PUT /v1/programs/text").json(json!({"language": "cobol", "source": ""})),
        wasm("operator", "PUT /v1/programs/text", b"\x7fELF\x02\x01\x01\0".to_vec()),
        wasm("operator", "PUT /v1/programs/answer", program("1")).header("if-none-match", "*"),
        wasm("operator", "PUT /v1/programs/a%20b", program("1")),
        wasm("operator", "PUT /v1/programs/%FF", program("1")),
        wasm("reader", "PUT /v1/programs/answer", program("1")),
        step("reader", "GET /v1/programs"),
        step("acme", "GET /v1/programs?limit=1"),
        step("reader", "GET /v1/programs?limit=0"),
        step("reader", "GET /v1/programs/answer"),
        step("reader", "GET /v1/programs/text"),
        step("acme", "GET /v1/programs/text"),
        step("reader", "GET /v1/programs/answer?digest=abc"),
        step("reader", "GET /v1/programs/answer/versions"),
        step("reader", "GET /v1/programs/nothing/versions"),
        step("operator", "GET /v1/programs/text/wasm"),
        step("operator", "GET /v1/programs/answer/wasm?digest=abc"),
        step("operator", "GET /v1/programs/answer/wasm").quiet(),
        step("reader", "GET /v1/programs/answer/wasm"),
    ]
}

fn programs_that_go() -> Vec<Step> {
    vec![
        step("reader", "DELETE /v1/programs/answer"),
        step("operator", "DELETE /v1/programs/nothing"),
        step("operator", "DELETE /v1/programs/answer"),
        step("operator", "DELETE /v1/programs/text"),
    ]
}

fn runs() -> Vec<Step> {
    vec![
        step("operator", "POST /v1/run").json(json!({"program": "answer"})),
        step("operator", "POST /v1/run").json(json!({"program": "text"})),
        step("operator", "POST /v1/run").json(json!({"program": "failing"})),
        step("operator", "POST /v1/run").json(json!({"program": "picky", "kwargs": {"n": "1"}})),
        step("operator", "POST /v1/run").json(json!({"program": "nothing"})),
        step("operator", "POST /v1/run").json(json!({"program": "answer", "timeout": "2h"})),
        step("operator", "POST /v1/run").json(json!({"program": "answer", "timeout": "soon"})),
        step("reader", "POST /v1/run").json(json!({"program": "answer"})),
    ]
}

fn jobs() -> Vec<Step> {
    let held = json!({"program": "answer", "hold": true, "tenant": "beta"});
    vec![
        step("operator", "POST /v1/jobs?wait=20s")
            .json(json!({"program": "answer", "tag": ["t"]}))
            .save("ended", "/id"),
        step("operator", "PUT /v1/queues/still").json(json!({"mode": "paused"})),
        step("operator", "POST /v1/jobs")
            .json(json!({"program": "answer", "hold": true, "on": "still"}))
            .save("held", "/id"),
        step("operator", "POST /v1/jobs?wait=50ms")
            .json(json!({"program": "answer", "hold": true, "on": "still"}))
            .save("waited", "/id"),
        step("operator", "POST /v1/jobs").json(json!({"jobs": [{"program": "answer", "hold": true, "unique": "k"}]})),
        step("operator", "POST /v1/jobs").json(json!({"program": "answer", "hold": true, "unique": "k"})),
        step("operator", "POST /v1/jobs").json(held.clone()).header("idempotency-key", "once"),
        step("operator", "POST /v1/jobs")
            .json(json!({"program": "picky", "kwargs": {"n": 1}, "tenant": "beta"}))
            .header("idempotency-key", "once"),
        step("operator", "POST /v1/jobs").json(held.clone()),
        step("operator", "POST /v1/jobs").json(held),
        step("operator", "POST /v1/jobs").json(json!({"program": "picky"})),
        step("operator", "POST /v1/jobs").json(json!({"program": "nothing"})),
        step("operator", "POST /v1/jobs").json(json!({"program": "answer", "memory": "2GiB"})),
        step("operator", "POST /v1/jobs").json(json!({"program": "answer", "delai": "1s"})),
        step("operator", "PUT /v1/queues/full").json(json!({"mode": "draining"})),
        step("operator", "POST /v1/jobs").json(json!({"program": "answer", "on": "full"})),
        step("acme", "POST /v1/jobs").json(json!({"program": "answer", "tenant": "other"})),
        step("reader", "GET /v1/jobs?state=completed"),
        step("acme", "GET /v1/jobs?tenant=other"),
        step("reader", "GET /v1/jobs?program=nothing"),
        step("reader", "GET /v1/jobs?state=lost"),
        step("reader", "GET /v1/jobs/counts?state=completed"),
        step("acme", "GET /v1/jobs/counts?tenant=other"),
        step("reader", "GET /v1/jobs/counts?program=nothing"),
        step("reader", "GET /v1/jobs/counts?state=lost"),
        step("reader", "GET /v1/jobs/{ended}"),
        step("reader", "GET /v1/jobs/{none}"),
        step("reader", "GET /v1/jobs/{ended}?nothing=1"),
        step("reader", "GET /v1/jobs/{ended}/events"),
        step("reader", "GET /v1/jobs/{ended}/events").header("accept", "application/json"),
        step("reader", "GET /v1/jobs/{ended}/events").header("last-event-id", "1-0-end"),
        step("reader", "GET /v1/jobs/{ended}/events").header("last-event-id", "soon"),
        step("reader", "GET /v1/jobs/{none}/events"),
    ]
}

fn changes() -> Vec<Step> {
    let one = |ask| [step("operator", ask), step("reader", ask)];
    let all = |ask| {
        [
            step("operator", ask).json(json!({"filter": {"queue": "elsewhere"}})),
            step("reader", ask).json(json!({"filter": {}})),
            step("operator", ask).json(json!({"filter": {"program": "nothing"}})),
        ]
    };
    let mut steps = Vec::new();
    steps.extend(one("POST /v1/jobs/{held}/release"));
    steps.push(step("operator", "POST /v1/jobs/{ended}/release"));
    steps.push(step("operator", "POST /v1/jobs/{none}/release"));
    steps.extend(one("POST /v1/jobs/{waited}/hold"));
    steps.push(
        step("operator", "POST /v1/jobs")
            .json(json!({"program": "answer", "delay": "1h", "on": "still"}))
            .save("late", "/id"),
    );
    steps.extend(one("POST /v1/jobs/{late}/hold"));
    steps.push(step("operator", "POST /v1/jobs/{ended}/hold"));
    steps.push(step("operator", "POST /v1/jobs/{none}/hold"));
    steps.extend(one("POST /v1/jobs/{waited}/cancel"));
    steps.push(step("operator", "POST /v1/jobs/{waited}/cancel"));
    steps.push(step("operator", "POST /v1/jobs/{none}/cancel"));
    steps.push(step("operator", "POST /v1/jobs/{none}/run-now"));
    steps.push(step("operator", "POST /v1/jobs/{ended}/run-now"));
    steps.push(
        step("operator", "POST /v1/jobs")
            .json(json!({"program": "answer", "delay": "1h", "on": "still"}))
            .save("later", "/id"),
    );
    steps.extend(one("POST /v1/jobs/{later}/run-now"));
    steps.push(step("operator", "DELETE /v1/jobs/{late}"));
    steps.push(step("reader", "POST /v1/jobs/{late}/retry"));
    steps.push(step("operator", "POST /v1/jobs/{late}/retry"));
    steps.push(step("operator", "POST /v1/jobs/{none}/retry"));
    steps.push(
        step("operator", "POST /v1/jobs?wait=20s")
            .json(json!({"program": "picky", "kwargs": {"n": 1}}))
            .save("picky", "/id"),
    );
    steps.push(step("operator", "POST /v1/jobs/{picky}/retry").json(json!({"kwargs": {"n": "1"}})));
    steps.push(step("operator", "POST /v1/jobs/{waited}/retry"));
    steps.push(step("reader", "DELETE /v1/jobs/{ended}"));
    steps.push(step("operator", "DELETE /v1/jobs/{none}"));
    steps.push(step("operator", "DELETE /v1/jobs/{ended}"));
    for ask in [
        "POST /v1/jobs/cancel",
        "POST /v1/jobs/hold",
        "POST /v1/jobs/release",
        "POST /v1/jobs/run-now",
        "POST /v1/jobs/retry",
        "POST /v1/jobs/delete",
    ] {
        steps.extend(all(ask));
    }
    steps
}

fn schedules() -> Vec<Step> {
    let job = |cron: &str| json!({"cron": cron, "program": "answer", "paused": true});
    let mut steps = vec![
        step("operator", "PUT /v1/schedules/nightly").json(job("0 3 * * *")),
        step("operator", "PUT /v1/schedules/nightly").json(job("0 4 * * *")),
        step("operator", "PUT /v1/schedules/nightly").json(job("at night")),
        step("operator", "PUT /v1/schedules/nightly").json(json!({"every": "1h", "program": "nothing"})),
        step("operator", "PUT /v1/schedules/nightly").json(json!({"every": "1h", "program": "picky"})),
        step("acme", "PUT /v1/schedules/nightly").json(json!({"every": "1h", "program": "answer", "tenant": "other"})),
        step("operator", "PUT /v1/schedules/drained")
            .json(json!({"every": "1d", "program": "answer", "on": "full", "paused": true})),
        step("operator", "POST /v1/schedules/drained/run-now"),
        step("acme", "GET /v1/schedules"),
        step("acme", "GET /v1/schedules/nightly"),
        step("reader", "GET /v1/schedules/drained"),
        step("operator", "POST /v1/schedules/drained/pause"),
        step("operator", "POST /v1/schedules/drained/resume"),
    ];
    steps.push(step("operator", "DELETE /v1/schedules/drained"));
    for ask in ["POST /v1/schedules/nightly/run-now", "DELETE /v1/schedules/nightly"] {
        steps.push(step("reader", ask));
        steps.push(step("acme", ask));
    }
    for ask in ["POST /v1/schedules/nightly/pause", "POST /v1/schedules/nightly/resume"] {
        steps.extend([step("reader", ask), step("acme", ask)]);
    }
    steps.push(step("operator", "POST /v1/schedules/nightly/run-now"));
    steps.push(step("operator", "DELETE /v1/schedules/nightly"));
    steps.push(step("operator", "PUT /v1/schedules/yearly").json(json!({"every": "3650d", "program": "answer"})));
    steps
}

fn queues_and_workers() -> Vec<Step> {
    vec![
        step("operator", "PUT /v1/queues/mail").json(json!({"mode": "paused", "max_running": 3})),
        step("operator", "PUT /v1/queues/mail").json(json!({"max_running": 0})),
        step("acme", "PUT /v1/queues/mail").json(json!({})),
        step("operator", "PUT /v1/queues/%FF").json(json!({})),
        step("acme", "GET /v1/queues"),
        step("acme", "GET /v1/workers"),
        step("reader", "GET /v1/workers"),
    ]
}

fn tokens() -> Vec<Step> {
    vec![
        step("operator", "POST /v1/tokens")
            .json(json!({"name": "ci", "role": "submit", "tenant": "acme"}))
            .save("made", "/id"),
        step("operator", "POST /v1/tokens").json(json!({"name": "ci", "role": "owner"})),
        step("acme", "POST /v1/tokens").json(json!({"name": "ci", "role": "read", "tenant": "other"})),
        step("reader", "GET /v1/tokens"),
        step("reader", "DELETE /v1/tokens/{made}"),
        step("operator", "DELETE /v1/tokens/nothing"),
        step("operator", "DELETE /v1/tokens/{made}"),
        step("operator", "GET /v1/tokens").save("own", "/tokens/0/id"),
        step("operator", "DELETE /v1/tokens/{own}"),
    ]
}

fn webhooks() -> Vec<Step> {
    // Nobody here delivers, so what is to be delivered waits.
    let told = json!({"program": "answer", "at_return": {"url": "https://receiver.invalid/", "kwargs": {"n": 1}}});
    let own = json!({"secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"});
    vec![
        step("operator", "POST /v1/jobs?wait=20s").json(told),
        step("reader", "GET /v1/webhooks").save("delivery", "/deliveries/0/id"),
        step("reader", "GET /v1/webhooks?limit=0"),
        step("acme", "GET /v1/webhooks?tenant=other"),
        step("reader", "GET /v1/webhooks/{delivery}"),
        step("reader", "GET /v1/webhooks/{none}"),
        step("operator", "POST /v1/webhooks/{delivery}/retry"),
        step("operator", "POST /v1/jobs/{delivery}/cancel"),
        step("operator", "POST /v1/webhooks/{delivery}/retry"),
        step("operator", "POST /v1/webhooks/{none}/retry"),
        step("reader", "POST /v1/webhooks/{delivery}/retry"),
        step("acme", "GET /v1/webhooks/secrets"),
        step("reader", "GET /v1/webhooks/secrets"),
        step("operator", "GET /v1/webhooks/secrets?tenant=a%20b"),
        step("operator", "DELETE /v1/webhooks/secrets/{none}?tenant=a%20b"),
        step("acme", "POST /v1/webhooks/secrets").json(json!({})).save("secret", "/secrets/1/id"),
        step("reader", "POST /v1/webhooks/secrets").json(json!({})),
        step("acme", "POST /v1/webhooks/secrets").json(own.clone()).save("newest", "/secrets/0/id"),
        step("acme", "POST /v1/webhooks/secrets").json(own),
        step("acme", "DELETE /v1/webhooks/secrets/{newest}"),
        step("acme", "DELETE /v1/webhooks/secrets/{secret}"),
        step("acme", "DELETE /v1/webhooks/secrets/nothing"),
        step("reader", "DELETE /v1/webhooks/secrets/nothing"),
    ]
}

fn server() -> Vec<Step> {
    vec![
        step("nobody", "GET /healthz"),
        step("nobody", "GET /readyz"),
        step("reader", "GET /metrics").quiet(),
        step("acme", "GET /metrics"),
        step("nobody", "GET /docs").quiet(),
        step("nobody", "GET /openapi.json").quiet(),
        step("reader", "GET /v1/version"),
        step("nobody", "GET /v1/version"),
        step("reader", "GET /nowhere"),
        step("reader", "PATCH /v1/version"),
    ]
}

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
async fn refused_by_what_they_bring(document: &Value, seen: &mut Seen) {
    let mut settings = Settings::default();
    settings.idle_timeout = Duration::from_millis(50);
    settings.request_bytes = 1_000;
    let served = Served::with(settings, false).await;
    for (path, method, operation) in super::openapi::operations(document) {
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
            seen.note(&ask, &slow(&served, &method, &path).await);
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
async fn refused_by_what_is_behind(document: &Value, seen: &mut Seen) {
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
        let server = Server::start(served.runner.clone(), queue, settings, listener).expect("a server");
        let base = format!("http://{}", server.address());
        (server, base)
    };
    let (_away, away) = start(failing(Verb::Entry, Error::Unavailable("gone".into())), Settings::default()).await;
    let (_broken, broken) = start(failing(Verb::Entry, Error::Database("broken".into())), Settings::default()).await;
    let (_stopped, stopped) = start(failing(Verb::Clock, Error::Unavailable("gone".into())), Settings::default()).await;
    seen.note("GET /readyz", &Answered::of(of_operation(&served.client, &stopped, "", "GET", "/readyz")).await);
    let (_bounded, bounded) = start(FaultyQueue::new(Arc::clone(&served.queue)), bounded).await;
    for (path, method, operation) in super::openapi::operations(document) {
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
