//! Who gets which job, in which order, and what is passed over.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ampule::JobId;
use ampule::queue::{
    AttemptEnd, Callback, Change, Claim, Mode, NewJob, Queue, QueueSettings, Queues, State, Timestamp, Verdict,
};
use ampule_tests::clock::{at, at_ms, s};
use ampule_tests::place::Place;
use ampule_tests::queue::{
    LEASE, change, claim, claim_deliveries, claim_of, configure, finish, job, jobs, put, put_all, reclaim, record,
    store, take, take_ids, take_one,
};

async fn next_due(queue: &Arc<dyn Queue>, claim: &Claim, now: Timestamp) -> Option<Duration> {
    queue.claim(claim, Some(now)).await.expect("the claim is answered").next_due
}

pub(super) async fn a_claimed_job_comes_with_all_that_is_known_of_it(queue: Arc<dyn Queue>) {
    let new = job("all").queue("mail").tenant("ada").delay(s(5));
    let id = put(&queue, new.clone(), at(0)).await;
    let claim = Claim { lease: s(7), ..claim(1) };
    let leases = take(&queue, &claim, at(6)).await;
    let [lease] = &leases[..] else { panic!("one lease: {leases:?}") };
    assert_eq!((lease.key.job, lease.key.attempt, lease.key.worker), (id, 1, claim.worker));
    assert_eq!((lease.tries, &*lease.queue, lease.tenant.as_deref()), (1, "mail", Some("ada")));
    assert_eq!((lease.run_at, lease.started_at), (at(5), at(6)));
    assert_eq!(lease.payload, new.payload);
    let record = record(&queue, id).await;
    let summary = record.summary;
    assert_eq!((summary.state, summary.worker), (State::Running, Some(claim.worker)));
    assert_eq!((summary.attempt, summary.tries, summary.started_at), (1, 1, Some(at(6))));
    let [attempt] = &record.attempts[..] else { panic!("one attempt: {:?}", record.attempts) };
    assert_eq!((attempt.attempt, attempt.worker, attempt.started_at), (1, claim.worker, at(6)));
    assert_eq!((attempt.end, attempt.ended_at, &attempt.outcome), (AttemptEnd::Running, None, &None));
}

pub(super) async fn an_empty_queue_gives_nothing(queue: Arc<dyn Queue>) {
    let claimed = queue.claim(&claim(8), Some(at(0))).await.expect("the claim is answered");
    assert_eq!((claimed.leases, claimed.next_due), (vec![], None));
}

pub(super) async fn a_job_that_runs_is_nobody_else_s(queue: Arc<dyn Queue>) {
    put(&queue, job("one"), at(0)).await;
    take_one(&queue, at(0)).await;
    assert_eq!(take(&queue, &claim(8), at(0)).await, []);
    assert_eq!(take(&queue, &claim(8), at(3_600)).await, [], "not even when its lease expired: that is for reclaim");
}

pub(super) async fn the_highest_priority_goes_first_then_who_was_due_first(queue: Arc<dyn Queue>) {
    let due = |name: &str, priority, seconds| job(name).priority(priority).run_at(at(seconds));
    let new = vec![
        due("sixth", -1, 0),
        due("third", 0, 1),
        due("first", 5, 9).queue("other"),
        due("fourth", 0, 3),
        due("second", 1, 9),
        due("fifth", 0, 4).queue("third"),
    ];
    put_all(&queue, new, at(10)).await;
    let leases = take(&queue, &claim(8), at(10)).await;
    let names: Vec<&str> = leases.iter().map(|lease| lease.payload.name()).collect();
    assert_eq!(names, ["first", "second", "third", "fourth", "fifth", "sixth"]);
}

pub(super) async fn of_jobs_that_were_due_together_the_smallest_id_goes_first(queue: Arc<dyn Queue>) {
    let mut new = jobs(30);
    let mut ids: Vec<JobId> = new.iter().map(|job| job.id).collect();
    ids.sort();
    new.reverse();
    put_all(&queue, new, at(0)).await;
    let mut claimed = Vec::new();
    for _ in 0..3 {
        claimed.extend(take_ids(&queue, &claim(10), at(0)).await);
    }
    assert_eq!(claimed, ids);
}

