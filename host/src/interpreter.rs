//! Interpreters: programs that run source text, each known by the name of its language.
//!
//! An interpreter is large, so it is prepared when somebody first needs it, and its bytes are fetched only if the cache
//! does not have it compiled.

#[cfg(feature = "interpreters")]
mod carried;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::error::{Error, LoadError};
use crate::job::Digest;
use crate::program::Program;

/// A program that runs source text of one language.
#[derive(Clone)]
pub struct Interpreter {
    language: String,
    digest: Digest,
    size_bytes: Option<usize>,
    about: Option<Value>,
    wasm: Arc<Fetch>,
}

type Fetch = dyn Fn() -> Result<Vec<u8>, Error> + Send + Sync;

impl Interpreter {
    /// An interpreter from its bytes: a component of world `ampule:job/interpreter`, or a core module that reads its
    /// source through `ampule.source_read`. Whether it is one is seen when it is prepared.
    pub fn new(language: impl Into<String>, wasm: impl Into<Arc<[u8]>>) -> Self {
        let wasm = wasm.into();
        let size_bytes = Some(wasm.len());
        Interpreter { size_bytes, ..Interpreter::fetched(language, Digest::of(&wasm), move || Ok(wasm.to_vec())) }
    }

    /// The interpreters that this build carries, ready to be given to a runner: Python and JavaScript with the feature
    /// `interpreters`, none without it.
    #[must_use]
    pub fn carried() -> Vec<Self> {
        #[cfg(feature = "interpreters")]
        return carried::all();
        #[cfg(not(feature = "interpreters"))]
        return Vec::new();
    }

    /// An interpreter whose bytes are fetched when they are needed; they must be those of `digest`.
    pub fn fetched(
        language: impl Into<String>,
        digest: Digest,
        wasm: impl Fn() -> Result<Vec<u8>, Error> + Send + Sync + 'static,
    ) -> Self {
        Interpreter { language: language.into(), digest, size_bytes: None, about: None, wasm: Arc::new(wasm) }
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

    /// How many bytes it has, where that is known without fetching them.
    #[must_use]
    pub fn size_bytes(&self) -> Option<usize> {
        self.size_bytes
    }

    /// What it says of itself in its section `ampule:about`, where that is known without fetching it.
    #[must_use]
    pub fn about(&self) -> Option<&Value> {
        self.about.as_ref()
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

    #[cfg(feature = "queue")]
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Seat>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
