//! Streams of events: a job's life in order, taken up again anywhere, within bounds.

use std::time::Duration;

use ampule::queue::{Change, Lease, NewJob, Selection, Settlement, Verdict};
use ampule::server::{Role, Settings};
use ampule::{Event, Job, JobId, LogLevel, LogLine, Outcome, Value};
use ampule_tests::guest::speaking;
use ampule_tests::queue::{claim, failed, job};
use ampule_tests::served::{Answered, Served};
use ampule_tests::soon;
use ampule_tests::sse::{Heard, Sse};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::json;

fn log(message: &str) -> Event {
    Event::Log(line(message))
}

fn line(message: &str) -> LogLine {
    LogLine { level: LogLevel::Info, message: message.to_owned() }
}

fn path(id: JobId) -> String {
    format!("/v1/jobs/{id}/events")
}

async fn enqueue(served: &Served, job: NewJob) -> JobId {
    served.queue.enqueue(vec![job], None).await.expect("it is taken in")[0].id
}

async fn claimed(served: &Served) -> Lease {
    let claimed = served.queue.claim(&claim(1), None).await.expect("a claim");
    claimed.leases.into_iter().next().expect("a job is due")
}

async fn report(served: &Served, lease: &Lease, events: Vec<Event>) {
    served.queue.report(vec![(lease.key, events)], None).await.expect("they are stored");
}

async fn settle(served: &Served, lease: &Lease, verdict: Verdict, outcome: Outcome) {
    let settlement = Settlement { key: lease.key, verdict, outcome: Some(outcome), follow_up: None };
    served.queue.settle(vec![settlement], None).await.expect("it is settled");
}

async fn complete(served: &Served, lease: &Lease, returns: Vec<Value>, lines: &[&str]) {
    let mut outcome = Outcome::of(lease.key.job, Ok(returns));
    outcome.output.logs = lines.iter().map(|text| line(text)).collect();
    settle(served, lease, Verdict::Completed, outcome).await;
}

/// A job of two attempts: the first told something and failed, the second was stored in part.
async fn lived(served: &Served) -> JobId {
    let id = enqueue(served, job("lived")).await;
    let lease = claimed(served).await;
    report(served, &lease, vec![log("a"), Event::Progress(json!(0.5))]).await;
    let mut first = failed(id, ampule::Kind::Guest, "no luck");
    first.output.logs = vec![line("a"), line("b")];
    settle(served, &lease, Verdict::Retry(Duration::ZERO), first).await;
    let lease = claimed(served).await;
    report(served, &lease, vec![Event::Return(json!(1))]).await;
    complete(served, &lease, vec![json!(1), json!({"two": 2})], &["c"]).await;
    id
}

async fn heard(request: RequestBuilder) -> Vec<Heard> {
    Sse::open(request).await.rest().await
}

fn names(heard: &[Heard]) -> Vec<String> {
    heard.iter().map(|heard| format!("{} {}", heard.id, heard.event)).collect()
}