pub(super) async fn a_claim_never_gets_more_than_it_has_room_for(queue: Arc<dyn Queue>) {
    let new = (0..30).map(|number| job("").queue(format!("queue-{}", number % 3)).priority(number / 10));
    put_all(&queue, new.collect(), at(0)).await;
    for slots in [0, 1, 7, 22] {
        assert_eq!(take(&queue, &claim(slots), at(0)).await.len(), slots);
    }
    assert_eq!(take(&queue, &claim(1), at(0)).await, []);
}

pub(super) async fn a_claim_that_gets_less_than_there_is_says_so(queue: Arc<dyn Queue>) {
    put_all(&queue, jobs(3_000), at(0)).await;
    let (mut got, mut calls) = (0, 0);
    while got < 3_000 {
        let claimed = queue.claim(&claim(5_000), Some(at(0))).await.expect("the claim is answered");
        got += claimed.leases.len();
        calls += 1;
        let told = claimed.next_due == Some(Duration::ZERO);
        assert!(told || got == 3_000, "whoever has room is told to come again: {:?}", claimed.next_due);
        assert!(calls < 100, "{got} jobs in {calls} calls");
    }
}

pub(super) async fn a_job_is_due_to_the_millisecond(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("then").run_at(at_ms(5)), at(0)).await;
    assert_eq!(take(&queue, &claim(1), at_ms(4)).await, []);
    assert_eq!(take_ids(&queue, &claim(1), at_ms(5)).await, [id]);
}

pub(super) async fn a_claim_tells_when_the_next_job_is_due(queue: Arc<dyn Queue>) {
    let later = |seconds| job("later").run_at(at(seconds));
    put_all(&queue, vec![job("now"), later(50), later(20).priority(-3), later(90)], at(0)).await;
    assert_eq!(next_due(&queue, &claim(1), at(0)).await, None, "whoever is full has no need of more");
    assert_eq!(next_due(&queue, &claim(1), at_ms(1)).await, Some(Duration::from_millis(19_999)));
    assert_eq!(next_due(&queue, &claim(2), at(20)).await, Some(s(30)), "it got the first of them");
    assert_eq!(next_due(&queue, &claim(9), at(60)).await, Some(s(30)));
    assert_eq!(next_due(&queue, &claim(9), at(90)).await, None);
}

pub(super) async fn a_claim_tells_of_no_job_that_it_could_not_get(queue: Arc<dyn Queue>) {
    configure(&queue, "paused", QueueSettings { mode: Mode::Paused, ..QueueSettings::default() }).await;
    let told = job("told").start_before(s(1)).at_err(Callback::closure("tell"));
    put_all(&queue, vec![told], at(-10)).await;
    reclaim(&queue, at(0)).await;
    let new = vec![
        job("held").held().run_at(at(10)),
        job("paused").queue("paused").run_at(at(11)),
        job("elsewhere").queue("elsewhere").run_at(at(12)),
        NewJob::new(ampule::Job::source("klingon", "")).run_at(at(13)),
        job("its own").run_at(at(14)),
    ];
    put_all(&queue, new, at(0)).await;
    let queues = Queues::Only(vec!["default".to_owned(), "paused".to_owned()]);
    let picky = Claim { queues, languages: Some(vec!["python".to_owned()]), ..claim(5) };
    assert_eq!(next_due(&queue, &picky, at(0)).await, Some(s(14)));
}

pub(super) async fn what_is_held_is_passed_over(queue: Arc<dyn Queue>) {
    let ids = put_all(&queue, vec![job("held").held().priority(9), job("free")], at(0)).await;
    assert_eq!(take_ids(&queue, &claim(8), at(0)).await, [ids[1]]);
}

pub(super) async fn a_paused_queue_gives_nothing_until_it_is_opened(queue: Arc<dyn Queue>) {
    let ids = put_all(&queue, vec![job("one").queue("mail").priority(9), job("other")], at(0)).await;
    configure(&queue, "mail", QueueSettings { mode: Mode::Paused, ..QueueSettings::default() }).await;
    assert_eq!(take_ids(&queue, &claim(8), at(0)).await, [ids[1]]);
    assert_eq!(take_ids(&queue, &claim_of("mail", 8), at(0)).await, []);
    configure(&queue, "mail", QueueSettings::default()).await;
    assert_eq!(take_ids(&queue, &claim(8), at(0)).await, [ids[0]]);
}

