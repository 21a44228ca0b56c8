//! What can only be seen from inside: plans, what a commit waits for, files of other versions, a disk that is full.

use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::job::Job;
use crate::outcome::Outcome;

async fn open(directory: &TempDir) -> SqliteQueue {
    SqliteQueue::open(directory.path().join("queue.db"), SqliteOptions::default()).await.unwrap()
}

fn job() -> NewJob {
    NewJob::new(Job::source("python", "1"))
}

fn claim(slots: usize) -> Claim {
    let lease = Duration::from_secs(60);
    Claim { worker: WorkerId::fresh(), queues: Queues::All, deliveries: Vec::new(), languages: None, slots, lease }
}

fn completed(lease: &Lease) -> Settlement {
    let outcome = Outcome::of(lease.key.job, Ok(vec![json!(3)]));
    Settlement { key: lease.key, verdict: Verdict::Completed, outcome: Some(outcome), follow_up: None }
}

#[tokio::test]
async fn a_job_is_handed_out_settled_and_read() {
    let directory = TempDir::new().unwrap();
    let queue = open(&directory).await;
    let mut signals = queue.signals();
    let new = job();
    let stored = queue.enqueue(vec![new.clone(), new.clone()], None).await.unwrap();
    assert_eq!(stored[1], Enqueued { id: new.id, existed: true });
    signals.ready().await;
    let claimed = queue.claim(&claim(5), None).await.unwrap();
    let [lease] = &claimed.leases[..] else { panic!("{claimed:?}") };
    assert_eq!((lease.key.job, lease.tries), (new.id, 1));
    assert_eq!(queue.renew(&[lease.key], Duration::from_secs(9), None).await.unwrap(), [Renewed::Kept]);
    let settled = queue.settle(vec![completed(lease), completed(lease)], None).await.unwrap();
    assert_eq!(settled, [Settled::Done, Settled::Stale]);
    let record = queue.get(new.id).await.unwrap().unwrap();
    assert_eq!((record.summary.state, record.attempts.len()), (State::Completed, 1));
    assert_eq!(record.payload, new.payload);
}

/// Asks the writer's own connection, as part of a transaction.
async fn on_writer<T: Send + 'static>(
    queue: &SqliteQueue,
    request: Request,
    mut ask: impl FnMut(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
) -> T {
    queue.writer.run(request, move |tx| Ok(ask(tx.connection())?)).await.unwrap()
}

fn at(seconds: i64) -> Now {
    chrono::DateTime::from_timestamp(1_800_000_000 + seconds, 0)
}

#[tokio::test]
async fn a_commit_waits_for_the_disk_only_if_what_it_says_has_to_outlive_the_machine() {
    let directory = TempDir::new().unwrap();
    let queue = open(&directory).await;
    let level = |db: &rusqlite::Connection| db.query_row("PRAGMA synchronous", [], |row| row.get::<_, i64>(0));
    const NORMAL: i64 = 1;
    const FULL: i64 = 2;
    assert_eq!(on_writer(&queue, lasting(1), level).await, FULL);
    assert_eq!(on_writer(&queue, passing(1), level).await, NORMAL);
    assert_eq!(on_writer(&queue, lasting(1), level).await, FULL);
}

