//! Where a queue lives: a SQLite file or a PostgreSQL database that is a test's alone, opened as often as it likes.
//!
//! What a place holds goes when it is dropped, so it must outlive its queues.

use std::sync::Arc;

use ampule::queue::{self, Queue, QueueUrl};
use tempfile::TempDir;

use crate::postgres::Database;

/// A database of one's own.
#[derive(Debug)]
pub enum Place {
    /// A file in a directory of its own.
    Sqlite(TempDir),
    /// A database in the cluster that all tests share.
    Postgres(Database),
}

impl Place {
    /// A file that is not there yet.
    #[must_use]
    pub fn sqlite() -> Self {
        Place::Sqlite(tempfile::tempdir().expect("a directory can be made"))
    }

    /// A database without a table.
    #[must_use]
    pub fn postgres() -> Self {
        Place::Postgres(Database::fresh())
    }

    /// Another of the same kind, which holds nothing.
    #[must_use]
    pub fn another(&self) -> Self {
        match self {
            Place::Sqlite(_) => Place::sqlite(),
            Place::Postgres(_) => Place::postgres(),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> QueueUrl {
        match self {
            Place::Sqlite(directory) => QueueUrl::Sqlite(directory.path().join("queue.db")),
            Place::Postgres(database) => QueueUrl::Postgres(database.url().to_owned()),
        }
    }

    /// A handle on its queue, as another process would have one.
    pub async fn open(&self) -> Arc<dyn Queue> {
        queue::open(&self.url()).await.expect("the queue opens")
    }
}
