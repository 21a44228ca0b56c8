//! What stops a delivery that is under way, and what becomes of it then.

use super::*;

#[tokio::test]
async fn a_delivery_that_is_cancelled_is_dropped() {
    let site = Site::new().await;
    let double = Double::hanging();
    let (_, delivery) = site.small_delivery().await;
    let worker = site.delivering(&double).start().expect("a worker");
    double.until_alive(1).await;
    site.change(delivery, Change::Cancel).await;
    let record = site.until_in(State::Cancelled, delivery).await;
    assert_eq!((double.alive(), worker.running()), (0, 0));
    assert_eq!(record.attempts[0].end, AttemptEnd::Cancelled);
}

#[tokio::test]
async fn a_shutdown_hands_back_what_is_under_way() {
    let site = Site::new().await;
    let double = Double::hanging();
    let (_, delivery) = site.small_delivery().await;
    let worker = site.delivering(&double).start().expect("a worker");
    double.until_alive(1).await;
    let drained = worker.shutdown(Duration::from_millis(1)).await;
    assert_eq!((drained.handed_back, drained.abandoned, double.alive()), (1, 0, 0));
    let record = site.record(delivery).await;
    assert_eq!((record.summary.state, record.summary.tries), (State::Queued, 0), "it does not count as a try");
    assert_eq!(record.attempts[0].end, AttemptEnd::HandedBack);
}

#[tokio::test]
async fn a_shutdown_waits_for_a_delivery_that_ends_in_time() {
    let site = Site::new().await;
    let go_on = Arc::new(tokio::sync::Notify::new());
    let told = Arc::clone(&go_on);
    let double = Double::of(move |_| {
        let told = Arc::clone(&told);
        Box::pin(async move {
            told.notified().await;
            Ok(json!({"status": 200}))
        })
    });
    let (_, delivery) = site.small_delivery().await;
    let worker = site.delivering(&double).start().expect("a worker");
    double.until_alive(1).await;
    let drained = tokio::spawn(worker.shutdown(LATER));
    go_on.notify_one();
    let drained = soon("the shutdown ends", drained).await.expect("no panic");
    assert_eq!((drained.finished, drained.handed_back), (1, 0));
    assert_eq!(site.state(delivery).await, State::Completed);
}

#[tokio::test]
async fn a_worker_that_is_dropped_drops_its_deliveries() {
    let site = Site::new().await;
    let double = Double::hanging();
    site.small_delivery().await;
    let worker = site.delivering(&double).start().expect("a worker");
    double.until_alive(1).await;
    drop(worker);
    double.until_alive(0).await;
}

#[tokio::test]
async fn a_delivery_whose_lease_is_lost_is_dropped_and_settles_nothing() {
    let site = Site::new().await;
    let double = Double::hanging();
    let (_, delivery) = site.small_delivery().await;
    let worker = site.delivering(&double).renew_every(Duration::from_millis(20)).start().expect("a worker");
    double.until_alive(1).await;
    // So that nobody begins it anew.
    let paused = QueueSettings { mode: Mode::Paused, ..QueueSettings::default() };
    site.queue.configure(Target::HTTP_QUEUE, &paused).await.expect("configured");
    // To others the lease is over, and they take the delivery back.
    let far = site.queue.clock().await.expect("the clock") + Duration::from_secs(3_600);
    assert_eq!(site.queue.reclaim(Some(far)).await, Ok(1));
    double.until_alive(0).await;
    until("nothing is held", || worker.running() == 0).await;
    let record = site.record(delivery).await;
    assert_eq!((record.summary.state, record.attempts.len()), (State::Queued, 1));
    assert_eq!(record.attempts[0].end, AttemptEnd::Lost);
}
