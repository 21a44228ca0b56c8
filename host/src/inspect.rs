//! What a program is, read from its bytes before anything is compiled: imports, exports, schemas, sizes.
//!
//! Cheap: it reads sections and skips the code, which `check.rs` reads.

mod component;
mod needs;
mod sections;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wasmparser::{BinaryReaderError, Parser};

pub use self::needs::Need;
use self::sections::Sections;
pub(crate) use self::sections::signature;
use crate::abi::{MODULE, OFFERED_INTERFACES, SOURCE_READ};
use crate::failure::{Failure, Kind};
use crate::job::Digest;
use crate::limits::ProgramLimits;

/// The longest name that is shown whole.
const NAME_CHARS: usize = 256;

/// What a program is, as its bytes say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Inspection {
    /// The SHA-256 of the bytes.
    pub digest: Digest,
    /// A core module or a component.
    pub form: Form,
    /// The file's size.
    pub size_bytes: usize,
    /// What it needs from the host.
    pub imports: Vec<Import>,
    /// What it offers.
    pub exports: Vec<Export>,
    /// The bytes of linear memory with which it starts.
    pub initial_memory_bytes: u64,
    /// The size of its DWARF sections.
    pub debug_bytes: usize,
    /// The JSON Schema of its kwargs, if it carries one.
    pub kwargs_schema: Option<Value>,
    /// The JSON Schema of its result, if it carries one.
    pub result_schema: Option<Value>,
    /// What it says of itself: name, description, the SDK that built it.
    pub about: Option<Value>,
}

/// The two forms of a WebAssembly program, told apart by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A core module.
    Module,
    /// A component.
    Component,
}

impl Form {
    /// As a person calls it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Form::Module => "core module",
            Form::Component => "component",
        }
    }
}

/// What a program can be run as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum World {
    /// A job: a component of world `ampule:job/job`, or a core module with an entry.
    Job,
    /// An interpreter of source text: a component of world `ampule:job/interpreter`, or a core module that reads
    /// `ampule.source_read`.
    Interpreter,
    /// A command of WASI 0.2: a component that exports `wasi:cli/run`.
    Command,
}

impl World {
    /// The name of the world as WIT writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            World::Job => "ampule:job/job",
            World::Interpreter => "ampule:job/interpreter",
            World::Command => "wasi:cli/command",
        }
    }
}

/// One thing that a program needs from the host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Import {
    /// The import module, such as `wasi_snapshot_preview1`; of a component the interface, such as
    /// `wasi:cli/environment@0.2.3`.
    pub module: String,
    /// The name in it; empty for an interface.
    pub name: String,
    /// Its type, such as `(i32, i32) -> i32`, or `memory`, `table`, `global`, `tag`; `instance` for an interface.
    pub signature: String,
}

/// One thing that a program offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// Its type, as in [`Import::signature`].
    pub signature: String,
}

/// What the runner offers to core modules, with types.
pub(crate) type Offered = BTreeMap<(String, String), String>;

impl Inspection {
    /// Reads a program's sections.
    ///
    /// # Errors
    /// A `bad_program` failure if the bytes are no WebAssembly program, or a schema in them is no JSON.
    pub fn of(bytes: &[u8], limits: &ProgramLimits) -> Result<Self, Failure> {
        Self::named(Digest::of(bytes), bytes, limits)
    }

    /// As [`Inspection::of`], of a program whose digest is known.
    pub(crate) fn named(digest: Digest, bytes: &[u8], limits: &ProgramLimits) -> Result<Self, Failure> {
        let form = form_of(bytes, limits)?;
        let sections = match form {
            Form::Module => Sections::of_module(bytes, limits)?,
            Form::Component => component::sections(bytes, limits)?,
        };
        Ok(Inspection {
            digest,
            form,
            size_bytes: bytes.len(),
            imports: sections.imports,
            exports: sections.exports,
            initial_memory_bytes: sections.initial_memory_bytes,
            debug_bytes: sections.debug_bytes,
            kwargs_schema: sections.kwargs_schema,
            result_schema: sections.result_schema,
            about: sections.about,
        })
    }

    /// Whether a WASI context is needed.
    pub(crate) fn imports_wasi(&self) -> bool {
        self.imports
            .iter()
            .any(|import| import.module == "wasi_snapshot_preview1" || import.module.starts_with("wasi:"))
    }

    /// What it can be run as; nothing if it has no entry.
    #[must_use]
    pub fn worlds(&self) -> Vec<World> {
        match self.form {
            Form::Component => component::worlds(&self.exports),
            Form::Module if self.entry_names().is_empty() => Vec::new(),
            Form::Module => {
                let reads_source = |import: &Import| import.module == MODULE && import.name == SOURCE_READ;
                match self.imports.iter().any(reads_source) {
                    // Without a source it finds an empty one.
                    true => vec![World::Job, World::Interpreter],
                    false => vec![World::Job],
                }
            }
        }
    }

