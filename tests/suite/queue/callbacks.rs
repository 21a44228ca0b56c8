//! Ends that are told of over HTTP, as a queue keeps them: one delivery for each end, with a schedule of tries, and one
//! word to `at_err` when nobody could be told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ampule::queue::{
    Callback, Change, Claim, Delivery, Error, Filter, Lease, NewJob, Queue, Queues, Settled, Settlement, State,
    Summary, Target, Timestamp, Verdict, Webhook, Work,
};
use ampule::{Failure, JobId, Kind, Outcome};
use ampule_tests::clock::{at, s};
use ampule_tests::kwargs;
use ampule_tests::queue::{LEASE, change, claim, job, list, put, reclaim, record, summary, take};
use serde_json::json;

const URL: &str = "https://user:secret@hooks.example.com:8443/a/path?key=secret";
const HOST: &str = "hooks.example.com:8443";
const TRACE: &str = "00-11111111111111111111111111111111-2222222222222222-01";

fn webhook() -> Callback {
    let headers = BTreeMap::from([("x-room".to_owned(), "7\0\u{1f600}".to_owned())]);
    Callback::Http(Webhook { url: URL.to_owned(), kwargs: kwargs(json!({"room": "a\0b"})), headers })
}

/// A job of a tenant, which was asked for within a trace.
fn traced(name: &str) -> NewJob {
    let mut job = job(name).tenant("acme");
    job.payload.trace = Some(TRACE.to_owned());
    job
}

/// The delivery of an end over HTTP, with somebody who is told if it fails for good.
fn delivery(at_err: Callback) -> NewJob {
    let delivery = json!({
        "to": { "http": { "url": URL } },
        "ended": { "job": JobId::from_bytes([7; 16]), "name": "sum", "result": 3 },
    });
    let mut new = traced("").queue(Target::HTTP_QUEUE).at_err(at_err);
    new.payload.work = Work::Delivery(serde_json::from_value(delivery).expect("a delivery"));
    new
}

/// The jobs that follow from one.
async fn followers(queue: &Arc<dyn Queue>, id: JobId) -> Vec<Summary> {
    list(queue, &Filter { parent: Some(id), ..Filter::default() }).await
}

/// The delivery that follows from a job, as it is handed out.
async fn take_delivery(queue: &Arc<dyn Queue>, now: Timestamp) -> Lease {
    let over_http = vec![Target::HTTP_QUEUE.to_owned()];
    let only = Claim { queues: Queues::Only(Vec::new()), deliveries: over_http, ..claim(2) };
    let mut leases = take(queue, &only, now).await;
    assert_eq!(leases.len(), 1, "one delivery is due");
    leases.remove(0)
}

/// Ends a try as a worker does that could not make it, and says how long the delivery waits for the next.
async fn fail(queue: &Arc<dyn Queue>, lease: &Lease, now: Timestamp) -> Option<Duration> {
    let failure = Failure::new(Kind::Callback, "the receiver answered 503");
    let wait = lease.payload.retry.wait(lease.key.job, lease.tries, &failure);
    let verdict = wait.map_or(Verdict::Failed, Verdict::Retry);
    let outcome = Some(Outcome::of(lease.key.job, Err(failure)));
    let settlement = Settlement { key: lease.key, verdict, outcome, follow_up: None };
    assert_eq!(queue.settle(vec![settlement], Some(now)).await, Ok(vec![Settled::Done]));
    wait
}

pub(super) async fn an_end_that_is_told_over_http_is_one_delivery(queue: Arc<dyn Queue>) {
    let id = put(&queue, traced("sum").at_err(webhook()), at(0)).await;
    change(&queue, &[id], &Change::Cancel, at(1)).await;
    let followers = followers(&queue, id).await;
    let [told] = &followers[..] else { panic!("one delivery: {followers:?}") };
    assert_eq!((&*told.queue, told.tenant.as_deref(), told.state), (Target::HTTP_QUEUE, Some("acme"), State::Queued));
    assert_eq!(&*told.name, HOST, "a path may hold a secret");
    let lease = take_delivery(&queue, at(1)).await;
    assert_eq!((lease.key.job, lease.payload.trace.as_deref()), (told.id, Some(TRACE)));
    let Work::Delivery(Delivery { to, kwargs: told, ended, .. }) = &lease.payload.work else { panic!("a delivery") };
    let headers = BTreeMap::from([("x-room".to_owned(), "7\0\u{1f600}".to_owned())]);
    assert_eq!(to, &Target::Http { url: URL.to_owned(), headers });
    assert_eq!(told, &kwargs(json!({"room": "a\0b"})));
    assert_eq!((ended.job, &*ended.name), (id, "sum"));
    assert_eq!(ended.result.as_ref().expect_err("it did not return").kind, Kind::Cancelled);
}

