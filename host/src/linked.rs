//! Compiled code, linked: what is left to do for a run is to instantiate it and call its entry.

use wasmtime::component::{self, Component, ComponentExportIndex};
use wasmtime::{Engine, InstancePre, Module, ModuleExport, Store};

use crate::abi::{GuestFailure, Linkers, State};
use crate::failure::Failure;
use crate::inspect::{Form, Inspection, World, bad_program};
use crate::outcome::{Called, GuestStop};

/// The code of a program.
pub(crate) enum Code {
    Module(Module),
    Component(Component),
}

/// Code and all that it imports.
pub(crate) enum Linked {
    Module {
        pre: InstancePre<State>,
        /// The functions that make a run, in the order in which they are called.
        entry: Vec<ModuleExport>,
    },
    Component {
        pre: component::InstancePre<State>,
        entries: Entries,
    },
}

/// The functions of a component that a run may call: one of them.
#[derive(Clone, Copy)]
pub(crate) struct Entries {
    run: Option<ComponentExportIndex>,
    eval: Option<ComponentExportIndex>,
    command: Option<ComponentExportIndex>,
}

type Ended = Result<Option<String>, GuestFailure>;

impl Code {
    /// Takes compiled code as it is.
    ///
    /// # Safety
    /// The bytes are native code: they must come from our own compiler.
    pub(crate) unsafe fn deserialize(engine: &Engine, form: Form, compiled: &[u8]) -> wasmtime::Result<Self> {
        // SAFETY: what the caller promises.
        unsafe {
            match form {
                Form::Module => Module::deserialize(engine, compiled).map(Code::Module),
                Form::Component => Component::deserialize(engine, compiled).map(Code::Component),
            }
        }
    }

    pub(crate) fn link(&self, linkers: &Linkers, inspection: &Inspection) -> Result<Linked, Failure> {
        let refused = |error: wasmtime::Error| bad_program(format!("the program cannot be linked: {error:#}"));
        match self {
            Code::Module(module) => {
                let names = inspection.entry_names();
                let entry = names.into_iter().filter_map(|name| module.get_export_index(name)).collect();
                Ok(Linked::Module { pre: linkers.module.instantiate_pre(module).map_err(refused)?, entry })
            }
            Code::Component(component) => {
                let pre = linkers.component.instantiate_pre(component).map_err(refused)?;
                Ok(Linked::Component { pre, entries: Entries::of(component, inspection) })
            }
        }
    }
}

impl Entries {
    fn of(component: &Component, inspection: &Inspection) -> Self {
        let worlds = inspection.worlds();
        let export = |world, name| component.get_export_index(None, name).filter(|_| worlds.contains(&world));
        let command = inspection.command_interface().and_then(|interface| {
            let interface = component.get_export_index(None, interface)?;
            component.get_export_index(Some(&interface), "run")
        });
        Entries { run: export(World::Job, "run"), eval: export(World::Interpreter, "eval"), command }
    }

    /// Calls the entry that the run means, and keeps what it returns.
    async fn call(self, store: &mut Store<State>, instance: component::Instance) -> wasmtime::Result<()> {
        let given = &mut store.data_mut().given;
        let kwargs = std::mem::take(&mut given.kwargs);
        let ended: Ended = if let Some(source) = given.source.take() {
            let name = std::mem::take(&mut given.name);
            let eval = self.eval.ok_or_else(|| unchecked("eval"))?;
            let eval = instance.get_typed_func::<(&str, &str, &str), (Ended,)>(&mut *store, eval)?;
            eval.call_async(&mut *store, (&name, &source, &kwargs)).await?.0
        } else if let Some(run) = self.run {
            let run = instance.get_typed_func::<(&str,), (Ended,)>(&mut *store, run)?;
            run.call_async(&mut *store, (&kwargs,)).await?.0
        } else {
            let command = self.command.ok_or_else(|| unchecked("run"))?;
            let command = instance.get_typed_func::<(), (Result<(), ()>,)>(&mut *store, command)?;
            match command.call_async(&mut *store, ()).await?.0 {
                Ok(()) => Ok(None),
                Err(()) => return Err(GuestStop::Exit(1).into()),
            }
        };
        store.data_mut().conclude(ended)
    }
}

impl Linked {
    /// Instantiates the program and calls its entry. Start functions run here too.
    pub(crate) async fn run(&self, store: &mut Store<State>) -> wasmtime::Result<()> {
        match self {
            Linked::Module { pre, entry } => {
                let instance = pre.instantiate_async(&mut *store).await?;
                for export in entry {
                    let function = instance
                        .get_module_export(&mut *store, export)
                        .and_then(wasmtime::Extern::into_func)
                        .ok_or_else(|| unchecked("run"))?;
                    function.typed::<(), ()>(&*store)?.call_async(&mut *store, ()).await?;
                }
                Ok(())
            }
            Linked::Component { pre, entries } => {
                let instance = pre.instantiate_async(&mut *store).await?;
                // Large beside a core module's call, which every run of one would have to carry.
                Box::pin(entries.call(store, instance)).await.map_err(|error| error.context(Called))
            }
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        match self {
            Linked::Module { pre, .. } => pre.module().engine(),
            Linked::Component { pre, .. } => pre.engine(),
        }
    }
}

fn unchecked(entry: &str) -> wasmtime::Error {
    wasmtime::Error::msg(format!("the program has no function `{entry}`, though it was checked"))
}
