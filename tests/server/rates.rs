//! How often a token may ask.

use std::time::Duration;

use ampule::server::{Rate, Role, Settings};
use ampule_tests::served::{Answered, Served};
use reqwest::{Method, StatusCode};

async fn limited(per_second: u32, burst: u32) -> Served {
    let mut settings = Settings::default();
    settings.rate = Some(Rate { per_second, burst });
    Served::with(settings, false).await
}

async fn ask(served: &Served, token: &str) -> Answered {
    Answered::of(served.request_as(token, Method::GET, "/v1/version")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_its_rate_a_token_is_told_how_long_to_wait_and_then_passes() {
    let served = limited(1, 3).await;
    let refused = loop {
        let answered = ask(&served, &served.admin).await;
        if answered.status != StatusCode::OK {
            break answered;
        }
    };
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.body["code"], "too_many_requests");
    let seconds = refused.body["retry_after_seconds"].as_u64().expect("seconds");
    assert_eq!(refused.headers["retry-after"], *seconds.to_string());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    assert_eq!(ask(&served, &served.admin).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_token_uses_up_is_not_anothers() {
    let served = limited(1, 2).await;
    let other = served.token(Role::Read, None).await;
    while ask(&served, &served.admin).await.status == StatusCode::OK {}
    assert_eq!(ask(&served, &other).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_its_role_forbids_counts_too() {
    let served = limited(1, 2).await;
    let reader = served.token(Role::Read, None).await;
    let forbidden = async || Answered::of(served.request_as(&reader, Method::GET, "/v1/tokens")).await.status;
    loop {
        match forbidden().await {
            StatusCode::FORBIDDEN => {}
            status => break assert_eq!(status, StatusCode::TOO_MANY_REQUESTS),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_rate_nobody_is_told_to_wait() {
    let served = Served::with(Settings::default(), false).await;
    for _ in 0..300 {
        assert_eq!(ask(&served, &served.admin).await.status, StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_told_however_often_it_is_asked() {
    let served = limited(1, 1).await;
    for path in ["/healthz", "/readyz"] {
        for _ in 0..20 {
            let answered = Answered::of(served.request(Method::GET, path)).await;
            assert_ne!(answered.status, StatusCode::TOO_MANY_REQUESTS, "{path}");
        }
    }
}
