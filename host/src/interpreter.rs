//! Interpreters: programs that run source text, each known by the name of its language.
//!
//! An interpreter is large, so it is prepared when somebody first needs it, and its bytes are fetched only if the cache
//! does not have it compiled.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::OnceCell;

use crate::error::{Error, LoadError};
use crate::job::Digest;
use crate::program::Program;

/// A program that runs source text of one language.
#[derive(Clone)]
pub struct Interpreter {
    language: String,
    digest: Digest,
    wasm: Arc<Fetch>,
}

type Fetch = dyn Fn() -> Result<Vec<u8>, Error> + Send + Sync;

impl Interpreter {
    /// An interpreter from its bytes: a component of world `ampule:job/interpreter`, or a core module that reads its
    /// source through `ampule.source_read`. Whether it is one is seen when it is prepared.
    pub fn new(language: impl Into<String>, wasm: impl Into<Arc<[u8]>>) -> Self {
        let wasm = wasm.into();
        Interpreter::fetched(language, Digest::of(&wasm), move || Ok(wasm.to_vec()))
    }

    /// An interpreter whose bytes are fetched when they are needed; they must be those of `digest`.
    pub fn fetched(
        language: impl Into<String>,
        digest: Digest,
        wasm: impl Fn() -> Result<Vec<u8>, Error> + Send + Sync + 'static,
    ) -> Self {
        Interpreter { language: language.into(), digest, wasm: Arc::new(wasm) }
    }

    /// The name of its language, such as `python`.
    #[must_use]
    pub fn language(&self) -> &str {
        &self.language
    }

    /// The SHA-256 of its bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Its bytes.
    ///
    /// # Errors
    /// What fetching them says, and [`Error::Interpreter`] if they are not those of its digest.
    pub fn wasm(&self) -> Result<Vec<u8>, Error> {
        let wasm = (self.wasm)()?;
        let found = Digest::of(&wasm);
        if found == self.digest {
            return Ok(wasm);
        }
        let (language, expected) = (self.language.clone(), self.digest);
        Err(Error::Interpreter {
            language,
            message: format!("expected the bytes of {expected}, found those of {found}"),
        })
    }
}

impl fmt::Debug for Interpreter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interpreter").field("language", &self.language).field("digest", &self.digest).finish()
    }
}

/// A language that a runner knows, as listed by [`Runner::languages`](crate::Runner::languages).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Language {
    /// Its name.
    pub name: String,
    /// Its interpreter.
    pub digest: Digest,
    /// How far its interpreter is from running.
    pub readiness: Readiness,
}

/// How far a program is from running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It must be compiled first.
    Uncompiled,
    /// It is compiled, in the cache.
    Cached,
    /// It is loaded.
    Loaded,
}

/// An interpreter in its place.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) interpreter: Interpreter,
    program: OnceCell<Program>,
}

impl Seat {
    /// The program, if it was prepared.
    pub(crate) fn program(&self) -> Option<&Program> {
        self.program.get()
    }

    /// The program, prepared by whoever comes first. A failure is everybody's own to try again.
    pub(crate) async fn prepared<F>(&self, prepare: impl FnOnce() -> F) -> Result<&Program, LoadError>
    where
        F: Future<Output = Result<Program, LoadError>>,
    {
        self.program.get_or_try_init(prepare).await
    }
}

/// The interpreters of one runner.
#[derive(Debug, Default)]
pub(crate) struct Interpreters(RwLock<BTreeMap<String, Arc<Seat>>>);

impl Interpreters {
    pub(crate) fn add(&self, interpreter: Interpreter) {
        let language = interpreter.language.clone();
        let seat = Arc::new(Seat { interpreter, program: OnceCell::new() });
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(language, seat);
    }

    pub(crate) fn remove(&self, language: &str) -> bool {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(language).is_some()
    }

    pub(crate) fn of(&self, language: &str) -> Result<Arc<Seat>, Error> {
        let seats = self.0.read().unwrap_or_else(PoisonError::into_inner);
        seats.get(language).cloned().ok_or_else(|| Error::UnknownLanguage {
            language: language.to_owned(),
            known: seats.keys().cloned().collect(),
        })
    }

    pub(crate) fn all(&self) -> Vec<Arc<Seat>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
