//! Looking at jobs: one, a page of them, or how many there are.

use std::collections::BTreeSet;
use std::sync::Arc;

use ampule::queue::{Change, Claim, Error, Filter, NewJob, Page, Queue, State, Summary, Verdict};
use ampule::{Job, JobId, Kind};
use ampule_tests::clock::{at, at_ms, s};
use ampule_tests::queue::{
    change, claim, claim_of, failed, finish, job, jobs, list, list_ids, put, put_all, record, returned, run_to,
    settlement, store, take, take_one,
};

/// The names of the jobs that pass, oldest first.
async fn names(queue: &Arc<dyn Queue>, filter: Filter) -> Vec<String> {
    let mut names: Vec<String> = list(queue, &filter).await.into_iter().map(|summary| summary.name).collect();
    names.reverse();
    names
}

/// All jobs that pass, in pages of this size.
async fn paged(queue: &Arc<dyn Queue>, filter: &Filter, limit: u32) -> Vec<Summary> {
    let (mut all, mut after): (Vec<Summary>, _) = (Vec::new(), None);
    loop {
        let page = queue.list(filter, Page { after, limit }).await.expect("listed");
        assert!(page.len() <= limit as usize);
        let Some(last) = page.last() else { return all };
        after = Some(last.id);
        all.extend(page);
    }
}

/// Runs a job to a failure with this message.
async fn fail(queue: &Arc<dyn Queue>, new: NewJob, kind: Kind, message: &str) -> JobId {
    let id = put(queue, new, at(0)).await;
    let lease = take_one(queue, at(0)).await;
    let mut end = settlement(&lease, Verdict::Failed);
    end.outcome = Some(failed(id, kind, message));
    queue.settle(vec![end], Some(at(1))).await.expect("settled");
    id
}

pub(super) async fn a_job_that_was_never_there_is_unknown(queue: Arc<dyn Queue>) {
    assert_eq!(queue.get(JobId::from_bytes([7; 16])).await, Ok(None));
    assert_eq!(list(&queue, &Filter::default()).await, []);
    assert_eq!(queue.counts(&Filter::default()).await, Ok(vec![]));
}

pub(super) async fn a_list_is_newest_first_whatever_became_of_the_jobs(queue: Arc<dyn Queue>) {
    let mut ids = put_all(&queue, jobs(9), at(0)).await;
    let leases = take(&queue, &claim(6), at(0)).await;
    for (lease, verdict) in leases.iter().zip([Verdict::Completed, Verdict::Failed, Verdict::Retry(s(9))]) {
        finish(&queue, lease, verdict, at(1)).await;
    }
    ids.sort();
    ids.reverse();
    assert_eq!(list_ids(&queue, &Filter::default()).await, ids);
}

pub(super) async fn a_list_says_the_same_as_the_job_itself(queue: Arc<dyn Queue>) {
    let new = job("x").tenant("ada").tag("one").tag("two").start_before(s(9)).held();
    put(&queue, new, at(0)).await;
    run_to(&queue, job("done").tag("three"), Verdict::Completed, at(0)).await;
    run_to(&queue, job("again"), Verdict::Retry(s(3)), at(0)).await;
    fail(&queue, job("failed").delay(s(0)).priority(4), Kind::Trap, "unreachable").await;
    put(&queue, job("runs"), at(0)).await;
    take_one(&queue, at(0)).await;
    for listed in list(&queue, &Filter::default()).await {
        let mut known = record(&queue, listed.id).await.summary;
        let mut listed = listed;
        known.tags.sort();
        listed.tags.sort();
        assert_eq!(listed, known);
    }
}

pub(super) async fn pages_join_without_a_gap_or_a_job_twice(queue: Arc<dyn Queue>) {
    let mut ids = put_all(&queue, jobs(53), at(0)).await;
    for lease in take(&queue, &claim(20), at(0)).await.iter().step_by(2) {
        finish(&queue, lease, Verdict::Completed, at(1)).await;
    }
    ids.sort();
    ids.reverse();
    for limit in [1, 7, 53, 1_000] {
        let all: Vec<JobId> = paged(&queue, &Filter::default(), limit).await.iter().map(|job| job.id).collect();
        assert_eq!(all, ids, "in pages of {limit}");
    }
}

pub(super) async fn pages_bear_jobs_that_come_and_end_meanwhile(queue: Arc<dyn Queue>) {
    let first: BTreeSet<JobId> = put_all(&queue, jobs(120), at(0)).await.into_iter().collect();
    let (mut seen, mut after) = (Vec::new(), None);
    for round in 0.. {
        let page = queue.list(&Filter::default(), Page { after, limit: 10 }).await.expect("listed");
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        seen.extend(page.iter().map(|summary| summary.id));
        put_all(&queue, jobs(5), at(round)).await;
        for lease in take(&queue, &claim(15), at(round)).await {
            finish(&queue, &lease, Verdict::Completed, at(round)).await;
        }
    }
    let different: BTreeSet<JobId> = seen.iter().copied().collect();
    assert_eq!(seen.len(), different.len(), "none twice");
    assert_eq!(different, first, "none missing");
}

