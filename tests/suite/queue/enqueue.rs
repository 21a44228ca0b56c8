//! What it means to be taken in: all or none, once, pinned to what names meant at that moment.

use std::sync::Arc;
use std::time::Duration;

use ampule::queue::{
    Backoff, Callback, Enqueued, Error, Filter, Mode, NewJob, Payload, Queue, QueueSettings, RetryPolicy, State,
    UniqueKey, UniqueScope, Verdict, Work,
};
use ampule::{Digest, Job, JobId, ProgramRef};
use ampule_tests::clock::{at, at_ms, s};
use ampule_tests::queue::{
    claim, configure, finish, job, jobs, list, list_ids, offer, put, put_all, record, run_to, state, store, summary,
    take, take_ids, take_one,
};

/// Why jobs are refused, after a look that nothing of them was stored.
async fn refusal(queue: &Arc<dyn Queue>, jobs: Vec<NewJob>) -> Error {
    let error = queue.enqueue(jobs, Some(at(0))).await.expect_err("the jobs are refused");
    assert_eq!(list(queue, &Filter::default()).await, [], "nothing was stored");
    error
}

fn program_of(payload: &Payload) -> &ProgramRef {
    &payload.job().expect("a job").program
}

fn next_of(callback: Option<&Callback>) -> &Payload {
    match callback {
        Some(Callback::Job(next)) => &next.payload,
        other => panic!("a job follows: {other:?}"),
    }
}

pub(super) async fn what_is_taken_in_is_known_as_it_was_given(queue: Arc<dyn Queue>) {
    let new = job("plain").queue("mail").priority(-7).tenant("ada").tag("b").tag("a").retry(RetryPolicy::attempts(5));
    let id = put(&queue, new.clone(), at(1)).await;
    assert_eq!(id, new.id);
    let record = record(&queue, id).await;
    assert_eq!(record.payload, new.payload);
    assert_eq!((record.outcome, record.attempts), (None, vec![]));
    let summary = record.summary;
    assert_eq!((summary.id, summary.state, summary.held), (id, State::Queued, false));
    assert_eq!((&*summary.queue, &*summary.name, summary.priority), ("mail", "plain", -7));
    assert_eq!((summary.tenant.as_deref(), summary.language.as_deref()), (Some("ada"), Some("python")));
    let mut tags = summary.tags;
    tags.sort();
    assert_eq!(tags, ["a", "b"]);
    assert_eq!((summary.attempt, summary.tries, summary.max_tries), (0, 0, 5));
    assert_eq!((summary.enqueued_at, summary.run_at), (at(1), at(1)));
    assert_eq!((summary.program, summary.start_before, summary.started_at, summary.ended_at), (None, None, None, None));
    assert_eq!((summary.worker, summary.cancel_asked, summary.parent), (None, false, None));
    assert_eq!((summary.kind, summary.message), (None, None));
}

pub(super) async fn many_jobs_are_answered_in_their_order(queue: Arc<dyn Queue>) {
    let mut new = jobs(50);
    new.reverse();
    let ids: Vec<JobId> = new.iter().map(|job| job.id).collect();
    assert_eq!(put_all(&queue, new, at(0)).await, ids);
}

pub(super) async fn no_jobs_are_taken_in_too(queue: Arc<dyn Queue>) {
    assert_eq!(put_all(&queue, vec![], at(0)).await, []);
}

pub(super) async fn an_id_that_is_known_is_not_stored_again(queue: Arc<dyn Queue>) {
    let new = job("once");
    assert!(!offer(&queue, new.clone(), at(0)).await.existed);
    let again = offer(&queue, new.clone().priority(9), at(1)).await;
    assert_eq!((again.id, again.existed), (new.id, true));
    let lease = take_one(&queue, at(2)).await;
    assert!(offer(&queue, new.clone(), at(3)).await.existed, "while it runs");
    finish(&queue, &lease, Verdict::Completed, at(4)).await;
    assert!(offer(&queue, new.clone(), at(5)).await.existed, "when it has ended");
    let summary = summary(&queue, new.id).await;
    assert_eq!((summary.state, summary.priority, summary.enqueued_at), (State::Completed, 0, at(0)));
    assert_eq!(take(&queue, &claim(1), at(6)).await, [], "it runs once");
}

pub(super) async fn a_call_that_repeats_a_job_stores_it_once(queue: Arc<dyn Queue>) {
    let new = job("once");
    let answers = queue.enqueue(vec![new.clone(), job("other"), new.clone()], Some(at(0))).await.expect("taken in");
    let existed: Vec<bool> = answers.iter().map(|answer| answer.existed).collect();
    assert_eq!(existed, [false, false, true]);
    assert_eq!((answers[0].id, answers[2].id), (new.id, new.id));
    assert_eq!(list(&queue, &Filter::default()).await.len(), 2);
}

