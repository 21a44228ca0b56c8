//! A copy of the whole queue while it is in use.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::connection::fault;
use super::file;
use crate::queue::Error;

/// Copies the queue into a new file, as it is at one moment.
pub(super) fn backup(db: &Connection, to: &Path) -> Result<(), Error> {
    // Made here, and only if it is not there: a backup must not overwrite anything.
    if let Err(error) = file::create_new(to) {
        let found = format!("{}: {error}", to.display());
        return Err(Error::invalid("file", "the path of a new file in a directory that is there", found));
    }
    let copied = copy(db, to);
    if copied.is_err() {
        // Half a copy is of no use, and would stand in the way of the next.
        let _ = std::fs::remove_file(to);
    }
    copied
}

fn copy(db: &Connection, to: &Path) -> Result<(), Error> {
    let mut copy = Connection::open(to).map_err(fault)?;
    // All pages in one step, so in one read transaction: writers go on beside it, and it need not begin anew for them.
    let step = Backup::new(db, &mut copy).and_then(|backup| backup.step(-1)).map_err(fault)?;
    if step != StepResult::Done {
        return Err(Error::Unavailable("the queue or its copy is locked".to_owned()));
    }
    copy.close().map_err(|(_, error)| fault(error))
}
