//! What happens on PostgreSQL to those who come while others hold locks.

use std::sync::Arc;

use ampule::queue::{Claim, EntryKey, Filter, NewJob, PostgresQueue, Queue, QueueSettings};
use ampule_tests::clock::at;
use ampule_tests::postgres::Database;
use ampule_tests::psql::{Held, until_waiting};
use ampule_tests::queue::{claim, configure, job, put_all, take};

const EACH_ONE: QueueSettings = settings(Some(1));
const NO_LIMIT: QueueSettings = settings(None);

const fn settings(max_running_per_tenant: Option<u32>) -> QueueSettings {
    QueueSettings { mode: ampule::queue::Mode::Open, max_running: None, max_running_per_tenant }
}

async fn open(database: &Database) -> Arc<dyn Queue> {
    Arc::new(PostgresQueue::connect(database.url()).await.expect("a queue"))
}

fn of_acme() -> NewJob {
    job("").queue("mail").tenant("acme")
}

/// Who changes the lanes of the jobs waits for this.
fn hold_a_job(database: &Database) -> Held {
    Held::by(database.url(), "SELECT FROM ampule.jobs ORDER BY id LIMIT 1 FOR UPDATE")
}

/// How many jobs a worker of their language gets, who asks twice.
async fn claimable(queue: &Arc<dyn Queue>) -> usize {
    let claim = Claim { languages: Some(vec!["python".to_owned()]), ..claim(9) };
    take(queue, &claim, at(1)).await.len() + take(queue, &claim, at(1)).await.len()
}

/// How many of two jobs of one tenant can be claimed, if these settings were set before, and those at the same time.
async fn claimable_after(before: QueueSettings, first: QueueSettings, second: QueueSettings) -> usize {
    let database = Database::fresh();
    let queue = open(&database).await;
    configure(&queue, "mail", before).await;
    put_all(&queue, vec![of_acme(), of_acme()], at(0)).await;
    let held = hold_a_job(&database);
    let set = |settings| {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move { configure(&queue, "mail", settings).await })
    };
    let first = set(first);
    until_waiting(database.url(), 1).await;
    let second = set(second);
    until_waiting(database.url(), 2).await;
    drop(held);
    first.await.expect("it is set");
    second.await.expect("it is set");
    claimable(&queue).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_is_taken_away_while_it_is_set_strands_no_job() {
    assert_eq!(claimable_after(NO_LIMIT, EACH_ONE, NO_LIMIT).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_is_set_while_it_is_taken_away_holds() {
    assert_eq!(claimable_after(EACH_ONE, NO_LIMIT, EACH_ONE).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_stored_while_a_limit_is_set_is_held_to_it() {
    let database = Database::fresh();
    let queue = open(&database).await;
    put_all(&queue, vec![of_acme()], at(0)).await;
    let held = hold_a_job(&database);
    let limited = {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move { configure(&queue, "mail", EACH_ONE).await })
    };
    until_waiting(database.url(), 1).await;
    let stored = {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move { put_all(&queue, vec![of_acme(), of_acme()], at(0)).await })
    };
    until_waiting(database.url(), 2).await;
    drop(held);
    limited.await.expect("it is set");
    stored.await.expect("they are stored");
    assert_eq!(claimable(&queue).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_scan_keeps_a_look_waiting() {
    let database = Database::fresh();
    let queue = open(&database).await;
    let held = Held::by(database.url(), "LOCK TABLE ampule.jobs, ampule.ended");
    let scan = || {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move { queue.counts(&Filter::default()).await })
    };
    let scans: Vec<_> = (0..20).map(|_| scan()).collect();
    until_waiting(database.url(), 2).await;
    assert_eq!(queue.entry(&EntryKey::new("token", "a")).await, Ok(None));
    assert_eq!(queue.versions("a").await, Ok(vec![]));
    assert_eq!(queue.holders(&[], None).await, Ok(vec![]));
    assert_eq!(queue.schedules().await, Ok(vec![]));
    drop(held);
    for scan in scans {
        drop(scan.await.expect("it is answered, with an error if it waited for too long"));
    }
}
