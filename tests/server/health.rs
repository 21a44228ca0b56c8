//! Whether the server is well: told without a token, and whatever the queue does.

use std::sync::Arc;
use std::time::Duration;

use ampule::queue::Error;
use ampule::server::Settings;
use ampule_tests::faulty::{Fault, FaultyQueue, Verb};
use ampule_tests::served::{Answered, Served};
use reqwest::StatusCode;

async fn asked(served: &Served, base: &str, path: &str) -> Answered {
    Answered::of(served.client.get(format!("{base}{path}"))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_well_says_so_without_a_token() {
    let served = Served::with(Settings::default(), false).await;
    assert_eq!(asked(&served, &served.base, "/healthz").await.status, StatusCode::NO_CONTENT);
    assert_eq!(asked(&served, &served.base, "/readyz").await.status, StatusCode::NO_CONTENT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_queue_is_away_is_alive_and_not_ready() {
    let served = Served::with(Settings::default(), false).await;
    let away = Fault::Before(Error::Unavailable("a secret".to_owned()));
    for (fault, detail) in [
        (away, "the queue cannot be reached at the moment"),
        (Fault::Hang, "the queue does not answer within 1s"),
        (Fault::Late(Duration::from_secs(60)), "the queue does not answer within 1s"),
    ] {
        let faulty = FaultyQueue::new(Arc::clone(&served.queue));
        faulty.fail_always(Verb::Clock, fault);
        let (_server, base) = served.another(faulty, Settings::default()).await;
        let ready = asked(&served, &base, "/readyz").await;
        assert_eq!((ready.status, &ready.body["code"]), (StatusCode::SERVICE_UNAVAILABLE, &"unavailable".into()));
        assert_eq!((&ready.body["detail"], &ready.body["retry_after_seconds"]), (&detail.into(), &1.into()));
        assert_eq!(ready.headers["retry-after"], "1");
        assert_eq!(asked(&served, &base, "/healthz").await.status, StatusCode::NO_CONTENT);
    }
}