pub(super) async fn a_draining_queue_gives_what_it_has(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("one").queue("mail"), at(0)).await;
    configure(&queue, "mail", QueueSettings { mode: Mode::Draining, ..QueueSettings::default() }).await;
    assert_eq!(take_ids(&queue, &claim(8), at(0)).await, [id]);
}

pub(super) async fn a_job_that_waited_too_long_is_not_handed_out(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("hurry").start_before(s(10)), at(0)).await;
    let late = put(&queue, job("late").start_before(s(5)), at(0)).await;
    assert_eq!(take_ids(&queue, &claim(8), at_ms(9_999)).await, [id]);
    assert_eq!(take(&queue, &claim(8), at(10)).await, []);
    assert_eq!(record(&queue, late).await.summary.state, State::Queued, "to end it is for reclaim");
}

pub(super) async fn a_job_that_was_tried_may_start_again_at_any_time(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("hurry").start_before(s(10)), at(0)).await;
    let lease = take_one(&queue, at(9)).await;
    finish(&queue, &lease, Verdict::Retry(s(20)), at(9)).await;
    assert_eq!(reclaim(&queue, at(20)).await, 0);
    assert_eq!(take_ids(&queue, &claim(1), at(29)).await, [id]);
}

pub(super) async fn only_queues_that_were_asked_for_are_served(queue: Arc<dyn Queue>) {
    let names = ["a", "b", "c", "d"];
    let ids = put_all(&queue, names.map(|name| job("").queue(name)).to_vec(), at(0)).await;
    let only = |names: &[&str]| Claim {
        queues: Queues::Only(names.iter().map(|name| (*name).to_owned()).collect()),
        ..claim(8)
    };
    assert_eq!(take(&queue, &only(&[]), at(0)).await, []);
    assert_eq!(take(&queue, &only(&["nobody", "A"]), at(0)).await, []);
    assert_eq!(take_ids(&queue, &only(&["c", "a", "c"]), at(0)).await, [ids[0], ids[2]]);
    assert_eq!(take_ids(&queue, &claim(8), at(0)).await, [ids[1], ids[3]]);
}

pub(super) async fn only_languages_that_are_spoken_are_handed_out(queue: Arc<dyn Queue>) {
    store(&queue, "adder", b"adder", at(0)).await;
    let new = vec![
        NewJob::new(ampule::Job::new("adder")).priority(9),
        NewJob::new(ampule::Job::source("javascript", "1")).priority(8),
        NewJob::new(ampule::Job::source("python", "1")).priority(7),
        NewJob::new(ampule::Job::source("klingon", "1")).priority(6),
    ];
    let ids = put_all(&queue, new, at(0)).await;
    let speaks = |languages: &[&str]| Claim {
        languages: Some(languages.iter().map(|language| (*language).to_owned()).collect()),
        ..claim(8)
    };
    assert_eq!(take_ids(&queue, &speaks(&[]), at(0)).await, [ids[0]], "a program needs no language");
    assert_eq!(take_ids(&queue, &speaks(&["python"]), at(0)).await, [ids[2]]);
    assert_eq!(take_ids(&queue, &claim(8), at(0)).await, [ids[1], ids[3]], "whoever names none speaks all");
}

pub(super) async fn deliveries_go_only_to_those_who_can_make_them(queue: Arc<dyn Queue>) {
    let told = job("told").at_err(Callback::closure("tell"));
    let id = put(&queue, told, at(0)).await;
    change(&queue, &[id], &Change::Cancel, at(0)).await;
    assert_eq!(take(&queue, &claim(8), at(0)).await, [], "all queues of jobs");
    assert_eq!(take(&queue, &claim_of("@closure:tell", 8), at(0)).await, [], "as if it were a queue of jobs");
    assert_eq!(take(&queue, &claim_deliveries("another", 8), at(0)).await, []);
    let speechless = Claim { languages: Some(vec![]), ..claim_deliveries("tell", 8) };
    let leases = take(&queue, &speechless, at(0)).await;
    assert_eq!(leases.len(), 1);
    assert_eq!(leases[0].queue, "@closure:tell");
}

