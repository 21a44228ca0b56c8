//! Prepared statements, kept for as long as their connection.
//!
//! rusqlite's own cache finds a statement by its whole text, which it hashes and compares each time. All of ours are
//! constants, so it is enough to know where the text lies: with several statements a job that is worth having.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::{Deref, DerefMut};

use rusqlite::{Connection, Statement};

/// Where a text lies, and how long it is.
type Place = (usize, usize);

/// The statements of one connection.
pub(super) struct Statements<'c> {
    db: &'c Connection,
    kept: RefCell<HashMap<Place, Statement<'c>>>,
}

/// A statement while it is used; it is kept again when this is dropped.
pub(super) struct Held<'s, 'c> {
    home: &'s Statements<'c>,
    place: Place,
    /// There, but for the drop.
    statement: Option<Statement<'c>>,
}

impl<'c> Statements<'c> {
    pub(super) fn new(db: &'c Connection) -> Self {
        Statements { db, kept: RefCell::default() }
    }

    /// The connection that they are of.
    pub(super) fn connection(&self) -> &'c Connection {
        self.db
    }

    /// How many steps of SQLite's machine all of them have taken: what their work depends on shows in it, and the
    /// machine that they run on does not.
    #[cfg(test)]
    pub(super) fn steps(&self) -> i64 {
        let steps = |statement: &Statement<'c>| i64::from(statement.get_status(rusqlite::StatementStatus::VmStep));
        self.kept.borrow().values().map(steps).sum()
    }

    /// A statement, prepared when it is used first.
    pub(super) fn prepare(&self, sql: &'static str) -> rusqlite::Result<Held<'_, 'c>> {
        let place = (sql.as_ptr() as usize, sql.len());
        let kept = self.kept.borrow_mut().remove(&place);
        let statement = Some(kept.map_or_else(|| self.db.prepare(sql), Ok)?);
        Ok(Held { home: self, place, statement })
    }
}

impl<'c> Deref for Held<'_, 'c> {
    type Target = Statement<'c>;

    fn deref(&self) -> &Statement<'c> {
        self.statement.as_ref().expect("it is there until the drop")
    }
}

impl<'c> DerefMut for Held<'_, 'c> {
    fn deref_mut(&mut self) -> &mut Statement<'c> {
        self.statement.as_mut().expect("it is there until the drop")
    }
}

impl Drop for Held<'_, '_> {
    fn drop(&mut self) {
        if let Some(mut statement) = self.statement.take() {
            // A large document that was bound is not kept with it.
            statement.clear_bindings();
            self.home.kept.borrow_mut().insert(self.place, statement);
        }
    }
}
