//! What is said of servers and workers, in the order in which it counts: the file, then variables, then flags.

use super::Config;
use super::fields::FIELDS;
use super::given::{Given, Place, Said};
use super::layers::{self, Effective, Wrong};
use super::service::Service;
use super::{file, kinds};
use crate::args::{ConfigFileArgs, ServeArgs, ServiceArgs};
use crate::exit::Fault;

/// Variables that are no keys of the configuration and begin as some of them do.
const OTHERS: [&str; 7] = [
    "AMPULE_CATALOG",
    "AMPULE_CONFIG",
    "AMPULE_INTERPRETERS",
    "AMPULE_SERVER",
    "AMPULE_TOKEN",
    "AMPULE_CA_FILE",
    "AMPULE_CACHE",
];

/// How alike a variable must be to a key outside of tables, from 0 to 1, to be taken for a slip of it: whoever has
/// variables for something else keeps them.
const NEARLY: f64 = 0.9;

impl Config {
    /// Puts together all that was said.
    pub(super) fn effective(&self, args: &ConfigFileArgs, flags: Vec<Said>) -> Result<Effective, Fault> {
        let mut wrong = Vec::new();
        let file = args.config.as_deref().or(self.file.as_deref());
        let mut said = file.map_or_else(Vec::new, |file| file::read(file, &mut wrong));
        said.extend(self.variables(&mut wrong));
        said.extend(of_file_args(args, &mut wrong));
        said.extend(flags);
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let effective = layers::merge(Service::new(self.cache.clone(), processors), said, &mut wrong);
        match wrong.as_slice() {
            [] => Ok(effective),
            [one] => Err(Fault::Usage(one.to_string())),
            many => {
                let lines: Vec<String> = many.iter().map(|wrong| format!("\n  {wrong}")).collect();
                Err(Fault::Usage(format!("the configuration has {} faults{}", many.len(), lines.concat())))
            }
        }
    }

    /// The variables that are keys, and those that were meant to be one.
    fn variables(&self, wrong: &mut Vec<Wrong>) -> Vec<Said> {
        let mut said = Vec::new();
        for (name, value) in &self.ours {
            let place = Place::Variable(name.clone());
            if let Some(field) = FIELDS.iter().find(|field| variable(field.key) == *name) {
                said.push(Said { key: field.key.to_owned(), value: Given::Text(value.clone()), place });
            } else if !OTHERS.contains(&name.as_str()) && is_meant(name) {
                let key = name.trim_start_matches("AMPULE_").to_lowercase().replacen('_', ".", 1);
                wrong.push(Wrong::at(place, format!("there is no key `{key}`{}", layers::offer(&key))));
            }
        }
        said
    }
}

/// Whether a variable's name begins with the name of a table, or is nearly that of a key outside of tables.
fn is_meant(name: &str) -> bool {
    let own = |name: &str| name.trim_start_matches("AMPULE_").to_owned();
    let is_like = |key: &str| strsim::jaro_winkler(&own(name), &own(&variable(key))) >= NEARLY;
    FIELDS.iter().any(|field| match field.key.split_once('.') {
        Some((table, _)) => name.starts_with(&format!("{}_", variable(table))),
        None => is_like(field.key),
    })
}

/// `AMPULE_SERVER_LISTEN` for `server.listen`.
pub(super) fn variable(key: &str) -> String {
    format!("AMPULE_{}", key.replace('.', "_").to_uppercase())
}

/// The flags of a server.
pub(super) fn of_server(args: &ServeArgs) -> Vec<Said> {
    let mut flags = Flags(of_service(&args.service));
    flags.text("--listen", "server.listen", args.listen.as_deref());
    flags.given("--no-work", "worker.enabled", args.no_work.then_some(Given::Bool(false)));
    flags.0
}

/// The flags that servers and workers have in common.
pub(super) fn of_service(args: &ServiceArgs) -> Vec<Said> {
    let mut flags = Flags(Vec::new());
    let list = |texts: &Vec<String>| (!texts.is_empty()).then(|| Given::List(texts.clone()));
    flags.text("--queue", "queue", args.url.queue.as_deref());
    flags.text("--slots", "worker.slots", args.slots.as_deref());
    flags.given("--only", "worker.only", list(&args.only));
    flags.text("--grace", "grace", args.grace.as_deref());
    flags.text("--lease", "worker.lease", args.lease.as_deref());
    flags.text("--keep-completed", "worker.keep_completed", args.keep_completed.as_deref());
    flags.text("--keep-completed", "worker.keep_cancelled", args.keep_completed.as_deref());
    flags.text("--keep-failed", "worker.keep_failed", args.keep_failed.as_deref());
    flags.given("--allow-dir", "runner.allow_dir", list(&args.allow_dir));
    flags.given("--allow-write", "runner.allow_write", args.allow_write.then_some(Given::Bool(true)));
    let cache = args.cache.cache.as_ref().map(|path| path.to_string_lossy().into_owned());
    flags.text("--cache", "cache", cache.as_deref());
    flags.text("--no-cache", "cache", args.cache.no_cache.then_some(kinds::NONE));
    flags.0
}

/// The flags about the configuration itself.
fn of_file_args(args: &ConfigFileArgs, wrong: &mut Vec<Wrong>) -> Vec<Said> {
    let mut flags = Flags(Vec::new());
    for pair in &args.set {
        match pair.split_once('=') {
            Some((key, value)) => flags.text("--set", key.trim(), Some(value.trim())),
            None => {
                let message = format!("expected a key, `=` and a value, such as `worker.slots=8`, found {pair:?}");
                wrong.push(Wrong::at(Place::Flag("--set".to_owned()), message));
            }
        }
    }
    flags.text("--log-format", "log.format", args.log_format.as_deref());
    flags.text("--json-log", "log.format", args.json_log.then_some("json"));
    flags.0
}

struct Flags(Vec<Said>);

impl Flags {
    fn text(&mut self, flag: &str, key: &str, text: Option<&str>) {
        self.given(flag, key, text.map(|text| Given::Text(text.to_owned())));
    }

    fn given(&mut self, flag: &str, key: &str, value: Option<Given>) {
        let Some(value) = value else { return };
        self.0.push(Said { key: key.to_owned(), value, place: Place::Flag(flag.to_owned()) });
    }
}
