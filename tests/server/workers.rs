//! Workers over HTTP.

use ampule::server::Role;
use ampule_tests::served::{Answered, Served};
use reqwest::Method;

use super::programs::refusal;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_is_listed_for_those_without_a_tenant() {
    let served = Served::start().await;
    let listed = ampule_tests::soon("the worker tells of itself", async {
        loop {
            let listed = served.get("/v1/workers").await;
            if listed.body["workers"].as_array().is_some_and(|workers| !workers.is_empty()) {
                return listed;
            }
        }
    });
    let listed = listed.await;
    assert_eq!(
        (&listed.body["workers"][0]["slots"], &listed.body["workers"][0]["draining"]),
        (&8.into(), &false.into())
    );
    let tenant = served.token(Role::Admin, Some("acme")).await;
    let refused = Answered::of(served.request_as(&tenant, Method::GET, "/v1/workers")).await;
    assert_eq!(refusal(&refused), (403, "forbidden"));
}
