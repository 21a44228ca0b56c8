//! Limits on what runs at once: of a queue, and of each tenant in it, whoever claims.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ampule::queue::{Change, Claim, Lease, NewJob, Queue, QueueSettings, Verdict};
use ampule::{Job, JobId};
use ampule_tests::clock::{at, s};
use ampule_tests::place::Place;
use ampule_tests::queue::{
    LEASE, change, claim, claim_of, configure, finish, job, put, put_all, reclaim, take, take_ids,
};
use ampule_tests::soon;

fn most(max_running: u32) -> QueueSettings {
    QueueSettings { max_running: Some(max_running), ..QueueSettings::default() }
}

fn most_per_tenant(max_running: u32) -> QueueSettings {
    QueueSettings { max_running_per_tenant: Some(max_running), ..QueueSettings::default() }
}

fn of_tenants(count: usize, tenants: &[&str]) -> Vec<NewJob> {
    (0..count).map(|number| job("").queue("mail").tenant(tenants[number % tenants.len()])).collect()
}

pub(super) async fn a_queue_runs_no_more_than_its_limit(queue: Arc<dyn Queue>) {
    configure(&queue, "mail", most(3)).await;
    put_all(&queue, of_tenants(10, &["ada", "bob"]), at(0)).await;
    let leases = take(&queue, &claim(10), at(0)).await;
    assert_eq!(leases.len(), 3, "and no fewer");
    assert_eq!(take(&queue, &claim(10), at(0)).await, []);
    finish(&queue, &leases[1], Verdict::Completed, at(1)).await;
    assert_eq!(take(&queue, &claim(10), at(1)).await.len(), 1);
    assert_eq!(take(&queue, &claim(10), at(1)).await, []);
}

pub(super) async fn a_tenant_runs_no_more_than_its_limit(queue: Arc<dyn Queue>) {
    configure(&queue, "mail", most_per_tenant(2)).await;
    put_all(&queue, of_tenants(12, &["ada", "bob", "cyd"]), at(0)).await;
    let leases = take(&queue, &claim(12), at(0)).await;
    let mut tenants: Vec<_> = leases.iter().filter_map(|lease| lease.tenant.as_deref()).collect();
    tenants.sort_unstable();
    assert_eq!(tenants, ["ada", "ada", "bob", "bob", "cyd", "cyd"]);
    let bobs = leases.iter().find(|lease| lease.tenant.as_deref() == Some("bob")).expect("one of bob's");
    finish(&queue, bobs, Verdict::Failed, at(1)).await;
    let next = take(&queue, &claim(12), at(1)).await;
    assert_eq!(next.iter().map(|lease| lease.tenant.as_deref()).collect::<Vec<_>>(), [Some("bob")]);
}

pub(super) async fn jobs_without_a_tenant_count_as_one_tenant_s(queue: Arc<dyn Queue>) {
    configure(&queue, "mail", most_per_tenant(2)).await;
    put_all(&queue, (0..5).map(|_| job("").queue("mail")).collect(), at(0)).await;
    put(&queue, job("").queue("mail").tenant("ada"), at(0)).await;
    let leases = take(&queue, &claim(9), at(0)).await;
    let nobodys = leases.iter().filter(|lease| lease.tenant.is_none()).count();
    assert_eq!((leases.len(), nobodys), (3, 2));
}

pub(super) async fn both_limits_hold_together(queue: Arc<dyn Queue>) {
    configure(&queue, "mail", QueueSettings { max_running: Some(3), ..most_per_tenant(2) }).await;
    put_all(&queue, of_tenants(12, &["ada", "bob", "cyd"]), at(0)).await;
    let leases = take(&queue, &claim(12), at(0)).await;
    assert_eq!(leases.len(), 3);
    assert_eq!(take(&queue, &claim(12), at(0)).await, []);
}

pub(super) async fn a_flood_of_one_tenant_does_not_starve_another(queue: Arc<dyn Queue>) {
    configure(&queue, "mail", most_per_tenant(1)).await;
    put_all(&queue, of_tenants(1_200, &["flood"]), at(0)).await;
    let last = put(&queue, job("").queue("mail").tenant("ada"), at(1)).await;
    let ids = take_ids(&queue, &claim(2), at(2)).await;
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[1], last);
}

pub(super) async fn a_full_queue_does_not_hold_up_another(queue: Arc<dyn Queue>) {
    configure(&queue, "mail", most(1)).await;
    put_all(&queue, (0..600).map(|_| job("").queue("mail").priority(9)).collect(), at(0)).await;
    let other = put(&queue, job("").queue("other"), at(1)).await;
    let ids = take_ids(&queue, &claim(2), at(2)).await;
    assert_eq!((ids.len(), ids[1]), (2, other));
    let again = put(&queue, job("").queue("other"), at(3)).await;
    assert_eq!(take_ids(&queue, &claim(2), at(4)).await, [again]);
}

