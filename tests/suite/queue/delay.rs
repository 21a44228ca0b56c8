//! The seed's `delay`, row by row: what it promised and kept, and what it promised and broke.

use std::sync::Arc;

use ampule::queue::{Change, Filter, Queue, RetryPolicy, State, Verdict};
use ampule::{Job, Kwargs};
use ampule_tests::clock::{at, s};
use ampule_tests::place::Place;
use ampule_tests::queue::{
    LEASE, change, claim, finish, job, list, put, put_all, reclaim, run_to, state, summary, take, take_ids, take_one,
};

pub(super) async fn a_delay_of_nothing_is_due_at_once(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("now").delay(s(0)), at(0)).await;
    assert_eq!(take_ids(&queue, &claim(1), at(0)).await, [id]);
}

pub(super) async fn delayed_jobs_run_in_the_order_in_which_they_are_due(queue: Arc<dyn Queue>) {
    let delays = [30, 10, 20];
    let ids = put_all(&queue, delays.map(|seconds| job("later").delay(s(seconds))).to_vec(), at(0)).await;
    assert_eq!(take_ids(&queue, &claim(9), at(60)).await, [ids[1], ids[2], ids[0]]);
}

pub(super) async fn a_delayed_job_survives_and_keeps_its_time(place: Arc<Place>) {
    let queue = place.open().await;
    let id = put(&queue, job("later").delay(s(60)), at(0)).await;
    drop(queue);
    let queue = place.open().await;
    assert_eq!(take(&queue, &claim(1), at(59)).await, []);
    assert_eq!(take_ids(&queue, &claim(1), at(60)).await, [id]);
}

pub(super) async fn a_delayed_job_that_is_overdue_runs_at_once(place: Arc<Place>) {
    let queue = place.open().await;
    let id = put(&queue, job("later").delay(s(60)), at(0)).await;
    drop(queue);
    let queue = place.open().await;
    assert_eq!(take_ids(&queue, &claim(1), at(86_400)).await, [id]);
    assert_eq!(take(&queue, &claim(1), at(86_400)).await, [], "once");
}

pub(super) async fn a_cancelled_job_never_runs(place: Arc<Place>) {
    let queue = place.open().await;
    let ids = put_all(&queue, vec![job("later").delay(s(60)), job("kept").delay(s(60))], at(0)).await;
    assert_eq!(change(&queue, &ids[..1], &Change::Cancel, at(1)).await, ids[..1], "it was cancelled now");
    assert_eq!(change(&queue, &ids[..1], &Change::Cancel, at(1)).await, [], "it was cancelled before");
    drop(queue);
    let queue = place.open().await;
    assert_eq!(take_ids(&queue, &claim(9), at(86_400)).await, ids[1..]);
    assert_eq!(state(&queue, ids[0]).await, State::Cancelled);
}

pub(super) async fn a_cancelled_job_does_not_run_when_it_is_told_to_run_now(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("later").delay(s(60)), at(0)).await;
    change(&queue, &[id], &Change::Cancel, at(1)).await;
    for told in [Change::RunNow, Change::Release, Change::Hold] {
        assert_eq!(change(&queue, &[id], &told, at(2)).await, []);
    }
    assert_eq!(take(&queue, &claim(1), at(86_400)).await, []);
}

pub(super) async fn a_job_that_is_run_now_runs_once(place: Arc<Place>) {
    let queue = place.open().await;
    let id = put(&queue, job("later").delay(s(60)), at(0)).await;
    assert_eq!(change(&queue, &[id], &Change::RunNow, at(1)).await, [id]);
    let lease = take_one(&queue, at(1)).await;
    assert_eq!(change(&queue, &[id], &Change::RunNow, at(1)).await, [], "it runs already");
    finish(&queue, &lease, Verdict::Completed, at(2)).await;
    drop(queue);
    let queue = place.open().await;
    assert_eq!(take(&queue, &claim(1), at(60)).await, [], "nothing is left for the time when it was due");
}

pub(super) async fn a_paused_job_that_was_due_meanwhile_runs_when_it_goes_on(place: Arc<Place>) {
    let queue = place.open().await;
    let id = put(&queue, job("later").delay(s(60)), at(0)).await;
    assert_eq!(change(&queue, &[id], &Change::Hold, at(1)).await, [id]);
    drop(queue);
    let queue = place.open().await;
    assert_eq!(take(&queue, &claim(1), at(90)).await, []);
    assert!(summary(&queue, id).await.held);
    assert_eq!(change(&queue, &[id], &Change::Release, at(91)).await, [id]);
    assert_eq!(take_ids(&queue, &claim(1), at(91)).await, [id]);
}

