//! What a runner can run: programs from bytes, files and text, names for them, and interpreters of languages.

use std::path::Path;
use std::sync::Arc;

use super::{Runner, assemble};
use crate::error::{Error, LoadError};
use crate::failure::Failure;
use crate::inspect::Inspection;
use crate::interpreter::{Interpreter, Language, Readiness, Seat};
use crate::job::Digest;
#[cfg(feature = "server")]
use crate::limits::ProgramLimits;
use crate::program::Program;

impl Runner {
    /// Loads a program from its bytes. What is loaded already costs one hash of the bytes.
    ///
    /// # Errors
    /// [`LoadError::Refused`] with a `bad_program` failure, or [`LoadError::Host`].
    pub async fn load(&self, wasm: impl Into<Vec<u8>>) -> Result<Program, LoadError> {
        let (core, wasm) = (&self.0.core, wasm.into());
        let digest = Digest::of(&wasm);
        core.loader.load(&core.catalog, &self.0.handle, digest, || Ok(wasm)).await
    }

    /// Loads a program from a file of bytes.
    ///
    /// # Errors
    /// As [`Runner::load`]; [`Error::Io`] if the file cannot be read.
    pub async fn load_file(&self, path: impl AsRef<Path>) -> Result<Program, LoadError> {
        let (loader, path) = (Arc::clone(&self.0.core.loader), path.as_ref().to_owned());
        let read = self.0.handle.spawn_blocking(move || loader.read(&path)).await;
        self.load(read.map_err(|_| Error::ShuttingDown)??).await
    }

    /// Loads a program from the text form of WebAssembly. Bytes are never taken for text, nor text for bytes.
    ///
    /// # Errors
    /// As [`Runner::load`].
    pub async fn load_wat(&self, text: &str) -> Result<Program, LoadError> {
        self.load(assemble(text)?).await
    }

    /// Reads what a program is, without loading it, and why it would be refused, if it would be.
    ///
    /// # Errors
    /// A `bad_program` failure if the bytes are no program at all.
    pub fn inspect(&self, wasm: &[u8]) -> Result<(Inspection, Option<Failure>), Failure> {
        let (inspection, refusal) = self.0.core.loader.inspect(wasm);
        inspection.map(|inspection| (inspection, refusal))
    }

    /// Gives a program a name by which jobs may mean it, in place of the one that had it.
    pub fn register(&self, name: impl Into<String>, program: &Program) {
        self.0.core.catalog.register(name.into(), program.clone());
    }

    /// The names that programs were given, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.0.core.catalog.names()
    }

    /// Gives a language an interpreter, in place of the one that it had. It is prepared when a job first needs it, or
    /// by [`Runner::prepare`].
    pub fn add_interpreter(&self, interpreter: Interpreter) {
        self.0.core.catalog.interpreters.add(interpreter);
    }

    /// Takes a language's interpreter away, and says whether it had one. What runs goes on.
    pub fn remove_interpreter(&self, language: &str) -> bool {
        self.0.core.catalog.interpreters.remove(language)
    }

    /// The languages of which source strings can be run, in order.
    #[must_use]
    pub fn languages(&self) -> Vec<Language> {
        let language = |seat: Arc<Seat>| {
            let digest = seat.interpreter.digest();
            let readiness = match seat.program() {
                Some(_) => Readiness::Loaded,
                None if self.0.core.loader.has_cached(&digest) => Readiness::Cached,
                None => Readiness::Uncompiled,
            };
            Language { name: seat.interpreter.language().to_owned(), digest, readiness }
        };
        self.0.core.catalog.interpreters.all().into_iter().map(language).collect()
    }

    /// The languages alone, without a look at the cache: asked for each time that a worker claims.
    #[cfg(feature = "queue")]
    pub(crate) fn language_names(&self) -> Vec<String> {
        self.0.core.catalog.interpreters.names()
    }

    /// The ceilings of programs.
    #[cfg(feature = "server")]
    pub(crate) fn program_limits(&self) -> ProgramLimits {
        self.0.core.loader.limits()
    }

    /// The program with this digest, if somebody holds it.
    #[cfg(feature = "queue")]
    pub(crate) fn loaded(&self, digest: &Digest) -> Option<Program> {
        self.0.core.catalog.loaded(digest)
    }

    /// Makes a language's interpreter ready, so that the first job does not wait for it: a large one takes a processor
    /// some twenty seconds, once for a cache. Goes on to the end even if the future is dropped.
    ///
    /// # Errors
    /// [`Error::UnknownLanguage`], and as [`Runner::load`].
    pub async fn prepare(&self, language: &str) -> Result<Program, LoadError> {
        let seat = self.0.core.catalog.interpreters.of(language)?;
        self.0.core.prepare(&self.0.handle, seat).await
    }
}
