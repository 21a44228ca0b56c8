//! How long what has ended is kept.

use std::sync::Arc;

use ampule::Event;
use ampule::queue::{Change, Filter, Queue, Retention, Selection, State, Timestamp, Verdict};
use ampule_tests::clock::{at, at_ms, s};
use ampule_tests::queue::{change_all, job, jobs, list, list_ids, put, put_all, run_to, take_one};
use serde_json::json;

const FOR_EVER: Retention = Retention { completed: None, failed: None, cancelled: None };

async fn prune(queue: &Arc<dyn Queue>, retention: &Retention, now: Timestamp) -> u64 {
    queue.prune(retention, Some(now)).await.expect("old jobs are looked for")
}

pub(super) async fn what_ended_is_kept_by_its_state_and_age(queue: Arc<dyn Queue>) {
    for verdict in [Verdict::Completed, Verdict::Failed, Verdict::Cancelled] {
        run_to(&queue, job("old"), verdict, at(0)).await;
        run_to(&queue, job("new"), verdict, at(100)).await;
    }
    let states = || async {
        let mut left: Vec<(State, String)> =
            list(&queue, &Filter::default()).await.into_iter().map(|job| (job.state, job.name)).collect();
        left.sort();
        left
    };
    assert_eq!(prune(&queue, &FOR_EVER, at(1_000_000)).await, 0);
    assert_eq!(prune(&queue, &Retention { completed: Some(s(150)), ..FOR_EVER }, at(200)).await, 1);
    assert_eq!(prune(&queue, &Retention { failed: Some(s(50)), ..FOR_EVER }, at(200)).await, 2);
    assert_eq!(prune(&queue, &Retention { cancelled: Some(s(300)), ..FOR_EVER }, at(200)).await, 0);
    let left = |state, name: &str| (state, name.to_owned());
    let expected = [left(State::Completed, "new"), left(State::Cancelled, "new"), left(State::Cancelled, "old")];
    assert_eq!(states().await, expected);
}

pub(super) async fn a_job_s_age_counts_from_its_end(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("long"), at(0)).await;
    let lease = take_one(&queue, at(0)).await;
    ampule_tests::queue::finish(&queue, &lease, Verdict::Completed, at(100)).await;
    let retention = Retention { completed: Some(s(50)), ..FOR_EVER };
    assert_eq!(prune(&queue, &retention, at_ms(149_999)).await, 0);
    assert_eq!(list_ids(&queue, &Filter::default()).await, [id]);
    assert_eq!(prune(&queue, &retention, at_ms(150_001)).await, 1);
}

pub(super) async fn what_has_not_ended_is_kept_however_old(queue: Arc<dyn Queue>) {
    put(&queue, job("runs"), at(0)).await;
    take_one(&queue, at(0)).await;
    put_all(&queue, vec![job("due"), job("held").held(), job("later").delay(s(9))], at(0)).await;
    let none = Retention { completed: Some(s(0)), failed: Some(s(0)), cancelled: Some(s(0)) };
    assert_eq!(prune(&queue, &none, at(1_000_000)).await, 0);
    assert_eq!(list(&queue, &Filter::default()).await.len(), 4);
}

pub(super) async fn of_what_is_pruned_nothing_stays(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("old").tag("red"), at(0)).await;
    let lease = take_one(&queue, at(0)).await;
    queue.report(vec![(lease.key, vec![Event::Progress(json!(1))])], Some(at(0))).await.expect("reported");
    ampule_tests::queue::finish(&queue, &lease, Verdict::Completed, at(1)).await;
    assert_eq!(prune(&queue, &Retention::default(), at(8 * 86_400)).await, 1);
    assert_eq!(queue.get(id).await, Ok(None));
    assert_eq!(queue.events(id, 0).await, Ok(vec![]));
    assert_eq!(list_ids(&queue, &Filter { tag: Some("red".to_owned()), ..Filter::default() }).await, []);
    assert_eq!(queue.counts(&Filter::default()).await, Ok(vec![]));
}

pub(super) async fn a_flood_of_old_jobs_goes_in_steps(queue: Arc<dyn Queue>) {
    put_all(&queue, jobs(10_000), at(0)).await;
    put_all(&queue, jobs(20), at(0)).await;
    let all = Selection::Filter(Filter::default());
    assert_eq!(change_all(&queue, &all, &Change::Cancel, at(0)).await.len(), 10_020);
    let retention = Retention { cancelled: Some(s(1)), ..FOR_EVER };
    assert_eq!(prune(&queue, &retention, at(9)).await, 10_000);
    assert_eq!(prune(&queue, &retention, at(9)).await, 20);
    assert_eq!(prune(&queue, &retention, at(9)).await, 0);
}
