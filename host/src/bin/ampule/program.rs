//! Which bytes PROGRAM means: a file, or a name in a catalog. Reads them; loading is the runner's.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use ampule::{Digest, Failure, Kind, ProgramLimits};

use crate::args::ProgramArgs;
use crate::config::Config;
use crate::exit::Fault;
use crate::printable::printable_line;

/// Names that are listed of one catalog, and closest names that are offered.
const SHOWN_NAMES: usize = 20;
const OFFERED_NAMES: usize = 3;

/// How alike two names must be, from 0 to 1, for one to be offered in place of the other.
const ALIKE: f64 = 0.7;

/// A program's bytes, or its text.
#[derive(Debug)]
pub(crate) struct Source {
    /// What people call it: the name in the catalog, or the file's name without its ending.
    pub(crate) name: String,
    bytes: Vec<u8>,
    is_text: bool,
}

/// What a source holds.
pub(crate) enum Content<'a> {
    Wasm(&'a [u8]),
    Text(&'a str),
}

impl Source {
    /// Finds and reads what was asked for.
    ///
    /// # Errors
    /// [`Fault::Usage`] if it is not there, a refusal if it is too large to be a program.
    pub(crate) fn find(args: &ProgramArgs, config: &Config) -> Result<Self, Fault> {
        let asked = args.program.as_str();
        let is_path = asked.contains('/') || asked.ends_with(".wasm") || asked.ends_with(".wat");
        let path = if is_path { PathBuf::from(asked) } else { in_catalogs(asked, config.catalogs(&args.catalog))? };
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let is_text = path.extension().is_some_and(|extension| extension == "wat");
        Ok(Source { name, bytes: read(&path)?, is_text })
    }

    /// The bytes, or the text.
    ///
    /// # Errors
    /// A `bad_program` failure if a text is not UTF-8.
    pub(crate) fn content(&self) -> Result<Content<'_>, Failure> {
        if !self.is_text {
            return Ok(Content::Wasm(&self.bytes));
        }
        std::str::from_utf8(&self.bytes).map(Content::Text).map_err(|error| {
            let found = error.valid_up_to();
            Failure::new(Kind::BadProgram, format!("the program's text: expected UTF-8, found another byte at {found}"))
        })
    }

    /// The digest, which a text has only once it is assembled.
    pub(crate) fn digest(&self) -> Option<Digest> {
        (!self.is_text).then(|| Digest::of(&self.bytes))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    let missing = |found: &str| Fault::Usage(format!("expected a program at {path:?}, found {found}"));
    let limit = ProgramLimits::default().wasm_bytes;
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit as u64 + 1).read_to_end(&mut bytes));
    match read {
        Ok(len) if len > limit => {
            let message = format!("the program is too large: expected at most {limit} bytes, found more");
            Err(Failure::new(Kind::BadProgram, message).into())
        }
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing("nothing")),
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => Err(missing("a directory")),
        Err(error) => Err(anyhow::Error::new(error).context(path.display().to_string()).into()),
    }
}

/// The first catalog's that has it.
fn in_catalogs(name: &str, catalogs: &[PathBuf]) -> Result<PathBuf, Fault> {
    let file = format!("{name}.wasm");
    let found = catalogs.iter().map(|catalog| catalog.join(&file)).find(|path| path.is_file());
    found.ok_or_else(|| Fault::Usage(missing_name(name, catalogs)))
}

fn missing_name(name: &str, catalogs: &[PathBuf]) -> String {
    let mut message = format!("expected a program in the catalog, found none with the name {name:?}");
    let mut all = Vec::new();
    if catalogs.is_empty() {
        message.push_str("\n  there is no catalog: set `--catalog DIR` or $AMPULE_CATALOG");
    }
    for catalog in catalogs {
        let names = names_in(catalog);
        let shown = match &names {
            Err(error) if error.kind() == io::ErrorKind::NotFound => "not there".to_owned(),
            Err(error) => error.to_string(),
            Ok(names) if names.is_empty() => "no .wasm in it".to_owned(),
            Ok(names) if names.len() > SHOWN_NAMES => format!("{}, …", names[..SHOWN_NAMES].join(", ")),
            Ok(names) => names.join(", "),
        };
        message.push_str(&format!("\n  {}: {}", catalog.display(), printable_line(&shown)));
        all.extend(names.unwrap_or_default());
    }
    let close = closest(name, all);
    if !close.is_empty() {
        message.push_str(&format!("\n  did you mean {}?", close.join(" or ")));
    }
    for file in [name.to_owned(), format!("{name}.wasm"), format!("{name}.wat")] {
        if Path::new(&file).is_file() {
            message.push_str(&format!("\n  there is a file of that name here: write `./{file}`"));
        }
    }
    message
}

fn names_in(catalog: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in catalog.read_dir()? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

fn closest(name: &str, names: Vec<String>) -> Vec<String> {
    let mut alike: Vec<_> = names.into_iter().map(|other| (strsim::jaro_winkler(name, &other), other)).collect();
    alike.retain(|(likeness, _)| *likeness >= ALIKE);
    alike.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    alike.into_iter().take(OFFERED_NAMES).map(|(_, other)| format!("`{}`", printable_line(&other))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_names_are_offered_best_first() {
        let names = ["word_count", "adder", "ladder"].map(str::to_owned).to_vec();
        assert_eq!(closest("addr", names.clone()), ["`adder`", "`ladder`"]);
        assert_eq!(closest("zzz", names), [""; 0]);
    }

    #[test]
    fn a_missing_name_says_where_it_looked() {
        let message = missing_name("x", &["/nowhere/at/all".into()]);
        assert!(message.contains("/nowhere/at/all: not there"), "{message}");
        assert!(missing_name("x", &[]).contains("no catalog"));
    }
}
