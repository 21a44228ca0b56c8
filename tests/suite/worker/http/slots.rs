//! What deliveries take of a worker, and which worker makes them.

use super::*;

#[tokio::test]
async fn deliveries_need_nothing_of_the_runner_and_no_job_s_slot() {
    let site = Site::with(builder().guest_threads(1).pool_size(1).build().expect("a runner")).await;
    let double = Double::hanging();
    for _ in 0..3 {
        site.small_delivery().await;
    }
    let deliveries = site.delivering(&double).slots(3).start().expect("a worker");
    double.until_alive(3).await;
    assert_eq!((site.runner.load_now().alive, deliveries.running()), (0, 3));
    let jobs = site.describe().slots(1).start().expect("a worker");
    for _ in 0..3 {
        let id = site.put(site.job(&returning(&["1"])).await).await;
        site.until_in(State::Completed, id).await;
    }
    assert_eq!((double.alive(), jobs.running()), (3, 0));
}

#[tokio::test]
async fn no_more_deliveries_are_under_way_than_there_are_slots() {
    let site = Site::new().await;
    let double = Double::hanging();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(site.small_delivery().await.1);
    }
    let worker = site.delivering(&double).slots(2).start().expect("a worker");
    double.until_alive(2).await;
    let first = double.given()[0].id;
    site.change(first, Change::Cancel).await;
    until("the third begins", || double.given().len() == 3).await;
    assert_eq!((double.alive(), worker.running()), (2, 2));
}

#[tokio::test]
async fn a_worker_for_deliveries_only_runs_no_job() {
    let site = Site::new().await;
    let double = Double::giving(Ok(json!({"status": 200})));
    let job = site.put(site.job(&returning(&["1"])).await).await;
    site.change(job, Change::Hold).await;
    let (_, delivery) = site.small_delivery().await;
    site.change(job, Change::Release).await;
    let worker = site.delivering(&double).start().expect("a worker");
    site.until_in(State::Completed, delivery).await;
    worker.shutdown(Duration::ZERO).await;
    assert_eq!(site.record(job).await.summary.attempt, 0);
}

#[tokio::test]
async fn deliveries_wait_for_a_worker_that_can_make_them() {
    let site = Site::new().await;
    let (_, delivery) = site.small_delivery().await;
    let worker = site.start();
    let job = site.put(site.job(&returning(&["1"])).await).await;
    site.until_in(State::Completed, job).await;
    worker.shutdown(Duration::ZERO).await;
    assert_eq!(site.record(delivery).await.summary.attempt, 0);
}

#[tokio::test]
async fn a_limit_on_deliveries_holds() {
    let site = Site::new().await;
    let double = Double::hanging();
    for _ in 0..3 {
        site.small_delivery().await;
    }
    let settings = QueueSettings { max_running: Some(1), ..QueueSettings::default() };
    site.queue.configure(Target::HTTP_QUEUE, &settings).await.expect("configured");
    let _worker = site.delivering(&double).start().expect("a worker");
    until("one begins", || double.given().len() == 1).await;
    let first = double.given()[0].id;
    site.change(first, Change::Cancel).await;
    until("the next begins", || double.given().len() == 2).await;
    assert_eq!(double.alive(), 1);
}
