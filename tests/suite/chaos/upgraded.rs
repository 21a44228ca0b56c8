//! Queues of the first schema, with jobs in flight, which this version brings up to date; and of a newer schema, which
//! it refuses.

use std::process::Command;
use std::time::Duration;

use ampule::queue::{self, Claim, Error, Lease, Queue, Queues, Settlement, Verdict, WorkerId};
use ampule::{Failure, Kind, Outcome};
use ampule_tests::history::Rules;
use ampule_tests::order::{Does, Order};
use ampule_tests::part::{Working, ask};
use rusqlite::Connection;

use super::scene::{Home, Scene};

/// The version that is never reached.
const NEWER: i64 = 9_999;

const SQLITE_FIRST: &str = include_str!("../../../host/src/queue/sqlite/schema/0001_jobs.sql");
const POSTGRES_FIRST: &str = include_str!("../../../host/src/queue/postgres/schema/0001_jobs.sql");

#[tokio::test(flavor = "multi_thread")]
async fn jobs_in_flight_on_a_sqlite_queue_of_the_first_schema_survive_the_upgrade() {
    jobs_survive_the_upgrade(Home::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_in_flight_on_a_postgresql_queue_of_the_first_schema_survive_the_upgrade() {
    jobs_survive_the_upgrade(Home::postgres()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_sqlite_schema_is_refused_and_named() {
    let home = Home::sqlite();
    drop(Scene::open(&home).await);
    let file = Connection::open(home.file()).expect("the file opens");
    file.pragma_update(None, "user_version", NEWER).expect("the version is set");
    is_refused(&home).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_postgresql_schema_is_refused_and_named() {
    let home = Home::postgres();
    drop(Scene::open(&home).await);
    psql(&home.url(), &format!("INSERT INTO ampule.schema_versions (version) VALUES ({NEWER})"));
    is_refused(&home).await;
}

async fn is_refused(home: &Home) {
    let refused = queue::open(&home.url().parse().expect("a URL")).await.expect_err("a newer schema is refused");
    assert!(matches!(refused, Error::NewerSchema { found: NEWER, known } if known < NEWER), "{refused:?}");
    assert!(refused.to_string().contains("9999"), "it says which version it found: {refused}");
}

async fn jobs_survive_the_upgrade(home: Home) {
    let mut scene = Scene::set(home).await;
    let order = |n: u64| Order { told: true, ..Order::new(n) };
    let orders = vec![
        order(101),
        Order { does: Does::Fail, tries: 3, ..order(102) },
        Order { pad: 3_000, tenant: Some("tenant".to_owned()), ..order(103) },
        Order { then: Some(Box::new(order(105))), ..order(104) },
        Order { delay_ms: 3_000, ..order(106) },
    ];
    ask(&*scene.queue, &scene.journal, orders).await;
    // Three of them run, one of which has failed before and runs for the second time.
    let queue = scene.witnessed();
    let fails = |lease: &Lease| lease.payload.job().is_some_and(|job| job.name == "n102");
    let leases = claim(&*queue, 4).await;
    let failed = leases.iter().find(|lease| fails(lease)).expect("all but one are due");
    retry(&*queue, failed).await;
    assert_eq!(claim(&*queue, 1).await.len(), 1, "it is due again");
    drop(queue);
    let named = scene.queue.put_program(b"named", Some("named"), None).await.expect("the program is stored");

    // Whoever wrote the queue knew the first schema only.
    scene.queue = match &mut scene.home {
        Home::Sqlite(_, name) => {
            *name = "first.db";
            to_first_sqlite(&scene.home);
            Scene::open(&scene.home).await
        }
        home => {
            to_first_postgres(&home.url());
            Scene::open(home).await
        }
    };
    let versions = scene.queue.versions("named").await.expect("versions are listed");
    assert_eq!(versions.iter().map(|version| version.digest).collect::<Vec<_>>(), [named], "it is the first one");
    let working = Working::start(&scene.part(), scene.witnessed(), &scene.journal).expect("the worker starts");
    let history = scene.expect_sound(Rules::default()).await;
    assert!(history.found.len() > 6, "the jobs and those that follow are there: {:?}", history.found);
    working.stop(Duration::from_secs(10)).await;
}

async fn claim(queue: &dyn Queue, slots: usize) -> Vec<Lease> {
    let claim = Claim {
        worker: WorkerId::fresh(),
        queues: Queues::All,
        deliveries: Vec::new(),
        languages: None,
        slots,
        lease: Duration::from_secs(1),
    };
    queue.claim(&claim, None).await.expect("jobs are handed out").leases
}

async fn retry(queue: &dyn Queue, lease: &Lease) {
    let outcome = Outcome::of(lease.key.job, Err(Failure::new(Kind::Guest, "told to")));
    let verdict = Verdict::Retry(Duration::ZERO);
    let settlement = Settlement { key: lease.key, verdict, outcome: Some(outcome), follow_up: None };
    queue.settle(vec![settlement], None).await.expect("the end is taken in");
}

/// Copies the present queue into a new file of the first schema.
fn to_first_sqlite(home: &Home) {
    let first = Connection::open(home.file()).expect("a new file");
    let present = home.file().with_file_name("queue.db");
    first.execute_batch(SQLITE_FIRST).expect("the first schema is made");
    first.execute("ATTACH ?1 AS present", [present.to_str().expect("plain text")]).expect("the file is there");
    let strings = |sql: &str| -> Vec<String> {
        let mut statement = first.prepare(sql).expect("it is SQL");
        let rows = statement.query_map([], |row| row.get(0)).expect("it answers");
        rows.collect::<Result<_, _>>().expect("text")
    };
    for table in strings("SELECT name FROM main.sqlite_schema WHERE type = 'table'") {
        let columns = strings(&format!("SELECT name FROM pragma_table_info('{table}', 'main')")).join(", ");
        let copy = format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM present.{table}");
        first.execute_batch(&copy).expect("rows are copied");
    }
    let application: i64 = first.query_row("PRAGMA present.application_id", [], |row| row.get(0)).expect("a number");
    first.pragma_update(None, "application_id", application).expect("it is set");
    first.pragma_update(None, "user_version", 1).expect("it is set");
}

/// Puts a schema of the first version in place of the present one, with the same rows.
fn to_first_postgres(url: &str) {
    let copy = "DO $$ DECLARE t text; c text; BEGIN
        FOR t, c IN SELECT table_name, string_agg(quote_ident(column_name), ', ') FROM information_schema.columns
            WHERE table_schema = 'ampule' AND table_name <> 'schema_versions' GROUP BY table_name
        LOOP EXECUTE format('INSERT INTO ampule.%I (%s) SELECT %s FROM present.%I', t, c, c, t); END LOOP; END $$";
    let begin = "ALTER SCHEMA ampule RENAME TO present; CREATE SCHEMA ampule;
        CREATE TABLE ampule.schema_versions (LIKE present.schema_versions INCLUDING ALL);
        INSERT INTO ampule.schema_versions SELECT * FROM present.schema_versions WHERE version = 1";
    psql(url, &format!("{begin}; {POSTGRES_FIRST}; {copy}; DROP SCHEMA present CASCADE"));
}

pub(super) fn psql(url: &str, sql: &str) {
    let mut psql = Command::new("psql");
    let told = psql.args([url, "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--command", sql]).output();
    let told = told.expect("psql is installed beside PostgreSQL");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
}
