//! `/v1/tokens`: made, listed and revoked within the reach of whoever asks.

use std::sync::Arc;
use std::time::Duration;

use ampule::Value;
use ampule::queue::{EntryKey, Expected};
use ampule::server::{Role, Settings, Tokens};
use ampule_tests::served::{Answered, Served};
use reqwest::{Method, StatusCode};
use serde_json::json;

async fn idle() -> Served {
    Served::with(Settings::default(), false).await
}

async fn post_as(served: &Served, token: &str, body: &Value) -> Answered {
    Answered::of(served.request_as(token, Method::POST, "/v1/tokens").json(body)).await
}

async fn delete_as(served: &Served, token: &str, id: &str) -> Answered {
    Answered::of(served.request_as(token, Method::DELETE, &format!("/v1/tokens/{id}"))).await
}

/// The names of the tokens that a token sees, in order.
async fn names(served: &Served, token: &str) -> Vec<String> {
    let listed = Answered::of(served.request_as(token, Method::GET, "/v1/tokens")).await;
    assert_eq!(listed.status, StatusCode::OK, "{listed:?}");
    let tokens = listed.body["tokens"].as_array().expect("tokens").iter();
    tokens.map(|token| token["name"].as_str().expect("a name").to_owned()).collect()
}

fn key(id: &str) -> EntryKey {
    EntryKey::new("token", id)
}

/// Lets a token be over since it was made.
async fn end(served: &Served, id: &str) {
    let mut entry = served.queue.entry(&key(id)).await.expect("the queue is there").expect("the token is there");
    entry.document["expires_at"] = entry.document["made_at"].clone();
    let expected = Expected::Revision(entry.revision);
    assert!(served.queue.put_entry(&entry, expected, None).await.expect("the queue is there"));
}

