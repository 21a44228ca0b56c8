//! The guest interface: what a job may call, under the import module `ampule` or, in components, `ampule:job/host`.
//!
//! The only place, with its parts, where guest memory is read or written by our own code. Every pointer, length,
//! text and document is checked here; one that is wrong ends the run with a [`GuestStop`] that says so.

mod component;
mod poll;
mod sleep;

use std::sync::Arc;

use serde_json::{Map, Value};
use wasmtime::{Caller, Engine, Extern, Linker, Memory};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::{WasiCtxView, WasiView};

pub(crate) use self::component::{GuestFailure, OFFERED_INTERFACES};

use crate::capture::{self, Cut, LogBuffer};
use crate::deterministic::VirtualClock;
use crate::events::Event;
use crate::failure::LogLine;
use crate::given::Given;
use crate::memory::Meter;
use crate::outcome::{GuestStop, Reported};

/// The import module of the interface.
pub(crate) const MODULE: &str = "ampule";

/// The import by which an interpreter is known.
pub(crate) const SOURCE_READ: &str = "source_read";

/// What one run carries through its host calls.
pub(crate) struct State {
    pub(crate) given: Box<Given>,
    pub(crate) meter: Meter,
    /// Present if the program imports any of WASI. Serves components too: preview 1 is a layer over what they call.
    pub(crate) wasi: Option<WasiP1Ctx>,
    /// Present in a run with a virtual clock.
    pub(crate) clock: Option<VirtualClock>,
    pub(crate) logs: LogBuffer,
    pub(crate) returns: Vec<Value>,
    pub(crate) return_bytes: usize,
    pub(crate) return_nodes: usize,
    pub(crate) reported: Option<Reported>,
    /// The guest's memory, looked up once.
    pub(crate) memory: Option<Memory>,
}

impl State {
    /// Tells an event, if anybody could listen.
    fn tell(&self, event: impl FnOnce() -> Event) {
        // One reference is ours and one is the end's.
        if Arc::strong_count(&self.given.events) > 2 {
            self.given.events.push(event());
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.as_mut().expect("a program that imports WASI is given a context before it is instantiated").ctx()
    }
}

/// All that programs can import, for one kind of clock.
pub(crate) struct Linkers {
    pub(crate) module: Linker<State>,
    pub(crate) component: wasmtime::component::Linker<State>,
}

impl Linkers {
    /// With `virtual_clock`, sleeping moves the run's own clock instead of waiting.
    pub(crate) fn new(engine: &Engine, virtual_clock: bool) -> wasmtime::Result<Self> {
        Ok(Linkers { module: linker(engine, virtual_clock)?, component: component::linker(engine, virtual_clock)? })
    }
}

/// All that a core module can import: this interface, and WASI preview 1 without what we do ourselves.
fn linker(engine: &Engine, virtual_clock: bool) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    p1::add_to_linker_async(&mut linker, |state: &mut State| {
        state.wasi.as_mut().expect("a program that imports WASI is given a context before it is instantiated")
    })?;
    linker.allow_shadowing(true);
    // wasmtime-wasi has no type for a status of 126 or more.
    linker.func_wrap("wasi_snapshot_preview1", "proc_exit", |status: i32| -> wasmtime::Result<()> {
        Err(GuestStop::Exit(status as u32).into())
    })?;
    if virtual_clock {
        poll::shadow(&mut linker)?;
    }
    linker.func_wrap(MODULE, "_return", return_value)?;
    linker.func_wrap("env", "_return", return_value)?;
    linker.func_wrap(MODULE, "kwargs_len", |caller: Caller<'_, State>| caller.data().given.kwargs.len() as i32)?;
    linker.func_wrap(MODULE, "kwargs_read", |mut caller: Caller<'_, State>, ptr: i32| {
        write(&mut caller, "kwargs_read", ptr, |given| &given.kwargs)
    })?;
    linker
        .func_wrap(MODULE, "source_len", |caller: Caller<'_, State>| caller.data().given.source_text().len() as i32)?;
    linker.func_wrap(MODULE, SOURCE_READ, |mut caller: Caller<'_, State>, ptr: i32| {
        write(&mut caller, SOURCE_READ, ptr, Given::source_text)
    })?;
    linker.func_wrap(MODULE, "name_len", |caller: Caller<'_, State>| caller.data().given.name.len() as i32)?;
    linker.func_wrap(MODULE, "name_read", |mut caller: Caller<'_, State>, ptr: i32| {
        write(&mut caller, "name_read", ptr, |given| &given.name)
    })?;
    linker.func_wrap(MODULE, "fail", fail)?;
    linker.func_wrap(MODULE, "log", log)?;
    linker.func_wrap(MODULE, "progress", progress)?;
    Ok(linker)
}