pub(super) async fn a_page_of_no_size_or_too_large_is_refused(queue: Arc<dyn Queue>) {
    for limit in [0, 1_001, u32::MAX] {
        let error = queue.list(&Filter::default(), Page { after: None, limit }).await.expect_err("refused");
        assert!(matches!(error, Error::Invalid { field: "limit", .. }), "{error:?}");
    }
}

pub(super) async fn a_page_may_begin_after_a_job_that_is_gone(queue: Arc<dyn Queue>) {
    let ids = [
        run_to(&queue, job("oldest"), Verdict::Completed, at(0)).await,
        run_to(&queue, job("gone"), Verdict::Completed, at(0)).await,
        run_to(&queue, job("newest"), Verdict::Completed, at(0)).await,
    ];
    change(&queue, &ids[1..2], &Change::Delete, at(1)).await;
    let page = queue.list(&Filter::default(), Page { after: Some(ids[1]), limit: 9 }).await.expect("listed");
    assert_eq!(page.iter().map(|summary| summary.id).collect::<Vec<_>>(), ids[..1]);
}

pub(super) async fn each_part_of_a_filter_holds_for_live_and_ended_jobs(queue: Arc<dyn Queue>) {
    let digest = store(&queue, "adder", b"adder", at(0)).await;
    let parent = put(&queue, job("plain"), at(0)).await;
    take_one(&queue, at(0)).await;
    let mut child = job("child");
    child.parent = Some(parent);
    let special = [
        job("queue").queue("mail"),
        job("tenant").tenant("ada"),
        job("tag").tag("red").tag("blue"),
        NewJob::new(Job::new("adder").name("program")),
        child,
    ];
    // Each of them twice: one that has ended, and one that waits.
    for new in special {
        run_to(&queue, new.clone(), Verdict::Completed, at(0)).await;
        let mut waits = new.held();
        waits.id = job("").id;
        put(&queue, waits, at(0)).await;
    }
    let some = |name: &str| Some(name.to_owned());
    let filters = [
        ("queue", Filter { queue: some("mail"), ..Filter::default() }),
        ("tenant", Filter { tenant: some("ada"), ..Filter::default() }),
        ("tag", Filter { tag: some("blue"), ..Filter::default() }),
        ("program", Filter { program: Some(digest), ..Filter::default() }),
        ("child", Filter { parent: Some(parent), ..Filter::default() }),
        ("tag", Filter { name: some("tag"), ..Filter::default() }),
    ];
    for (name, filter) in filters {
        assert_eq!(names(&queue, filter.clone()).await, [name, name], "{filter:?}");
        let counts = queue.counts(&filter).await.expect("counted");
        assert_eq!(counts.iter().map(|count| count.jobs).sum::<u64>(), 2, "{filter:?}");
        let ended = Filter { states: vec![State::Completed], ..filter };
        assert_eq!(names(&queue, ended.clone()).await, [name], "{ended:?}");
    }
    let nobody = Filter { queue: some("mail"), tenant: some("ada"), ..Filter::default() };
    assert_eq!(names(&queue, nobody).await, [""; 0], "all parts hold together");
}

pub(super) async fn states_are_chosen_one_by_one(queue: Arc<dyn Queue>) {
    run_to(&queue, job("completed"), Verdict::Completed, at(0)).await;
    run_to(&queue, job("failed"), Verdict::Failed, at(0)).await;
    run_to(&queue, job("cancelled"), Verdict::Cancelled, at(0)).await;
    put(&queue, job("running"), at(0)).await;
    take_one(&queue, at(0)).await;
    put(&queue, job("queued"), at(0)).await;
    for state in State::ALL {
        let filter = Filter { states: vec![state], ..Filter::default() };
        assert_eq!(names(&queue, filter).await, [state.as_str()]);
    }
    let two = Filter { states: vec![State::Running, State::Failed], ..Filter::default() };
    assert_eq!(names(&queue, two).await, ["failed", "running"]);
}

pub(super) async fn failures_are_found_by_kind_and_by_text(queue: Arc<dyn Queue>) {
    fail(&queue, job("first"), Kind::Trap, "Unreachable at 100%").await;
    fail(&queue, job("second"), Kind::Guest, "ValueError: it's 100_5 \\ of").await;
    fail(&queue, job("third"), Kind::Guest, "Überlauf").await;
    run_to(&queue, job("fourth"), Verdict::Completed, at(0)).await;
    put(&queue, job("fifth unreachable"), at(0)).await;
    let kind = |kind| Filter { kind: Some(kind), ..Filter::default() };
    assert_eq!(names(&queue, kind(Kind::Guest)).await, ["second", "third"]);
    assert_eq!(names(&queue, kind(Kind::Lost)).await, [""; 0]);
    let text = |text: &str| Filter { text: Some(text.to_owned()), ..Filter::default() };
    let found: [(&str, &[&str]); 9] = [
        ("unREACHABLE", &["first"]),
        ("valueerror", &["second"]),
        ("100", &["first", "second"]),
        ("100%", &["first"]),
        ("100_", &["second"]),
        ("it's", &["second"]),
        ("\\ of", &["second"]),
        ("Überlauf", &["third"]),
        ("a%t", &[]),
    ];
    for (searched, expected) in found {
        assert_eq!(names(&queue, text(searched)).await, expected, "{searched:?}");
    }
    let both = Filter { kind: Some(Kind::Trap), ..text("100") };
    assert_eq!(names(&queue, both).await, ["first"]);
}