#[tokio::test]
async fn every_verb_answers() {
    let directory = TempDir::new().unwrap();
    let queue = open(&directory).await;
    let mut ids = Vec::new();
    for second in 0..3 {
        let new = job().tag("b").tag("a").tenant("t");
        ids.push(new.id);
        queue.enqueue(vec![new], at(second)).await.unwrap();
    }
    let claimed = queue.claim(&claim(1), at(10)).await.unwrap();
    let lease = &claimed.leases[0];
    assert_eq!(lease.key.job, ids[0]);
    let events = vec![Event::Return(json!(1)), Event::Progress(json!(0.5))];
    queue.report(vec![(lease.key, events)], at(11)).await.unwrap();
    assert_eq!(queue.events(ids[0], 1).await.unwrap().len(), 1);
    assert_eq!(queue.counts(&Filter::default()).await.unwrap().len(), 2);
    let tagged = Filter { tag: Some("a".to_owned()), ..Filter::default() };
    let listed = queue.list(&tagged, Page::default()).await.unwrap();
    assert_eq!(listed.iter().map(|summary| summary.id).collect::<Vec<_>>(), [ids[2], ids[1], ids[0]]);
    assert_eq!(listed[0].tags, ["b", "a"]);
    assert_eq!(queue.reclaim(at(100)).await.unwrap(), 1);
    let cancel = queue.change(&Selection::Filter(tagged), &Change::Cancel, at(101)).await.unwrap();
    assert_eq!(cancel, [ids[2], ids[1], ids[0]]);
    let retry = Change::Retry { kwargs: Some(crate::Kwargs::new().with("a", 1).unwrap()) };
    assert_eq!(queue.change(&Selection::Ids(ids.clone()), &retry, at(102)).await.unwrap(), ids);
    assert_eq!(queue.queues(at(103)).await.unwrap()[0].due, 3);
    queue.change(&Selection::Ids(ids.clone()), &Change::Cancel, at(104)).await.unwrap();
    assert_eq!(queue.check(at(105)).await.unwrap(), []);
    let copy = directory.path().join("copy.db");
    queue.backup(&copy).await.unwrap();
    let none = Some(Duration::ZERO);
    let retention = Retention { completed: none, failed: none, cancelled: none };
    assert_eq!(queue.prune(&retention, at(106)).await.unwrap(), 3);
    assert_eq!(queue.get(ids[0]).await.unwrap(), None);
    let copy = SqliteQueue::open(&copy, SqliteOptions::default()).await.unwrap();
    let record = copy.get(ids[0]).await.unwrap().unwrap();
    assert_eq!((record.summary.state, record.attempts[0].end), (State::Cancelled, AttemptEnd::Lost));
    assert_eq!(queue.check(at(105)).await.unwrap(), []);
}

/// How much work a verb is for the writer, in steps of SQLite's machine.
async fn work(queue: &SqliteQueue, verb: impl Future<Output = ()>) -> i64 {
    let steps = || queue.writer.run(passing(1), |tx| Ok(tx.steps()));
    let before = steps().await.unwrap();
    verb.await;
    steps().await.unwrap() - before
}

/// How much work a claim of ten jobs is. It is made twice, as a statement that is prepared has no steps before.
async fn claim_work(queue: &SqliteQueue, seconds: i64) -> i64 {
    for _ in 0..20 {
        queue.enqueue(vec![job()], at(seconds)).await.unwrap();
    }
    assert_eq!(queue.claim(&claim(10), at(seconds)).await.unwrap().leases.len(), 10);
    work(queue, async {
        assert_eq!(queue.claim(&claim(10), at(seconds)).await.unwrap().leases.len(), 10);
    })
    .await
}

#[tokio::test]
async fn what_cannot_be_claimed_is_no_work_for_a_claim() {
    let directory = TempDir::new().unwrap();
    let queue = open(&directory).await;
    let alone = claim_work(&queue, 0).await;
    let many = |new: fn(NewJob) -> NewJob| (0..10_000).map(|_| new(job())).collect::<Vec<_>>();
    queue.enqueue(many(|new| new.delay(Duration::from_secs(9_000))), at(0)).await.unwrap();
    queue.enqueue(many(NewJob::held), at(0)).await.unwrap();
    queue.enqueue(many(|new| new.queue("paused").priority(9)), at(0)).await.unwrap();
    queue.enqueue(many(|new| new.queue("limited").tenant("greedy").priority(9)), at(0)).await.unwrap();
    queue.enqueue(many(|new| new.queue("@closure:x").priority(9)), at(0)).await.unwrap_err();
    let paused = QueueSettings { mode: Mode::Paused, ..QueueSettings::default() };
    queue.configure("paused", &paused).await.unwrap();
    let limited = QueueSettings { max_running_per_tenant: Some(1), ..QueueSettings::default() };
    queue.configure("limited", &limited).await.unwrap();
    assert_eq!(queue.claim(&claim(1), at(1)).await.unwrap().leases[0].queue, "limited");
    let beside_many = claim_work(&queue, 2).await;
    assert!(beside_many < 2 * alone, "{beside_many} steps beside many, {alone} alone");
}