/// `_return(ptr, len)`: hands out one JSON value. Never ends the run unless the value is unacceptable.
fn return_value(mut caller: Caller<'_, State>, ptr: i32, len: i32) -> wasmtime::Result<()> {
    let refuse = |message: String| GuestStop::BadReturn(format!("_return: {message}"));
    let (memory, state) = memory_and_state(&mut caller).map_err(refuse)?;
    let bytes = range(memory, ptr, len).map_err(refuse)?;
    let returned = state.judge_return(bytes)?;
    state.hand_out(returned);
    Ok(())
}

/// `progress(ptr, len)`: tells how far the job is, in any JSON.
fn progress(mut caller: Caller<'_, State>, ptr: i32, len: i32) -> wasmtime::Result<()> {
    let (memory, state) = memory_and_state(&mut caller).map_err(|message| bad_call("progress", &message))?;
    let bytes = range(memory, ptr, len).map_err(|message| bad_call("progress", &message))?;
    Ok(state.tell_progress(bytes)?)
}

/// `log(level, ptr, len)`: one line of UTF-8; what is too long is cut.
fn log(mut caller: Caller<'_, State>, level: i32, ptr: i32, len: i32) -> wasmtime::Result<()> {
    let (memory, state) = memory_and_state(&mut caller).map_err(|message| bad_call("log", &message))?;
    let bytes = range(memory, ptr, len).map_err(|message| bad_call("log", &message))?;
    let kept = &bytes[..bytes.len().min(state.logs.line_limit_bytes())];
    let cut_bytes = bytes.len() - kept.len();
    if let Err(error) = std::str::from_utf8(kept) {
        // A character that the cut went through is no fault of the guest.
        if error.error_len().is_some() || cut_bytes == 0 {
            return Err(bad_call("log", &not_utf8(error)).into());
        }
    }
    let line = capture::line(level, kept, cut_bytes);
    Ok(state.write_log(line, cut_bytes > 0)?)
}

/// `fail(ptr, len)`: the job's own account of its failure, `{"type", "message", "traceback"?, "retry"?, "location"?}`.
/// The last one counts.
fn fail(mut caller: Caller<'_, State>, ptr: i32, len: i32) -> wasmtime::Result<()> {
    let refuse = |message: String| bad_call("fail", &message);
    let (memory, state) = memory_and_state(&mut caller).map_err(refuse)?;
    let bytes = range(memory, ptr, len).map_err(refuse)?;
    within(bytes.len(), state.given.limits.failure_bytes).map_err(refuse)?;
    let Value::Object(mut document) = json(bytes).map_err(refuse)? else {
        return Err(refuse("expected a JSON object with `type` and `message`".to_owned()).into());
    };
    let Some(message) = text(&mut document, "message") else {
        return Err(refuse("expected a `message` that is a string".to_owned()).into());
    };
    state.reported = Some(Reported {
        error_type: text(&mut document, "type"),
        message,
        traceback: text(&mut document, "traceback"),
        location: text(&mut document, "location"),
        retry: document.get("retry").and_then(Value::as_bool),
    });
    Ok(())
}

/// A returned value that is within the limits, and what the run has returned with it in all.
struct Returned {
    value: Value,
    total_bytes: usize,
    total_nodes: usize,
}

impl State {
    /// Reads one returned value and holds it to the limits. Changes nothing: the text may lie in the guest's memory.
    fn judge_return(&self, text: &[u8]) -> Result<Returned, GuestStop> {
        let refuse = |message: String| GuestStop::BadReturn(format!("_return: {message}"));
        let limits = &self.given.limits;
        if self.returns.len() >= limits.return_count {
            return Err(refuse(format!("returned more than {} values", limits.return_count)));
        }
        let total_bytes = self.return_bytes.saturating_add(text.len());
        if total_bytes > limits.return_bytes {
            let limit = limits.return_bytes;
            return Err(refuse(format!("returned {total_bytes} bytes in all, and the limit is {limit}")));
        }
        let total_nodes = self.return_nodes.saturating_add(nodes_in(text));
        if total_nodes > limits.return_nodes {
            let limit = limits.return_nodes;
            return Err(refuse(format!(
                "returned {total_nodes} JSON values in all, nested ones included, and the limit is {limit}"
            )));
        }
        Ok(Returned { value: json(text).map_err(refuse)?, total_bytes, total_nodes })
    }

