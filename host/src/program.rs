//! A program that is ready to run: inspected, compiled, linked. Cheap to clone, named by the SHA-256 of its bytes.
//!
//! Made by `loader.rs`; run by `runner.rs` through `sandbox.rs`.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::abi::Linkers;
use crate::error::Error;
use crate::failure::{Failure, Kind};
use crate::inspect::{Inspection, World, bad_program};
use crate::job::{Digest, ProgramRef};
use crate::kwargs::Kwargs;
use crate::linked::{Code, Linked};
use crate::sandbox::Sealable;
use crate::schema::KwargsSchema;

/// A loaded program.
#[derive(Clone)]
pub struct Program(pub(crate) Arc<Loaded>);

pub(crate) struct Loaded {
    pub(crate) inspection: Inspection,
    imports_wasi: bool,
    worlds: Vec<World>,
    kwargs_schema: Option<KwargsSchema>,
    code: Code,
    linked: Linked,
    /// Linked for a virtual clock the first time such a run is asked for.
    linked_virtual: OnceLock<Linked>,
    virtual_linkers: Arc<Linkers>,
}

impl Program {
    /// The SHA-256 of its bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.0.inspection.digest
    }

    /// What it is: imports, exports, schemas, sizes.
    #[must_use]
    pub fn inspection(&self) -> &Inspection {
        &self.0.inspection
    }
}

impl From<&Program> for ProgramRef {
    fn from(program: &Program) -> Self {
        ProgramRef::Digest(program.digest())
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Program").field(&self.digest()).finish()
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Loaded").field(&self.inspection.digest).finish()
    }
}

impl Loaded {
    pub(crate) fn link(
        inspection: Inspection,
        kwargs_schema: Option<KwargsSchema>,
        code: Code,
        linkers: &Linkers,
        virtual_linkers: Arc<Linkers>,
    ) -> Result<Self, Failure> {
        Ok(Loaded {
            linked: code.link(linkers, &inspection)?,
            imports_wasi: inspection.imports_wasi(),
            worlds: inspection.worlds(),
            inspection,
            kwargs_schema,
            code,
            linked_virtual: OnceLock::new(),
            virtual_linkers,
        })
    }

    /// What the sandbox needs of it.
    pub(crate) fn sealable(&self, virtual_clock: bool) -> Result<Sealable<'_>, Error> {
        let linked = if virtual_clock { self.linked_virtual()? } else { &self.linked };
        Ok(Sealable { digest: self.inspection.digest, linked, imports_wasi: self.imports_wasi })
    }

    fn linked_virtual(&self) -> Result<&Linked, Error> {
        if let Some(linked) = self.linked_virtual.get() {
            return Ok(linked);
        }
        let linked = self.code.link(&self.virtual_linkers, &self.inspection);
        let linked = linked.map_err(|failure| Error::Engine(failure.message))?;
        Ok(self.linked_virtual.get_or_init(|| linked))
    }

    /// Why the program does not take this job, if it does not.
    pub(crate) fn refusal(&self, has_source: bool, kwargs: &Kwargs) -> Option<Failure> {
        self.entry_refusal(has_source).or_else(|| {
            let why = self.kwargs_schema.as_ref()?.refusal(kwargs)?;
            Some(Failure::new(Kind::BadKwargs, why))
        })
    }

    fn entry_refusal(&self, has_source: bool) -> Option<Failure> {
        if has_source && !self.worlds.contains(&World::Interpreter) {
            return Some(bad_program("expected an interpreter to run the source, found a program that reads none"));
        }
        (!has_source && self.worlds == [World::Interpreter])
            .then(|| bad_program("expected a source, since the program is an interpreter; the job has none"))
    }
}
