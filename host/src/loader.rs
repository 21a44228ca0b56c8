//! How a program is loaded: inspected, then found in the cache or checked and compiled, then linked.
//!
//! Each program is loaded once however many ask for it at the same time.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use wasmtime::{Engine, Extern, Linker, Store};

use crate::abi::{Linkers, State};
use crate::cache::Cache;
use crate::catalog::Catalog;
use crate::check;
use crate::compile::{self, Compiler};
use crate::error::{Error, LoadError};
use crate::failure::{Failure, Kind};
use crate::inspect::{self, Inspection, Offered};
use crate::job::Digest;
use crate::limits::ProgramLimits;
use crate::linked::Code;
use crate::program::{Loaded, Program};
use crate::schema::KwargsSchema;

/// Programs that are compiled at the same time. More would only share the same processors and add up their memory.
const COMPILING_AT_ONCE: usize = 2;

/// What turns bytes into programs for one engine.
pub(crate) struct Loader {
    engine: Engine,
    fingerprint: u64,
    metering: bool,
    linkers: Linkers,
    virtual_linkers: Arc<Linkers>,
    offered: Offered,
    limits: ProgramLimits,
    cache: Option<Cache>,
    compiler: Compiler,
    compiling: Semaphore,
    compiled_programs: AtomicU64,
    compiled_micros: AtomicU64,
    /// One lock for each program that is being loaded.
    loading: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
}

/// How programs are loaded.
pub(crate) struct LoaderConfig {
    pub(crate) metering: bool,
    pub(crate) limits: ProgramLimits,
    pub(crate) cache: Option<Cache>,
    pub(crate) compiler: Compiler,
}

impl Loader {
    pub(crate) fn new(engine: &Engine, idle: Store<State>, config: LoaderConfig) -> Result<Self, Error> {
        let fault = |error: wasmtime::Error| Error::Engine(format!("{error:#}"));
        let linkers = Linkers::new(engine, false).map_err(fault)?;
        let virtual_linkers = Arc::new(Linkers::new(engine, true).map_err(fault)?);
        Ok(Loader {
            fingerprint: fingerprint(engine, &config.limits),
            offered: offered(&linkers.module, idle),
            engine: engine.clone(),
            metering: config.metering,
            linkers,
            virtual_linkers,
            limits: config.limits,
            cache: config.cache,
            compiler: config.compiler,
            compiling: Semaphore::new(COMPILING_AT_ONCE),
            compiled_programs: AtomicU64::new(0),
            compiled_micros: AtomicU64::new(0),
            loading: Mutex::default(),
        })
    }

    /// Reads what a program is and says whether it would be accepted, without compiling it.
    pub(crate) fn inspect(&self, wasm: &[u8]) -> (Result<Inspection, Failure>, Option<Failure>) {
        let inspection = match Inspection::of(wasm, &self.limits) {
            Ok(inspection) => inspection,
            Err(failure) => return (Err(failure.clone()), Some(failure)),
        };
        let refusal = inspection
            .refuse_unrunnable(&self.offered)
            .and_then(|()| kwargs_schema(&inspection).map(|_| ()))
            .and_then(|()| check::check(wasm, &self.limits))
            .err();
        (Ok(inspection), refusal)
    }

    /// Reads a file of at most the size of a program; of a larger one enough to be refused for it. Blocks.
    pub(crate) fn read(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let mut wasm = Vec::new();
        let read =
            File::open(path).and_then(|file| file.take(self.limits.wasm_bytes as u64 + 1).read_to_end(&mut wasm));
        read.map(|_| wasm).map_err(|error| Error::Io { path: path.to_owned(), error })
    }

    /// Loads a program, or gives the one that is loaded already. `blocking` runs what takes long; `wasm` gives the
    /// bytes, if they are needed: a program in the cache needs none.
    pub(crate) async fn load(
        self: &Arc<Self>,
        catalog: &Catalog,
        blocking: &tokio::runtime::Handle,
        digest: Digest,
        wasm: impl FnOnce() -> Result<Vec<u8>, LoadError> + Send + 'static,
    ) -> Result<Program, LoadError> {
        let turn = Turn { loader: self, digest, lock: self.lock_for(digest) };
        let _loading = turn.lock.lock().await;
        if let Some(program) = catalog.loaded(&digest) {
            return Ok(program);
        }
        let loader = Arc::clone(self);
        let permit = self.compiling.acquire().await.expect("the semaphore is never closed");
        let prepared = blocking.spawn_blocking(move || loader.prepare(digest, wasm)).await;
        drop(permit);
        let program = prepared.map_err(|error| Error::Compiler(format!("loading did not end: {error}")))??;
        catalog.remember(&program);
        Ok(program)
    }

    /// The ceilings of programs.
    #[cfg(feature = "server")]
    pub(crate) fn limits(&self) -> ProgramLimits {
        self.limits
    }

