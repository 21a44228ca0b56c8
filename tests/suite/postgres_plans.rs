//! What a job's way through PostgreSQL reads beside what it is about: counted in entries of indexes, which no noise
//! changes.

use std::time::Duration;

use ampule::queue::{LeaseKey, PostgresQueue, Queue as _, Verdict};
use ampule_tests::postgres::Database;
use ampule_tests::psql::ask;
use ampule_tests::queue::{claim, jobs, settlement};

/// Jobs that wait, all of them due.
const BACKLOG: usize = 3_000;
/// Those that are stored, claimed, renewed and settled beside them.
const JOBS: usize = 100;

#[tokio::test]
async fn a_job_s_way_reads_nothing_of_the_backlog_however_old_the_statistics_are() {
    let database = Database::fresh();
    let url = database.url();
    let queue = PostgresQueue::connect(url).await.expect("a queue");
    // What the planner believes in from now on: a queue that was used is mostly empty when it is analysed.
    queue.enqueue(jobs(500), None).await.expect("they are stored");
    ask(url, "DELETE FROM ampule.jobs");
    ask(url, "ANALYZE ampule.jobs");
    queue.enqueue(jobs(BACKLOG), None).await.expect("they are stored");
    drop(queue);
    let before = entries_read(url).await;

    let queue = PostgresQueue::connect(url).await.expect("the queue");
    let claim = claim(JOBS);
    queue.enqueue(jobs(JOBS), None).await.expect("they are stored");
    let leases = queue.claim(&claim, None).await.expect("a claim").leases;
    let keys: Vec<LeaseKey> = leases.iter().map(|lease| lease.key).collect();
    queue.renew(&keys, claim.lease, None).await.expect("they are renewed");
    let ends = leases.iter().map(|lease| settlement(lease, Verdict::Completed)).collect();
    queue.settle(ends, None).await.expect("they are settled");
    drop(queue);
    let read = entries_read(url).await - before;

    assert_eq!(leases.len(), JOBS);
    // Each job is looked up some ten times; the backlog is thirty times as many.
    let (least, most) = (JOBS as i64, BACKLOG as i64 * 2 / 3);
    assert!((least..most).contains(&read), "{read} entries read for {JOBS} jobs beside {BACKLOG}");
}

/// Entries that were read from the indexes of the jobs so far. A server counts what a connection did when it is closed.
async fn entries_read(url: &str) -> i64 {
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    ampule_tests::soon("its connections are closed", async {
        while ask(url, others) != "0" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let sum = "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE schemaname = 'ampule' AND relname = 'jobs'";
    ask(url, sum).parse().expect("a number")
}
