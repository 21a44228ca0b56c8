//! A program that is ready to run: inspected, compiled, linked. Cheap to clone, named by the SHA-256 of its bytes.
//!
//! Made by `loader.rs`; run by `runner.rs` through `sandbox.rs`.

use std::fmt;
use std::sync::{Arc, OnceLock};

use wasmtime::{InstancePre, Linker, Module};

use crate::abi::State;
use crate::error::Error;
use crate::failure::{Failure, Kind};
use crate::inspect::{Entry, Inspection};
use crate::job::{Digest, ProgramRef};
use crate::kwargs::Kwargs;
use crate::sandbox::Sealable;
use crate::schema::KwargsSchema;

/// A loaded program.
#[derive(Clone)]
pub struct Program(pub(crate) Arc<Loaded>);

pub(crate) struct Loaded {
    pub(crate) inspection: Inspection,
    entry: Entry,
    imports_wasi: bool,
    kwargs_schema: Option<KwargsSchema>,
    module: Module,
    linked: InstancePre<State>,
    /// Linked for a virtual clock the first time such a run is asked for.
    linked_virtual: OnceLock<InstancePre<State>>,
    virtual_linker: Arc<Linker<State>>,
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
        module: Module,
        linker: &Linker<State>,
        virtual_linker: Arc<Linker<State>>,
    ) -> Result<Self, Failure> {
        let linked = linker
            .instantiate_pre(&module)
            .map_err(|error| Failure::new(Kind::BadProgram, format!("the program cannot be linked: {error:#}")))?;
        Ok(Loaded {
            entry: Entry::of(&module, &inspection),
            imports_wasi: inspection.imports_wasi(),
            inspection,
            kwargs_schema,
            module,
            linked,
            linked_virtual: OnceLock::new(),
            virtual_linker,
        })
    }

    /// What the sandbox needs of it.
    pub(crate) fn sealable(&self, virtual_clock: bool) -> Result<Sealable<'_>, Error> {
        let pre = if virtual_clock { self.linked_virtual()? } else { &self.linked };
        let imports_wasi = self.imports_wasi;
        Ok(Sealable { digest: self.inspection.digest, pre, entry: &self.entry, imports_wasi })
    }

    fn linked_virtual(&self) -> Result<&InstancePre<State>, Error> {
        if let Some(linked) = self.linked_virtual.get() {
            return Ok(linked);
        }
        let linked = self.virtual_linker.instantiate_pre(&self.module);
        let linked = linked.map_err(|error| Error::Engine(format!("{error:#}")))?;
        Ok(self.linked_virtual.get_or_init(|| linked))
    }

    /// Why these kwargs do not fit the program, if they do not.
    pub(crate) fn kwargs_refusal(&self, kwargs: &Kwargs) -> Option<String> {
        self.kwargs_schema.as_ref()?.refusal(kwargs)
    }
}