    /// The interface `wasi:cli/run` in the version that the program exports.
    pub(crate) fn command_interface(&self) -> Option<&str> {
        self.exports.iter().map(|export| export.name.as_str()).find(|name| name.starts_with(component::COMMAND))
    }

    /// Of a core module: `_start`, which wins, or `_initialize` if it is there and then `run`. Empty if neither is there.
    #[must_use]
    pub fn entry_names(&self) -> Vec<&'static str> {
        if self.exports_function("_start") {
            return vec!["_start"];
        }
        if !self.exports_function("run") {
            return Vec::new();
        }
        ["_initialize", "run"].into_iter().filter(|name| self.exports_function(name)).collect()
    }

    fn exports_function(&self, name: &str) -> bool {
        self.exports.iter().any(|export| export.name == name && export.signature == "()")
    }

    /// Refuses a program that could not be run: no entry, or imports that the runner does not offer. One message
    /// names all of them.
    pub(crate) fn refuse_unrunnable(&self, offered: &Offered) -> Result<(), Failure> {
        let mut missing = String::new();
        for import in &self.imports {
            import.note_if_missing(self.form, offered, &mut missing);
        }
        if !missing.is_empty() {
            return Err(bad_program(format!("the program imports what the runner does not offer:{missing}")));
        }
        if self.worlds().is_empty() {
            return Err(bad_program(match self.form {
                Form::Module => {
                    "expected the program to export a function `_start` or `run` without parameters \
                     and results, found neither"
                }
                Form::Component => {
                    "expected a component of the world `ampule:job/job` (export `run`), \
                     `ampule:job/interpreter` (export `eval`) or of WASI 0.2 (export `wasi:cli/run`), found none of them"
                }
            }));
        }
        Ok(())
    }
}

impl Import {
    fn note_if_missing(&self, form: Form, offered: &Offered, missing: &mut String) {
        let Import { module, name, signature } = self;
        if form == Form::Component {
            let (interface, version) = module.split_once('@').unwrap_or((module, ""));
            let fits =
                if interface.starts_with("wasi:") { version.starts_with("0.2.") } else { version.starts_with("0.1.") };
            let offered = signature == "type" || (fits && OFFERED_INTERFACES.contains(&interface));
            if !offered {
                let _ = write!(missing, "\n  `{}` ({signature})", shown(module));
            }
            return;
        }
        let full_name = format!("`{}.{}`", shown(module), shown(name));
        let _ = match offered.get(&(module.clone(), name.clone())) {
            Some(here) if here == signature => Ok(()),
            Some(here) => write!(missing, "\n  {full_name} as {signature}, which is {here} here"),
            None => write!(missing, "\n  {full_name} {signature}"),
        };
    }
}

fn form_of(bytes: &[u8], limits: &ProgramLimits) -> Result<Form, Failure> {
    within("bytes", bytes.len() as u64, limits.wasm_bytes as u64)?;
    if Parser::is_core_wasm(bytes) {
        return Ok(Form::Module);
    }
    if Parser::is_component(bytes) {
        return Ok(Form::Component);
    }
    Err(bad_program(if bytes.starts_with(b"\x7fELF") {
        "expected a WebAssembly program, found an ELF file: native code, compiled modules included, is never run"
            .to_owned()
    } else if bytes.trim_ascii_start().starts_with(b"(") || bytes.trim_ascii_start().starts_with(b";;") {
        "expected a WebAssembly program, found what looks like its text form (WAT), which has to be assembled first"
            .to_owned()
    } else {
        let start = bytes[..bytes.len().min(8)].escape_ascii();
        format!(
            "expected a WebAssembly program (`\\0asm`, a module of version 1 or a component), \
             found {} bytes that begin with \"{start}\"",
            bytes.len()
        )
    }))
}

pub(crate) fn within(what: &str, found: u64, limit: u64) -> Result<(), Failure> {
    if found <= limit {
        return Ok(());
    }
    Err(bad_program(format!("the program is too large: expected at most {limit} {what}, found {found}")))
}

pub(crate) fn invalid(error: BinaryReaderError) -> Failure {
    // Names from the program stand in these messages.
    let message: String = error.message().chars().flat_map(escaped_control).collect();
    bad_program(format!("the program is not valid here: {message} at byte {}", error.offset()))
}

fn escaped_control(character: char) -> impl Iterator<Item = char> {
    let escape = character.is_control().then(|| character.escape_default());
    let plain = escape.is_none().then_some(character);
    escape.into_iter().flatten().chain(plain)
}

/// A name from a program, safe to show: control characters escaped, and cut if long.
fn shown(name: &str) -> String {
    let short: String = name.chars().take(NAME_CHARS).collect();
    short.escape_debug().to_string()
}

pub(crate) fn bad_program(message: impl Into<String>) -> Failure {
    Failure::new(Kind::BadProgram, message)
}