#[tokio::test]
async fn jobs_that_have_ended_are_no_work_for_those_that_live() {
    let directory = TempDir::new().unwrap();
    let queue = open(&directory).await;
    let round = async |count: usize| {
        queue.enqueue((0..count).map(|_| job()).collect(), at(0)).await.unwrap();
        let leases = queue.claim(&claim(count), at(0)).await.unwrap().leases;
        queue.settle(leases.iter().map(completed).collect(), at(0)).await.unwrap();
        queue.reclaim(at(0)).await.unwrap();
    };
    round(10).await;
    let first = work(&queue, round(10)).await;
    round(10_000).await;
    let after_many = work(&queue, round(10)).await;
    assert!(after_many <= first + first / 10, "{after_many} steps after many, {first} at first");
}

/// Both kinds of moment are met: one still makes the file while another looks at it, and one is the last to close it
/// while another opens it.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn all_who_open_a_new_file_at_once_have_one_queue() {
    for _ in 0..20 {
        let directory = TempDir::new().unwrap();
        let one = || {
            let path = directory.path().join("queue.db");
            tokio::spawn(async move {
                let queue = SqliteQueue::open(path, SqliteOptions::default()).await?;
                queue.enqueue(vec![job()], None).await
            })
        };
        let all: Vec<_> = (0..8).map(|_| one()).collect();
        for stored in all {
            assert_eq!(stored.await.unwrap().map(|stored| stored.len()), Ok(1));
        }
        let counts = open(&directory).await.counts(&Filter::default()).await.unwrap();
        assert_eq!(counts.iter().map(|count| count.jobs).sum::<u64>(), 8);
    }
}