    /// Whether the program is compiled already and in the cache.
    pub(crate) fn has_cached(&self, digest: &Digest) -> bool {
        self.cache.as_ref().is_some_and(|cache| cache.has(digest, self.fingerprint))
    }

    fn lock_for(&self, digest: Digest) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(self.turns().entry(digest).or_default())
    }

    fn turns(&self) -> MutexGuard<'_, HashMap<Digest, Arc<tokio::sync::Mutex<()>>>> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn prepare(&self, digest: Digest, wasm: impl FnOnce() -> Result<Vec<u8>, LoadError>) -> Result<Program, LoadError> {
        let (inspection, code) = match self.cached(&digest) {
            Some(cached) => cached,
            None => self.compile(digest, &wasm()?)?,
        };
        let kwargs_schema = kwargs_schema(&inspection)?;
        let loaded = Loaded::link(inspection, kwargs_schema, code, &self.linkers, Arc::clone(&self.virtual_linkers))?;
        Ok(Program(Arc::new(loaded)))
    }

    fn cached(&self, digest: &Digest) -> Option<(Inspection, Code)> {
        let cached = self.cache.as_ref()?.load(digest, self.fingerprint)?;
        let inspection: Inspection = serde_json::from_slice(cached.about()).ok()?;
        let code = self.deserialize(&inspection, cached.compiled()).ok()?;
        Some((inspection, code))
    }

    fn compile(&self, digest: Digest, wasm: &[u8]) -> Result<(Inspection, Code), LoadError> {
        let inspection = Inspection::named(digest, wasm, &self.limits)?;
        inspection.refuse_unrunnable(&self.offered)?;
        kwargs_schema(&inspection)?;
        check::check(wasm, &self.limits)?;
        let stripped =
            (inspection.debug_bytes > self.limits.debug_bytes).then(|| compile::without_debug_sections(wasm));
        let begun = Instant::now();
        let compiled = self.compiler.compile(&self.engine, self.metering, stripped.as_deref().unwrap_or(wasm));
        self.compiled_programs.fetch_add(1, Ordering::Relaxed);
        self.compiled_micros.fetch_add(begun.elapsed().as_micros() as u64, Ordering::Relaxed);
        let compiled = compiled?;
        let code = self.deserialize(&inspection, &compiled).map_err(|error| {
            Failure::new(Kind::BadProgram, format!("the program does not fit into a slot of this runner: {error:#}"))
        })?;
        if let (Some(cache), Ok(about)) = (&self.cache, serde_json::to_vec(&inspection)) {
            cache.store(&digest, self.fingerprint, &about, &compiled);
        }
        Ok((inspection, code))
    }

    /// How many programs were compiled, and how long that took together.
    pub(crate) fn compiled(&self) -> (u64, Duration) {
        let micros = self.compiled_micros.load(Ordering::Relaxed);
        (self.compiled_programs.load(Ordering::Relaxed), Duration::from_micros(micros))
    }

    fn deserialize(&self, inspection: &Inspection, compiled: &[u8]) -> wasmtime::Result<Code> {
        // SAFETY: these bytes are native code and are trusted as such. They come from our own compiler just now, or
        // from a directory that only we can enter, under a code made with our own key for this program and engine.
        unsafe { Code::deserialize(&self.engine, inspection.form, compiled) }
    }
}

fn kwargs_schema(inspection: &Inspection) -> Result<Option<KwargsSchema>, Failure> {
    inspection.kwargs_schema.as_ref().map(KwargsSchema::new).transpose()
}

/// A name for all that a compiled program depends on beside its bytes. The limits are part of it, so that a runner with
/// narrower ones never takes what a wider one let through.
fn fingerprint(engine: &Engine, limits: &ProgramLimits) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    limits.hash(&mut hasher);
    hasher.finish()
}

/// A place in the line for one program. The last to leave removes the line, whichever way it leaves.
struct Turn<'a> {
    loader: &'a Loader,
    digest: Digest,
    lock: Arc<tokio::sync::Mutex<()>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut turns = self.loader.turns();
        // The table's own and ours.
        if Arc::strong_count(&self.lock) == 2 {
            turns.remove(&self.digest);
        }
    }
}

/// Everything that a linker defines, by name and type.
fn offered(linker: &Linker<State>, mut idle: Store<State>) -> Offered {
    let mut offered = Offered::new();
    let definitions: Vec<_> =
        linker.iter(&mut idle).map(|(module, name, item)| (module.to_owned(), name.to_owned(), item)).collect();
    for (module, name, item) in definitions {
        if let Extern::Func(function) = item {
            let kind = function.ty(&idle);
            let parameters: Vec<_> = kind.params().collect();
            let results: Vec<_> = kind.results().collect();
            offered.insert((module, name), inspect::signature(&parameters, &results));
        }
    }
    offered
}