fn id_of(text: &str) -> &str {
    text.split('_').nth(1).expect("a token")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_token_is_told_once_and_lets_its_holder_in() {
    let served = idle().await;
    let body = json!({ "name": "ci", "role": "submit", "tenant": "acme", "expires": "30d" });
    let made = served.post("/v1/tokens", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(made.headers["cache-control"], "no-store");
    let text = made.body["token"].as_str().expect("a token");
    assert_eq!(made.body["id"], *id_of(text));
    let mut shown = made.body.clone();
    for (field, redacted) in [("token", "amp_…"), ("id", "…"), ("made_at", "…"), ("expires_at", "…")] {
        assert!(shown[field].is_string());
        shown[field] = redacted.into();
    }
    insta::assert_snapshot!(format!("{shown:#}"), @r#"
    {
      "token": "amp_…",
      "id": "…",
      "name": "ci",
      "role": "submit",
      "tenant": "acme",
      "made_at": "…",
      "expires_at": "…",
      "used_at": null
    }
    "#);
    assert_eq!(Answered::of(served.request_as(text, Method::GET, "/v1/version")).await.status, StatusCode::OK);
    let listed = served.get("/v1/tokens").await.body.to_string();
    let secret = text.rsplit('_').next().expect("a secret");
    assert!(listed.contains(id_of(text)) && !listed.contains(secret) && !listed.contains("hash"), "{listed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_token_is_said_by_field() {
    let served = idle().await;
    for (body, field) in [
        (json!({ "name": "", "role": "read" }), "name"),
        (json!({ "name": "a\nb", "role": "read" }), "name"),
        (json!({ "name": "x".repeat(101), "role": "read" }), "name"),
        (json!({ "name": "x", "role": "operator" }), "role"),
        (json!({ "name": "x", "role": "read", "tenant": "a:b" }), "tenant"),
        (json!({ "name": "x", "role": "read", "tenant": "" }), "tenant"),
        (json!({ "name": "x", "role": "read", "expires": "soon" }), "expires"),
        (json!({ "name": "x", "role": "read", "expires": 30 }), "expires"),
        (json!({ "name": "x", "role": "read", "expires": "9999-12-31T23:59:59-23:59" }), "expires"),
        (json!({ "name": "x", "role": "read", "expires": "2020-01-01T00:00:00Z" }), "expires"),
        (json!({ "name": "x", "role": "read", "hash": "00" }), "hash"),
    ] {
        let answered = served.post("/v1/tokens", &body).await;
        let found = (answered.status, &answered.body["code"], &answered.body["field"]);
        assert_eq!(found, (StatusCode::BAD_REQUEST, &"bad_request".into(), &field.into()), "{body}");
    }
    assert_eq!(names(&served, &served.admin).await, ["tests"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_admin_of_a_tenant_reaches_no_further_than_the_tenant() {
    let served = idle().await;
    let admin = served.token(Role::Admin, Some("acme")).await;
    let stranger = served.token(Role::Read, Some("other")).await;
    let made = post_as(&served, &admin, &json!({ "name": "own", "role": "admin" })).await;
    assert_eq!((made.status, &made.body["tenant"]), (StatusCode::CREATED, &"acme".into()));
    let named = post_as(&served, &admin, &json!({ "name": "named", "role": "read", "tenant": "acme" })).await;
    assert_eq!(named.status, StatusCode::CREATED);
    let other = post_as(&served, &admin, &json!({ "name": "other", "role": "read", "tenant": "other" })).await;
    assert_eq!((other.status, &other.body["code"]), (StatusCode::FORBIDDEN, &"forbidden".into()));
    assert_eq!(names(&served, &admin).await, ["tests", "own", "named"]);
    for id in [id_of(&stranger), id_of(&served.admin)] {
        let refused = delete_as(&served, &admin, id).await;
        assert_eq!((refused.status, &refused.body["code"]), (StatusCode::NOT_FOUND, &"not_found".into()));
    }
    let own = made.body["id"].as_str().expect("an id");
    assert_eq!(delete_as(&served, &admin, own).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_somebody_elses_is_refused_as_what_is_not_there() {
    let served = idle().await;
    let admin = served.token(Role::Admin, Some("acme")).await;
    let stranger = served.token(Role::Read, Some("other")).await;
    let theirs = delete_as(&served, &admin, id_of(&stranger)).await;
    for id in ["aaaaaaaaaaaa", "x", "%00", "..%2f..", &"a".repeat(400)] {
        let nobodys = delete_as(&served, &admin, id).await;
        assert_eq!((nobodys.status, &nobodys.body), (theirs.status, &theirs.body), "{id}");
    }
    let still = Answered::of(served.request_as(&stranger, Method::GET, "/v1/version")).await;
    assert_eq!(still.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_token_of_an_operator_stays() {
    let served = idle().await;
    let of_tenant = served.token(Role::Admin, Some("acme")).await;
    let reader = served.token(Role::Read, None).await;
    let refused = delete_as(&served, &served.admin, id_of(&served.admin)).await;
    assert_eq!((refused.status, &refused.body["code"]), (StatusCode::CONFLICT, &"conflict".into()));
    let operator = served.token(Role::Admin, None).await;
    assert_eq!(delete_as(&served, &operator, id_of(&served.admin)).await.status, StatusCode::NO_CONTENT);
    for text in [&of_tenant, &reader] {
        assert_eq!(delete_as(&served, &operator, id_of(text)).await.status, StatusCode::NO_CONTENT);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operators_token_that_is_over_is_no_other_one() {
    let served = idle().await;
    let tokens = Tokens::new(Arc::clone(&served.queue));
    let (short, _) = tokens.make("short", Role::Admin, None, None).await.unwrap();
    end(&served, &short.id).await;
    let refused = delete_as(&served, &served.admin, id_of(&served.admin)).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(names(&served, &served.admin).await, ["tests", "short"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_operators_who_revoke_each_other_do_not_both_go() {
    let served = idle().await;
    for _ in 0..10 {
        let tokens = Tokens::new(Arc::clone(&served.queue));
        for token in tokens.list().await.unwrap() {
            tokens.revoke(&token.id).await.unwrap();
        }
        let (one, other) = (served.token(Role::Admin, None).await, served.token(Role::Admin, None).await);
        tokio::join!(delete_as(&served, &one, id_of(&other)), delete_as(&served, &other, id_of(&one)));
        assert!(!tokens.is_empty().await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_over_some_day_makes_none_that_lasts_longer() {
    let served = idle().await;
    let end = served.queue.clock().await.unwrap() + Duration::from_secs(3_600);
    let tokens = Tokens::new(Arc::clone(&served.queue));
    let (_, short) = tokens.make("short", Role::Admin, None, Some(end)).await.unwrap();
    let longer = post_as(&served, &short, &json!({ "name": "longer", "role": "read", "expires": "2h" })).await;
    assert_eq!((longer.status, &longer.body["code"]), (StatusCode::FORBIDDEN, &"forbidden".into()));
    let same = post_as(&served, &short, &json!({ "name": "same", "role": "read" })).await;
    assert_eq!(same.status, StatusCode::CREATED);
    let shorter = post_as(&served, &short, &json!({ "name": "shorter", "role": "read", "expires": "1m" })).await;
    assert_eq!(shorter.status, StatusCode::CREATED);
    let listed = tokens.list().await.unwrap();
    let end_of = |name: &str| listed.iter().find(|token| token.name == name).and_then(|token| token.expires_at);
    assert_eq!(end_of("same"), end_of("short"));
    assert!(end_of("shorter") < end_of("short"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tokens_of_a_tenant_are_bounded_and_anothers_are_not_its_affair() {
    let served = idle().await;
    let tokens = Tokens::new(Arc::clone(&served.queue));
    let (first, _) = tokens.make("x", Role::Read, Some("acme".to_owned()), None).await.unwrap();
    let entry = served.queue.entry(&key(&first.id)).await.unwrap().unwrap();
    for number in 1..1_000 {
        let mut copy = entry.clone();
        copy.key.name = format!("{number:0>12}");
        copy.document["id"] = copy.key.name.clone().into();
        served.queue.put_entry(&copy, Expected::Nothing, None).await.unwrap();
    }
    let body = |tenant: &str| json!({ "name": "one more", "role": "read", "tenant": tenant });
    let refused = served.post("/v1/tokens", &body("acme")).await;
    assert_eq!((refused.status, &refused.body["field"]), (StatusCode::BAD_REQUEST, &"tenant".into()));
    assert_eq!(served.post("/v1/tokens", &body("other")).await.status, StatusCode::CREATED);
    assert_eq!(names(&served, &served.admin).await.len(), 1_002, "the list has more than one page");
    for id in ["000000000007", "000000000999"] {
        end(&served, id).await;
    }
    for _ in 0..2 {
        assert_eq!(served.post("/v1/tokens", &body("acme")).await.status, StatusCode::CREATED, "in the place of one");
    }
    assert_eq!(served.post("/v1/tokens", &body("acme")).await.status, StatusCode::BAD_REQUEST);
    let listed = tokens.list().await.unwrap();
    assert!(listed.len() == 1_002 && listed.iter().all(|token| token.id != "000000000007"), "{}", listed.len());
}
