//! Finds the interpreters that the build carries, if the feature `interpreters` asks for them.
//!
//! They are built by `make interpreters` into `target/interpreters`, or lie where `AMPULE_INTERPRETERS_DIR` says: for
//! each language `NAME.wasm.zst` and `NAME.manifest`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-env-changed=AMPULE_INTERPRETERS_DIR");
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_INTERPRETERS").is_none() {
        return;
    }
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the package lies"));
    let directory =
        env::var_os("AMPULE_INTERPRETERS_DIR").map_or_else(|| package.join("../target/interpreters"), PathBuf::from);
    println!("cargo:rerun-if-changed={}", directory.display());
    let mut entries = String::new();
    for language in languages(&directory) {
        entries.push_str(&entry(&directory, &language));
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo says where to write")).join("carried.rs");
    let text = format!("static CARRIED: &[Carried] = &[\n{entries}];\n");
    fs::write(&out, text).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
}

fn languages(directory: &Path) -> Vec<String> {
    let files = fs::read_dir(directory).unwrap_or_else(|error| {
        panic!("the feature `interpreters` carries what `make interpreters` builds; {}: {error}", directory.display())
    });
    let name = |file: std::io::Result<fs::DirEntry>| {
        let name = file.ok()?.file_name().into_string().ok()?;
        name.strip_suffix(".wasm.zst").map(str::to_owned)
    };
    let mut languages: Vec<String> = files.filter_map(name).collect();
    assert!(
        !languages.is_empty(),
        "expected *.wasm.zst in {}, found none: run `make interpreters`",
        directory.display()
    );
    languages.sort();
    languages
}

/// A manifest is three lines: digest, size in bytes, and the section `ampule:about`.
fn entry(directory: &Path, language: &str) -> String {
    let manifest = directory.join(format!("{language}.manifest"));
    let packed = directory.join(format!("{language}.wasm.zst"));
    println!("cargo:rerun-if-changed={}", manifest.display());
    println!("cargo:rerun-if-changed={}", packed.display());
    let text = fs::read_to_string(&manifest).unwrap_or_else(|error| panic!("{}: {error}", manifest.display()));
    let lines: Vec<&str> = text.lines().collect();
    let [digest, size_bytes, about] = lines.as_slice() else {
        panic!("{}: expected three lines, found {}", manifest.display(), lines.len())
    };
    let packed = packed.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", packed.display()));
    format!(
        "Carried {{ language: {language:?}, digest: {digest:?}, size_bytes: {size_bytes}, about: {about:?}, \
         packed: include_bytes!({packed:?}) }},\n"
    )
}