pub(super) async fn jobs_and_deliveries_come_in_one_claim(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("told").at_err(Callback::closure("tell")), at(0)).await;
    change(&queue, &[id], &Change::Cancel, at(0)).await;
    put(&queue, job("plain"), at(0)).await;
    let both = Claim { deliveries: vec!["@closure:tell".to_owned()], ..claim(8) };
    let queues: BTreeSet<String> = take(&queue, &both, at(0)).await.into_iter().map(|lease| lease.queue).collect();
    assert_eq!(queues, BTreeSet::from(["@closure:tell".to_owned(), "default".to_owned()]));
}

pub(super) async fn two_claimers_never_get_one_job(queue: Arc<dyn Queue>) {
    const JOBS: usize = 240;
    put_all(&queue, jobs(JOBS), at(0)).await;
    let claimers = (0..8).map(|_| {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move {
            let (claim, mut mine) = (claim(5), Vec::new());
            loop {
                let got = take_ids(&queue, &claim, at(0)).await;
                if got.is_empty() {
                    return mine;
                }
                mine.extend(got);
            }
        })
    });
    let mut all = Vec::new();
    for claimer in claimers.collect::<Vec<_>>() {
        all.extend(claimer.await.expect("the claimer ends"));
    }
    // A claimer may find nothing because others are just taking what is there; nothing of it may be lost.
    all.extend(take_ids(&queue, &claim(JOBS), at(0)).await);
    let different: BTreeSet<JobId> = all.iter().copied().collect();
    assert_eq!((all.len(), different.len()), (JOBS, JOBS));
}

pub(super) async fn claimers_on_handles_of_their_own_never_get_one_job(place: Arc<Place>) {
    const JOBS: usize = 120;
    let queue = place.open().await;
    put_all(&queue, jobs(JOBS), at(0)).await;
    let mut claimers = Vec::new();
    for _ in 0..4 {
        let queue = place.open().await;
        claimers.push(tokio::spawn(async move {
            let mut mine = Vec::new();
            for _ in 0..JOBS {
                mine.extend(take_ids(&queue, &claim(1), at(0)).await);
            }
            mine
        }));
    }
    let mut all = Vec::new();
    for claimer in claimers {
        all.extend(claimer.await.expect("the claimer ends"));
    }
    all.extend(take_ids(&queue, &claim(JOBS), at(0)).await);
    let different: BTreeSet<JobId> = all.iter().copied().collect();
    assert_eq!((all.len(), different.len()), (JOBS, JOBS));
}

pub(super) async fn a_flood_of_jobs_that_cannot_run_hides_no_job_that_can(queue: Arc<dyn Queue>) {
    configure(&queue, "paused", QueueSettings { mode: Mode::Paused, ..QueueSettings::default() }).await;
    let flood = (0..1_500).map(|number| match number % 3 {
        0 => job("future").priority(9).delay(s(60)),
        1 => job("held").priority(9).held(),
        _ => job("paused").priority(9).queue("paused"),
    });
    put_all(&queue, flood.collect(), at(0)).await;
    let id = put(&queue, job("ready").priority(-9), at(0)).await;
    assert_eq!(take_ids(&queue, &claim(3), at(1)).await, [id]);
}

pub(super) async fn a_lease_is_as_long_as_was_asked_for(queue: Arc<dyn Queue>) {
    put_all(&queue, jobs(2), at(0)).await;
    take(&queue, &Claim { lease: s(10), ..claim(1) }, at(0)).await;
    take(&queue, &Claim { lease: LEASE, ..claim(1) }, at(0)).await;
    let mut taken = Vec::new();
    for moment in [at_ms(9_999), at(10), at_ms(29_999), at(30)] {
        taken.push(reclaim(&queue, moment).await);
    }
    assert_eq!(taken, [0, 1, 0, 1]);
}