pub(super) async fn every_end_without_a_run_is_told_over_http(queue: Arc<dyn Queue>) {
    let expires = put(&queue, traced("late").start_before(s(1)).at_err(webhook()), at(0)).await;
    reclaim(&queue, at(5)).await;
    let lease = take_delivery(&queue, at(5)).await;
    let Work::Delivery(Delivery { ended, .. }) = &lease.payload.work else { panic!("a delivery") };
    assert_eq!((ended.job, ended.result.as_ref().expect_err("it expired").kind), (expires, Kind::Expired));

    let once = ampule::queue::RetryPolicy::never();
    let lost = put(&queue, traced("orphan").retry(once).at_err(webhook()), at(10)).await;
    take(&queue, &claim(1), at(10)).await;
    reclaim(&queue, at(10) + LEASE).await;
    let told = followers(&queue, lost).await;
    assert_eq!((told.len(), &*told[0].queue), (1, Target::HTTP_QUEUE));
}

pub(super) async fn only_who_can_make_requests_is_handed_deliveries_over_http(queue: Arc<dyn Queue>) {
    let id = put(&queue, delivery(Callback::closure("failed")), at(0)).await;
    assert_eq!(take(&queue, &claim(9), at(0)).await, [], "a worker for jobs");
    assert_eq!(take(&queue, &ampule_tests::queue::claim_deliveries("failed", 9), at(0)).await, [], "one with closures");
    let nothing = Claim { queues: Queues::Only(Vec::new()), ..claim(9) };
    assert_eq!(take(&queue, &nothing, at(0)).await, [], "one that serves nothing");
    assert_eq!(take_delivery(&queue, at(0)).await.key.job, id);
}

pub(super) async fn a_webhook_is_tried_ten_times_within_three_days(queue: Arc<dyn Queue>) {
    let id = put(&queue, traced("sum").at_err(webhook()), at(0)).await;
    change(&queue, &[id], &Change::Cancel, at(0)).await;
    let (mut now, mut waits) = (at(0), Vec::new());
    let last = loop {
        let lease = take_delivery(&queue, now).await;
        let Some(wait) = fail(&queue, &lease, now).await else { break lease };
        now += wait;
        waits.push(wait.as_secs());
    };
    let (minute, hour) = (60, 60 * 60);
    assert_eq!(
        waits,
        [5, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour],
        "as Standard Webhooks suggests"
    );
    let record = record(&queue, last.key.job).await;
    assert_eq!((record.summary.state, record.attempts.len()), (State::Failed, 10));
    assert_eq!(followers(&queue, last.key.job).await, [], "nobody else is to be told");
}

pub(super) async fn a_delivery_whose_worker_died_is_made_again(queue: Arc<dyn Queue>) {
    let id = put(&queue, traced("sum").at_err(webhook()), at(0)).await;
    change(&queue, &[id], &Change::Cancel, at(0)).await;
    let first = take_delivery(&queue, at(0)).await;
    reclaim(&queue, at(0) + LEASE).await;
    let second = take_delivery(&queue, at(0) + LEASE).await;
    assert_eq!((second.key.job, second.key.attempt), (first.key.job, 2));
    assert_eq!(second.payload, first.payload, "it tells the same");
}

