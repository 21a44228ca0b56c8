//! `ampule new`: a directory with a job that builds, its suite and a README, in the language that was asked for.
//!
//! The files are those of `new/templates`, with the job's name put in. They appear all at once or not at all: the
//! directory is filled under another name and then renamed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::args::{JobLanguage, NewArgs};
use crate::exit::Fault;
use crate::report;

/// The longest name: it becomes a file's name, with endings.
const NAME_BYTES: usize = 64;

/// Names that are taken in a crate: Rust's keywords and primitive types, and what the template uses.
const KEPT_NAMES: &str = "\
    abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen \
    if impl in let loop macro main match mod move mut override priv pub ref return self static struct super test \
    trait true try type typeof unsafe use virtual where while yield bool char f32 f64 i8 i16 i32 i64 i128 isize \
    str u8 u16 u32 u64 u128 usize alloc ampule_guest core proc_macro serde std tests";

/// One file of a template: its path in the directory, and its text. Both may hold the marks of [`Blanks`].
type TemplateFile = (&'static str, &'static str);

const RUST: &[TemplateFile] = &[
    ("Cargo.toml", include_str!("new/templates/rust/Cargo.toml.txt")),
    ("src/main.rs", include_str!("new/templates/rust/main.rs.txt")),
    ("{{name}}.suite.toml", include_str!("new/templates/rust/suite.toml.txt")),
    ("README.md", include_str!("new/templates/rust/README.md")),
    (".gitignore", include_str!("new/templates/rust/gitignore.txt")),
];
const PYTHON: &[TemplateFile] = &[
    ("{{name}}.py", include_str!("new/templates/python/job.py.txt")),
    ("{{name}}.suite.toml", include_str!("new/templates/python/suite.toml.txt")),
    ("README.md", include_str!("new/templates/python/README.md")),
    (".gitignore", include_str!("new/templates/gitignore.txt")),
];
const JAVASCRIPT: &[TemplateFile] = &[
    ("{{name}}.js", include_str!("new/templates/javascript/job.js.txt")),
    ("{{name}}.suite.toml", include_str!("new/templates/javascript/suite.toml.txt")),
    ("README.md", include_str!("new/templates/javascript/README.md")),
    (".gitignore", include_str!("new/templates/gitignore.txt")),
];
const C: &[TemplateFile] = &[
    ("{{name}}.c", include_str!("new/templates/c/job.c.txt")),
    ("ampule.h", include_str!("new/templates/c/ampule.h.txt")),
    ("{{name}}.kwargs.json", include_str!("new/templates/c/kwargs.json.txt")),
    ("{{name}}.suite.toml", include_str!("new/templates/c/suite.toml.txt")),
    ("README.md", include_str!("new/templates/c/README.md")),
    (".gitignore", include_str!("new/templates/gitignore.txt")),
];