    fn hand_out(&mut self, returned: Returned) {
        (self.return_bytes, self.return_nodes) = (returned.total_bytes, returned.total_nodes);
        self.tell(|| Event::Return(returned.value.clone()));
        self.returns.push(returned.value);
    }

    fn tell_progress(&self, text: &[u8]) -> Result<(), GuestStop> {
        let refuse = |message: String| bad_call("progress", &message);
        within(text.len(), self.given.limits.progress_bytes).map_err(refuse)?;
        let value = json(text).map_err(refuse)?;
        self.tell(|| Event::Progress(value));
        Ok(())
    }

    fn write_log(&mut self, line: LogLine, was_cut: bool) -> Result<(), GuestStop> {
        self.tell(|| Event::Log(line.clone()));
        let limits = &self.given.limits;
        let (fails, limit) = (limits.log_overflow_fails, limits.log_bytes);
        let cut = self.logs.push(line) == Cut::Some || was_cut;
        if cut && fails {
            return Err(GuestStop::LogOverflow(format!("logged more than {limit} bytes")));
        }
        Ok(())
    }
}

fn text(document: &mut Map<String, Value>, name: &str) -> Option<String> {
    match document.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// Writes what the run was given into the guest at `ptr`.
fn write(
    caller: &mut Caller<'_, State>,
    function: &str,
    ptr: i32,
    what: impl FnOnce(&Given) -> &str,
) -> wasmtime::Result<()> {
    let refuse = |message: String| bad_call(function, &message);
    let (memory, state) = memory_and_state(caller).map_err(refuse)?;
    let bytes = what(&state.given).as_bytes();
    let (size, start) = (memory.len(), ptr as u32 as usize);
    let target = memory.get_mut(start..).and_then(|rest| rest.get_mut(..bytes.len()));
    let found = || refuse(format!("expected room for {} bytes in a memory of {size}, found {start}", bytes.len()));
    target.ok_or_else(found)?.copy_from_slice(bytes);
    Ok(())
}

/// The guest's memory and the run's state, side by side.
fn memory_and_state<'a>(caller: &'a mut Caller<'_, State>) -> Result<(&'a mut [u8], &'a mut State), String> {
    let memory = match caller.data().memory {
        Some(memory) => memory,
        None => {
            let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
                return Err("expected the program to export its memory as `memory`".to_owned());
            };
            caller.data_mut().memory = Some(memory);
            memory
        }
    };
    Ok(memory.data_and_store_mut(caller))
}

/// The bytes that a guest means by a pointer and a length. Both are unsigned, and their sum may not wrap.
fn range(memory: &[u8], ptr: i32, len: i32) -> Result<&[u8], String> {
    let (start, len) = (ptr as u32 as usize, len as u32 as usize);
    let bytes = memory.get(start..).and_then(|rest| rest.get(..len));
    bytes.ok_or_else(|| format!("expected bytes inside a memory of {}, found {len} at {start}", memory.len()))
}

fn within(found: usize, limit: usize) -> Result<(), String> {
    if found > limit { Err(format!("expected at most {limit} bytes, found {found}")) } else { Ok(()) }
}

/// How many JSON values a text holds at the most, nested ones and keys included: one, and one more for each sign that
/// separates or opens.
fn nodes_in(text: &[u8]) -> usize {
    let (mut nodes, mut in_string, mut escaped) = (1, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b',' | b'[' | b'{' | b':' if !in_string => nodes += 1,
            _ => {}
        }
    }
    nodes
}

/// One JSON value. Nesting ends at 128, which is as deep as the parser may recurse.
fn json(bytes: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(not_utf8)?;
    serde_json::from_str(text).map_err(|error| format!("expected one JSON value: {error}"))
}

fn not_utf8(error: std::str::Utf8Error) -> String {
    format!("expected UTF-8, found another byte at {}", error.valid_up_to())
}

fn bad_call(function: &str, message: &str) -> GuestStop {
    GuestStop::BadCall(format!("{function}: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_in_strings_are_no_nodes() {
        for (text, nodes) in [("1", 1), ("\"a,[{:\\\",\"", 1), ("[{},{}]", 5), (r#"{"a":[1,2],"b":""}"#, 7)] {
            assert_eq!(nodes_in(text.as_bytes()), nodes, "{text}");
        }
    }
}
