//! What stands before the body: the host, conditions, parameters, names in the path; and the heads of answers.

use ampule_tests::guest::fixture;
use ampule_tests::raw::Raw;
use ampule_tests::served::{Answered, Served};
use reqwest::{Method, StatusCode};
use serde_json::json;

fn refusal(answered: &Answered) -> (u16, &str, &str) {
    let text = |field: &str| answered.body[field].as_str().unwrap_or_default();
    (answered.status.as_u16(), text("code"), text("field"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_names_no_host_or_two_is_refused() {
    let served = Served::start().await;
    for (head, status) in [
        ("GET /healthz HTTP/1.1\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nhost: a\r\nhost: b\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nhost: a b\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nhost: a\r\n", 204),
        ("GET /healthz HTTP/1.0\r\n", 204),
    ] {
        let mut raw = Raw::saying(&served.base, &format!("{head}connection: close\r\n\r\n")).await;
        let answer = String::from_utf8(raw.rest().await).expect("text");
        assert!(answer.split(' ').nth(1) == Some(&status.to_string()), "{head:?}: {answer}");
        assert!(status == 204 || answer.contains("\"field\":\"Host\""), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_without_content_tells_a_length() {
    let served = Served::start().await;
    for method in ["HEAD", "GET"] {
        let ask = format!("{method} /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let answer = Raw::saying(&served.base, &ask).await.rest().await;
        let answer = String::from_utf8(answer).expect("text").to_lowercase();
        assert!(answer.starts_with("http/1.1 204 ") && !answer.contains("content-length"), "{method}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_condition_that_no_route_can_keep_is_refused_and_nothing_is_done() {
    let served = Served::start().await;
    let schedule = json!({"every": "1h", "job": {"language": "python", "source": "1"}});
    let ask = async |method: Method, path: &str, name: &str, value: &str| {
        Answered::of(served.request(method, path).header(name, value).json(&schedule)).await
    };
    for (method, path, name) in [
        (Method::PUT, "/v1/programs/new", "If-Match"),
        (Method::PUT, "/v1/schedules/new", "If-None-Match"),
        (Method::PUT, "/v1/schedules/new", "If-Match"),
        (Method::POST, "/v1/jobs", "If-Match"),
        (Method::DELETE, "/v1/schedules/new", "If-None-Match"),
    ] {
        let refused = ask(method.clone(), path, name, "*").await;
        assert_eq!(refusal(&refused), (400, "bad_request", name), "{method} {path}: {}", refused.body);
    }
    assert_eq!(served.get("/v1/schedules").await.body["schedules"], json!([]));
    let read = served.request(Method::GET, "/v1/version").header("If-None-Match", "\"abc\"");
    assert_eq!(Answered::of(read).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_that_a_route_does_not_have_are_refused() {
    let served = Served::start().await;
    served.store("echo", &fixture("kwargs")).await;
    let refused = served.post("/v1/run?wait=30s", &json!({"program": "echo"})).await;
    assert_eq!(refusal(&refused), (400, "bad_request", "wait"));
    for path in ["/v1/queues", "/v1/schedules", "/v1/workers", "/v1/version", "/v1/tokens", "/v1/jobs"] {
        let refused = served.get(&format!("{path}?nothing=1")).await;
        assert_eq!((refused.status, &refused.body["code"]), (StatusCode::BAD_REQUEST, &json!("bad_request")), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_name_is_a_place_in_a_path() {
    let served = Served::start().await;
    served.store("echo", &fixture("kwargs")).await;
    for name in [".", ".."] {
        // As a client sends it that leaves paths alone.
        let body = json!({"every": "1h", "job": {"program": "echo"}}).to_string();
        let head = format!("host: a\r\nauthorization: Bearer {}\r\nconnection: close", served.admin);
        let length = body.len();
        let ask = format!("PUT /v1/schedules/{name} HTTP/1.1\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}");
        let answer = Raw::saying(&served.base, &ask).await.rest().await;
        let answer = String::from_utf8(answer).expect("text");
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("other than `.` and `..`"), "{name}: {answer}");
        let refused = served.post("/v1/jobs", &json!({"program": "echo", "on": name})).await;
        assert_eq!(refusal(&refused), (400, "bad_request", "on"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_out_of_range_is_told_its_range() {
    let served = Served::start().await;
    let refused = served.post("/v1/jobs", &json!({"language": "json", "source": "1", "priority": 32_768})).await;
    assert_eq!(refusal(&refused), (400, "bad_request", "priority"));
    let detail = refused.body["detail"].as_str().expect("a text");
    assert!(detail.contains("expected a whole number from -32768 to 32767"), "{detail}");
}
