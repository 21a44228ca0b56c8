//! From wasm to native code, in this process or in a child that can be killed.
//!
//! Compiling is not covered by wasmtime's promise for untrusted input: a hostile program may make it slow, large or
//! crash. A server or command therefore compiles in a child process; a library does so once it is told how to reach
//! one. The program was checked before (`inspect.rs`), and what comes out goes to `cache.rs`.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use wasmtime::Engine;

use crate::engine;
use crate::error::{Error, LoadError};
use crate::failure::{Failure, Kind};

/// How long a child may compile. The slowest honest program seen took 25 s of one core.
const CHILD_TIMEOUT: Duration = Duration::from_secs(120);

/// The most that a child may send back: native code is some three times the size of its wasm.
const COMPILED_BYTES: u64 = 1 << 30;

/// The most of a child's complaint that is read.
const COMPLAINT_BYTES: u64 = 64 << 10;

/// Threads on which a child compiles.
const CHILD_THREADS: &str = "4";

/// How often a child is looked at.
const CHILD_POLL: Duration = Duration::from_millis(2);

/// The magic number and version, before all sections.
const HEADER_BYTES: usize = 8;

/// The status with which a child says that the program is at fault.
const REFUSED_STATUS: i32 = 3;

/// Where programs are compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Compiler {
    /// In this process: simple, and for programs that are trusted not to attack a compiler.
    #[default]
    InProcess,
    /// In a child process, started anew for each program, that calls [`compile_child`].
    Child {
        /// The executable.
        executable: PathBuf,
        /// Its arguments. The runner adds `metered` or `unmetered`.
        arguments: Vec<String>,
    },
}

impl Compiler {
    /// Compiles a checked program. Blocks for as long as it takes.
    pub(crate) fn compile(&self, engine: &Engine, metering: bool, wasm: &[u8]) -> Result<Vec<u8>, LoadError> {
        match self {
            Compiler::InProcess => in_process(engine, wasm).map_err(LoadError::from),
            Compiler::Child { executable, arguments } => {
                let mut command = Command::new(executable);
                command.args(arguments).arg(if metering { "metered" } else { "unmetered" });
                in_child(command, wasm)
            }
        }
    }
}

/// What a compiler child does: wasm from `input`, native code to `output`. The caller has set its own resource limits
/// before, and turns a refusal into its exit status with [`refusal_status`].
///
/// # Errors
/// [`LoadError::Refused`] if the program cannot be compiled, [`LoadError::Host`] if a stream fails.
pub fn compile_child(metering: bool, mut input: impl Read, mut output: impl Write) -> Result<(), LoadError> {
    let stream = |error: io::Error| LoadError::Host(Error::Compiler(format!("a stream failed: {error}")));
    let mut wasm = Vec::new();
    input.read_to_end(&mut wasm).map_err(stream)?;
    let compiled = in_process(&engine::compiling_only(metering)?, &wasm)?;
    output.write_all(&compiled).and_then(|()| output.flush()).map_err(stream)
}

/// The exit status with which a compiler child reports `error`.
#[must_use]
pub fn refusal_status(error: &LoadError) -> u8 {
    match error {
        LoadError::Refused(_) => REFUSED_STATUS as u8,
        LoadError::Host(_) => 4,
    }
}

fn in_process(engine: &Engine, wasm: &[u8]) -> Result<Vec<u8>, Failure> {
    let refused = |message: String| Failure::new(Kind::BadProgram, message);
    // Cranelift has panicked on odd programs before; the program is then at fault, and nothing is half done.
    let compile = || {
        if wasmparser::Parser::is_component(wasm) {
            engine.precompile_component(wasm)
        } else {
            engine.precompile_module(wasm)
        }
    };
    match catch_unwind(AssertUnwindSafe(compile)) {
        Ok(compiled) => compiled.map_err(|error| refused(format!("the program cannot be compiled: {error:#}"))),
        Err(_) => Err(refused("the compiler panicked on the program".to_owned())),
    }
}

fn in_child(mut command: Command, wasm: &[u8]) -> Result<Vec<u8>, LoadError> {
    let fault = |what: &str, error: io::Error| LoadError::Host(Error::Compiler(format!("{what}: {error}")));
    let mut child = command
        .env_clear()
        // Each thread reserves address space, of which the child has little.
        .env("RAYON_NUM_THREADS", CHILD_THREADS)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Error::NoCompiler { executable: command.get_program().into(), error })?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
        return Err(LoadError::Host(Error::Compiler("the child has no pipes".to_owned())));
    };
    let (status, compiled, complaint) = thread::scope(|scope| {
        // A child that dies early closes the pipe; its status says more than this write does.
        scope.spawn(move || stdin.write_all(wasm));
        let compiled = scope.spawn(move || read_up_to(stdout, COMPILED_BYTES));
        let complaint = scope.spawn(move || read_up_to(stderr, COMPLAINT_BYTES));
        let status = wait(&mut child);
        (status, compiled.join(), complaint.join())
    });
    let status = status.map_err(|error| fault("the child could not be waited for", error))?;
    let (Ok(Ok(compiled)), Ok(Ok(complaint))) = (compiled, complaint) else {
        return Err(LoadError::Host(Error::Compiler("the child's output could not be read".to_owned())));
    };
    let complaint = String::from_utf8_lossy(&complaint).trim().to_owned();
    judge(status, compiled, complaint)
}

/// Waits until the child ends, or ends it.
fn wait(child: &mut Child) -> io::Result<ExitStatus> {
    let deadline = Instant::now() + CHILD_TIMEOUT;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            child.kill()?;
            return child.wait();
        }
        thread::sleep(CHILD_POLL);
    }
}

fn judge(status: ExitStatus, compiled: Vec<u8>, complaint: String) -> Result<Vec<u8>, LoadError> {
    let refused = |message: String| LoadError::from(Failure::new(Kind::BadProgram, message));
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(compiled),
        (Some(REFUSED_STATUS), _) => Err(refused(complaint)),
        (None, Some(signal)) => Err(refused(format!(
            "the program cannot be compiled within the compiler's time and memory: it was ended by signal {signal}"
        ))),
        _ => Err(LoadError::Host(Error::Compiler(format!("the child ended with {status}: {complaint}")))),
    }
}

fn read_up_to(stream: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The program without its DWARF.
pub(crate) fn without_debug_sections(wasm: &[u8]) -> Vec<u8> {
    let mut kept = wasm[..HEADER_BYTES.min(wasm.len())].to_vec();
    let mut copied = kept.len();
    for payload in wasmparser::Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        // Ranges cover a section's content; its own header lies between the end of the one before and this start.
        let Some((_, range)) = payload.as_section() else { continue };
        let is_debug = matches!(&payload, wasmparser::Payload::CustomSection(s) if s.name().starts_with(".debug_"));
        if !is_debug {
            kept.extend_from_slice(wasm.get(copied..range.end).unwrap_or_default());
        }
        copied = range.end;
    }
    kept
}
