//! Holds the layout: a file of the library imports only what the table in `lib.rs` names before it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn a_file_imports_only_what_is_named_before_it() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let order = order_in(&fs::read_to_string(sources.join("lib.rs")).expect("the library's root"));
    let mut wrong = Vec::new();
    for (module, files) in modules(&sources) {
        let own = *order.get(&module).unwrap_or_else(|| panic!("`{module}` is not in the table of lib.rs"));
        for file in files {
            let text = fs::read_to_string(&file).expect("a source file");
            // What a test at the foot of a file uses is its own affair.
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for imported in imports(code) {
                if imported != module && order.get(&imported).is_none_or(|place| *place >= own) {
                    wrong.push(format!("{} imports `{imported}`", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The place of each module in the table of `lib.rs`.
fn order_in(root: &str) -> HashMap<String, usize> {
    let rows = root.lines().filter_map(|line| line.strip_prefix("//! | ")).filter(|row| row.starts_with('`'));
    let cells = rows.filter_map(|row| row.split('|').next());
    let names = cells.flat_map(|cell| cell.split(',')).map(|name| name.trim().trim_matches('`').to_owned());
    names.enumerate().map(|(place, name)| (name, place)).collect()
}

/// Each module with its files: `name.rs` and whatever lies under `name/`.
fn modules(sources: &Path) -> HashMap<String, Vec<PathBuf>> {
    let mut modules: HashMap<String, Vec<PathBuf>> = HashMap::new();
    for entry in fs::read_dir(sources).expect("the sources").map(|entry| entry.expect("an entry").path()) {
        let name = entry.file_stem().expect("a name").to_string_lossy().into_owned();
        if ["lib", "bin"].contains(&name.as_str()) {
            continue;
        }
        let files = modules.entry(name).or_default();
        files.extend(sources_below(&entry));
    }
    modules
}

/// The file itself, or every Rust file in the directory and below.
fn sources_below(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        let entries = fs::read_dir(path).expect("a module").map(|entry| entry.expect("an entry").path());
        return entries.flat_map(|entry| sources_below(&entry)).collect();
    }
    path.extension().filter(|ending| *ending == "rs").map(|_| path.to_owned()).into_iter().collect()
}

/// The modules that a file names after `use crate::`, and those it names in passing.
fn imports(code: &str) -> Vec<String> {
    let code = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let name = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    code.split("crate::").skip(1).map(name).filter(|name| name.starts_with(|c: char| c.is_lowercase())).collect()
}
