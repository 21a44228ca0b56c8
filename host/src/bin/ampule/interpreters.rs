//! `ampule interpreters`: which languages source strings may be in, and the operator's say in it.
//!
//! What an operator decides lies as files in one directory: `NAME.<digest>.wasm` is an interpreter that was added, and
//! takes the place of a carried one; `NAME.off` switches a language off. The digest stands in the file's name so that
//! an interpreter that is compiled already is not read at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ampule::{Digest, Error, Interpreter, LoadError, ProgramLimits, Readiness, Runner, World};
use serde_json::json;

use crate::args::{InterpretersAction, InterpretersArgs};
use crate::config::Config;
use crate::eval::notice;
use crate::exit::Fault;
use crate::printable::printable_line;
use crate::report;
use crate::run::Desk;

/// What switches a language off.
const OFF: &str = "off";

/// One language, as the files have it.
struct Entry {
    interpreter: Interpreter,
    /// Where it comes from: its file, or none for a carried one.
    file: Option<PathBuf>,
    is_off: bool,
}

/// Lists, or does what was asked.
pub(crate) async fn run(args: InterpretersArgs, config: &Config) -> Result<ExitCode, Fault> {
    match &args.action {
        None => list(&args, config)?,
        Some(InterpretersAction::Add { language, file }) => add(language, file, config)?,
        Some(InterpretersAction::Remove { language }) => remove(language, config)?,
        Some(InterpretersAction::Disable { language }) => disable(language, config)?,
        Some(InterpretersAction::Enable { language }) => enable(language, config)?,
        Some(InterpretersAction::Prepare { languages }) => prepare(languages, &args, config).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Gives a runner all interpreters that are switched on.
pub(crate) fn install(runner: &Runner, config: &Config) -> Result<(), Fault> {
    for entry in entries(config)?.into_values().filter(|entry| !entry.is_off) {
        runner.add_interpreter(entry.interpreter);
    }
    Ok(())
}

/// The languages that are switched on here.
pub(crate) fn known_languages(config: &Config) -> Result<BTreeSet<String>, Fault> {
    let on = entries(config)?.into_iter().filter(|(_, entry)| !entry.is_off);
    Ok(on.map(|(language, _)| language).collect())
}

fn list(args: &InterpretersArgs, config: &Config) -> Result<(), Fault> {
    let desk = Desk::open(&args.cache, config)?;
    let entries = entries(config)?;
    entries.values().for_each(|entry| desk.runner.add_interpreter(entry.interpreter.clone()));
    let mut rows = Vec::new();
    for language in desk.runner.languages() {
        let entry = &entries[&language.name];
        let about = entry.interpreter.about();
        let text = |key: &str| about.and_then(|about| about.get(key)?.as_str()).unwrap_or("").to_owned();
        let state = match language.readiness {
            _ if entry.is_off => "off",
            Readiness::Uncompiled => "not compiled",
            Readiness::Cached | Readiness::Loaded => "ready",
        };
        rows.push(json!({
            "language": language.name,
            "version": text("version"),
            "description": text("description"),
            "digest": language.digest.to_string(),
            "size_bytes": size_bytes(entry),
            "state": state,
            "file": entry.file.as_ref().map(|file| file.display().to_string()),
        }));
    }
    if args.json {
        return report::print_json(&rows.into());
    }
    let mut table = String::new();
    for row in &rows {
        let cell = |key: &str| printable_line(row[key].as_str().unwrap_or(""));
        let from = if row["file"].is_null() { "carried".to_owned() } else { cell("file") };
        let size = row["size_bytes"].as_u64().map_or_else(String::new, |bytes| format!("{:.1} MB", bytes as f64 / 1e6));
        let _ = writeln!(
            table,
            "{:<12} {:<10} {:>8}  {:<13} {}  {from}",
            cell("language"),
            cell("version"),
            size,
            cell("state"),
            &cell("digest")[..23],
        );
    }
    report::print(if rows.is_empty() {
        "no interpreters: this binary carries none, and none was added\n"
    } else {
        &table
    })
}

fn size_bytes(entry: &Entry) -> Option<u64> {
    let of_file = || fs::metadata(entry.file.as_ref()?).ok().map(|metadata| metadata.len());
    entry.interpreter.size_bytes().map(|bytes| bytes as u64).or_else(of_file)
}

fn add(language: &str, file: &Path, config: &Config) -> Result<(), Fault> {
    let directory = directory(config)?;
    let limit = ProgramLimits::default().wasm_bytes as u64;
    let missing = |error: io::Error| Fault::Usage(format!("expected a program at {file:?}, found: {error}"));
    let size = fs::metadata(file).map_err(missing)?.len();
    if size > limit {
        return Err(Fault::Usage(format!("expected a program of at most {limit} bytes at {file:?}, found {size}")));
    }
    let wasm = fs::read(file).map_err(missing)?;
    let runner = Runner::builder().guest_threads(1).pool_size(1).build()?;
    let (inspection, refusal) = runner.inspect(&wasm)?;
    if let Some(failure) = refusal {
        return Err(failure.into());
    }
    if !inspection.worlds().contains(&World::Interpreter) {
        return Err(Fault::Usage(format!(
            "expected an interpreter in {file:?} (world `{}`, or a module that imports `ampule.source_read`), \
             found a program that reads no source",
            World::Interpreter.as_str()
        )));
    }
    let path = directory.join(format!("{language}.{}.wasm", inspection.digest.to_hex()));
    let temporary = directory.join(format!(".{language}.{}.part", std::process::id()));
    let written = fs::write(&temporary, &wasm).and_then(|()| fs::rename(&temporary, &path));
    written.map_err(|error| failed(&path, error))?;
    for other in files_of(language, &directory)?.into_iter().filter(|other| *other != path) {
        fs::remove_file(&other).map_err(|error| failed(&other, error))?;
    }
    report::print(&format!("{language} is now {}\n", inspection.digest))
}

fn remove(language: &str, config: &Config) -> Result<(), Fault> {
    let files = files_of(language, &directory(config)?)?;
    if files.is_empty() {
        return Err(Fault::Usage(format!("expected a language whose interpreter was added, found {language:?}")));
    }
    for file in files {
        fs::remove_file(&file).map_err(|error| failed(&file, error))?;
    }
    Ok(())
}

fn disable(language: &str, config: &Config) -> Result<(), Fault> {
    known(language, config)?;
    let path = directory(config)?.join(format!("{language}.{OFF}"));
    fs::write(&path, "").map_err(|error| failed(&path, error))
}

fn enable(language: &str, config: &Config) -> Result<(), Fault> {
    known(language, config)?;
    let path = directory(config)?.join(format!("{language}.{OFF}"));
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&path, error)),
        _ => Ok(()),
    }
}

