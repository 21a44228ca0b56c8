//! The journal of a history: one file to which everybody appends whole lines, so that their order is the order in which
//! things happened, whichever process they happened in.
//!
//! A guest appends too: `S` or `E` and its number, when it begins and when it is done.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use ampule::JobId;
use ampule::queue::LeaseKey;
use serde::{Deserialize, Serialize};

use crate::order::Order;

/// The file's name; guests know it.
const FILE: &str = "journal";

/// A line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Note {
    /// A producer is about to enqueue a job.
    Meant {
        /// Its id.
        id: JobId,
        /// What it is.
        order: Order,
    },
    /// The queue has acknowledged jobs.
    Acknowledged(Vec<JobId>),
    /// A claim has handed out an attempt.
    Claimed {
        /// Which.
        held: Held,
        /// Out of which queue.
        queue: String,
        /// Whose job it is.
        tenant: Option<String>,
        /// Until when the lease holds at least, in milliseconds of the Unix time.
        until_ms: u64,
    },
    /// A lease was extended.
    Renewed {
        /// Which.
        held: Held,
        /// Until when it holds at least.
        until_ms: u64,
    },
    /// A worker has learned that its lease is lost.
    Lost(Held),
    /// A worker is about to settle.
    Settling(Held),
    /// A settlement was answered.
    Settled {
        /// Which.
        held: Held,
        /// What was asked for, such as `completed`.
        verdict: String,
        /// Whether it counts.
        counts: bool,
    },
    /// A closure was told of an end.
    Told {
        /// Which closure.
        closure: String,
        /// The job that has ended.
        job: JobId,
        /// The number of the order that asked for it.
        n: u64,
        /// The value that it was told of, if it was one.
        value: Option<u64>,
    },
    /// A worker has ended.
    Drained {
        /// Jobs that it finished in its time of grace.
        finished: usize,
        /// Jobs that it handed back.
        handed_back: usize,
        /// Jobs whose end it could not tell.
        abandoned: usize,
    },
    /// Something that should be seen by whoever looks for a fault.
    Remark(String),
    /// A guest has begun.
    Began(u64),
    /// A guest is done.
    Done(u64),
}

/// An attempt at a job, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Held {
    /// The job.
    pub job: JobId,
    /// Which attempt.
    pub attempt: u32,
}

impl From<LeaseKey> for Held {
    fn from(key: LeaseKey) -> Self {
        Held { job: key.job, attempt: key.attempt }
    }
}

/// A line, and when it was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// In milliseconds of the Unix time; 0 for what guests note.
    pub at_ms: u64,
    /// What.
    pub note: Note,
}

/// Appends to a journal.
#[derive(Debug)]
pub struct Journal {
    directory: PathBuf,
    file: File,
}

impl Journal {
    /// Opens the journal of a directory, or begins it.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn open(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = directory.into();
        let file = OpenOptions::new().create(true).append(true).open(directory.join(FILE))?;
        Ok(Journal { directory, file })
    }

    /// Where it is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Appends a line, in one write.
    ///
    /// # Panics
    /// If it cannot: a history with a hole proves nothing.
    pub fn note(&self, note: Note) {
        let mut line = serde_json::to_vec(&Entry { at_ms: now_ms(), note }).expect("a note is JSON");
        line.push(b'\n');
        let written = (&self.file).write(&line).expect("the journal takes a line");
        assert_eq!(written, line.len(), "a line is written whole");
    }

    /// Appends a line, and waits until the disk has it.
    ///
    /// # Panics
    /// As [`Journal::note`].
    pub fn note_for_good(&self, note: Note) {
        self.note(note);
        self.file.sync_data().expect("the disk takes the journal");
    }

    /// How many lines there are, without a look at what they say.
    ///
    /// # Panics
    /// If the file cannot be read.
    #[must_use]
    pub fn count(&self) -> usize {
        let bytes = std::fs::read(self.directory.join(FILE)).expect("the journal can be read");
        bytes.iter().filter(|byte| **byte == b'\n').count()
    }

    /// All lines so far.
    ///
    /// # Panics
    /// If a line is none.
    #[must_use]
    pub fn read(&self) -> Vec<Entry> {
        let text = std::fs::read_to_string(self.directory.join(FILE)).expect("the journal can be read");
        // What follows the last line's end is being written.
        let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        whole.lines().map(entry).collect()
    }
}

fn entry(line: &str) -> Entry {
    let number = |digits: &str| digits.parse().unwrap_or_else(|_| panic!("a guest notes its number: {line}"));
    match line.split_at(1) {
        ("S", digits) => Entry { at_ms: 0, note: Note::Began(number(digits)) },
        ("E", digits) => Entry { at_ms: 0, note: Note::Done(number(digits)) },
        _ => serde_json::from_str(line).unwrap_or_else(|error| panic!("a line of the journal: {error}: {line}")),
    }
}

/// The machine's clock, in milliseconds of the Unix time.
///
/// # Panics
/// If it is before 1970.
#[must_use]
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    u64::try_from(since.as_millis()).expect("a moment of this age")
}
