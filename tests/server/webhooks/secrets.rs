//! Signatures, as the reference implementation of Standard Webhooks checks and makes them, and the secrets behind them.

use std::time::Duration;

use ampule::server::Role;
use ampule_tests::receiver::{Received, Receiver, Reply};
use ampule_tests::served::Answered;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use standardwebhooks::Webhook as Reference;

use super::scene::{Scene, open, webhook};

const OWN: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The secrets of these that the reference is content with.
fn verified(received: &Received, secrets: &[String]) -> Vec<bool> {
    let verify = |secret: &String| Reference::new(secret).expect("a secret").verify(&received.body, &received.headers);
    secrets.iter().map(|secret| verify(secret).is_ok()).collect()
}

/// The texts of the secrets in an answer, the newest first.
fn texts(answered: &Answered) -> Vec<String> {
    let secrets = answered.body["secrets"].as_array().expect("secrets");
    secrets.iter().map(|secret| secret["secret"].as_str().expect("text").to_owned()).collect()
}

/// What the first delivery after this is sent.
async fn told(scene: &Scene, tenant: Option<&str>) -> Received {
    let receiver = Receiver::start([Reply::status(200, "")]).await;
    let job = scene.job(webhook(receiver.url("/")));
    scene.enqueue(tenant.map_or(job.clone(), |tenant| job.tenant(tenant))).await;
    receiver.received(1).await.remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_implementation_verifies_what_is_sent_and_would_have_signed_it_alike() {
    let scene = Scene::start(open()).await;
    let received = told(&scene, None).await;
    let secrets = texts(&scene.served.get("/v1/webhooks/secrets").await);
    assert_eq!(verified(&received, &secrets), [true]);
    let header = |name: &str| received.headers[name].to_str().expect("text").to_owned();
    let timestamp = header("webhook-timestamp").parse().expect("seconds");
    let reference = Reference::new(&secrets[0]).expect("a secret");
    let signed = reference.sign(&header("webhook-id"), timestamp, &received.body).expect("signed");
    assert_eq!(header("webhook-signature"), signed);
    let mut changed = received.clone();
    changed.body[0] = b' ';
    assert_eq!(verified(&changed, &secrets), [false]);
    assert_eq!(verified(&received, &[OWN.to_owned()]), [false]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_was_rotated_signs_until_it_is_deleted() {
    let scene = Scene::start(open()).await;
    let first = texts(&scene.served.get("/v1/webhooks/secrets").await);
    let rotated = scene.served.post("/v1/webhooks/secrets", &json!({})).await;
    assert_eq!(rotated.status, StatusCode::CREATED);
    let both = texts(&rotated);
    assert_eq!((both.len(), &both[1]), (2, &first[0]));
    assert_eq!(verified(&told(&scene, None).await, &both), [true, true]);
    let of = |index: usize| rotated.body["secrets"][index].clone();
    assert!(of(0)["ends_at"].is_null() && of(1)["ends_at"].is_string(), "{}", rotated.body);
    let path = |index: usize| format!("/v1/webhooks/secrets/{}", of(index)["id"].as_str().expect("an id"));
    let newest = scene.served.delete(&path(0)).await;
    assert_eq!((newest.status, &newest.body["code"]), (StatusCode::CONFLICT, &"conflict".into()));
    assert_eq!(scene.served.delete(&path(1)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(scene.served.delete(&path(1)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(verified(&told(&scene, None).await, &both), [true, false]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_was_rotated_ends_by_itself() {
    let mut settings = open();
    settings.keep_rotated = Duration::ZERO;
    let scene = Scene::start(settings).await;
    let first = texts(&scene.served.get("/v1/webhooks/secrets").await);
    scene.served.post("/v1/webhooks/secrets", &json!({ "secret": OWN })).await;
    let left = texts(&scene.served.get("/v1/webhooks/secrets").await);
    assert_eq!(left, [OWN]);
    assert_eq!(verified(&told(&scene, None).await, &[first, left].concat()), [false, true]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_tenant_can_sign_for_another() {
    let scene = Scene::start(open()).await;
    let mut secrets = Vec::new();
    for tenant in [Some("a"), Some("b"), None] {
        let token = scene.served.token(Role::Admin, tenant).await;
        let request = scene.served.request_as(&token, Method::GET, "/v1/webhooks/secrets");
        secrets.extend(texts(&Answered::of(request).await));
        let other = scene.served.request_as(&token, Method::GET, "/v1/webhooks/secrets?tenant=b");
        let expected = if tenant == Some("a") { StatusCode::FORBIDDEN } else { StatusCode::OK };
        assert_eq!(Answered::of(other).await.status, expected, "{tenant:?}");
    }
    assert_eq!(secrets.len(), 3);
    assert_eq!(verified(&told(&scene, Some("a")).await, &secrets), [true, false, false]);
    assert_eq!(verified(&told(&scene, Some("b")).await, &secrets), [false, true, false]);
    assert_eq!(verified(&told(&scene, None).await, &secrets), [false, false, true]);
    let of_b = scene.served.get("/v1/webhooks/secrets?tenant=b").await;
    assert_eq!(texts(&of_b), secrets[1..2]);
    assert_eq!(of_b.headers["cache-control"], "no-store");
    let of_nobody = scene.served.get("/v1/webhooks/secrets?tenant=a:b").await;
    assert_eq!((of_nobody.status, &of_nobody.body["field"]), (StatusCode::BAD_REQUEST, &"tenant".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_race_make_one_secret() {
    let scene = Scene::start(open()).await;
    let asked = (0..16).map(|_| tokio::spawn(Answered::of(scene.served.request(Method::GET, "/v1/webhooks/secrets"))));
    let mut found = Vec::new();
    for answered in asked.collect::<Vec<_>>() {
        found.extend(texts(&answered.await.expect("an answer")));
    }
    assert_eq!(found.len(), 16);
    assert!(found.iter().all(|secret| secret == &found[0]), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_secret_or_too_many_are_refused() {
    let scene = Scene::start(open()).await;
    let post = async |body: Value| scene.served.post("/v1/webhooks/secrets", &body).await;
    for secret in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_!"] {
        let refused = post(json!({ "secret": secret })).await;
        assert_eq!((refused.status, &refused.body["field"]), (StatusCode::BAD_REQUEST, &"secret".into()), "{secret}");
        assert!(secret.len() < 10 || !refused.body.to_string().contains(&secret[6..]), "{}", refused.body);
    }
    assert_eq!(post(json!({ "secret": OWN })).await.status, StatusCode::CREATED);
    assert_eq!(post(json!({ "secret": OWN })).await.status, StatusCode::CONFLICT);
    for _ in 0..4 {
        assert_eq!(post(json!({})).await.status, StatusCode::CREATED);
    }
    let full = post(json!({})).await;
    assert_eq!((full.status, &full.body["code"]), (StatusCode::CONFLICT, &"conflict".into()));
}