async fn prepare(languages: &[String], args: &InterpretersArgs, config: &Config) -> Result<(), Fault> {
    let mut desk = Desk::open(&args.cache, config)?;
    install(&desk.runner, config)?;
    let known = desk.runner.languages();
    for language in languages {
        self::known(language, config)?;
    }
    for language in known.iter().filter(|known| languages.is_empty() || languages.contains(&known.name)) {
        let runner = desk.runner.clone();
        desk.wait(runner.prepare(&language.name), notice(language), Some(language.digest)).await?;
    }
    Ok(())
}

fn known(language: &str, config: &Config) -> Result<(), Fault> {
    let entries = entries(config)?;
    if entries.contains_key(language) {
        return Ok(());
    }
    Err(Error::UnknownLanguage { language: language.to_owned(), known: entries.into_keys().collect() }.into())
}

fn entries(config: &Config) -> Result<BTreeMap<String, Entry>, Fault> {
    let carried = |interpreter: Interpreter| {
        (interpreter.language().to_owned(), Entry { interpreter, file: None, is_off: false })
    };
    let mut entries: BTreeMap<_, _> = Interpreter::carried().into_iter().map(carried).collect();
    let Some(directory) = config.interpreters() else { return Ok(entries) };
    let files = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(entries),
        files => files.map_err(|error| failed(directory, error))?,
    };
    let mut off = Vec::new();
    for file in files {
        let path = file.map_err(|error| failed(directory, error))?.path();
        match Named::of(&path) {
            Some(Named::Added { language, digest }) => {
                let interpreter = from_file(&language, digest, path.clone());
                entries.insert(language, Entry { interpreter, file: Some(path), is_off: false });
            }
            Some(Named::Off { language }) => off.push(language),
            None => {}
        }
    }
    for language in off {
        if let Some(entry) = entries.get_mut(&language) {
            entry.is_off = true;
        }
    }
    Ok(entries)
}

fn from_file(language: &str, digest: Digest, path: PathBuf) -> Interpreter {
    Interpreter::fetched(language, digest, move || {
        fs::read(&path).map_err(|error| Error::Io { path: path.clone(), error })
    })
}

/// What a file's name says.
enum Named {
    Added { language: String, digest: Digest },
    Off { language: String },
}

impl Named {
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let parts: Vec<&str> = name.split('.').collect();
        match parts.as_slice() {
            [language, digest, "wasm"] => {
                let digest = format!("sha256:{digest}").parse().ok()?;
                Some(Named::Added { language: (*language).to_owned(), digest })
            }
            [language, OFF] => Some(Named::Off { language: (*language).to_owned() }),
            _ => None,
        }
    }
}

fn files_of(language: &str, directory: &Path) -> Result<Vec<PathBuf>, Fault> {
    let mut files = Vec::new();
    for file in fs::read_dir(directory).map_err(|error| failed(directory, error))? {
        let path = file.map_err(|error| failed(directory, error))?.path();
        if matches!(Named::of(&path), Some(Named::Added { language: named, .. }) if named == language) {
            files.push(path);
        }
    }
    Ok(files)
}

fn directory(config: &Config) -> Result<PathBuf, Fault> {
    let directory = config.interpreters().ok_or_else(|| {
        Fault::Usage("expected a directory for interpreters, found none: set $AMPULE_INTERPRETERS or $HOME".to_owned())
    })?;
    fs::create_dir_all(directory).map_err(|error| failed(directory, error))?;
    Ok(directory.to_owned())
}

fn failed(path: &Path, error: io::Error) -> Fault {
    LoadError::Host(Error::Io { path: path.to_owned(), error }).into()
}