pub(super) async fn a_paused_job_that_goes_on_early_keeps_its_time(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("later").delay(s(60)), at(0)).await;
    change(&queue, &[id], &Change::Hold, at(1)).await;
    change(&queue, &[id], &Change::Release, at(30)).await;
    assert_eq!(take(&queue, &claim(1), at(59)).await, []);
    assert_eq!(take_ids(&queue, &claim(1), at(60)).await, [id]);
}

pub(super) async fn delayed_jobs_are_listed_by_name(queue: Arc<dyn Queue>) {
    let new = ["feed cat", "feed dog", "feed cat"].map(|name| job(name).delay(s(60)));
    let ids = put_all(&queue, new.to_vec(), at(0)).await;
    let named = Filter { name: Some("feed cat".to_owned()), ..Filter::default() };
    let listed = list(&queue, &named).await;
    assert_eq!(listed.iter().map(|job| job.id).collect::<Vec<_>>(), [ids[2], ids[0]]);
    assert!(listed.iter().all(|job| (job.state, job.run_at) == (State::Queued, at(60))));
}

pub(super) async fn an_id_is_never_another_job_s(place: Arc<Place>) {
    let queue = place.open().await;
    let first = run_to(&queue, job("first"), Verdict::Completed, at(0)).await;
    change(&queue, &[first], &Change::Delete, at(1)).await;
    drop(queue);
    let queue = place.open().await;
    let second = put(&queue, job("second"), at(2)).await;
    assert_ne!(first, second);
    for told in [Change::Cancel, Change::Hold, Change::Delete] {
        assert_eq!(change(&queue, &[first], &told, at(3)).await, [], "a stale handle is nobody's");
    }
    assert_eq!(queue.get(first).await, Ok(None));
    assert_eq!(state(&queue, second).await, State::Queued);
}

pub(super) async fn what_has_no_json_form_is_refused_before_it_is_stored(queue: Arc<dyn Queue>) {
    assert!(Job::source("python", "1").kwarg("x", f64::NAN).is_err());
    assert!(Kwargs::new().with("x", std::collections::BTreeMap::from([(vec![1], 1)])).is_err());
    assert!(Kwargs::new().with("at_return", 1).is_err());
    assert_eq!(list(&queue, &Filter::default()).await, []);
}

pub(super) async fn a_job_whose_process_died_runs_again(place: Arc<Place>) {
    let queue = place.open().await;
    let id = put(&queue, job("later").delay(s(60)), at(0)).await;
    take_one(&queue, at(60)).await;
    drop(queue);
    let queue = place.open().await;
    assert_eq!(reclaim(&queue, at(60) + LEASE).await, 1);
    let lease = take_one(&queue, at(90)).await;
    assert_eq!((lease.key.job, lease.tries), (id, 2));
}

pub(super) async fn a_job_that_failed_for_good_does_not_run_again_after_a_restart(place: Arc<Place>) {
    let queue = place.open().await;
    let new = job("later").delay(s(60)).retry(RetryPolicy::never());
    let id = put(&queue, new, at(0)).await;
    let lease = take_one(&queue, at(60)).await;
    finish(&queue, &lease, Verdict::Failed, at(61)).await;
    drop(queue);
    let queue = place.open().await;
    assert_eq!(reclaim(&queue, at(86_400)).await, 0);
    assert_eq!(take(&queue, &claim(1), at(86_400)).await, []);
    assert_eq!(state(&queue, id).await, State::Failed, "and it can be looked at");
}

pub(super) async fn a_failing_job_follows_its_policy_across_a_restart(place: Arc<Place>) {
    let queue = place.open().await;
    let id = put(&queue, job("later").delay(s(60)), at(0)).await;
    let lease = take_one(&queue, at(60)).await;
    finish(&queue, &lease, Verdict::Retry(s(100)), at(61)).await;
    drop(queue);
    let queue = place.open().await;
    assert_eq!(take(&queue, &claim(1), at(160)).await, []);
    assert_eq!(take_one(&queue, at(161)).await.key.job, id);
}

pub(super) async fn where_a_job_is_can_be_asked_at_any_time(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("later").delay(s(60)), at(0)).await;
    let mut seen = vec![state(&queue, id).await];
    let lease = take_one(&queue, at(60)).await;
    seen.push(state(&queue, id).await);
    finish(&queue, &lease, Verdict::Completed, at(61)).await;
    seen.push(state(&queue, id).await);
    assert_eq!(seen, [State::Queued, State::Running, State::Completed]);
    change(&queue, &[id], &Change::Delete, at(62)).await;
    assert_eq!(queue.get(id).await, Ok(None));
}