async fn idle() -> Served {
    Served::with(Settings::default(), false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jobs_life_is_told_as_it_happens() {
    let served = idle().await;
    let id = enqueue(&served, job("told")).await;
    let mut stream = Sse::open(served.request(Method::GET, &path(id))).await;
    let mut next = async || stream.next().await.expect("an event");
    let queued = next().await;
    assert_eq!((&*queued.event, &queued.data["attempt"]), ("queued", &json!(0)));
    let lease = claimed(&served).await;
    let started = next().await;
    assert_eq!((&*started.event, &started.data["attempt"]), ("started", &json!(1)));
    assert_eq!(started.data["worker"], lease.key.worker.to_string());
    report(&served, &lease, vec![Event::Progress(json!({"done": 1})), log("hm")]).await;
    let progress = next().await;
    assert_eq!((&*progress.event, &progress.data["value"]), ("progress", &json!({"done": 1})));
    let said = next().await;
    assert_eq!((&*said.event, &said.data["value"]), ("log", &json!({"level": "info", "message": "hm"})));
    settle(&served, &lease, Verdict::Retry(Duration::ZERO), failed(id, ampule::Kind::Guest, "no luck")).await;
    let again = next().await;
    assert_eq!((&*again.event, &again.data["failure"]["message"]), ("queued", &json!("no luck")));
    let lease = claimed(&served).await;
    assert_eq!(next().await.event, "started");
    complete(&served, &lease, vec![json!([1])], &[]).await;
    let returned = next().await;
    assert_eq!((&*returned.event, &returned.data["value"]), ("returned", &json!([1])));
    let ended = next().await;
    assert_eq!((&*ended.event, &ended.data["state"]), ("ended", &json!("completed")));
    assert_eq!(ended.data["outcome"]["result"], json!([1]));
    assert_eq!(stream.next().await, None, "it closes after the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_resumes_anywhere_on_any_server_hears_exactly_the_rest() {
    let served = idle().await;
    let id = lived(&served).await;
    let (other, base) = served.beside().await;
    let elsewhere = format!("{base}{}", path(id));
    let whole = heard(served.request(Method::GET, &path(id))).await;
    assert_eq!(
        names(&whole),
        [
            "0-0 queued",
            "1-0 started",
            "1-1 log",
            "1-2 progress",
            "1-2+1 log",
            "1-2+1-queued queued",
            "2-2 started",
            "2-3 returned",
            "2-3+1 log",
            "2-3+2 returned",
            "2-3+2-end ended"
        ]
    );
    assert_eq!(heard(served.client.get(&elsewhere).bearer_auth(&served.admin)).await, whole);
    for place in 0..whole.len() - 1 {
        let (last, rest) = (&whole[place].id, &whole[place + 1..]);
        let request = served.client.get(&elsewhere).bearer_auth(&served.admin).header("last-event-id", last);
        assert_eq!(heard(request).await, rest, "by header after {last}");
        let path = format!("{}?last_event_id={}", path(id), last.replace('+', "%2B"));
        assert_eq!(heard(served.request(Method::GET, &path)).await, rest, "by parameter after {last}");
    }
    other.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_a_restart_cut_goes_on_where_it_was() {
    let mut served = idle().await;
    let id = enqueue(&served, job("cut")).await;
    let lease = claimed(&served).await;
    report(&served, &lease, vec![log("before")]).await;
    let mut stream = Sse::open(served.request(Method::GET, &path(id))).await;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(stream.next().await.expect("an event"));
    }
    served.stop().await;
    assert_eq!(stream.next().await, None, "a server that goes ends its streams");
    report(&served, &lease, vec![log("between")]).await;
    let (next, base) = served.beside().await;
    let url = format!("{base}{}", path(id));
    let request = served.client.get(&url).bearer_auth(&served.admin).header("last-event-id", &all[2].id);
    let mut stream = Sse::open(request).await;
    all.push(stream.next().await.expect("an event"));
    complete(&served, &lease, vec![json!(1)], &["before", "between", "after"]).await;
    all.extend(stream.rest().await);
    let whole = heard(served.client.get(&url).bearer_auth(&served.admin)).await;
    assert_eq!(all, whole);
    next.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_short_run_told_is_known_before_its_end() {
    let served = Served::start().await;
    let calls: [(&str, &[u8]); 3] = [("$return", b"1"), ("$log", b"said"), ("$return", b"\"two\"")];
    let wasm = ampule::assemble(&speaking(&calls, "")).expect("a program");
    let program = served.queue.put_program(&wasm, Some("short"), None).await.expect("it is stored");
    let id = enqueue(&served, NewJob::new(Job::new(program))).await;
    let all = heard(served.request(Method::GET, &path(id))).await;
    let told: Vec<(&str, &Value)> = all.iter().map(|heard| (&*heard.event, &heard.data["value"])).collect();
    let [("queued", _), ("started", _), between @ .., ("ended", _)] = &told[..] else { panic!("{told:?}") };
    let (said, one, two) = (json!({"level": "info", "message": "said"}), json!(1), json!("two"));
    let (said, one, two) = (("log", &said), ("returned", &one), ("returned", &two));
    // A run that was not so short after all was reported on as it went.
    assert!(between == [said, one, two] || between == [one, said, two], "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_end_there_is_nothing_until_the_job_is_tried_again() {
    let served = idle().await;
    let id = lived(&served).await;
    let end = heard(served.request(Method::GET, &path(id))).await.pop().expect("the end");
    let resume = || served.request(Method::GET, &path(id)).header("last-event-id", &end.id);
    assert_eq!(Answered::of(resume()).await.status, StatusCode::NO_CONTENT);
    let retried = served.queue.change(&Selection::Ids(vec![id]), &Change::Retry { kwargs: None }, None).await;
    assert_eq!(retried, Ok(vec![id]));
    let mut stream = Sse::open(resume()).await;
    let queued = stream.next().await.expect("it waits again");
    assert_eq!((&*queued.event, &queued.data["end"]), ("queued", &json!("completed")));
    let lease = claimed(&served).await;
    complete(&served, &lease, vec![], &[]).await;
    assert_eq!(names(&stream.rest().await), ["3-3 started", "3-3-end ended"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_job_is_gone_for_whoever_comes_back() {
    let served = idle().await;
    let id = lived(&served).await;
    let deleted = served.queue.change(&Selection::Ids(vec![id]), &Change::Delete, None).await;
    assert_eq!(deleted, Ok(vec![id]));
    let resumed = served.request(Method::GET, &path(id)).header("last-event-id", "1-1");
    let answered = Answered::of(resumed).await;
    assert_eq!((answered.status, &answered.body["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_id_of_an_event_of_the_job_is_refused() {
    let served = idle().await;
    let id = lived(&served).await;
    for bad in ["x", "1", "-1", "1-1-2", "0-1", "1-1+0", "9-0", "1-18446744073709551616"] {
        let by_header = Answered::of(served.request(Method::GET, &path(id)).header("last-event-id", bad)).await;
        let by_parameter = served.get(&format!("{}?last_event_id={}", path(id), bad.replace('+', "%2B"))).await;
        for answered in [by_header, by_parameter] {
            assert_eq!((answered.status, &answered.body["code"]), (StatusCode::BAD_REQUEST, &json!("bad_request")));
            let field = answered.body["field"].as_str().expect("a field");
            assert!(field.eq_ignore_ascii_case("last-event-id") || field == "last_event_id", "{field}");
        }
    }
    let bytes = served.request(Method::GET, &path(id)).header("last-event-id", &b"\xff"[..]);
    assert_eq!(Answered::of(bytes).await.status, StatusCode::BAD_REQUEST);
    let unknown = served.get(&format!("{}?last=1-1", path(id))).await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_hears_its_own_jobs_and_learns_nothing_of_others() {
    let served = idle().await;
    let id = enqueue(&served, job("theirs").tenant("acme")).await;
    let nobodys = enqueue(&served, job("nobodys")).await;
    let own = served.token(Role::Read, Some("acme")).await;
    let other = served.token(Role::Admin, Some("other")).await;
    let mut stream = Sse::open(served.request_as(&own, Method::GET, &path(id))).await;
    assert_eq!(stream.next().await.expect("an event").event, "queued");
    let unknown = Answered::of(served.request_as(&other, Method::GET, &path(JobId::from_bytes([7; 16])))).await;
    for (token, id) in [(&other, id), (&other, nobodys), (&own, nobodys)] {
        let stream = Answered::of(served.request_as(token, Method::GET, &path(id))).await;
        assert_eq!((stream.status, &stream.body), (StatusCode::NOT_FOUND, &unknown.body));
        let page = served.request_as(token, Method::GET, &path(id)).header("accept", "application/json");
        assert_eq!(Answered::of(page).await.status, StatusCode::NOT_FOUND);
    }
    for misspelt in ["7", "%ff"] {
        let misspelt = served.get(&format!("/v1/jobs/{misspelt}/events")).await;
        assert_eq!((misspelt.status, &misspelt.body["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
    }
    let stranger = Answered::of(served.client.get(format!("{}{}", served.base, path(id)))).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_has_its_share_of_streams_and_the_server_its_own() {
    let mut settings = Settings::default();
    (settings.max_streams, settings.max_streams_per_token) = (2, 1);
    let served = Served::with(settings, false).await;
    let id = enqueue(&served, job("watched")).await;
    let (second, third) = (served.token(Role::Read, None).await, served.token(Role::Read, None).await);
    let mut first = Sse::open(served.request(Method::GET, &path(id))).await;
    assert_eq!(first.next().await.expect("an event").event, "queued");
    let refused = served.get(&path(id)).await;
    assert_eq!((refused.status, &refused.body["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!("too_many_requests")));
    assert!(refused.headers.contains_key("retry-after"));
    let mut other = Sse::open(served.request_as(&second, Method::GET, &path(id))).await;
    assert_eq!(other.next().await.expect("an event").event, "queued");
    let full = Answered::of(served.request_as(&third, Method::GET, &path(id))).await;
    assert_eq!(full.status, StatusCode::TOO_MANY_REQUESTS);
    drop(first);
    soon("there is room again", async {
        while served.request(Method::GET, &path(id)).send().await.expect("an answer").status() != StatusCode::OK {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_stream_gives_signs_of_life() {
    let mut settings = Settings::default();
    settings.keep_alive_every = Duration::from_millis(20);
    let served = Served::with(settings, false).await;
    let id = enqueue(&served, job("waits")).await;
    let mut stream = Sse::open(served.request(Method::GET, &path(id))).await;
    assert_eq!(stream.next().await.expect("an event").event, "queued");
    stream.comment().await;
    stream.comment().await;
    let lease = claimed(&served).await;
    complete(&served, &lease, vec![], &[]).await;
    assert_eq!(names(&stream.rest().await), ["1-0 started", "1-0-end ended"], "and it is awake");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stream_of_a_token_that_is_revoked_ends() {
    let mut settings = Settings::default();
    settings.stream_check_every = Duration::from_millis(50);
    let served = Served::with(settings, false).await;
    let id = enqueue(&served, job("watched")).await;
    let token = served.token(Role::Read, None).await;
    let mut stream = Sse::open(served.request_as(&token, Method::GET, &path(id))).await;
    assert_eq!(stream.next().await.expect("an event").event, "queued");
    let public = token.split('_').nth(1).expect("its public part");
    let revoked = served.delete(&format!("/v1/tokens/{public}")).await;
    assert!(revoked.status.is_success(), "{revoked:?}");
    assert_eq!(stream.next().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stored_is_given_as_a_page_to_whoever_asks_for_json() {
    let served = idle().await;
    let id = lived(&served).await;
    let page = async |query: &str| {
        let request = served.request(Method::GET, &format!("{}{query}", path(id)));
        Answered::of(request.header("accept", "application/json")).await
    };
    let all = page("").await;
    assert_eq!(all.status, StatusCode::OK);
    let events = all.body["events"].as_array().expect("a list");
    let told: Vec<_> = events.iter().map(|event| (event["number"].clone(), event["event"].clone())).collect();
    assert_eq!(told, [(json!(1), json!("log")), (json!(2), json!("progress")), (json!(3), json!("return"))]);
    assert_eq!(page("?after=2").await.body["events"], json!([events[2]]));
    assert_eq!(page("?after=3").await.body["events"], json!([]));
}
