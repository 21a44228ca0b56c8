//! What is to be built: which files a path means, and how the job is called.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::exit::Fault;

/// One job's sources.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) kind: Kind,
    /// The job's directory, in which the program is written.
    pub(crate) directory: PathBuf,
    /// Its source file, or the crate's manifest.
    pub(crate) file: PathBuf,
}

/// What it is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Crate,
    C,
    Python,
    Javascript,
}

const MANIFEST: &str = "Cargo.toml";
const EXPECTED: &str = "a directory with a Cargo.toml or one .c, .py, .js or .mjs file, or such a file";

impl Project {
    /// What lies at a path.
    ///
    /// # Errors
    /// [`Fault::Usage`] if that is nothing that could be built, or could be several jobs.
    pub(crate) fn at(path: &Path) -> Result<Self, Fault> {
        let found = |found: &str| Fault::Usage(format!("expected {EXPECTED} at {path:?}, found {found}"));
        let metadata = fs::metadata(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => found("nothing"),
            _ => found(&error.to_string()),
        })?;
        if !metadata.is_dir() {
            let kind = Kind::of(path).ok_or_else(|| found("a file of another kind"))?;
            let directory = match path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
                _ => PathBuf::from("."),
            };
            return Ok(Project { kind, directory, file: path.to_owned() });
        }
        let manifest = path.join(MANIFEST);
        if manifest.is_file() {
            return Ok(Project { kind: Kind::Crate, directory: path.to_owned(), file: manifest });
        }
        let files = sources(path).map_err(|error| anyhow::Error::new(error).context(path.display().to_string()))?;
        match files.as_slice() {
            [] => Err(found("none of them")),
            [file] => Ok(Project {
                kind: Kind::of(file).ok_or_else(|| found("none of them"))?,
                directory: path.to_owned(),
                file: file.clone(),
            }),
            several => {
                let names: Vec<_> = several.iter().filter_map(|file| file.file_name()?.to_str()).collect();
                Err(found(&format!("several ({}): name one", names.join(", "))))
            }
        }
    }

    /// The job's name, as its file says it.
    pub(crate) fn stem(&self) -> String {
        self.file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl Kind {
    fn of(file: &Path) -> Option<Self> {
        match file.file_name()?.to_str()? {
            MANIFEST => Some(Kind::Crate),
            _ => match file.extension()?.to_str()? {
                "c" => Some(Kind::C),
                "py" => Some(Kind::Python),
                "js" | "mjs" => Some(Kind::Javascript),
                _ => None,
            },
        }
    }
}

/// The files of a directory that could be jobs, in order.
fn sources(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = directory.read_dir()?.map(|entry| entry.map(|entry| entry.path()));
    let mut files = entries.collect::<io::Result<Vec<_>>>()?;
    files.retain(|path| path.is_file() && Kind::of(path).is_some());
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_means_a_crate_a_file_or_the_one_file_of_a_directory() {
        let here = tempfile::tempdir().expect("a directory");
        let file = |name: &str| {
            let path = here.path().join(name);
            fs::write(&path, "").expect("a file");
            path
        };
        assert!(Project::at(here.path()).is_err() && Project::at(&here.path().join("absent")).is_err());
        let script = file("a.py");
        let project = Project::at(here.path()).expect("a script");
        assert_eq!((project.kind, project.file, project.directory), (Kind::Python, script, here.path().to_owned()));
        let c = file("b.c");
        assert!(Project::at(here.path()).is_err());
        assert_eq!(Project::at(&c).expect("a file").kind, Kind::C);
        assert!(Project::at(&file("notes.txt")).is_err());
        let manifest = file(MANIFEST);
        assert_eq!(Project::at(here.path()).expect("a crate").kind, Kind::Crate);
        assert_eq!(Project::at(&manifest).expect("a crate").kind, Kind::Crate);
    }
}
