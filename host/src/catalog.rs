//! Which programs a runner knows: by name, as registered, and by digest, as long as anybody holds them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use crate::error::Error;
use crate::interpreter::{Interpreters, Seat};
use crate::job::{Digest, ProgramRef};
use crate::program::{Loaded, Program};

/// How many entries of programs that nobody holds any more may lie about before they are swept.
const SWEEP_AT: usize = 64;

/// The programs of one runner.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    known: RwLock<Known>,
    pub(crate) interpreters: Interpreters,
}

/// The program that a job means: loaded, or an interpreter that is yet to be prepared.
#[derive(Clone)]
pub(crate) enum Meant {
    Loaded(Program),
    Unprepared(Arc<Seat>),
}

impl Meant {
    pub(crate) fn digest(&self) -> Digest {
        match self {
            Meant::Loaded(program) => program.digest(),
            Meant::Unprepared(seat) => seat.interpreter.digest(),
        }
    }
}

#[derive(Debug, Default)]
struct Known {
    named: BTreeMap<String, Program>,
    loaded: HashMap<Digest, Weak<Loaded>>,
    swept_len: usize,
}

impl Catalog {
    /// Gives a program a name, in place of the one that had it. The catalog holds it from now on.
    pub(crate) fn register(&self, name: String, program: Program) {
        self.write(|known| known.named.insert(name, program));
    }

    /// The names, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        self.read(|known| known.named.keys().cloned().collect())
    }

    /// Remembers a program for as long as anybody holds it.
    pub(crate) fn remember(&self, program: &Program) {
        self.write(|known| {
            known.loaded.insert(program.digest(), Arc::downgrade(&program.0));
            if known.loaded.len() >= known.swept_len + SWEEP_AT {
                known.loaded.retain(|_, loaded| loaded.strong_count() > 0);
                known.swept_len = known.loaded.len();
            }
        });
    }

    /// The program with this digest, if somebody holds it.
    pub(crate) fn loaded(&self, digest: &Digest) -> Option<Program> {
        self.read(|known| known.loaded.get(digest).and_then(Weak::upgrade).map(Program))
    }

    /// The program that a job means.
    pub(crate) fn resolve(&self, program: &ProgramRef) -> Result<Meant, Error> {
        let found = match program {
            ProgramRef::Digest(digest) => self.loaded(digest),
            ProgramRef::Name(name) => self.read(|known| known.named.get(name).cloned()),
            ProgramRef::Language(language) => {
                let seat = self.interpreters.of(language)?;
                return Ok(seat.program().cloned().map_or_else(|| Meant::Unprepared(Arc::clone(&seat)), Meant::Loaded));
            }
        };
        found.map(Meant::Loaded).ok_or_else(|| Error::UnknownProgram(program.to_string()))
    }

    fn read<R>(&self, look: impl FnOnce(&Known) -> R) -> R {
        look(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<R>(&self, change: impl FnOnce(&mut Known) -> R) -> R {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner))
    }
}
