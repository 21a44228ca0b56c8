//! Queues by name: how they are served and what is in them.

use std::sync::Arc;

use ampule::queue::{Callback, Change, Error, Mode, Queue, QueueInfo, QueueSettings, Timestamp, Verdict};
use ampule_tests::clock::{at, s};
use ampule_tests::queue::{change, configure, finish, job, put, put_all, run_to, take_one};

async fn queues(queue: &Arc<dyn Queue>, now: Timestamp) -> Vec<QueueInfo> {
    queue.queues(Some(now)).await.expect("queues are listed")
}

/// The numbers of a queue: queued, due, held, running.
fn numbers(info: &QueueInfo) -> (&str, [u64; 4]) {
    (&info.name, [info.queued, info.due, info.held, info.running])
}

pub(super) async fn a_queue_that_nobody_named_is_not_there(queue: Arc<dyn Queue>) {
    assert_eq!(queues(&queue, at(0)).await, []);
}

pub(super) async fn a_queue_tells_what_is_in_it(queue: Arc<dyn Queue>) {
    run_to(&queue, job("ended").queue("a"), Verdict::Completed, at(0)).await;
    put(&queue, job("runs").queue("a"), at(0)).await;
    take_one(&queue, at(1)).await;
    let new = vec![
        job("due").queue("a").run_at(at(4)),
        job("due first").queue("a").run_at(at(3)),
        job("later").queue("a").run_at(at(9)),
        job("held").queue("a").held(),
        job("held later").queue("a").held().run_at(at(9)),
        job("elsewhere").queue("b").run_at(at(6)),
    ];
    put_all(&queue, new, at(2)).await;
    let infos = queues(&queue, at(5)).await;
    let found: Vec<_> = infos.iter().map(numbers).collect();
    assert_eq!(found, [("a", [5, 2, 2, 1]), ("b", [1, 0, 0, 0])]);
    assert_eq!((infos[0].oldest_due, infos[1].oldest_due), (Some(at(3)), None));
    assert_eq!(infos[0].settings, QueueSettings::default());
    assert_eq!(queues(&queue, at(6)).await[1].oldest_due, Some(at(6)));
}

pub(super) async fn queues_are_listed_in_order_of_name(queue: Arc<dyn Queue>) {
    for name in ["b", "a-b", "a", "Z", "10", "9"] {
        put(&queue, job("").queue(name), at(0)).await;
    }
    configure(&queue, "aa", QueueSettings::default()).await;
    let names: Vec<String> = queues(&queue, at(0)).await.into_iter().map(|info| info.name).collect();
    assert_eq!(names, ["10", "9", "Z", "a", "a-b", "aa", "b"]);
}

pub(super) async fn a_queue_that_was_configured_stays_when_it_is_empty(queue: Arc<dyn Queue>) {
    let settings = QueueSettings { mode: Mode::Paused, max_running: Some(7), max_running_per_tenant: Some(1) };
    configure(&queue, "mail", settings.clone()).await;
    run_to(&queue, job("").queue("passing"), Verdict::Completed, at(0)).await;
    let infos = queues(&queue, at(1)).await;
    let [info] = &infos[..] else { panic!("one queue: {infos:?}") };
    assert_eq!((numbers(info), &info.settings), (("mail", [0; 4]), &settings));
}

pub(super) async fn settings_are_replaced_as_a_whole(queue: Arc<dyn Queue>) {
    for mode in Mode::ALL {
        let settings = QueueSettings { mode, max_running: None, max_running_per_tenant: Some(u32::MAX) };
        configure(&queue, "mail", QueueSettings { max_running: Some(3), ..settings.clone() }).await;
        configure(&queue, "mail", settings.clone()).await;
        assert_eq!(queues(&queue, at(0)).await[0].settings, settings);
    }
}

pub(super) async fn a_limit_of_none_at_all_is_refused(queue: Arc<dyn Queue>) {
    let none = QueueSettings { max_running: Some(0), ..QueueSettings::default() };
    let none_each = QueueSettings { max_running_per_tenant: Some(0), ..QueueSettings::default() };
    for settings in [none, none_each] {
        let error = queue.configure("mail", &settings).await.expect_err("refused");
        assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
    }
    assert_eq!(queues(&queue, at(0)).await, []);
}

pub(super) async fn deliveries_are_seen_in_queues_of_their_own(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("told").at_err(Callback::closure("tell")), at(0)).await;
    change(&queue, &[id], &Change::Cancel, at(1)).await;
    let infos = queues(&queue, at(1)).await;
    assert_eq!(infos.iter().map(numbers).collect::<Vec<_>>(), [("@closure:tell", [1, 1, 0, 0])]);
}

pub(super) async fn a_queue_of_deliveries_may_be_paused(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("told").at_err(Callback::closure("tell")), at(0)).await;
    let paused = QueueSettings { mode: Mode::Paused, ..QueueSettings::default() };
    configure(&queue, "@closure:tell", paused).await;
    change(&queue, &[id], &Change::Cancel, at(1)).await;
    let claim = ampule_tests::queue::claim_deliveries("tell", 1);
    assert_eq!(ampule_tests::queue::take(&queue, &claim, at(1)).await, []);
    configure(&queue, "@closure:tell", QueueSettings::default()).await;
    assert_eq!(ampule_tests::queue::take(&queue, &claim, at(1)).await.len(), 1);
}

pub(super) async fn the_numbers_follow_what_happens(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("").queue("a"), at(0)).await;
    change(&queue, &[id], &Change::Hold, at(0)).await;
    assert_eq!(numbers(&queues(&queue, at(0)).await[0]), ("a", [1, 0, 1, 0]));
    change(&queue, &[id], &Change::Release, at(0)).await;
    assert_eq!(numbers(&queues(&queue, at(0)).await[0]), ("a", [1, 1, 0, 0]));
    let lease = take_one(&queue, at(0)).await;
    assert_eq!(numbers(&queues(&queue, at(0)).await[0]), ("a", [0, 0, 0, 1]));
    finish(&queue, &lease, Verdict::Retry(s(5)), at(0)).await;
    assert_eq!(numbers(&queues(&queue, at(0)).await[0]), ("a", [1, 0, 0, 0]));
    change(&queue, &[id], &Change::Cancel, at(0)).await;
    assert_eq!(queues(&queue, at(0)).await, []);
}
