//! The files that hold a queue. A new one is its owner's alone: it holds kwargs, results and the secrets that sign
//! webhooks. SQLite gives the files that it lays beside one the same mode.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::job::JobId;
use crate::queue::Error;

/// What its owner alone may read and write.
const PRIVATE: u32 = 0o600;

/// Makes an empty file, where there is none. One that is there keeps its mode.
///
/// # Errors
/// [`Error::Invalid`] for a directory. Any other path where no file can be made is SQLite's to refuse.
pub(super) fn make(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        let found = format!("{}, a directory", path.display());
        return Err(Error::invalid("queue", "a file that holds a queue, or a new one", found));
    }
    if !path.exists()
        && let Err(error) = link_new(path)
    {
        tracing::debug!(%error, "the file is left to SQLite to make");
    }
    Ok(())
}

/// Makes a file, only if there is none.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)
}

/// The file has its name when it is closed already: to close a file takes away the locks of all in this process who
/// opened it meanwhile.
fn link_new(path: &Path) -> io::Result<()> {
    let unnamed = path.with_file_name(format!(".{}.new", JobId::fresh()));
    drop(create_new(&unnamed)?);
    let linked = fs::hard_link(&unnamed, path);
    fs::remove_file(&unnamed)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // Not every file system has links.
        Err(_) => create_new(path).map(drop),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use tempfile::TempDir;

    use super::*;
    use crate::job::Job;
    use crate::queue::{NewJob, Queue as _, SqliteOptions, SqliteQueue};

    async fn open(path: &Path) -> SqliteQueue {
        SqliteQueue::open(path, SqliteOptions::default()).await.unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn a_new_queue_and_its_copy_are_their_owner_s_alone() {
        let directory = TempDir::new().unwrap();
        let queue = open(&directory.path().join("queue.db")).await;
        queue.enqueue(vec![NewJob::new(Job::source("python", "1"))], None).await.unwrap();
        queue.backup(&directory.path().join("copy.db")).await.unwrap();
        let mut files: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let names: Vec<_> = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["copy.db", "queue.db", "queue.db-shm", "queue.db-wal"]);
        for file in files {
            assert_eq!(mode(&file), PRIVATE, "{}", file.display());
        }
    }

    #[tokio::test]
    async fn a_file_that_is_there_keeps_its_mode() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("queue.db");
        drop(create_new(&path).unwrap());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let _queue = open(&path).await;
        assert_eq!(mode(&path), 0o640);
    }

    #[tokio::test]
    async fn a_directory_is_called_one() {
        let directory = TempDir::new().unwrap();
        let refused = SqliteQueue::open(directory.path(), SqliteOptions::default()).await.map(drop);
        assert!(matches!(&refused, Err(Error::Invalid { found, .. }) if found.contains("a directory")), "{refused:?}");
    }
}
