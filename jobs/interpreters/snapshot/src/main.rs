//! Makes an interpreter ready to run. Called by the interpreters' `build` scripts, not part of the product.
//!
//! `ampule-snapshot IN INIT_FUNCTION OUT [--about JSON]` runs a program up to the end of its init function and writes
//! the program that goes on from there. `ampule-snapshot compress IN OUT [MANIFEST]` makes a program small for embedding
//! and writes what is to be known of it without unpacking it: three lines, its digest, size, and `ampule:about`.

mod instance;
mod sections;

use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, process};

use serde_json::Value;
use structured_zstd::encoding::{CompressionLevel, compress_slice_to_vec};

const USAGE: &str =
    "usage: ampule-snapshot IN INIT_FUNCTION OUT [--about JSON]\n       ampule-snapshot compress IN OUT [MANIFEST]";

/// The highest level there is: an interpreter is compressed once and shipped often. What decodes it in the product,
/// ruzstd, has an encoder too, which leaves it 70 % larger.
const ZSTD_LEVEL: i32 = 22;

fn main() -> ExitCode {
    match work(&env::args_os().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ampule-snapshot: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn work(arguments: &[OsString]) -> Result<(), Box<dyn Error>> {
    match arguments {
        [verb, input, output] if verb == "compress" => write(output, &compressed(&read(input)?)),
        [verb, input, output, manifest] if verb == "compress" => {
            let program = read(input)?;
            write(output, &compressed(&program))?;
            write(manifest, &sections::manifest(&program)?.into_bytes())
        }
        [input, init_function, output] => write(output, &snapshot(input, init_function, None)?),
        [input, init_function, output, flag, about] if flag == "--about" => {
            write(output, &snapshot(input, init_function, Some(about))?)
        }
        _ => Err(USAGE.into()),
    }
}

fn snapshot(input: &OsString, init_function: &OsString, about: Option<&OsString>) -> Result<Vec<u8>, Box<dyn Error>> {
    let init_function = init_function.to_str().ok_or("expected the name of a function")?;
    let program = instance::snapshot(&read(input)?, init_function).map_err(|error| format!("{error:#}"))?;
    let mut program = sections::of_a_job(&program)?;
    if let Some(about) = about {
        let about: Value = serde_json::from_str(about.to_str().unwrap_or_default())
            .map_err(|error| format!("expected JSON after --about: {error}"))?;
        sections::add_about(&mut program, &about.to_string());
    }
    Ok(program)
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    compress_slice_to_vec(bytes, CompressionLevel::Level(ZSTD_LEVEL))
}

fn read(path: &OsString) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", Path::new(path).display()))
}

/// Whole or not at all: whoever looks meanwhile sees what was there before.
fn write(path: &OsString, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let mut unfinished = path.clone();
    unfinished.push(format!(".{}", process::id()));
    let unfinished = PathBuf::from(unfinished);
    let written = fs::write(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, path));
    written.map_err(|error| format!("{}: {error}", Path::new(path).display()).into())
}
