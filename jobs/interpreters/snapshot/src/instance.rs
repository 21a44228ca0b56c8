//! The snapshot itself: the program is run in wasmtime up to the end of its init function, and rewritten as it is then.

use wasmtime::{
    Config, Engine, ExternType, Instance, Linker, Module, Result, Store, Val, bail, error::Context as _, format_err,
};
use wasmtime_wizer::{InstanceState, SnapshotVal, ValType, Wizer};

/// Runs `init_function` and returns the program that goes on from there, which does not export it.
pub(crate) fn snapshot(program: &[u8], init_function: &str) -> Result<Vec<u8>> {
    let mut wizer = Wizer::new();
    wizer.init_func(init_function).keep_init_func(false);
    let (context, instrumented) = wizer.instrument(program)?;
    let engine = Engine::new(&Config::new())?;
    let module = Module::new(&engine, &instrumented)?;
    let mut store = Store::new(&engine, ());
    let instance = linker(&engine, &module)?.instantiate(&mut store, &module)?;
    if let Ok(begin) = instance.get_typed_func::<(), ()>(&mut store, "_initialize") {
        begin.call(&mut store, ())?;
    }
    let init = instance.get_typed_func::<(), ()>(&mut store, init_function)?;
    init.call(&mut store, ()).with_context(|| format!("`{init_function}` did not return"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(wizer.snapshot(&context, &mut Initialized { store, instance }))
}

/// Imports that end the snapshot when they are called: what they would answer belongs to a run.
fn linker(engine: &Engine, module: &Module) -> Result<Linker<()>> {
    let mut linker = Linker::new(engine);
    for import in module.imports() {
        let ExternType::Func(signature) = import.ty() else {
            bail!("expected imports that are functions, found {}.{}", import.module(), import.name());
        };
        let name = format!("{}.{}", import.module(), import.name());
        linker.func_new(import.module(), import.name(), signature, move |_, _, _| {
            Err(format_err!("expected no call of an import before a run, found one of {name}"))
        })?;
    }
    Ok(linker)
}

/// An instance after its init function, as the snapshot reads it.
struct Initialized {
    store: Store<()>,
    instance: Instance,
}

impl InstanceState for Initialized {
    async fn global_get(&mut self, name: &str, _: ValType) -> SnapshotVal {
        let global = self.instance.get_global(&mut self.store, name).expect("the instrumented program exports it");
        match global.get(&mut self.store) {
            Val::I32(value) => SnapshotVal::I32(value),
            Val::I64(value) => SnapshotVal::I64(value),
            Val::F32(bits) => SnapshotVal::F32(bits),
            Val::F64(bits) => SnapshotVal::F64(bits),
            Val::V128(value) => SnapshotVal::V128(value.as_u128()),
            _ => unreachable!("wizer refuses globals that hold references"),
        }
    }

    async fn memory_contents(&mut self, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        let memory = self.instance.get_memory(&mut self.store, name).expect("the instrumented program exports it");
        contents(memory.data(&self.store));
    }
}