pub(super) async fn a_call_that_is_repeated_answers_the_same_and_stores_what_is_new(queue: Arc<dyn Queue>) {
    let new = jobs(3);
    let first = put_all(&queue, new[..2].to_vec(), at(0)).await;
    let answers = queue.enqueue(new.clone(), Some(at(1))).await.expect("taken in");
    assert_eq!(answers.iter().map(|answer| answer.existed).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(answers.iter().map(|answer| answer.id).collect::<Vec<_>>(), [first[0], first[1], new[2].id]);
}

pub(super) async fn many_who_enqueue_one_job_at_once_store_it_once(queue: Arc<dyn Queue>) {
    let new = job("once");
    let calls = (0..8).map(|_| {
        let (queue, new) = (Arc::clone(&queue), new.clone());
        tokio::spawn(async move { offer(&queue, new, at(0)).await })
    });
    let mut stored = 0;
    for call in calls.collect::<Vec<_>>() {
        let answer = call.await.expect("the call ends");
        assert_eq!(answer.id, new.id);
        stored += u32::from(!answer.existed);
    }
    assert_eq!(stored, 1);
    assert_eq!(take(&queue, &claim(8), at(0)).await.len(), 1);
}

pub(super) async fn a_call_with_one_bad_job_stores_none(queue: Arc<dyn Queue>) {
    let invalid = refusal(&queue, vec![job("good"), job("bad").queue("")]).await;
    assert!(matches!(invalid, Error::Invalid { field: "queue", .. }), "{invalid:?}");
    let unknown = refusal(&queue, vec![job("good"), NewJob::new(Job::new("nobody"))]).await;
    assert!(matches!(unknown, Error::UnknownProgram(_)), "{unknown:?}");
}

pub(super) async fn a_job_that_breaks_a_rule_is_refused(queue: Arc<dyn Queue>) {
    let eleven_years = s(11 * 365 * 24 * 60 * 60);
    let no_attempts = RetryPolicy { attempts: 0, ..RetryPolicy::default() };
    let no_delays = RetryPolicy { backoff: Backoff::Delays(vec![]), ..RetryPolicy::default() };
    let bad = [
        job("").queue("@closure:mine"),
        job("").queue("x".repeat(101)),
        job("").queue("a b"),
        job("").tenant(""),
        job("").tenant("é"),
        job("").tag("a,b"),
        (0..21).fold(job(""), |job, number| job.tag(format!("tag-{number}"))),
        job("").unique("", UniqueScope::Forever),
        job("").unique("a\0b", UniqueScope::Forever),
        job("").unique("k".repeat(501), UniqueScope::Forever),
        job("").unique("k", UniqueScope::Period(Duration::ZERO)),
        job("").delay(eleven_years),
        job("").run_at("-0001-12-31T00:00:00Z".parse().expect("a moment")),
        job("").run_at("1969-12-31T23:59:59.999Z".parse().expect("a moment")),
        job("").run_at("+10000-01-01T00:00:00Z".parse().expect("a moment")),
        job("").start_before(Duration::ZERO),
        job("").retry(no_attempts),
        job("").retry(no_delays),
        job("a\0b"),
        job("").at_err(Callback::job(job("").queue(""))),
    ];
    for new in bad {
        let error = refusal(&queue, vec![new.clone()]).await;
        assert!(matches!(error, Error::Invalid { .. }), "{new:?}: {error:?}");
    }
}

pub(super) async fn a_job_at_the_edge_of_every_rule_is_taken_in(queue: Arc<dyn Queue>) {
    let new = (0..20).fold(job(&"n".repeat(1_000)), |job, number| job.tag(format!("tag-{number}")));
    let new = new
        .queue("q".repeat(100))
        .tenant("t".repeat(100))
        .unique("é".repeat(250), UniqueScope::Forever)
        .priority(i16::MIN)
        .retry(RetryPolicy::attempts(1_000));
    let id = put(&queue, new.clone(), at(0)).await;
    let record = record(&queue, id).await;
    assert_eq!(record.payload, new.payload);
    assert_eq!((record.summary.tags.len(), record.summary.priority), (20, i16::MIN));
    assert_eq!((record.summary.queue, record.summary.tenant), (new.queue, new.tenant));
}

pub(super) async fn ten_thousand_jobs_are_one_call_and_one_more_is_refused(queue: Arc<dyn Queue>) {
    let mut new = jobs(10_001);
    let error = refusal(&queue, new.clone()).await;
    assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
    new.pop();
    assert_eq!(put_all(&queue, new, at(0)).await.len(), 10_000);
    let counts = queue.counts(&Filter::default()).await.expect("counted");
    assert_eq!(counts.iter().map(|count| count.jobs).sum::<u64>(), 10_000);
}

pub(super) async fn a_program_that_is_not_stored_is_refused(queue: Arc<dyn Queue>) {
    let error = refusal(&queue, vec![NewJob::new(Job::new("nobody"))]).await;
    assert_eq!(error, Error::UnknownProgram("nobody".to_owned()));
    let digest = Digest::of(b"nobody");
    let error = refusal(&queue, vec![NewJob::new(Job::new(digest))]).await;
    assert_eq!(error, Error::UnknownProgram(digest.to_string()));
}

pub(super) async fn a_program_that_is_not_stored_is_refused_in_what_follows_too(queue: Arc<dyn Queue>) {
    let next = || Callback::job(NewJob::new(Job::new("nobody")));
    let last = || Callback::job(job("between").at_err(next()));
    for new in [job("").at_return(next()), job("").at_err(next()), job("").at_return(last())] {
        let error = refusal(&queue, vec![new]).await;
        assert_eq!(error, Error::UnknownProgram("nobody".to_owned()));
    }
}

pub(super) async fn a_name_means_what_it_meant_at_the_enqueue(queue: Arc<dyn Queue>) {
    let first = store(&queue, "adder", b"first", at(0)).await;
    let other = store(&queue, "teller", b"teller", at(0)).await;
    let told = Callback::job(NewJob::new(Job::new("teller")));
    let failed = Callback::job(NewJob::new(Job::new("adder")).at_return(told));
    let id = put(&queue, NewJob::new(Job::new("adder")).at_err(failed), at(1)).await;
    let second = store(&queue, "adder", b"second", at(2)).await;
    store(&queue, "teller", b"another teller", at(2)).await;
    assert_ne!(first, second);
    let lease = take_one(&queue, at(3)).await;
    assert_eq!(*program_of(&lease.payload), ProgramRef::Digest(first));
    let next = next_of(lease.payload.at_err.as_ref());
    assert_eq!(*program_of(next), ProgramRef::Digest(first));
    assert_eq!(*program_of(next_of(next.at_return.as_ref())), ProgramRef::Digest(other));
    assert_eq!(summary(&queue, id).await.program, Some(first));
    let later = put(&queue, NewJob::new(Job::new("adder")), at(3)).await;
    assert_eq!(summary(&queue, later).await.program, Some(second));
}

pub(super) async fn a_digest_that_is_stored_is_kept_as_it_is(queue: Arc<dyn Queue>) {
    let digest = queue.put_program(b"nameless", None, Some(at(0))).await.expect("stored");
    let new = NewJob::new(Job::new(digest));
    let id = put(&queue, new.clone(), at(1)).await;
    let record = record(&queue, id).await;
    assert_eq!((record.payload, record.summary.program), (new.payload, Some(digest)));
}

pub(super) async fn a_language_is_left_to_the_worker(queue: Arc<dyn Queue>) {
    let id = put(&queue, NewJob::new(Job::source("klingon", "Qapla'")), at(0)).await;
    let record = record(&queue, id).await;
    assert_eq!(*program_of(&record.payload), ProgramRef::Language("klingon".to_owned()));
    assert_eq!(record.summary.language.as_deref(), Some("klingon"));
}

pub(super) async fn a_draining_queue_refuses_the_whole_call(queue: Arc<dyn Queue>) {
    configure(&queue, "mail", QueueSettings { mode: Mode::Draining, ..QueueSettings::default() }).await;
    let error = refusal(&queue, vec![job("elsewhere"), job("here").queue("mail")]).await;
    assert_eq!(error, Error::Draining("mail".to_owned()));
    configure(&queue, "mail", QueueSettings::default()).await;
    put(&queue, job("here").queue("mail"), at(0)).await;
}

pub(super) async fn a_draining_queue_answers_for_the_jobs_that_it_has(queue: Arc<dyn Queue>) {
    let keyed = || job("a").queue("mail").unique("key", UniqueScope::Forever);
    let (plain, unique) = (job("a").queue("mail"), keyed());
    let both = put_all(&queue, vec![plain.clone(), unique.clone()], at(0)).await;
    configure(&queue, "mail", QueueSettings { mode: Mode::Draining, ..QueueSettings::default() }).await;
    for (again, holder) in [(plain.clone(), both[0]), (unique, both[1]), (keyed(), both[1])] {
        assert_eq!(offer(&queue, again, at(1)).await, Enqueued { id: holder, existed: true });
    }
    let with_a_new_one = vec![plain, job("a").queue("mail")];
    assert_eq!(queue.enqueue(with_a_new_one, Some(at(2))).await, Err(Error::Draining("mail".to_owned())));
    let new_key = job("a").queue("mail").unique("other", UniqueScope::Forever);
    assert_eq!(queue.enqueue(vec![new_key], Some(at(2))).await, Err(Error::Draining("mail".to_owned())));
    let keys = [UniqueKey { tenant: None, key: "other".to_owned() }];
    assert_eq!(queue.holders(&keys, Some(at(2))).await, Ok(vec![None]), "who is refused takes no key");
}

pub(super) async fn a_paused_queue_takes_jobs_in(queue: Arc<dyn Queue>) {
    configure(&queue, "mail", QueueSettings { mode: Mode::Paused, ..QueueSettings::default() }).await;
    let id = put(&queue, job("here").queue("mail"), at(0)).await;
    assert_eq!(state(&queue, id).await, State::Queued);
}

pub(super) async fn a_start_says_when_a_job_is_due(queue: Arc<dyn Queue>) {
    let new = vec![job("now"), job("later").delay(s(10)), job("then").run_at(at(20)), job("past").run_at(at(-20))];
    let ids = put_all(&queue, new, at(5)).await;
    let mut due = Vec::new();
    for id in &ids {
        due.push(summary(&queue, *id).await.run_at);
    }
    assert_eq!(due, [at(5), at(15), at(20), at(-20)]);
    let mut claimed = take_ids(&queue, &claim(4), at(5)).await;
    claimed.sort();
    let mut expected = [ids[0], ids[3]];
    expected.sort();
    assert_eq!(claimed, expected);
}

pub(super) async fn instants_are_cut_and_times_rounded_up_to_whole_milliseconds(queue: Arc<dyn Queue>) {
    let nanosecond = Duration::from_nanos(999_999);
    let ids = put_all(
        &queue,
        vec![job("now"), job("then").run_at(at_ms(7) + nanosecond), job("later").delay(nanosecond)],
        at_ms(3) + nanosecond,
    )
    .await;
    let now = summary(&queue, ids[0]).await;
    assert_eq!((now.enqueued_at, now.run_at), (at_ms(3), at_ms(3)));
    assert_eq!(summary(&queue, ids[1]).await.run_at, at_ms(7));
    assert_eq!(summary(&queue, ids[2]).await.run_at, at_ms(4));
}

pub(super) async fn a_time_that_is_more_than_none_is_stored_as_more_than_none(queue: Arc<dyn Queue>) {
    let nanosecond = Duration::from_nanos(1);
    let mut new =
        job("short").retry(RetryPolicy { backoff: Backoff::Delays(vec![nanosecond]), ..RetryPolicy::default() });
    let Work::Job(work) = &mut new.payload.work else { panic!("a job") };
    work.limits.timeout = Some(nanosecond);
    let id = put(&queue, new, at(0)).await;
    let stored = record(&queue, id).await.payload;
    let millisecond = Duration::from_millis(1);
    assert_eq!(stored.job().expect("a job").limits.timeout, Some(millisecond));
    assert_eq!(stored.retry.backoff, Backoff::Delays(vec![millisecond]));
}

pub(super) async fn without_a_time_the_database_s_clock_is_taken(queue: Arc<dyn Queue>) {
    let before = queue.clock().await.expect("the clock is read");
    let id = queue.enqueue(vec![job("now")], None).await.expect("taken in")[0].id;
    let lease = queue.claim(&claim(1), None).await.expect("claimed").leases.remove(0);
    let after = queue.clock().await.expect("the clock is read");
    let enqueued_at = summary(&queue, id).await.enqueued_at;
    assert!(before <= enqueued_at && enqueued_at <= lease.started_at && lease.started_at <= after);
}

pub(super) async fn a_limit_on_waiting_counts_from_the_enqueue(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("hurry").delay(s(5)).start_before(s(10)), at(3)).await;
    assert_eq!(summary(&queue, id).await.start_before, Some(at(13)));
}

pub(super) async fn a_delivery_may_wait_where_no_job_may(queue: Arc<dyn Queue>) {
    let ended =
        serde_json::json!({ "to": { "closure": "tell" }, "ended": { "job": JobId::from_bytes([7; 16]), "name": "x" } });
    let mut new = job("");
    new.payload.work = Work::Delivery(serde_json::from_value(ended).expect("a delivery"));
    let error = refusal(&queue, vec![new.clone()]).await;
    assert!(matches!(error, Error::Invalid { field: "queue", .. }), "{error:?}");
    new.queue = "@closure:tell".to_owned();
    let id = put(&queue, new, at(0)).await;
    let summary = summary(&queue, id).await;
    assert_eq!((&*summary.name, summary.language, summary.program), ("tell", None, None));
    assert_eq!(list_ids(&queue, &Filter::default()).await, [id]);
}

pub(super) async fn what_follows_from_a_job_tells_of_it(queue: Arc<dyn Queue>) {
    let parent = run_to(&queue, job("first"), Verdict::Completed, at(0)).await;
    let mut new = job("second");
    new.parent = Some(parent);
    let id = put(&queue, new, at(1)).await;
    assert_eq!(summary(&queue, id).await.parent, Some(parent));
}