pub(super) async fn a_delivery_that_ends_undelivered_tells_its_at_err_once(queue: Arc<dyn Queue>) {
    let id = put(&queue, delivery(Callback::closure("failed")), at(0)).await;
    change(&queue, &[id], &Change::Cancel, at(1)).await;
    assert_eq!(change(&queue, &[id], &Change::Cancel, at(2)).await, []);
    let told = followers(&queue, id).await;
    let [told] = &told[..] else { panic!("told once: {told:?}") };
    assert_eq!((&*told.queue, told.tenant.as_deref()), ("@closure:failed", Some("acme")));
    let payload = record(&queue, told.id).await.payload;
    assert_eq!((payload.trace.as_deref(), payload.at_err), (Some(TRACE), None));
    let Work::Delivery(Delivery { ended, .. }) = payload.work else { panic!("a delivery") };
    assert_eq!((ended.job, &*ended.name), (JobId::from_bytes([7; 16]), "sum"), "it is told of the job");
    let failure = ended.result.expect_err("it was not delivered");
    assert_eq!(failure.kind, Kind::Callback);
    assert_eq!(failure.message, format!("at_return: {HOST}: cancelled before it ran"));
}

pub(super) async fn a_delivery_that_is_lost_for_good_tells_its_at_err(queue: Arc<dyn Queue>) {
    let once = ampule::queue::RetryPolicy::never();
    let id = put(&queue, delivery(webhook()).retry(once), at(0)).await;
    take_delivery(&queue, at(0)).await;
    reclaim(&queue, at(0) + LEASE).await;
    assert_eq!(summary(&queue, id).await.kind, Some(Kind::Lost));
    let lease = take_delivery(&queue, at(0) + LEASE).await;
    let Work::Delivery(Delivery { ended, .. }) = &lease.payload.work else { panic!("a delivery") };
    assert_eq!(ended.result.as_ref().expect_err("it was not delivered").kind, Kind::Callback);
}

pub(super) async fn a_delivery_that_failed_may_be_made_again_by_hand(queue: Arc<dyn Queue>) {
    let id = put(&queue, traced("sum").at_err(webhook()), at(0)).await;
    change(&queue, &[id], &Change::Cancel, at(0)).await;
    let told = followers(&queue, id).await[0].id;
    change(&queue, &[told], &Change::Cancel, at(1)).await;
    assert_eq!(change(&queue, &[told], &Change::Retry { kwargs: None }, at(2)).await, [told]);
    let lease = take_delivery(&queue, at(2)).await;
    assert_eq!((lease.key.job, lease.tries), (told, 1));
    assert_eq!(fail(&queue, &lease, at(2)).await, Some(s(5)), "with a schedule of its own");
}

pub(super) async fn a_webhook_that_breaks_a_rule_is_refused(queue: Arc<dyn Queue>) {
    let to = |url: &str| Webhook { url: url.to_owned(), kwargs: kwargs(json!({})), headers: BTreeMap::new() };
    let long = format!("https://example.com/secret{}", "x".repeat(2_000));
    let many = (0..21).map(|number| (format!("x-{number}"), String::new())).collect();
    let refused = [
        to(""),
        to("example.com/secret"),
        to("ftp://example.com/secret"),
        to("HTTPS//example.com/secret"),
        to("https://example.com/secret\r\nhost: other"),
        to("https://example.com/secret\0"),
        to(&long),
        Webhook { headers: many, ..to("https://example.com/secret") },
    ];
    for webhook in refused {
        for job in [
            job("a").at_return(Callback::Http(webhook.clone())),
            job("a").at_err(Callback::Http(webhook.clone())),
            job("a").at_return(Callback::job(job("b").at_err(Callback::Http(webhook.clone())))),
        ] {
            let refusal = queue.enqueue(vec![job], Some(at(0))).await.expect_err("it is refused");
            assert!(matches!(refusal, Error::Invalid { .. }), "{webhook:?}: {refusal:?}");
            assert!(!refusal.to_string().contains("secret"), "{refusal}");
        }
    }
    assert_eq!(list(&queue, &Filter::default()).await, []);
}

pub(super) async fn a_webhook_at_the_edge_of_every_rule_is_taken_in(queue: Arc<dyn Queue>) {
    let url = format!("http://{}", "x".repeat(1_993));
    let headers = (0..20).map(|number| (format!("x-{number}"), "a".to_owned())).collect();
    let webhook = Webhook { url, kwargs: kwargs(json!({})), headers };
    let id = put(&queue, job("a").at_return(Callback::Http(webhook.clone())), at(0)).await;
    assert_eq!(record(&queue, id).await.payload.at_return, Some(Callback::Http(webhook)));
}
