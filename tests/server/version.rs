//! What is running, and that nobody learns it without a token.

use ampule_tests::served::{Answered, Served};
use reqwest::{Method, StatusCode};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_version_is_told_to_whoever_has_a_token() {
    let served = Served::start().await;
    let answered = served.get("/v1/version").await;
    assert_eq!(answered.status, StatusCode::OK);
    assert_eq!(answered.body["version"], env!("CARGO_PKG_VERSION"));
    let stranger = Answered::of(served.request_as("amp_nobody", Method::GET, "/v1/version")).await;
    assert_eq!((stranger.status, &stranger.body["code"]), (StatusCode::UNAUTHORIZED, &"unauthorized".into()));
}
