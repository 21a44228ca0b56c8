//! A file of C into a program, by whichever compiler for WASI is there: wasi-sdk's, Zig's, or clang with wasi-libc.

use std::path::Path;
use std::process::Command;

use super::project::Project;
use super::{Built, read, scratch, sections, tool};
use crate::exit::Fault;

/// A compiler that is there: its command line, as far as it chooses the target.
type Compiler = Vec<&'static str>;

/// A word on the stack, since Zig asks for 16 MiB of it and a job pays for the memory that it starts with.
const FLAGS: [&str; 5] = ["-std=c11", "-O2", "-msimd128", "-Wall", "-Wl,-z,stack-size=1048576"];

const REMEDY: &str = "install one with `pip install ziglang`, or wasi-sdk from \
                      https://github.com/WebAssembly/wasi-sdk, or on Debian `apt-get install clang lld wasi-libc \
                      libclang-rt-dev-wasm32`";

pub(super) fn build(project: &Project) -> Result<Built, Fault> {
    let compiler = compiler().ok_or_else(|| tool::missing("a C compiler for WASI", REMEDY))?;
    let scratch = scratch()?;
    let output = scratch.path().join("job.wasm");
    let mut command = Command::new(compiler[0]);
    command.args(&compiler[1..]).args(FLAGS).arg("-o").arg(&output).arg(&project.file);
    tool::run(&mut command)?;
    // A linker that is told to leave out the C library's DWARF, nearly a megabyte, leaves out names too.
    let wasm = sections::without_dwarf(read(output)?);
    Ok(Built { name: project.stem(), wasm, warnings: Vec::new() })
}

fn compiler() -> Option<Compiler> {
    for wrapped in ["wasm32-wasip1-clang", "wasm32-wasi-clang"] {
        if tool::answers([wrapped, "--version"]) {
            return Some(vec![wrapped]);
        }
    }
    if tool::answers(["zig", "version"]) {
        return Some(vec!["zig", "cc", "--target=wasm32-wasi"]);
    }
    if tool::answers(["python3", "-m", "ziglang", "version"]) {
        return Some(vec!["python3", "-m", "ziglang", "cc", "--target=wasm32-wasi"]);
    }
    // Any clang knows the target; whether there is a C library for it shows where it finds one.
    let library = tool::said(["clang", "--target=wasm32-wasi", "-print-file-name=libc.a"]);
    library.is_some_and(|path| Path::new(&path).is_file()).then(|| vec!["clang", "--target=wasm32-wasi"])
}
