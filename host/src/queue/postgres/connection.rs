//! Connections to the database: how each kind is set up, how work is run on one, and what PostgreSQL's errors mean to
//! those who ask.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, Postgres};

use crate::job::JobId;
use crate::queue::Error;

/// How long a verb waits for a connection: a server that starts again is back by then, and a worker that waits longer
/// could not keep its leases anyway.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long a server is tried once more, to be told why it is not there.
const ASKED_WHY: Duration = Duration::from_secs(1);
/// How long the server may work on one statement, and how long a statement may wait for another's rows.
const STATEMENT_MS: &str = "30000";
const LOCK_MS: &str = "15000";
/// How long a verb may take in all. Only a network that swallows answers needs it.
const VERB: Duration = Duration::from_secs(45);
/// A connection that rested longer is tried before it is used: the server may have gone meanwhile.
const TRIED_AFTER: Duration = Duration::from_secs(1);
/// Connections that nobody uses are closed.
const IDLE: Duration = Duration::from_secs(5 * 60);
/// How often work is done again that others' work got in the way of.
const CONFLICTS: u32 = 8;

/// What a verb does on a connection.
pub(super) type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, Stop>> + Send + 'c>>;

/// Why work was given up. What it had written is rolled back.
#[derive(Debug)]
pub(super) enum Stop {
    /// It was refused.
    Refused(Error),
    /// The database failed.
    Broken(sqlx::Error),
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        Stop::Broken(error)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Refused(error)
    }
}

impl Stop {
    pub(super) fn into_error(self) -> Error {
        match self {
            Stop::Refused(error) => error,
            Stop::Broken(error) => fault(&error),
        }
    }

    /// Whether others' work got in the way, so that the same may succeed at once.
    fn is_conflict(&self) -> bool {
        let Stop::Broken(error) = self else { return false };
        // Serialization failure, deadlock; a row that somebody else inserted first, which the next try finds.
        matches!(code(error).as_deref(), Some("40001" | "40P01" | "23505"))
    }
}

/// At most thirteen connections, by what they are for.
#[derive(Clone, Debug)]
pub(super) struct Pools {
    /// What must be on disk when it is answered, each statement through an index. Claims too: a lease that the server
    /// forgets would be given to another while its holder runs, under the same number, and would not count.
    pub(super) hot: PgPool,
    /// The same for what may be lost with the server's last half second: renewals, what workers tell.
    pub(super) hasty: PgPool,
    /// What is found by a key, or is small: the planner has its way, knowing what is asked for.
    pub(super) calm: PgPool,
    /// The same for what may take a walk through every job, so that no number of these keeps the others waiting.
    pub(super) scans: PgPool,
    /// The one that listens.
    pub(super) listening: PgPool,
}