/// Writes the directory and says what to do in it.
pub(crate) fn run(args: &NewArgs) -> Result<ExitCode, Fault> {
    let (parent, name) = place(&args.name)?;
    let files = match args.lang {
        JobLanguage::Rust => RUST,
        JobLanguage::Python => PYTHON,
        JobLanguage::Javascript => JAVASCRIPT,
        JobLanguage::C => C,
    };
    if args.sdk_path.is_some() && args.lang != JobLanguage::Rust {
        return Err(Fault::Usage(
            "`--sdk-path` is for jobs in Rust: no other language depends on `ampule-guest`".into(),
        ));
    }
    let blanks = Blanks { name: &name, dependency: dependency(args.sdk_path.as_deref())? };
    write_all(&parent, &name, files, &blanks)?;
    let directory = &args.name;
    report::print(&match args.lang {
        JobLanguage::Python | JobLanguage::Javascript => format!(
            "wrote a job in {}\n  cd {directory}\n  ampule test .                runs its suite\n  \
             ampule dev .                 runs it again whenever a file changes\n",
            args.lang.as_str()
        ),
        JobLanguage::Rust | JobLanguage::C => format!(
            "wrote a job in {}\n  cd {directory}\n  ampule build .               builds {name}.wasm\n  \
             ampule test .                runs its suite\n  \
             ampule dev .                 does both whenever a file changes\n",
            args.lang.as_str()
        ),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The directory in which the job's own is to lie, and the job's name.
fn place(asked: &str) -> Result<(PathBuf, String), Fault> {
    let path = Path::new(asked);
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if let Some(why) = why_not(name) {
        let message =
            format!("expected a name of a-z, 0-9 and `_`, a letter first, at most {NAME_BYTES}, found {name:?}: {why}");
        return Err(Fault::Usage(message));
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    Ok((parent, name.to_owned()))
}

/// Why a name cannot be one in each language and in a catalog.
fn why_not(name: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() {
        return Some("there is none".to_owned());
    }
    if name.len() > NAME_BYTES {
        return Some(format!("it has {}", name.len()));
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Some("it begins with something else".to_owned());
    }
    if let Some(other) = name.chars().find(|c| !is_plain(*c)) {
        let instead: String = name.to_ascii_lowercase().chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
        let hint = if instead.contains(|c: char| c.is_ascii_lowercase()) {
            format!(", try `{instead}`")
        } else {
            String::new()
        };
        return Some(format!("it has {other:?}{hint}"));
    }
    KEPT_NAMES.split(' ').any(|kept| kept == name).then(|| "it is a word of the language".to_owned())
}

/// The line by which a crate depends on the SDK.
fn dependency(sdk_path: Option<&Path>) -> Result<String, Fault> {
    let Some(path) = sdk_path else { return Ok(format!("ampule-guest = {:?}", sdk_version())) };
    let absent =
        |found: &str| Fault::Usage(format!("--sdk-path: expected the crate `ampule-guest` in {path:?}, {found}"));
    let absolute = path.canonicalize().map_err(|error| absent(&format!("found: {error}")))?;
    let manifest = fs::read_to_string(absolute.join("Cargo.toml")).map_err(|_| absent("found no Cargo.toml there"))?;
    if !manifest.contains("name = \"ampule-guest\"") {
        return Err(absent("found another crate"));
    }
    let text = absolute.to_str().ok_or_else(|| absent("found a path that is not UTF-8"))?;
    Ok(format!("ampule-guest = {{ path = {text:?} }}"))
}

/// The SDK of the same release series: `0.1` of `0.1.7`.
fn sdk_version() -> &'static str {
    let version = env!("CARGO_PKG_VERSION");
    version.rsplit_once('.').map_or(version, |(series, _)| series)
}

/// What is put in place of `{{name}}` and `{{dependency}}`.
struct Blanks<'a> {
    name: &'a str,
    dependency: String,
}

impl Blanks<'_> {
    fn fill(&self, text: &str) -> String {
        text.replace("{{name}}", self.name).replace("{{dependency}}", &self.dependency)
    }
}

/// Fills a directory beside the wanted one and renames it, which fails if something is there.
fn write_all(parent: &Path, name: &str, files: &[TemplateFile], blanks: &Blanks<'_>) -> Result<(), Fault> {
    let wanted = parent.join(name);
    // A link that leads nowhere is something too.
    if wanted.symlink_metadata().is_ok() {
        return Err(Fault::Usage(format!("expected nothing at {wanted:?}, found something: choose another name")));
    }
    let written = || -> io::Result<()> {
        let partial = tempfile::Builder::new().prefix(".ampule-new-").tempdir_in(parent)?;
        for (path, text) in files {
            let path = partial.path().join(blanks.fill(path));
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(path, blanks.fill(text))?;
        }
        open_to_others(partial.path())?;
        fs::rename(partial.path(), &wanted)
    };
    written().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Fault::Usage(format!("expected a directory at {parent:?}, found nothing")),
        io::ErrorKind::NotADirectory => Fault::Usage(format!("expected a directory at {parent:?}, found a file")),
        _ => anyhow::Error::new(error).context(wanted.display().to_string()).into(),
    })
}

/// A temporary directory is its owner's alone; one that a person asked for is as its parent.
fn open_to_others(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let parent = directory.parent().map_or_else(|| fs::metadata("."), fs::metadata)?;
    let mode = (parent.permissions().mode() & 0o777) | 0o700;
    fs::set_permissions(directory, fs::Permissions::from_mode(mode & 0o755))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_every_language_and_a_catalog() {
        for name in ["a", "word_count", "sha256"] {
            assert_eq!(why_not(name), None, "{name}");
        }
        for name in ["", "1st", "_x", "Ada", "a-b", "a b", "..", "ä", "fn", "self", "test", &"a".repeat(65)] {
            assert!(why_not(name).is_some(), "{name}");
        }
        assert!(why_not("word-count").expect("a dash").contains("`word_count`"));
    }

    #[test]
    fn the_last_part_of_a_path_is_the_name() {
        assert_eq!(place("jobs/adder").expect("a place"), ("jobs".into(), "adder".to_owned()));
        assert_eq!(place("adder").expect("a place"), (".".into(), "adder".to_owned()));
        assert!(place("..").is_err() && place("/").is_err());
    }

    #[test]
    fn the_sdk_is_of_the_same_series() {
        assert_eq!(sdk_version().matches('.').count(), 1);
        assert!(env!("CARGO_PKG_VERSION").starts_with(sdk_version()));
    }

    #[test]
    fn every_template_is_filled_and_its_readme_is_short() {
        let blanks = Blanks { name: "x", dependency: String::new() };
        for (path, text) in [RUST, PYTHON, JAVASCRIPT, C].concat() {
            assert!(!blanks.fill(path).contains("{{") && !blanks.fill(text).contains("{{"), "{path}");
            assert!(path != "README.md" || text.lines().count() == 10, "{path}: {}", text.lines().count());
        }
    }
}
