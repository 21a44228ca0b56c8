//! The two storages of apalis behind one face.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::*;
use apalis_postgres::PostgresStorage;
use apalis_sqlite::SqliteStorage;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use crate::{BoxError, Job, Seen};

/// Jobs that run at once, and rows of one fetch: larger ones made no difference, smaller ones were slower.
const CONCURRENCY: usize = 64;
const POLL_EVERY: Duration = Duration::from_millis(20);
const QUEUE: &str = "bench";

#[derive(Clone)]
pub(crate) enum Storage {
    Postgres { pool: PgPool, storage: PostgresStorage<Job> },
    Sqlite { pool: SqlitePool, storage: SqliteStorage<Job> },
}

pub(crate) async fn set_up(url: &str) -> Result<(), BoxError> {
    match url.strip_prefix("sqlite:") {
        Some(path) => {
            let pool = sqlite_pool(path).await?;
            SqliteStorage::<()>::setup(&pool).await?;
            pool.close().await;
        }
        None => PostgresStorage::<()>::setup(&PgPool::connect(url).await?).await?,
    }
    Ok(())
}

async fn sqlite_pool(path: &str) -> Result<SqlitePool, BoxError> {
    let options = SqliteConnectOptions::from_str(&format!("sqlite://{path}"))?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(20));
    Ok(SqlitePoolOptions::new().max_connections(8).connect_with(options).await?)
}

impl Storage {
    pub(crate) async fn open(url: &str) -> Result<Self, BoxError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let pool = sqlite_pool(path).await?;
            let config = apalis_sqlite::Config::default().queue(QUEUE).batch_size(CONCURRENCY);
            let storage = SqliteStorage::<Job>::new(&pool).with_config(config);
            return Ok(Storage::Sqlite { pool, storage });
        }
        let pool = PgPoolOptions::new().max_connections(24).min_connections(4).connect(url).await?;
        let config = apalis_postgres::Config::default().queue(QUEUE).batch_size(CONCURRENCY);
        let storage = PostgresStorage::<Job>::new(&pool).with_config(config);
        Ok(Storage::Postgres { pool, storage })
    }

    pub(crate) async fn push(&self, mut jobs: Vec<Job>) -> Result<(), BoxError> {
        let one = if jobs.len() == 1 { jobs.pop() } else { None };
        match (self.clone(), one) {
            (Storage::Postgres { mut storage, .. }, Some(job)) => storage.push(job).await?,
            (Storage::Postgres { mut storage, .. }, None) => storage.push_bulk(jobs).await?,
            (Storage::Sqlite { mut storage, .. }, Some(job)) => storage.push(job).await?,
            (Storage::Sqlite { mut storage, .. }, None) => storage.push_bulk(jobs).await?,
        }
        Ok(())
    }

    /// Starts a worker. On PostgreSQL it is told of new jobs and, unless it is idle, polls as well, as its README has it.
    pub(crate) fn start(&self, seen: &Arc<Seen>, told: bool) {
        async fn handler(job: Job, seen: Data<Arc<Seen>>) -> Result<(), BoxDynError> {
            seen.hit(job.n);
            Ok(())
        }
        macro_rules! run {
            ($backend:expr) => {{
                let worker = WorkerBuilder::new(format!("bench-{}", std::process::id()))
                    .backend($backend)
                    .data(Arc::clone(seen))
                    .concurrency(CONCURRENCY)
                    .build(handler);
                tokio::spawn(async move {
                    if let Err(error) = worker.run().await {
                        eprintln!("apalis: its worker ended: {error}");
                    }
                });
            }};
        }
        match self.clone() {
            Storage::Postgres { storage, .. } if told => run!(storage.with_pubsub()),
            Storage::Postgres { storage, .. } => {
                run!(storage.with_pubsub().poll_with_strategy(Strategy::new().interval(POLL_EVERY)))
            }
            Storage::Sqlite { storage, .. } => run!(storage.poll_with_interval(POLL_EVERY)),
        }
    }

    pub(crate) async fn done(&self) -> Result<u64, BoxError> {
        let count: i64 = match self {
            Storage::Postgres { pool, .. } => {
                sqlx::query_scalar("SELECT count(*) FROM apalis.jobs WHERE status = 'Done'").fetch_one(pool).await?
            }
            Storage::Sqlite { pool, .. } => {
                sqlx::query_scalar("SELECT count(*) FROM Jobs WHERE status = 'Done'").fetch_one(pool).await?
            }
        };
        Ok(count.unsigned_abs())
    }
}