impl Pools {
    /// Connects to nothing yet.
    pub(super) fn new(url: &str) -> Result<Self, Error> {
        let options: PgConnectOptions = url.parse().map_err(|error: sqlx::Error| fault(&error))?;
        let options = options.application_name("ampule").disable_statement_logging().options([
            // Whatever the database's own defaults are.
            ("default_transaction_isolation", "read committed"),
            ("timezone", "UTC"),
            ("statement_timeout", STATEMENT_MS),
            ("lock_timeout", LOCK_MS),
            // No transaction of ours waits for anything but the next statement.
            ("idle_in_transaction_session_timeout", STATEMENT_MS),
            ("jit", "off"),
        ]);
        // Every hot statement goes through an index. Statistics of tables that are empty now and full a second later
        // lead the planner astray, so what it would be led to is taken away, and with it the planning of each call.
        let hot = options.clone().options([
            ("enable_seqscan", "off"),
            ("enable_bitmapscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("plan_cache_mode", "force_generic_plan"),
        ]);
        let calm = options.options([("plan_cache_mode", "force_custom_plan")]);
        Ok(Pools {
            hasty: pool(3, hot.clone().options([("synchronous_commit", "off")])),
            hot: pool(4, hot),
            listening: pool(1, calm.clone()),
            scans: pool(2, calm.clone()),
            calm: pool(3, calm),
        })
    }
}

/// Where the database is, without a password, as libpq's tools understand it.
pub(super) fn address(pools: &Pools) -> String {
    let options = pools.calm.connect_options();
    // A value of libpq's `key=value` form.
    let quoted = |value: &str| format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"));
    let host = options.get_socket().map_or_else(|| options.get_host().into(), |socket| socket.to_string_lossy());
    let (user, database) = (options.get_username(), options.get_database().unwrap_or(options.get_username()));
    let (host, port) = (quoted(&host), options.get_port());
    format!("host={host} port={port} user={} dbname={}", quoted(user), quoted(database))
}

fn pool(most: u32, options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(ACQUIRE)
        .idle_timeout(IDLE)
        .test_before_acquire(false)
        .before_acquire(|connection, resting| {
            Box::pin(async move {
                if resting.idle_for > TRIED_AFTER {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options)
}

/// Does work on a connection, again if others got in its way.
pub(super) async fn within<A: Sync + ?Sized, T>(
    pool: &PgPool,
    asked: &A,
    work: for<'c> fn(&'c mut PgConnection, &'c A) -> Work<'c, T>,
) -> Result<T, Error> {
    attempt(pool, asked, work).await.map_err(Stop::into_error)
}

/// The same, for what may take as long as there is much to do.
pub(super) async fn at_leisure<A: Sync + ?Sized, T>(
    pool: &PgPool,
    asked: &A,
    work: for<'c> fn(&'c mut PgConnection, &'c A) -> Work<'c, T>,
) -> Result<T, Error> {
    attempt_for(Duration::MAX, pool, asked, work).await.map_err(Stop::into_error)
}

/// The same as [`within`], for those who want to know why it was given up.
pub(super) async fn attempt<A: Sync + ?Sized, T>(
    pool: &PgPool,
    asked: &A,
    work: for<'c> fn(&'c mut PgConnection, &'c A) -> Work<'c, T>,
) -> Result<T, Stop> {
    attempt_for(VERB, pool, asked, work).await
}

async fn attempt_for<A: Sync + ?Sized, T>(
    most: Duration,
    pool: &PgPool,
    asked: &A,
    work: for<'c> fn(&'c mut PgConnection, &'c A) -> Work<'c, T>,
) -> Result<T, Stop> {
    for conflicts in 1.. {
        let mut connection = acquire(pool).await?;
        match tokio::time::timeout(most, work(&mut connection, asked)).await {
            Ok(Err(stop)) if stop.is_conflict() && conflicts < CONFLICTS => {
                drop(connection);
                // Not in step with whoever it collided with.
                let jitter = u64::from(JobId::fresh().to_bytes()[15]) / 16;
                tokio::time::sleep(Duration::from_millis(jitter + u64::from(conflicts))).await;
            }
            Ok(done) => return done,
            Err(_) => {
                // Nobody knows what this connection will say next.
                connection.close_on_drop();
                let message = format!("no answer within {most:?}");
                return Err(Stop::Refused(Error::Unavailable(message)));
            }
        }
    }
    unreachable!("the last try is returned")
}

/// A connection. If none comes in time and the pool has room, it is asked why: a pool tries a server that refuses again
/// and again, and says only that its time was up.
pub(super) async fn acquire(pool: &PgPool) -> sqlx::Result<PoolConnection<Postgres>> {
    let error = match pool.acquire().await {
        Err(error @ sqlx::Error::PoolTimedOut) if pool.size() < pool.options().get_max_connections() => error,
        done => return done,
    };
    let options = pool.connect_options();
    match tokio::time::timeout(ASKED_WHY, PgConnection::connect_with(&options)).await {
        Ok(Err(why)) => Err(why),
        // It is there again, or says nothing.
        Ok(Ok(_)) | Err(_) => Err(error),
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(|error| error.code()).map(std::borrow::Cow::into_owned)
}

/// What PostgreSQL said, in the words of a queue. What it says has no password in it.
pub(super) fn fault(error: &sqlx::Error) -> Error {
    use sqlx::Error as Sql;
    let message = error.to_string();
    match error {
        Sql::Io(_) | Sql::Tls(_) | Sql::Protocol(_) | Sql::PoolTimedOut | Sql::WorkerCrashed | Sql::BeginFailed => {
            Error::Unavailable(message)
        }
        Sql::PoolClosed => Error::Closed,
        Sql::Configuration(_) => Error::invalid("queue", "`postgres://USER:PASSWORD@HOST/DATABASE`", message),
        Sql::ColumnDecode { .. } | Sql::Decode(_) => Error::Corrupt { job: None, message },
        Sql::Database(_) => refused(&code(error).unwrap_or_default(), message),
        _ => Error::Database(message),
    }
}

/// By the codes of PostgreSQL's appendix A.
fn refused(code: &str, message: String) -> Error {
    match code {
        // The disk, or a quota of it.
        "53100" => Error::Full(message),
        // Too few resources, too many connections; a lock or a statement that took too long.
        "40001" | "40P01" | "55P03" | "57014" | "58030" => Error::Unavailable(message),
        // A standby: what was the primary is elsewhere by now, or will be this.
        "25006" => Error::Unavailable(message),
        // Damaged data or index.
        "XX001" | "XX002" => Error::Corrupt { job: None, message },
        _ if ["08", "53", "57"].iter().any(|class| code.starts_with(class)) => Error::Unavailable(message),
        _ => Error::Database(message),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_server_that_refuses_is_said_to_refuse() {
        let directory = tempfile::TempDir::new().unwrap();
        // A socket to which nobody listens any more.
        drop(UnixListener::bind(directory.path().join(".s.PGSQL.5432")).unwrap());
        let pools =
            Pools::new(&format!("postgres://user@localhost/queue?host={}", directory.path().display())).unwrap();
        let refused = acquire(&pools.calm).await.map(drop).map_err(|error| fault(&error));
        assert!(matches!(&refused, Err(Error::Unavailable(why)) if why.contains("Connection refused")), "{refused:?}");
    }

    #[test]
    fn what_passes_by_itself_may_be_asked_again() {
        for code in ["08006", "57P01", "57P03", "53300", "40P01", "55P03", "25006"] {
            assert!(matches!(refused(code, String::new()), Error::Unavailable(_)), "{code}");
        }
        assert!(matches!(refused("53100", String::new()), Error::Full(_)));
        assert!(matches!(refused("42P01", String::new()), Error::Database(_)));
        assert!(matches!(refused("XX001", String::new()), Error::Corrupt { .. }));
    }
}
