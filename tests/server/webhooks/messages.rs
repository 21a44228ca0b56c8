//! What receivers are sent.

use ampule::Job;
use ampule::queue::{Callback, Change, NewJob, Selection, State};
use ampule::wire::Moment;
use ampule_tests::guest::speaking;
use ampule_tests::receiver::{Receiver, Reply};
use serde_json::{Value, json};

use super::scene::{Scene, open, tries, webhook};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_job_is_told_once_with_its_value_and_the_kwargs() {
    let receiver = Receiver::start([Reply::status(200, "thanks")]).await;
    let scene = Scene::start(open()).await;
    let mut webhook = webhook(receiver.url("/hooks?from=ampule"));
    webhook.kwargs = webhook.kwargs.with("order", 7).expect("kwargs");
    let delivery = scene.tell(webhook).await;
    let record = scene.tried(delivery, 1).await;
    assert_eq!(record.summary.state, State::Completed);
    assert_eq!(tries(&record), [(Some(200), Some("thanks".to_owned()), None)]);
    let received = receiver.received(1).await;
    assert_eq!((received.len(), receiver.connections()), (1, 1));
    let request = &received[0];
    assert_eq!(request.line, "POST /hooks?from=ampule HTTP/1.1");
    let header = |name: &str| request.headers[name].to_str().expect("text").to_owned();
    assert_eq!(header("host"), receiver.address.to_string());
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("accept-encoding"), "identity");
    assert_eq!(header("user-agent"), format!("ampule/{}", env!("CARGO_PKG_VERSION")));
    assert_eq!(header("webhook-id"), delivery.to_string());
    let body: Value = serde_json::from_slice(&request.body).expect("JSON");
    let job = record.summary.parent.expect("a parent");
    let ended = scene.served.queue.get(job).await.expect("a queue").expect("the job");
    let ended_at = Moment(ended.summary.ended_at.expect("an end")).to_string();
    assert_eq!(body["type"], "job.returned");
    assert_eq!(body["timestamp"], ended_at);
    assert_eq!(body["data"]["job"], job.to_string());
    assert_eq!(body["data"]["name"], "sum");
    assert_eq!(body["data"]["result"], json!({"answer": 42}));
    assert_eq!(body["data"]["kwargs"], json!({"order": 7}));
    assert_eq!(body["data"]["outcome"]["result"], json!({"answer": 42}));
    assert_eq!(body["data"]["outcome"]["id"], job.to_string());
    assert!(body["data"].get("failure").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_of_ten_mebibytes_is_told_without_the_outcome() {
    const BYTES: usize = 10 << 20;
    let receiver = Receiver::start([Reply::status(200, "")]).await;
    let scene = Scene::start(open()).await;
    let last = BYTES - 1;
    let text = speaking(
        &[],
        &format!(
            "(drop (memory.grow (i32.const 160))) (memory.fill (i32.const 0) (i32.const 97) (i32.const {BYTES})) \
             (i32.store8 (i32.const 0) (i32.const 34)) (i32.store8 (i32.const {last}) (i32.const 34)) \
             (call $return (i32.const 0) (i32.const {BYTES}))"
        ),
    );
    let program = scene.served.store("large", &text).await;
    let job = NewJob::new(Job::new(program)).at_return(Callback::Http(webhook(receiver.url("/"))));
    let delivery = scene.enqueue(job).await;
    assert_eq!(scene.tried(delivery, 1).await.summary.state, State::Completed);
    let body: Value = serde_json::from_slice(&receiver.received(1).await[0].body).expect("JSON");
    assert_eq!(body["data"]["result"].as_str().map(str::len), Some(BYTES - 2));
    assert!(body["data"].get("outcome").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_failure_of_a_job_is_told() {
    let receiver = Receiver::start([Reply::status(204, "")]).await;
    let scene = Scene::start(open()).await;
    let delivery = scene.enqueue(scene.failing_job(webhook(receiver.url("/")))).await;
    assert_eq!(scene.tried(delivery, 1).await.summary.state, State::Completed);
    let body: Value = serde_json::from_slice(&receiver.received(1).await[0].body).expect("JSON");
    assert_eq!((&body["type"], &body["data"]["failure"]["kind"]), (&json!("job.failed"), &json!("trap")));
    assert_eq!(body["data"]["outcome"]["failure"], body["data"]["failure"]);
    assert!(body["data"].get("result").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_without_a_name_is_told_by_its_language() {
    let receiver = Receiver::start([Reply::status(200, "")]).await;
    let scene = Scene::start(open()).await;
    let mut job = NewJob::new(Job::source("python", "1")).at_err(Callback::Http(webhook(receiver.url("/"))));
    job.held = true;
    let stopped = Selection::Ids(vec![job.id]);
    scene.served.queue.enqueue(vec![job], None).await.expect("enqueued");
    scene.served.queue.change(&stopped, &Change::Cancel, None).await.expect("cancelled");
    let body: Value = serde_json::from_slice(&receiver.received(1).await[0].body).expect("JSON");
    assert_eq!((&body["type"], &body["data"]["name"]), (&json!("job.failed"), &json!("python")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_fails_for_good_is_told_of_to_another() {
    let (first, second) =
        (Receiver::start([Reply::status(410, "")]).await, Receiver::start([Reply::status(200, "")]).await);
    let scene = Scene::start(open()).await;
    let job = scene.job(webhook(first.url("/"))).at_err(Callback::Http(webhook(second.url("/"))));
    let failed = scene.enqueue(job).await;
    scene.delivery_of(failed).await;
    let body: Value = serde_json::from_slice(&second.received(1).await[0].body).expect("JSON");
    assert_eq!((&body["type"], &body["data"]["failure"]["kind"]), (&json!("job.failed"), &json!("callback")));
    assert!(body["data"].get("outcome").is_none(), "the job itself returned: {body}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_of_the_jobs_choice_and_a_child_of_its_trace_are_sent() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let receiver = Receiver::start([Reply::status(200, "")]).await;
    let scene = Scene::start(open()).await;
    let mut webhook = webhook(receiver.url("/"));
    webhook.headers = [("Authorization", "Bearer 1"), ("X-Tab", "a\tb")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let mut job = scene.job(webhook);
    job.payload.trace = Some(format!("00-{TRACE}-00f067aa0ba902b7-01"));
    scene.enqueue(job).await;
    let headers = &receiver.received(1).await[0].headers;
    assert_eq!((headers["authorization"].as_bytes(), headers["x-tab"].as_bytes()), (&b"Bearer 1"[..], &b"a\tb"[..]));
    let trace = headers["traceparent"].to_str().expect("text");
    assert!(trace.starts_with(&format!("00-{TRACE}-")) && trace.ends_with("-01"), "{trace}");
    assert!(!trace.contains("00f067aa0ba902b7"), "{trace}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_that_nobody_may_set_is_not_sent_even_if_it_was_stored() {
    let receiver = Receiver::start([Reply::status(200, "")]).await;
    let scene = Scene::start(open()).await;
    for (name, value) in [("host", "metadata"), ("Webhook-Signature", "v1,a"), ("x-a", "1\r\nx-b: 2")] {
        let mut webhook = webhook(receiver.url("/"));
        webhook.headers = [(name.to_owned(), value.to_owned())].into();
        let record = scene.tried(scene.tell(webhook).await, 1).await;
        assert_eq!(record.summary.state, State::Failed, "{name}");
        assert!(tries(&record)[0].2.as_deref().is_some_and(|message| message.contains(name)), "{name}");
    }
    assert_eq!(receiver.connections(), 0);
}
