//! What the files of a directory look like, so that a change can be seen by looking again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The most files that are looked at, and the deepest directory: whoever names a home directory meant another.
const FILES: usize = 10_000;
const DEPTH: usize = 16;

/// Directories that tools fill.
const OF_TOOLS: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// When each file was written last, and its size.
pub(super) type Seen = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

/// Which files matter.
pub(super) struct Watched {
    pub(super) directory: PathBuf,
    /// Whether programs do: not where they are what is built.
    pub(super) programs: bool,
    /// What each test writes to.
    pub(super) cache: Option<PathBuf>,
}

impl Watched {
    /// What is there now. What cannot be read is not there.
    pub(super) fn look(&self) -> Seen {
        let mut seen = Seen::new();
        let cache = self.cache.as_ref().and_then(|cache| cache.canonicalize().ok());
        self.look_in(&self.directory, DEPTH, cache.as_deref(), &mut seen);
        seen
    }

    fn look_in(&self, directory: &Path, depth: usize, cache: Option<&Path>, seen: &mut Seen) {
        for entry in directory.read_dir().into_iter().flatten().filter_map(Result::ok) {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            // Of links, what they lead to; a circle of them ends with the depth.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            if name.starts_with('.') || seen.len() >= FILES {
                continue;
            }
            if metadata.is_dir() {
                let is_cache = cache.is_some() && path.canonicalize().ok().as_deref() == cache;
                if depth > 0 && !is_cache && !OF_TOOLS.contains(&name.as_str()) {
                    self.look_in(&path, depth - 1, cache, seen);
                }
            } else if self.matters(&name) {
                seen.insert(path, (metadata.modified().ok(), metadata.len()));
            }
        }
    }

    fn matters(&self, name: &str) -> bool {
        let is_written_by_us =
            name == "Cargo.lock" || name.ends_with('~') || (name.ends_with(".wasm") && !self.programs);
        !is_written_by_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_a_source_is_seen_and_one_of_a_product_is_not() {
        let here = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            let path = here.path().join(name);
            fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
            fs::write(path, text).expect("a file");
        };
        let cache = Some(here.path().join("cache"));
        let watched = Watched { directory: here.path().to_owned(), programs: false, cache };
        write("src/main.rs", "a");
        let first = watched.look();
        for product in ["target/x", "cache/x", "job.wasm", "Cargo.lock", ".git/index", "src/main.rs~"] {
            write(product, "x");
        }
        assert_eq!(watched.look(), first);
        write("src/main.rs", "longer");
        let second = watched.look();
        assert_ne!(second, first);
        write("job.suite.toml", "");
        assert_ne!(watched.look(), second);
        let programs = Watched { programs: true, ..watched };
        assert_eq!(programs.look().len(), 3);
    }
}