pub(super) async fn within_a_limit_the_order_is_what_it_is_without(queue: Arc<dyn Queue>) {
    configure(&queue, "mail", most_per_tenant(1)).await;
    let named = |name: &str, tenant: &str, priority| job(name).queue("mail").tenant(tenant).priority(priority);
    let new = vec![
        named("never", "ada", 1),
        named("second", "bob", 4),
        named("first", "ada", 5),
        named("fourth", "cyd", 2),
        job("third").queue("mail").priority(3),
    ];
    put_all(&queue, new, at(0)).await;
    let leases = take(&queue, &claim(9), at(0)).await;
    let names: Vec<&str> = leases.iter().map(|lease| lease.payload.name()).collect();
    assert_eq!(names, ["first", "second", "third", "fourth"]);
}

pub(super) async fn whatever_ends_an_attempt_makes_room(queue: Arc<dyn Queue>) {
    configure(&queue, "mail", most(1)).await;
    put_all(&queue, of_tenants(9, &["ada"]), at(0)).await;
    let verdicts = [Verdict::Completed, Verdict::Failed, Verdict::Cancelled, Verdict::Retry(s(900)), Verdict::HandBack];
    for verdict in verdicts {
        let leases = take(&queue, &claim(9), at(1)).await;
        assert_eq!(leases.len(), 1, "before {verdict:?}");
        finish(&queue, &leases[0], verdict, at(1)).await;
    }
    assert_eq!(take(&queue, &claim(9), at(1)).await.len(), 1, "after all of them");
    assert_eq!(take(&queue, &claim(9), at(1) + LEASE).await, [], "a dead worker's job counts until it is taken back");
    assert_eq!(reclaim(&queue, at(1) + LEASE).await, 1);
    assert_eq!(take(&queue, &claim(9), at(1) + LEASE).await.len(), 1);
}

pub(super) async fn a_limit_that_is_changed_holds_from_then_on(queue: Arc<dyn Queue>) {
    put_all(&queue, of_tenants(9, &["ada"]), at(0)).await;
    let leases = take(&queue, &claim(4), at(0)).await;
    configure(&queue, "mail", most(2)).await;
    for lease in &leases[..2] {
        assert_eq!(take(&queue, &claim(4), at(0)).await, [], "more run than may");
        finish(&queue, lease, Verdict::Completed, at(0)).await;
    }
    finish(&queue, &leases[2], Verdict::Completed, at(0)).await;
    assert_eq!(take(&queue, &claim(4), at(0)).await.len(), 1);
    configure(&queue, "mail", most(4)).await;
    assert_eq!(take(&queue, &claim(4), at(0)).await.len(), 2);
    configure(&queue, "mail", QueueSettings::default()).await;
    assert_eq!(take(&queue, &claim(4), at(0)).await.len(), 2, "all that is left");
}

pub(super) async fn a_tenant_s_limit_holds_for_jobs_that_were_there_before_it(queue: Arc<dyn Queue>) {
    put_all(&queue, of_tenants(6, &["ada", "bob"]), at(0)).await;
    put(&queue, job("").queue("mail"), at(1)).await;
    configure(&queue, "mail", most_per_tenant(1)).await;
    assert_eq!(take(&queue, &claim(9), at(2)).await.len(), 3, "ada's, bob's and nobody's");
    assert_eq!(take(&queue, &claim(9), at(2)).await, []);
    put_all(&queue, of_tenants(2, &["ada", "cyd"]), at(3)).await;
    assert_eq!(take(&queue, &claim(9), at(3)).await.len(), 1, "cyd's");
    configure(&queue, "mail", most_per_tenant(2)).await;
    assert_eq!(take(&queue, &claim(9), at(3)).await.len(), 2);
    configure(&queue, "mail", QueueSettings::default()).await;
    assert_eq!(take(&queue, &claim(9), at(3)).await.len(), 3, "all that is left");
}

pub(super) async fn a_job_that_is_retried_by_hand_counts_like_any_other(queue: Arc<dyn Queue>) {
    configure(&queue, "mail", most_per_tenant(1)).await;
    let ids = put_all(&queue, of_tenants(2, &["ada"]), at(0)).await;
    change(&queue, &ids, &Change::Cancel, at(0)).await;
    let other = put(&queue, job("").queue("mail").tenant("bob"), at(0)).await;
    change(&queue, &ids, &Change::Retry { kwargs: None }, at(1)).await;
    let claimed = take_ids(&queue, &claim(9), at(1)).await;
    assert_eq!(claimed.len(), 2);
    assert!(claimed.contains(&other));
}

pub(super) async fn limits_and_languages_hold_together(queue: Arc<dyn Queue>) {
    configure(&queue, "mail", most_per_tenant(1)).await;
    let new = |language: &str, tenant: &str| NewJob::new(Job::source(language, "")).queue("mail").tenant(tenant);
    let ids = put_all(&queue, vec![new("klingon", "ada"), new("python", "ada"), new("python", "bob")], at(0)).await;
    let python = Claim { languages: Some(vec!["python".to_owned()]), ..claim(9) };
    assert_eq!(take_ids(&queue, &python, at(0)).await, ids[1..]);
    assert_eq!(take_ids(&queue, &claim(9), at(0)).await, [], "ada has one that runs");
}

