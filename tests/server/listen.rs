//! How long a client may take, and what becomes of one that takes longer.

use std::time::Duration;

use ampule::server::Settings;
use ampule_tests::raw::Raw;
use ampule_tests::served::{Answered, Served};
use ampule_tests::soon;
use reqwest::{Method, StatusCode};

use super::until::until;

const SHORT: Duration = Duration::from_millis(200);

/// How often a client that has to be in time tries to.
const TRIES: usize = 10;

/// Settings with an echo, changed.
pub(crate) fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    settings.echo = true;
    change(&mut settings);
    settings
}

/// The head of a request to the echo, whose body is this long.
pub(crate) fn echo_head(served: &Served, length: usize) -> String {
    format!(
        "POST /v1/echo HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n",
        served.admin
    )
}

/// How many connections are open, with the one that asks, which is closed after that.
pub(crate) async fn connections(served: &Served) -> usize {
    let asked = format!(
        "GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
        served.admin
    );
    let told = Raw::saying(&served.base, &asked).await.rest().await;
    let told = String::from_utf8(told).expect("text");
    let count = told.lines().find_map(|line| line.strip_prefix("ampule_http_connections "));
    count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("expected a count, found {told:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let served = Served::with(settings(|settings| settings.head_timeout = SHORT), false).await;
    for said in ["", "GET /healthz HTTP/1.1\r\nHost: a\r\nX-"] {
        let mut raw = Raw::saying(&served.base, said).await;
        assert!(raw.is_closed().await, "after {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_may_be_silent_between_requests_for_a_while() {
    let change = |settings: &mut Settings| {
        settings.head_timeout = Duration::from_secs(3);
        settings.keep_alive_timeout = Duration::from_secs(9);
    };
    let served = Served::with(settings(change), false).await;
    let mut raw = Raw::saying(&served.base, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(raw.answer().await.status, 204);
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    raw.say("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(raw.answer().await.status, 204, "longer than a head may take");
    assert!(raw.is_closed().await, "and then no more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_falls_silent_is_told_so() {
    let served = Served::with(settings(|settings| settings.idle_timeout = SHORT), false).await;
    let mut raw = Raw::saying(&served.base, &echo_head(&served, 10)).await;
    raw.say("{\"a").await;
    let answer = raw.answer().await;
    assert_eq!((answer.status, answer.code()), (408, "timeout".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_comes_drop_by_drop_is_told_so() {
    let served = Served::with(settings(|settings| settings.body_timeout = SHORT), false).await;
    let mut raw = Raw::saying(&served.base, &echo_head(&served, 1_000_000)).await;
    let answer = loop {
        // It may have been told, and cut because it stalled after that.
        raw.try_say(" ").await;
        let next = tokio::time::timeout(Duration::from_millis(10), raw.0.readable()).await;
        if next.is_ok() {
            break raw.answer().await;
        }
    };
    assert_eq!((answer.status, answer.code()), (408, "timeout".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_is_too_large_is_refused() {
    let served = Served::with(settings(|_| {}), false).await;
    let long = format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX-Long: {}\r\n\r\n", "a".repeat(70_000));
    let many = format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{}\r\n", "X-Many: 1\r\n".repeat(200));
    for said in [long, many] {
        let mut raw = Raw::connect(&served.base).await;
        raw.say(&said).await;
        assert_eq!(raw.answer().await.status, 431);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_nothing_is_cut() {
    const BYTES: usize = 48 << 20;
    let change = |settings: &mut Settings| {
        settings.idle_timeout = Duration::from_secs(3);
        settings.request_bytes = 64 << 20;
    };
    let served = Served::with(settings(change), false).await;
    let mut raw = Raw::saying(&served.base, &echo_head(&served, BYTES)).await;
    raw.say(&format!("{{\"a\":\"{}\"}}", "a".repeat(BYTES - 8))).await;
    // What is read meanwhile makes room, so nothing is, until its connection is gone.
    until("only the one that asks is left", async || connections(&served).await == 1).await;
    let came = raw.rest().await;
    assert!(came.starts_with(b"HTTP/1.1 200") && came.len() < BYTES, "{} bytes came", came.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_answer_has_the_id_of_its_request() {
    let served = Served::with(settings(|_| {}), false).await;
    let ids = async |given: &str| {
        let request = served.request(Method::GET, "/nowhere").header("x-request-id", given);
        Answered::of(request).await.headers["x-request-id"].to_str().expect("text").to_owned()
    };
    assert_eq!(ids("mine-1").await, "mine-1");
    let (first, second) = (ids("not plain").await, ids("").await);
    assert!(first != "not plain" && first != second, "{first} {second}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_on_ends_before_the_server_does_and_nothing_new_begins() {
    for _ in 0..TRIES {
        if goes_on_and_ends().await {
            return;
        }
    }
    panic!("no half of a head was heard out");
}

/// Stops a server in the middle of a head and of a body. False if the rest of the head came later than it is waited for:
/// that is a second, which a stall takes away.
async fn goes_on_and_ends() -> bool {
    let mut served = Served::with(settings(|_| {}), false).await;
    let mut idle = Raw::saying(&served.base, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(idle.answer().await.status, 204);
    let mut half_a_head = Raw::saying(&served.base, "GET /readyz HTTP/1.1\r\nHost: a\r\n").await;
    let mut in_body = Raw::saying(&served.base, &echo_head(&served, 7)).await;
    in_body.say("{\"a").await;
    until("its head was read", async || {
        let metrics = served.get("/metrics").await;
        metrics.body.as_str().is_some_and(|text| text.contains("ampule_http_requests_in_progress 2\n"))
    })
    .await;
    // Nothing tells whether a part of a head was read. Where it was not, nothing has begun there.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let base = served.base.clone();
    let stopping = tokio::spawn(async move { served.stop().await });
    assert!(idle.is_closed().await, "nothing goes on there");
    half_a_head.try_say("\r\n").await;
    let refused = half_a_head.answer_if_any().await;
    in_body.say("\":1}").await;
    let answer = in_body.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "{\"a\":1}"));
    soon("the server ends", stopping).await.expect("no panic");
    assert!(tokio::net::TcpStream::connect(base.trim_start_matches("http://")).await.is_err());
    let Some(refused) = refused else { return false };
    assert_eq!((refused.status, refused.code()), (503, "shutting_down".to_owned()));
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_unknown_is_told_so_as_a_problem() {
    let served = Served::with(settings(|_| {}), false).await;
    let unknown = served.get("/nowhere").await;
    assert_eq!((unknown.status, &unknown.body["code"]), (StatusCode::NOT_FOUND, &"not_found".into()));
    let method = served.post("/healthz", &ampule::Value::Null).await;
    assert_eq!((method.status, &method.body["code"]), (StatusCode::METHOD_NOT_ALLOWED, &"method_not_allowed".into()));
}

/// A request of somebody without a token, so that nothing of its body is read.
fn unwanted(length: usize, header: &str) -> String {
    format!("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n{header}\r\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_goes_on_behind_a_small_body_that_nobody_read() {
    let served = Served::with(settings(|_| {}), false).await;
    let chunked = "POST /v1/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let mut raw = Raw::connect(&served.base).await;
    for said in [unwanted(1_000, "") + &"x".repeat(1_000), chunked.to_owned(), unwanted(0, "")] {
        raw.say(&said).await;
        let answer = raw.answer().await;
        assert_eq!(answer.status, 401, "{said}");
        assert!(!answer.head.contains("connection: close"), "{said}: {}", answer.head);
    }
    raw.say("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(raw.answer().await.status, 204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_before_the_end_of_a_body_says_that_the_connection_ends() {
    let served = Served::with(settings(|_| {}), false).await;
    let endless = "POST /v1/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n11000\r\n".to_owned();
    for (what, said) in [
        ("long", unwanted(10 << 30, "")),
        ("long, begun", unwanted(100_000, "") + &"x".repeat(70_000)),
        ("without an end", endless + &"x".repeat(0x11000) + "\r\n"),
        ("short, but it does not come", unwanted(1_000, "")),
        ("short, but it waits to be asked for", unwanted(3, "Expect: 100-continue\r\n")),
    ] {
        let mut raw = Raw::saying(&served.base, &said).await;
        let answer = raw.answer().await;
        assert_eq!(answer.status, 401, "{what}");
        assert!(answer.head.contains("connection: close"), "{what}: {}", answer.head);
        assert!(raw.is_closed().await, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_on_after_the_answer_hears_of_it_when_all_is_sent() {
    let served = Served::with(settings(|_| {}), false).await;
    // A stall between two writes is a silence for which the server cuts the connection.
    for _ in 0..TRIES {
        let mut raw = Raw::saying(&served.base, &unwanted(1 << 20, "")).await;
        if sends_on(&mut raw).await {
            assert_eq!(raw.answer().await.status, 401);
            assert!(raw.is_closed().await);
            return;
        }
    }
    panic!("it was cut each time");
}

/// Sends for longer than a connection in which nobody sends is kept, and not so slowly that nothing comes. Gives whether
/// all of it was taken.
async fn sends_on(raw: &mut Raw) -> bool {
    for _ in 0..5 {
        if !raw.try_say(&"x".repeat(1 << 10)).await {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    true
}
