//! Which suites lie under a path.

use std::fs;
use std::path::{Path, PathBuf};

use super::SuiteError;

/// What the name of a suite's file ends in.
pub const SUFFIX: &str = ".suite.toml";

/// Directories that are not looked into: what is in them was built or fetched.
const LEFT_OUT: [&str; 2] = ["target", "node_modules"];

/// How deep directories are looked into, so that no loop of links is.
const DEPTH: usize = 32;

/// The suites at a path, in the order of their names: the file itself, or those in a directory and all below it.
/// Hidden directories, links to directories, `target` and `node_modules` are left out.
///
/// # Errors
/// If there is nothing at the path, or a file of another name, or a directory cannot be listed.
pub fn find(path: &Path) -> Result<Vec<PathBuf>, SuiteError> {
    let fault = |message: String| SuiteError { file: path.to_owned(), line: None, message };
    let metadata =
        fs::metadata(path).map_err(|error| fault(format!("expected a suite or a directory, found: {error}")))?;
    if metadata.is_dir() {
        let mut found = Vec::new();
        walk(path, DEPTH, &mut found)?;
        return Ok(found);
    }
    if is_suite(path) {
        Ok(vec![path.to_owned()])
    } else {
        Err(fault(format!("expected a name that ends in `{SUFFIX}`")))
    }
}

fn walk(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), SuiteError> {
    let fault =
        |error: std::io::Error| SuiteError { file: directory.to_owned(), line: None, message: error.to_string() };
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        entries.push((entry.file_name(), entry.file_type().map_err(fault)?));
    }
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (name, kind) in entries {
        // `.` itself would stand in every path.
        let path = if directory == Path::new(".") { PathBuf::from(&name) } else { directory.join(&name) };
        let name = name.to_string_lossy();
        if kind.is_dir() {
            let left_out = name.starts_with('.') || LEFT_OUT.contains(&name.as_ref());
            if !left_out && depth > 0 {
                walk(&path, depth - 1, found)?;
            }
        } else if is_suite(&path) {
            found.push(path);
        }
    }
    Ok(())
}

fn is_suite(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(SUFFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_found_in_order_and_not_where_things_are_built() {
        let root = tempfile::tempdir().expect("a directory");
        for name in
            ["b.suite.toml", "a/a.suite.toml", "a/b.suite.lock.toml", "target/x.suite.toml", ".git/y.suite.toml"]
        {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, "").expect("written");
        }
        let found = find(root.path()).expect("a directory");
        assert_eq!(found, [root.path().join("a/a.suite.toml"), root.path().join("b.suite.toml")]);
        assert_eq!(find(&found[0]).expect("a suite"), found[..1]);
        assert!(find(&root.path().join("a/b.suite.lock.toml")).is_err() && find(Path::new("absent")).is_err());
    }
}