#[tokio::test]
async fn jobs_of_an_older_schema_are_run_by_a_newer_one() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("queue.db");
    let queue = open(&directory).await;
    let new = job();
    queue.enqueue(vec![new.clone(), job()], at(0)).await.unwrap();
    let lease = queue.claim(&claim(1), at(0)).await.unwrap().leases.remove(0);
    drop(queue);
    // The first version's tables are as they were; it had none of those that came after.
    let old = directory.path().join("old.db");
    let db = connection::writing(&old).unwrap();
    migrate::migrate_to(&db, 1).unwrap();
    db.execute("ATTACH ?1 AS newer", [path.to_str().unwrap()]).unwrap();
    db.execute_batch("INSERT INTO jobs SELECT * FROM newer.jobs").unwrap();
    assert!(db.prepare("SELECT * FROM main.workers").is_err(), "the first version knows no workers");
    drop(db);

    let queue = SqliteQueue::open(&old, SqliteOptions::default()).await.unwrap();
    assert_eq!(queue.settle(vec![completed(&lease)], at(1)).await.unwrap(), [Settled::Done]);
    assert_eq!(queue.claim(&claim(9), at(1)).await.unwrap().leases.len(), 1);
    queue.beat(&WorkerInfo::new(lease.key.worker, "here", 1, at(1).unwrap()), at(1)).await.unwrap();
    assert_eq!(queue.workers(at(1)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_job_that_cannot_be_read_ends_and_stops_no_other() {
    let directory = TempDir::new().unwrap();
    let queue = open(&directory).await;
    let (broken, whole) = (job(), job());
    queue.enqueue(vec![broken.clone(), whole.clone()], at(0)).await.unwrap();
    let id = broken.id.to_bytes();
    on_writer(&queue, lasting(1), move |db| db.execute("UPDATE jobs SET payload = '{' WHERE id = ?1", [id])).await;
    let leases = queue.claim(&claim(5), at(1)).await.unwrap().leases;
    assert_eq!(leases.iter().map(|lease| lease.key.job).collect::<Vec<_>>(), [whole.id]);
    let failed = Filter { kind: Some(crate::Kind::Host), ..Filter::default() };
    let failed = queue.list(&failed, Page::default()).await.unwrap();
    assert_eq!((failed[0].id, failed[0].state), (broken.id, State::Failed));
    assert!(matches!(queue.get(broken.id).await, Err(Error::Corrupt { job: Some(_), .. })));
}

#[tokio::test]
async fn one_refusal_is_not_another_s() {
    let directory = TempDir::new().unwrap();
    let queue = open(&directory).await;
    let unknown = NewJob::new(Job::new(Digest::of(b"nowhere")));
    let (good, bad) = (job(), unknown);
    let (stored, refused) = tokio::join!(queue.enqueue(vec![good], None), queue.enqueue(vec![job(), bad], None));
    assert!(stored.is_ok() && matches!(refused, Err(Error::UnknownProgram(_))), "{refused:?}");
    let counts = queue.counts(&Filter::default()).await.unwrap();
    assert_eq!(counts.iter().map(|count| count.jobs).sum::<u64>(), 1);
}

#[tokio::test]
async fn a_disk_that_is_full_loses_nothing() {
    let directory = TempDir::new().unwrap();
    let queue = open(&directory).await;
    let many = |count: usize| (0..count).map(|_| job().tag("x")).collect::<Vec<_>>();
    queue.enqueue(many(20), None).await.unwrap();
    let leases = queue.claim(&claim(20), None).await.unwrap().leases;
    on_writer(&queue, passing(1), |db| {
        let pages: i64 = db.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        db.query_row(&format!("PRAGMA max_page_count = {}", pages + 2), [], |row| row.get::<_, i64>(0))
    })
    .await;
    let refused = queue.enqueue(many(1_000), None).await;
    assert!(matches!(refused, Err(Error::Full(_))), "{refused:?}");
    assert_eq!(queue.counts(&Filter::default()).await.unwrap().len(), 1, "nothing of it was stored");
    let large = |lease: &Lease| {
        let outcome = Outcome::of(lease.key.job, Ok(vec![json!("x".repeat(100_000))]));
        Settlement { outcome: Some(outcome), ..completed(lease) }
    };
    let refused = queue.settle(leases.iter().map(large).collect(), None).await;
    assert!(matches!(refused, Err(Error::Full(_))), "{refused:?}");
    on_writer(&queue, passing(1), |db| db.query_row("PRAGMA max_page_count = 1000000", [], |row| row.get::<_, i64>(0)))
        .await;
    let settled = queue.settle(leases.iter().map(large).collect(), None).await.unwrap();
    assert_eq!(settled, vec![Settled::Done; 20]);
    assert_eq!(queue.check(None).await.unwrap(), []);
}

#[tokio::test]
async fn another_program_s_database_and_a_newer_queue_are_left_as_they_are() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("other");
    std::fs::write(&path, "a letter to the reader, which is longer than the header of a database would be").unwrap();
    let refused = SqliteQueue::open(&path, SqliteOptions::default()).await;
    assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("a letter"));

    let path = directory.path().join("shop.db");
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE orders (id)").unwrap();
    let before = std::fs::read(&path).unwrap();
    let refused = SqliteQueue::open(&path, SqliteOptions::default()).await;
    assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let path = directory.path().join("newer.db");
    drop(SqliteQueue::open(&path, SqliteOptions::default()).await.unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", migrate::NEWEST + 1).unwrap();
    let refused = SqliteQueue::open(&path, SqliteOptions::default()).await.map(drop);
    assert_eq!(refused, Err(Error::NewerSchema { found: migrate::NEWEST + 1, known: migrate::NEWEST }));
}
