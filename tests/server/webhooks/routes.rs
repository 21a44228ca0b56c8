//! Deliveries, as their owner sees them and sends them again.

use ampule::server::Role;
use ampule_tests::receiver::{Receiver, Reply};
use ampule_tests::served::Answered;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::scene::{Scene, open, webhook};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_try_is_shown_and_no_value_of_a_header_is() {
    let receiver = Receiver::start([Reply::status(503, "later"), Reply::status(200, "thanks")]).await;
    let scene = Scene::start(open()).await;
    let mut webhook = webhook(receiver.url("/path?token=1"));
    webhook.headers = [("Authorization".to_owned(), "Bearer hidden".to_owned())].into();
    let delivery = scene.tell(webhook).await;
    scene.tried(delivery, 1).await;
    let path = format!("/v1/webhooks/{delivery}");
    let shown = scene.served.get(&path).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.body);
    let body = &shown.body;
    assert_eq!((&body["id"], &body["state"]), (&delivery.to_string().into(), &"queued".into()));
    assert_eq!((&body["url"], &body["headers"]), (&receiver.url("/path?token=1").into(), &json!(["Authorization"])));
    assert_eq!((&body["event"], &body["tries"], &body["max_tries"]), (&"job.returned".into(), &1.into(), &10.into()));
    let first = &body["attempts"][0];
    assert_eq!((&first["status"], &first["body"], &first["end"]), (&503.into(), &"later".into(), &"failed".into()));
    assert!(first["time_ms"].is_u64() && first["message"].is_string() && first["ended_at"].is_string(), "{first}");
    assert!(!body.to_string().contains("hidden"));
    for job in [body["job"].as_str().expect("a job").to_owned(), delivery.to_string()] {
        let job = scene.served.get(&format!("/v1/jobs/{job}")).await;
        assert_eq!(job.status, StatusCode::OK, "{}", job.body);
        assert!(!job.body.to_string().contains("hidden"), "{}", job.body);
    }
    let again = scene.served.post(&format!("{path}/retry"), &json!({})).await;
    assert_eq!((again.status, &again.body["id"]), (StatusCode::OK, &delivery.to_string().into()), "{}", again.body);
    scene.tried(delivery, 2).await;
    let shown = scene.served.get(&path).await.body;
    assert_eq!((&shown["state"], &shown["attempts"][1]["body"]), (&"completed".into(), &"thanks".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_for_good_can_be_sent_again() {
    let receiver = Receiver::start([Reply::status(410, ""), Reply::status(200, "")]).await;
    let scene = Scene::start(open()).await;
    let delivery = scene.tell(webhook(receiver.url("/"))).await;
    scene.tried(delivery, 1).await;
    let path = format!("/v1/webhooks/{delivery}");
    assert_eq!(scene.served.get(&path).await.body["state"], "failed");
    assert_eq!(scene.served.post(&format!("{path}/retry"), &json!({})).await.status, StatusCode::OK);
    let received = receiver.received(2).await;
    assert_eq!(received[0].headers["webhook-id"], received[1].headers["webhook-id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_being_sent_cannot_be_sent_again() {
    let receiver = Receiver::start([Reply::Ignore]).await;
    let scene = Scene::start(open()).await;
    let delivery = scene.tell(webhook(receiver.url("/"))).await;
    super::scene::until(async || (receiver.connections() == 1).then_some(())).await;
    let refused = scene.served.post(&format!("/v1/webhooks/{delivery}/retry"), &json!({})).await;
    assert_eq!((refused.status, &refused.body["code"]), (StatusCode::CONFLICT, &"conflict".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_are_listed_by_state_and_by_job() {
    let receiver = Receiver::start([Reply::status(410, ""), Reply::status(200, "")]).await;
    let scene = Scene::start(open()).await;
    let failed = scene.tell(webhook(receiver.url("/"))).await;
    scene.tried(failed, 1).await;
    let told = scene.tell(webhook(receiver.url("/"))).await;
    let record = scene.tried(told, 1).await;
    let ids = async |query: &str| {
        let answered = scene.served.get(&format!("/v1/webhooks{query}")).await;
        assert_eq!(answered.status, StatusCode::OK, "{}", answered.body);
        let deliveries = answered.body["deliveries"].as_array().expect("a list").clone();
        let ids: Vec<_> = deliveries.iter().map(|each| each["id"].as_str().expect("an id").to_owned()).collect();
        (ids, answered.body["next"].clone())
    };
    let (failed, told) = (failed.to_string(), told.to_string());
    assert_eq!(ids("").await, (vec![told.clone(), failed.clone()], serde_json::Value::Null));
    assert_eq!(ids("?state=failed").await.0, [&*failed]);
    assert_eq!(ids("?state=completed,failed").await.0, [&*told, &*failed]);
    assert_eq!(ids(&format!("?job={}", record.summary.parent.expect("a parent"))).await.0, [&*told]);
    assert_eq!(ids("?limit=1").await, (vec![told.clone()], json!(told)));
    assert_eq!(ids(&format!("?limit=1&after={told}")).await, (vec![failed.clone()], serde_json::Value::Null));
    for query in ["?state=lost", "?limit=0", "?limit=1001", "?job=1", "?nothing=1"] {
        let refused = scene.served.get(&format!("/v1/webhooks{query}")).await;
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (StatusCode::BAD_REQUEST, &"bad_request".into()),
            "{query}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_is_nobodys_but_its_tenants() {
    let receiver = Receiver::start([Reply::status(410, "")]).await;
    let scene = Scene::start(open()).await;
    let delivery = scene.enqueue(scene.job(webhook(receiver.url("/"))).tenant("a")).await;
    let job = scene.tried(delivery, 1).await.summary.parent.expect("a parent");
    let (own, other) =
        (scene.served.token(Role::Submit, Some("a")).await, scene.served.token(Role::Admin, Some("b")).await);
    let ask = async |token: &str, method: Method, path: String| {
        Answered::of(scene.served.request_as(token, method, &path)).await
    };
    let path = format!("/v1/webhooks/{delivery}");
    assert_eq!(ask(&own, Method::GET, path.clone()).await.status, StatusCode::OK);
    assert_eq!(
        ask(&own, Method::GET, "/v1/webhooks".to_owned()).await.body["deliveries"][0]["id"],
        delivery.to_string()
    );
    assert_eq!(ask(&other, Method::GET, "/v1/webhooks".to_owned()).await.body["deliveries"], json!([]));
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::POST, format!("{path}/retry")),
        (Method::GET, "/v1/webhooks/1".to_owned()),
        (Method::GET, "/v1/webhooks/019a0000-0000-7000-8000-000000000000".to_owned()),
    ] {
        let refused = ask(&other, method, path.clone()).await;
        assert_eq!((refused.status, &refused.body["code"]), (StatusCode::NOT_FOUND, &"not_found".into()), "{path}");
    }
    let no_delivery = scene.served.get(&format!("/v1/webhooks/{job}")).await;
    assert_eq!(no_delivery.status, StatusCode::NOT_FOUND, "a job is no delivery");
    let tenant = ask(&own, Method::GET, "/v1/webhooks?tenant=b".to_owned()).await;
    assert_eq!(tenant.status, StatusCode::FORBIDDEN);
    let filtered = scene.served.get("/v1/webhooks?tenant=b").await;
    assert_eq!(filtered.body["deliveries"], json!([]));
}
