//! Which queue a URL means.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use super::{Error, Queue, SqliteOptions, SqliteQueue};

/// Where a queue is: `sqlite:PATH`, or `postgres://USER:PASSWORD@HOST/DATABASE`.
#[derive(Clone, PartialEq, Eq)]
pub enum QueueUrl {
    /// A file, made if it is not there.
    Sqlite(PathBuf),
    /// A database of PostgreSQL; the URL as libpq has it.
    Postgres(String),
}

impl FromStr for QueueUrl {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self, Error> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            // `sqlite:///absolute` is how others write it.
            let path = path.strip_prefix("//").unwrap_or(path);
            if !path.is_empty() {
                return Ok(QueueUrl::Sqlite(path.into()));
            }
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            #[cfg(feature = "postgres")]
            check_postgres(url)?;
            return Ok(QueueUrl::Postgres(url.to_owned()));
        }
        // What was given may hold a password, so only its scheme is told.
        let scheme = url.split(':').next().unwrap_or_default();
        Err(Error::invalid("queue", "`sqlite:PATH` or `postgres://…`", format!("{scheme:?} and so on")))
    }
}

/// Whether whoever connects later can read it. Its faults tell no password.
#[cfg(feature = "postgres")]
fn check_postgres(url: &str) -> Result<(), Error> {
    let read = url.parse::<sqlx::postgres::PgConnectOptions>().map(drop);
    read.map_err(|error| Error::invalid("queue", "a URL of PostgreSQL", error.to_string()))
}

impl std::fmt::Debug for QueueUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            QueueUrl::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            QueueUrl::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

/// Opens the queue that a URL means, and brings its schema up to date.
///
/// # Errors
/// [`Error::Invalid`] for a URL that means nothing, [`Error::NewerSchema`], [`Error::Unavailable`],
/// [`Error::Unsupported`] for PostgreSQL in a build without the feature `postgres`.
pub async fn open(url: &QueueUrl) -> Result<Arc<dyn Queue>, Error> {
    match url {
        QueueUrl::Sqlite(path) => Ok(Arc::new(SqliteQueue::open(path, SqliteOptions::default()).await?)),
        #[cfg(feature = "postgres")]
        QueueUrl::Postgres(url) => Ok(Arc::new(super::PostgresQueue::connect(url).await?)),
        #[cfg(not(feature = "postgres"))]
        QueueUrl::Postgres(_) => {
            Err(Error::Unsupported("this build has no PostgreSQL; build it with the feature `postgres`".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_which_database() {
        let sqlite = |path: &str| Ok(QueueUrl::Sqlite(path.into()));
        assert_eq!("sqlite:ampule.db".parse(), sqlite("ampule.db"));
        assert_eq!("sqlite:/var/a.db".parse(), sqlite("/var/a.db"));
        assert_eq!("sqlite:///var/a.db".parse(), sqlite("/var/a.db"));
        assert!(matches!("postgresql://h/d".parse(), Ok(QueueUrl::Postgres(_))));
        for bad in ["", "ampule.db", "sqlite:", "mysql://user:secret@h"] {
            let error = bad.parse::<QueueUrl>().expect_err(bad).to_string();
            assert!(error.contains("sqlite:PATH") && !error.contains("secret"), "{error}");
        }
    }
}
