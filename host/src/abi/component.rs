//! The guest interface of components: `ampule:job/host` (see `wit/job.wit`) beside WASI 0.2.
//!
//! The same rules as for core modules, kept by the same functions; here texts come lifted and bounds-checked by
//! wasmtime, and are read where they lie.

use wasmtime::component::{ComponentType, HasSelf, Lift, Linker, WasmStr};
use wasmtime::{Engine, StoreContextMut};
use wasmtime_wasi::p2::{self, bindings::clocks::monotonic_clock};

use super::{State, within};
use crate::capture;
use crate::outcome::{GuestStop, Reported};

/// The interfaces of `wit/job.wit`.
const HOST: &str = "ampule:job/host@0.1.0";
const TYPES: &str = "ampule:job/types@0.1.0";

/// What a component may import, without versions: any `0.2.x` of WASI's, `0.1.x` of ours.
pub(crate) const OFFERED_INTERFACES: &[&str] = &[
    "ampule:job/host",
    "ampule:job/types",
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// `types.failure`: what a component returns in place of a value.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct GuestFailure {
    #[component(name = "type")]
    error_type: String,
    message: String,
    traceback: Option<String>,
    retry: Option<bool>,
}

/// `types.level`.
#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[expect(dead_code, reason = "made by lifting only")]
#[repr(u8)]
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}

type Store<'a> = StoreContextMut<'a, State>;

/// All that a component can import.
pub(super) fn linker(engine: &Engine, virtual_clock: bool) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    p2::add_to_linker_async(&mut linker)?;
    if virtual_clock {
        linker.allow_shadowing(true);
        monotonic_clock::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
        linker.allow_shadowing(false);
    }
    linker.instance(TYPES)?;
    let mut host = linker.instance(HOST)?;
    host.func_wrap("return", |mut store: Store<'_>, (text,): (WasmStr,)| {
        let returned = store.data().judge_return(text.to_str(&store)?.as_bytes())?;
        store.data_mut().hand_out(returned);
        Ok(())
    })?;
    host.func_wrap("progress", |store: Store<'_>, (text,): (WasmStr,)| {
        store.data().tell_progress(text.to_str(&store)?.as_bytes())?;
        Ok(())
    })?;
    host.func_wrap("log", |mut store: Store<'_>, (level, text): (Level, WasmStr)| {
        let (line, was_cut) = {
            let text = text.to_str(&store)?;
            let kept = text.floor_char_boundary(store.data().logs.line_limit_bytes());
            let cut_bytes = text.len() - kept;
            (capture::line(level as i32, &text.as_bytes()[..kept], cut_bytes), cut_bytes > 0)
        };
        store.data_mut().write_log(line, was_cut)?;
        Ok(())
    })?;
    host.func_wrap("exit", |_: Store<'_>, (code,): (u8,)| -> wasmtime::Result<()> {
        Err(GuestStop::Exit(u32::from(code)).into())
    })?;
    Ok(linker)
}

impl State {
    /// Takes what a component returned: its last value, or its failure.
    pub(crate) fn conclude(&mut self, result: Result<Option<String>, GuestFailure>) -> wasmtime::Result<()> {
        match result {
            Ok(None) => {}
            Ok(Some(text)) => {
                let returned = self.judge_return(text.as_bytes())?;
                self.hand_out(returned);
            }
            Err(failure) => self.reported = Some(self.report(failure)?),
        }
        Ok(())
    }

    fn report(&self, failure: GuestFailure) -> Result<Reported, GuestStop> {
        let GuestFailure { error_type, message, traceback, retry } = failure;
        let bytes = error_type.len() + message.len() + traceback.as_ref().map_or(0, String::len);
        within(bytes, self.given.limits.failure_bytes)
            .map_err(|why| GuestStop::BadCall(format!("the returned failure: {why}")))?;
        Ok(Reported { error_type: Some(error_type), message, traceback, location: None, retry })
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::component::Component;

    use super::*;
    use crate::engine;

    #[test]
    fn every_offered_interface_is_linked_with_either_clock() {
        let engine = engine::compiling_only(true).expect("an engine");
        for virtual_clock in [false, true] {
            let linker = linker(&engine, virtual_clock).expect("a linker");
            for interface in OFFERED_INTERFACES {
                let version = if interface.starts_with("ampule:") { "0.1.0" } else { "0.2.0" };
                let text = format!(r#"(component (import "{interface}@{version}" (instance)))"#);
                let component = Component::new(&engine, wat::parse_str(text).expect("text")).expect("a component");
                linker.instantiate_pre(&component).unwrap_or_else(|error| panic!("{interface}: {error:#}"));
            }
        }
    }
}
