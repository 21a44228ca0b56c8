//! Makes an interpreter quick to instantiate. Called by the interpreters' `build` scripts, not part of the product.
//!
//! `ampule-merge IN OUT` reads a component and writes it with the core modules merged that share a memory.

use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, process};

const USAGE: &str = "usage: ampule-merge IN OUT";

fn main() -> ExitCode {
    match work(&env::args_os().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ampule-merge: {error}");
            ExitCode::FAILURE
        }
    }
}

fn work(arguments: &[OsString]) -> Result<(), Box<dyn Error>> {
    let [input, output] = arguments else { return Err(USAGE.into()) };
    let component = fs::read(input).map_err(|error| about(input, &error))?;
    let merged = ampule_merge::merge(&component).map_err(|error| about(input, &error))?;
    write(output, &merged)
}

/// Whole or not at all: whoever looks meanwhile sees what was there before.
fn write(path: &OsString, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let mut unfinished = path.clone();
    unfinished.push(format!(".{}", process::id()));
    let unfinished = PathBuf::from(unfinished);
    let written = fs::write(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, path));
    written.map_err(|error| about(path, &error).into())
}

fn about(path: &OsString, error: &dyn Error) -> String {
    format!("{}: {error}", Path::new(path).display())
}
