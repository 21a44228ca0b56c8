//! `POST /v1/run`: what comes back of jobs that return, fail, are hostile or are refused, and what becomes of a run whose
//! client goes away.

use std::time::{Duration, Instant};

use ampule::server::{Ceilings, Role, Settings};
use ampule::{Allowance, Interpreter, Runner, assemble};
use ampule_tests::guest::{fixture, returning};
use ampule_tests::served::{Answered, Served};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

/// The status and the code of a refusal, and the field that it names.
fn refusal(answered: &Answered) -> (u16, &str, &str) {
    let text = |name: &str| answered.body[name].as_str().unwrap_or_default();
    (answered.status.as_u16(), text("code"), text("field"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_gives_its_value_and_says_that_it_returned() {
    let served = Served::with(Settings::default(), false).await;
    let digest = served.store("echo", &fixture("kwargs")).await;
    let answered = served.post("/v1/run", &json!({"program": "echo", "kwargs": {"a": [1, null]}, "name": "n"})).await;
    assert_eq!(answered.status, StatusCode::OK);
    assert_eq!(answered.headers["ampule-result"], "returned");
    assert_eq!(answered.headers[header::CONTENT_TYPE], "application/json");
    let keys: Vec<&str> = answered.body.as_object().expect("an object").keys().map(String::as_str).collect();
    let expected = ["id", "program", "result", "failure", "returns", "usage", "stdout", "stderr", "logs", "truncated"];
    assert_eq!(keys, expected);
    assert_eq!(answered.body["result"], json!({"a": [1, null]}));
    assert_eq!(answered.body["program"], digest.to_string());
    let by_digest = served.post("/v1/run", &json!({"program": digest.to_string()})).await;
    assert_eq!(by_digest.body["result"], json!({}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_job_fails_and_the_request_does_not() {
    let served = Served::with(Settings::default(), false).await;
    let texts = [
        ("loop", fixture("loop")),
        ("memory", fixture("grow").replace("(;number;)", "").replace("THEN", "unreachable")),
        ("trap", fixture("unreachable")),
        ("recursion", fixture("recursion")),
        ("flood", fixture("flood").replace("FD", "1")),
    ];
    for (name, text) in &texts {
        served.store(name, text).await;
    }
    for (program, extra, kind) in [
        ("loop", json!({"timeout": "100ms"}), "timed_out"),
        ("loop", json!({"fuel": 1000}), "out_of_fuel"),
        ("memory", json!({"memory": "1MiB"}), "out_of_memory"),
        ("trap", json!({}), "trap"),
        ("recursion", json!({}), "trap"),
    ] {
        let mut body = extra.clone();
        body["program"] = program.into();
        let answered = served.post("/v1/run", &body).await;
        assert_eq!(answered.status, StatusCode::OK, "{program}: {}", answered.body);
        assert_eq!(answered.headers["ampule-result"], "failed", "{program}");
        assert_eq!(answered.body["failure"]["kind"], kind, "{program}");
        assert_eq!(answered.body["result"], Value::Null);
    }
    let flood = served.post("/v1/run", &json!({"program": "flood"})).await;
    assert_eq!(flood.headers["ampule-result"], "returned");
    assert!(flood.body["truncated"]["stdout_bytes"].as_u64().expect("a number") > 10_000_000, "{}", flood.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_run_could_be_given_is_refused_with_a_code_and_the_field() {
    let mut settings = Settings::default();
    settings.ceilings = Ceilings { timeout: Duration::from_secs(60), memory_bytes: 1 << 28, fuel: Some(1_000_000) };
    let served = Served::with(settings, false).await;
    served.store("echo", &fixture("kwargs")).await;
    let schema = r#"{\"type\":\"object\",\"required\":[\"a\"]}"#;
    served.store("strict", &fixture("schema").replace("SCHEMA", schema)).await;
    served.store("foreign", r#"(module (import "env" "f" (func)) (func (export "run")))"#).await;
    let unknown = format!("sha256:{}", "0".repeat(64));
    let large = "x".repeat(2 << 20);
    for (body, expected) in [
        (json!({"program": "nobody"}), (404, "unknown_program", "program")),
        (json!({"program": unknown}), (404, "unknown_program", "program")),
        (json!({"program": "language:python"}), (400, "bad_request", "program")),
        (json!({"program": ""}), (400, "bad_request", "program")),
        (json!({"program": "a\nb"}), (400, "bad_request", "program")),
        (json!({}), (400, "bad_request", "program")),
        (json!({"program": "echo", "source": "1"}), (400, "bad_request", "program")),
        (json!({"source": "1"}), (400, "bad_request", "program")),
        (json!({"source": "1", "language": "cobol"}), (400, "unknown_language", "")),
        (json!({"source": "1", "language": "../x"}), (400, "bad_request", "language")),
        (json!({"program": "strict"}), (422, "bad_kwargs", "")),
        (json!({"program": "echo", "kwargs": {"a": large}}), (422, "bad_kwargs", "")),
        (json!({"program": "echo", "kwargs": [1]}), (400, "bad_request", "kwargs")),
        (json!({"program": "echo", "kwargs": {"at_err": 1}}), (400, "bad_request", "kwargs")),
        (json!({"program": "foreign"}), (422, "bad_program", "")),
        (json!({"program": "echo", "source": large, "language": "x"}), (400, "bad_request", "program")),
        (json!({"program": "echo", "dir": ["/::/data"]}), (403, "denied", "")),
        (json!({"program": "echo", "dir": ["data"]}), (400, "bad_request", "dir[0]")),
        (json!({"program": "echo", "env": {"A": "1"}}), (403, "denied", "")),
        (json!({"program": "echo", "timeout": "61s"}), (403, "denied", "timeout")),
        (json!({"program": "echo", "timeout": 61}), (403, "denied", "timeout")),
        (json!({"program": "echo", "memory": "1GiB"}), (403, "denied", "memory")),
        (json!({"program": "echo", "fuel": 1_000_001}), (403, "denied", "fuel")),
        (json!({"program": "echo", "timeout": "soon"}), (400, "bad_request", "timeout")),
        (json!({"program": "echo", "timeout": []}), (400, "bad_request", "timeout")),
        (json!({"program": "echo", "timout": "1s"}), (400, "bad_request", "timout")),
        (json!({"program": "echo", "on": "mail"}), (400, "bad_request", "on")),
        (json!({"program": "echo", "args": ["\0"]}), (400, "bad_request", "args")),
        (json!({"program": "echo", "env": {"A=": "1"}}), (400, "bad_request", "env")),
        (json!(["echo"]), (400, "bad_request", "")),
        (json!("echo"), (400, "bad_request", "")),
    ] {
        let answered = served.post("/v1/run", &body).await;
        let body: String = body.to_string().chars().take(80).collect();
        assert_eq!(refusal(&answered), expected, "{body}: {}", answered.body);
        assert_eq!(answered.headers[header::CONTENT_TYPE], "application/problem+json");
        assert!(!answered.headers.contains_key("ampule-result"));
    }
    assert_eq!(served.post("/v1/run", &json!({"program": "strict"})).await.body["failure"]["kind"], "bad_kwargs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_no_json_or_too_large_is_refused() {
    let served = Served::with(Settings::default(), false).await;
    for (body, kind, expected) in [
        ("{", "application/json", 400),
        ("{} {}", "application/json", 400),
        ("program=x", "application/x-www-form-urlencoded", 415),
        (&*" ".repeat((4 << 20) + 1), "application/json", 413),
        (&*format!(r#"{{"kwargs": {{"a": {}1{}}}}}"#, "[".repeat(200), "]".repeat(200)), "application/json", 400),
    ] {
        let request = served.request(Method::POST, "/v1/run").header(header::CONTENT_TYPE, kind).body(body.to_owned());
        assert_eq!(Answered::of(request).await.status.as_u16(), expected, "{kind}");
    }
    let cut = served.request(Method::POST, "/v1/run").header(header::CONTENT_TYPE, "application/json").body("{");
    assert_eq!(Answered::of(cut).await.body["field"], json!(null), "what is no JSON has no fields");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_that_the_operator_allows_reach_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut allowance = Allowance::default();
    allowance.directories = Some(vec![folder.path().to_owned()]);
    let served = Served::on(Served::runner().allow(allowance), Settings::default(), false).await;
    served.store("stdin", &fixture("stdin")).await;
    served.store("echo", &fixture("kwargs")).await;
    let given = served.post("/v1/run", &json!({"program": "stdin", "stdin": "7"})).await;
    assert_eq!(given.body["result"], 7, "{}", given.body);
    let dir = format!("{}::/data:rw", folder.path().display());
    let body = json!({"program": "echo", "dir": [dir], "env": {"A": "1"}, "args": ["x"], "seed": 7});
    assert_eq!(served.post("/v1/run", &body).await.headers["ampule-result"], "returned");
    let elsewhere = served.post("/v1/run", &json!({"program": "echo", "dir": ["/::/data"]})).await;
    assert_eq!(refusal(&elsewhere), (403, "denied", ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_stops_its_run() {
    let served = Served::with(Settings::default(), false).await;
    served.store("loop", &fixture("loop")).await;
    let request = served.request(Method::POST, "/v1/run").json(&json!({"program": "loop", "timeout": "60s"}));
    let sending = tokio::spawn(request.send());
    alive(&served.runner, 1).await;
    sending.abort();
    alive(&served.runner, 0).await;
}

/// Waits until so many runs are alive.
async fn alive(runner: &Runner, wanted: usize) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while runner.load_now().alive != wanted {
        assert!(Instant::now() < deadline, "{:?}", runner.load_now());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_busy_says_when_to_come_again() {
    let served = Served::on(Served::runner().pool_size(1).max_waiting(0), Settings::default(), false).await;
    served.store("loop", &fixture("loop")).await;
    let body = json!({"program": "loop", "timeout": "60s"});
    let sending = tokio::spawn(served.request(Method::POST, "/v1/run").json(&body).send());
    alive(&served.runner, 1).await;
    let turned_away = served.post("/v1/run", &body).await;
    assert_eq!(refusal(&turned_away), (503, "busy", ""));
    assert_eq!(turned_away.headers[header::RETRY_AFTER], "1");
    sending.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_means_its_own_programs_and_nobody_elses() {
    let served = Served::with(Settings::default(), false).await;
    let (first, second, other) = (returning(&["1"]), returning(&["2"]), returning(&["3"]));
    let old = served.store("acme:mine", &first).await;
    served.store("acme:mine", &second).await;
    let foreign = served.store("other:mine", &other).await;
    let shared = served.store("shared", &returning(&["4"])).await;
    let acme = served.token(Role::Submit, Some("acme")).await;
    let run = async |program: String| {
        let answered = served.ask_as(&acme, Method::POST, "/v1/run", Some(&json!({"program": program}))).await;
        (answered.status.as_u16(), answered.body["result"].clone())
    };
    assert_eq!(run("mine".to_owned()).await, (200, json!(2)));
    assert_eq!(run(old.to_string()).await, (200, json!(1)), "what a name of its own has meant is its own");
    for program in [foreign.to_string(), shared.to_string(), "shared".to_owned()] {
        assert_eq!(run(program).await.0, 404);
    }
    assert_eq!(run("other:mine".to_owned()).await.0, 400);
    let by_operator = served.post("/v1/run", &json!({"program": "other:mine"})).await;
    assert_eq!(by_operator.body["result"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_name_means_is_at_most_a_second_old() {
    let served = Served::with(Settings::default(), false).await;
    served.store("answer", &returning(&["1"])).await;
    let run = async || served.post("/v1/run", &json!({"program": "answer"})).await.body["result"].clone();
    assert_eq!(run().await, 1);
    served.store("answer", &returning(&["2"])).await;
    let changed = Instant::now();
    while run().await != 2 {
        assert!(changed.elapsed() < Duration::from_secs(20), "the name never changed");
    }
    served.queue.delete_name("answer").await.expect("a name");
    let deleted = Instant::now();
    while run().await == 2 {
        assert!(deleted.elapsed() < Duration::from_secs(20), "the name never went");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_is_run_by_itself_and_by_its_name() {
    let interpreter = Interpreter::new("json", assemble(&fixture("interpreter")).expect("WebAssembly"));
    let served = Served::on(Served::runner().interpreter(interpreter), Settings::default(), false).await;
    let by_itself = served.post("/v1/run", &json!({"source": "[1]", "language": "json"})).await;
    assert_eq!(by_itself.body["result"], json!([1]), "{}", by_itself.body);
    let stored = served.put("/v1/programs/named", &json!({"language": "json", "source": "[2]"})).await;
    assert_eq!(stored.status, StatusCode::CREATED, "{}", stored.body);
    let by_name = served.post("/v1/run", &json!({"program": "named"})).await;
    assert_eq!(by_name.body["result"], json!([2]), "{}", by_name.body);
}