pub(super) async fn jobs_are_found_by_when_they_were_enqueued(queue: Arc<dyn Queue>) {
    for seconds in [10, 20, 30] {
        run_to(&queue, job(&format!("ended {seconds}")), Verdict::Completed, at(seconds)).await;
        put(&queue, job(&format!("held {seconds}")).held(), at(seconds)).await;
    }
    let between = |since, until| Filter { since, until, ..Filter::default() };
    assert_eq!(names(&queue, between(Some(at(20)), Some(at(30)))).await, ["ended 20", "held 20"]);
    assert_eq!(names(&queue, between(Some(at_ms(20_001)), None)).await, ["ended 30", "held 30"]);
    assert_eq!(names(&queue, between(None, Some(at_ms(10_001)))).await, ["ended 10", "held 10"]);
}

pub(super) async fn jobs_are_counted_by_queue_and_state(queue: Arc<dyn Queue>) {
    put_all(&queue, vec![job("").queue("a"), job("").queue("a"), job("").queue("b")], at(0)).await;
    for lease in take(&queue, &claim(2), at(0)).await {
        finish(&queue, &lease, Verdict::Completed, at(1)).await;
    }
    put_all(&queue, (0..3).map(|_| job("").queue("a").tenant("ada")).collect(), at(0)).await;
    let counts = queue.counts(&Filter::default()).await.expect("counted");
    let mut counts: Vec<(String, State, u64)> =
        counts.into_iter().map(|count| (count.queue, count.state, count.jobs)).collect();
    counts.sort();
    let of = |queue: &str, state, jobs| (queue.to_owned(), state, jobs);
    assert_eq!(counts, [of("a", State::Queued, 3), of("a", State::Completed, 2), of("b", State::Queued, 1)]);
    let adas = Filter { tenant: Some("ada".to_owned()), states: vec![State::Queued], ..Filter::default() };
    let counts = queue.counts(&adas).await.expect("counted");
    assert_eq!(counts.iter().map(|count| (&*count.queue, count.jobs)).collect::<Vec<_>>(), [("a", 3)]);
}

pub(super) async fn a_retried_job_is_found_where_it_is_now(queue: Arc<dyn Queue>) {
    let id = fail(&queue, job("again"), Kind::Guest, "no luck").await;
    change(&queue, &[id], &Change::Retry { kwargs: None }, at(2)).await;
    let state = |state| Filter { states: vec![state], ..Filter::default() };
    assert_eq!(list_ids(&queue, &state(State::Failed)).await, []);
    assert_eq!(list_ids(&queue, &state(State::Queued)).await, [id]);
    let lease = take_one(&queue, at(2)).await;
    finish(&queue, &lease, Verdict::Completed, at(3)).await;
    assert_eq!(list_ids(&queue, &Filter::default()).await, [id], "once");
    assert_eq!(record(&queue, id).await.outcome, Some(returned(id)));
}

pub(super) async fn a_tag_that_was_given_twice_is_found_once(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("red").tag("red").tag("red").held(), at(0)).await;
    let red = Filter { tag: Some("red".to_owned()), ..Filter::default() };
    assert_eq!(list_ids(&queue, &red).await, [id]);
    let counts = queue.counts(&red).await.expect("counted");
    assert_eq!(counts.iter().map(|count| count.jobs).sum::<u64>(), 1);
    run_to(&queue, job("done").tag("red").tag("blue").tag("red"), Verdict::Completed, at(0)).await;
    assert_eq!(names(&queue, red).await, ["red", "done"]);
}

pub(super) async fn words_that_nothing_has_find_nothing_and_fail_nothing(queue: Arc<dyn Queue>) {
    put(&queue, job("plain"), at(0)).await;
    for word in ["a\0b", "'", "\"; --", "\\", "%", "🦀", &"long".repeat(10_000)] {
        let word = || Some(word.to_owned());
        let filters = [
            Filter { queue: word(), ..Filter::default() },
            Filter { tenant: word(), ..Filter::default() },
            Filter { tag: word(), ..Filter::default() },
            Filter { name: word(), ..Filter::default() },
            Filter { text: word(), ..Filter::default() },
        ];
        for filter in filters {
            assert_eq!(queue.list(&filter, Page::default()).await, Ok(vec![]), "{filter:?}");
            assert_eq!(queue.counts(&filter).await, Ok(vec![]), "{filter:?}");
        }
        assert_eq!(queue.delete_schedule(&word().unwrap_or_default()).await, Ok(false));
        let odd = Claim { languages: Some(word().into_iter().collect()), ..claim_of(&word().unwrap_or_default(), 9) };
        assert_eq!(take(&queue, &odd, at(0)).await, []);
    }
}