/// What runs at this moment as far as workers can see it: never less than they hold, so never more than is allowed.
#[derive(Debug, Default)]
struct Witness {
    running: Mutex<HashMap<String, usize>>,
    most: Mutex<HashMap<String, usize>>,
    done: AtomicUsize,
}

impl Witness {
    fn begins(&self, lease: &Lease) {
        for name in Witness::names(lease) {
            let mut running = self.running.lock().expect("nobody panicked");
            let now = running.entry(name.clone()).or_default();
            *now += 1;
            let mut most = self.most.lock().expect("nobody panicked");
            let most = most.entry(name).or_default();
            *most = (*most).max(*now);
        }
    }

    fn ends(&self, lease: &Lease) {
        for name in Witness::names(lease) {
            *self.running.lock().expect("nobody panicked").entry(name).or_default() -= 1;
        }
        self.done.fetch_add(1, Ordering::SeqCst);
    }

    fn names(lease: &Lease) -> [String; 2] {
        [lease.queue.clone(), format!("{} of {}", lease.queue, lease.tenant.as_deref().unwrap_or("nobody"))]
    }

    fn most(&self, name: &str) -> usize {
        self.most.lock().expect("nobody panicked").get(name).copied().unwrap_or_default()
    }
}

/// Claims and settles with the others until all is done.
async fn work(queue: Arc<dyn Queue>, witness: Arc<Witness>, claim: Claim, jobs: usize) {
    while witness.done.load(Ordering::SeqCst) < jobs {
        let leases = take(&queue, &claim, at(1)).await;
        leases.iter().for_each(|lease| witness.begins(lease));
        tokio::task::yield_now().await;
        for lease in leases {
            witness.ends(&lease);
            finish(&queue, &lease, Verdict::Completed, at(1)).await;
        }
    }
}

/// Eight workers, spread over these handles of one queue.
async fn eight_work(queues: &[Arc<dyn Queue>], jobs: Vec<NewJob>) -> Arc<Witness> {
    let witness = Arc::new(Witness::default());
    let count = put_all(&queues[0], jobs, at(0)).await.len();
    let worker =
        |number: usize| work(Arc::clone(&queues[number % queues.len()]), Arc::clone(&witness), claim(3), count);
    let workers: Vec<_> = (0..8).map(|number| tokio::spawn(worker(number))).collect();
    for worker in workers {
        soon("all jobs are done", worker).await.expect("the worker ends");
    }
    assert_eq!(witness.done.load(Ordering::SeqCst), count, "each job is done once");
    witness
}

pub(super) async fn eight_claimers_never_exceed_a_queue_s_limit(queue: Arc<dyn Queue>) {
    configure(&queue, "mail", most(3)).await;
    let witness = eight_work(&[queue], of_tenants(120, &["ada", "bob"])).await;
    assert!((1..=3).contains(&witness.most("mail")), "{witness:?}");
}

pub(super) async fn eight_claimers_never_exceed_a_tenant_s_limit(queue: Arc<dyn Queue>) {
    configure(&queue, "mail", QueueSettings { max_running: Some(5), ..most_per_tenant(2) }).await;
    let witness = eight_work(&[queue], of_tenants(160, &["ada", "bob", "cyd", "dan"])).await;
    assert!((1..=5).contains(&witness.most("mail")), "{witness:?}");
    for tenant in ["ada", "bob", "cyd", "dan"] {
        assert!((1..=2).contains(&witness.most(&format!("mail of {tenant}"))), "{witness:?}");
    }
}

pub(super) async fn claimers_on_handles_of_their_own_never_exceed_a_limit(place: Arc<Place>) {
    let queues = [place.open().await, place.open().await, place.open().await];
    configure(&queues[0], "mail", QueueSettings { max_running: Some(3), ..most_per_tenant(2) }).await;
    let witness = eight_work(&queues, of_tenants(90, &["ada", "bob"])).await;
    assert!((1..=3).contains(&witness.most("mail")), "{witness:?}");
    for tenant in ["ada", "bob"] {
        assert!((1..=2).contains(&witness.most(&format!("mail of {tenant}"))), "{witness:?}");
    }
}

pub(super) async fn a_limit_counts_what_was_claimed_by_the_queue_s_name(queue: Arc<dyn Queue>) {
    configure(&queue, "mail", most(2)).await;
    let ids: Vec<JobId> = put_all(&queue, of_tenants(4, &["ada"]), at(0)).await;
    assert_eq!(take_ids(&queue, &claim_of("mail", 1), at(0)).await, ids[..1]);
    assert_eq!(take_ids(&queue, &claim(4), at(0)).await, ids[1..2]);
}
