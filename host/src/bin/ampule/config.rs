//! Where the command keeps and finds things, and how servers and workers are set up: the only place that reads the
//! environment.
//!
//! A file for each step: `said.rs` gathers what flags, variables and the file say, `layers.rs` puts it together by the
//! keys of `fields.rs`, `show.rs` prints what came of it. Whether colours are wanted (NO_COLOR and its kin) is anstream's to read.

#[cfg(test)]
mod example;
mod fields;
mod file;
mod given;
mod kinds;
mod layers;
mod remote;
mod said;
mod service;
mod show;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use self::remote::Remote;
pub(crate) use self::service::{Log, LogFormat, Service};
use crate::args::{CacheArgs, ConfigArgs, ServeArgs, ServiceArgs, UrlArgs};
use crate::exit::Fault;
use crate::report;

/// What arguments may override.
#[derive(Default, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Config {
    catalogs: Vec<PathBuf>,
    cache: Option<PathBuf>,
    interpreters: Option<PathBuf>,
    /// A URL, which may hold a password.
    queue: Option<String>,
    /// The server that is asked in place of a queue and a runner here.
    remote: Remote,
    /// The file that sets up servers and workers.
    file: Option<PathBuf>,
    /// Every variable whose name begins with `AMPULE_`. Among them may be secrets.
    ours: BTreeMap<String, String>,
}

/// The queue where none is said.
const DEFAULT_QUEUE: &str = "sqlite:ampule.db";

impl Config {
    pub(crate) fn from_environment() -> Self {
        Config::read(std::env::vars_os().collect())
    }

    /// How a server is set up.
    ///
    /// # Errors
    /// [`Fault::Usage`] that tells of all that is wrong.
    pub(crate) fn server(&self, args: &ServeArgs) -> Result<Service, Fault> {
        Ok(self.effective(&args.service.config, said::of_server(args))?.service)
    }

    /// How a worker is set up.
    ///
    /// # Errors
    /// As [`Config::server`], and if no queue is named where the environment names a server.
    pub(crate) fn worker(&self, args: &ServiceArgs) -> Result<Service, Fault> {
        let effective = self.effective(&args.config, said::of_service(args))?;
        self.refuse_default_queue("work", effective.places.contains_key("queue"))?;
        Ok(effective.service)
    }

    /// Prints how a server would be set up.
    ///
    /// # Errors
    /// As [`Config::server`].
    pub(crate) fn print(&self, args: &ConfigArgs) -> Result<ExitCode, Fault> {
        show::print(&self.effective(&args.file, Vec::new())?, args.json)?;
        if self.server_of_environment().is_some() {
            let note = "$AMPULE_SERVER is set: clients use it, servers and workers do not";
            report::note(&mut anstream::stderr().lock(), note);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// An empty variable counts as none, and a relative XDG directory too, as its specification says.
    fn read(variables: BTreeMap<OsString, OsString>) -> Self {
        let set = |name: &str| variables.get(std::ffi::OsStr::new(name)).filter(|value| !value.is_empty()).cloned();
        let home = |xdg: &str, below: &str| {
            let xdg = set(xdg).map(PathBuf::from).filter(|path| path.is_absolute());
            let base = xdg.or_else(|| set("HOME").map(|home| PathBuf::from(home).join(below)));
            base.map(|base| base.join("ampule"))
        };
        let catalogs = match set("AMPULE_CATALOG") {
            Some(list) => std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect(),
            None => home("XDG_DATA_HOME", ".local/share").map(|data| data.join("catalog")).into_iter().collect(),
        };
        let cache = set("AMPULE_CACHE").map(PathBuf::from).or_else(|| home("XDG_CACHE_HOME", ".cache"));
        let interpreters = set("AMPULE_INTERPRETERS")
            .map(PathBuf::from)
            .or_else(|| home("XDG_DATA_HOME", ".local/share").map(|data| data.join("interpreters")));
        let queue = set("AMPULE_QUEUE").map(|url| url.to_string_lossy().into_owned());
        let remote = Remote::read(|name| set(name).map(|value| value.to_string_lossy().into_owned()));
        let ours = variables.iter().filter(|(_, value)| !value.is_empty()).filter_map(|(name, value)| {
            let name = name.to_str().filter(|name| name.starts_with("AMPULE_"))?;
            Some((name.to_owned(), value.to_string_lossy().into_owned()))
        });
        Config {
            catalogs,
            cache,
            interpreters,
            queue,
            remote,
            file: set("AMPULE_CONFIG").map(PathBuf::from),
            ours: ours.collect(),
        }
    }

    /// Where names are looked up: what was asked for, or what the environment says.
    pub(crate) fn catalogs<'a>(&'a self, asked: &'a [PathBuf]) -> &'a [PathBuf] {
        if asked.is_empty() { &self.catalogs } else { asked }
    }

    /// Where compiled programs are kept, if anywhere.
    pub(crate) fn cache(&self, args: &CacheArgs) -> Option<PathBuf> {
        let kept = args.cache.clone().or_else(|| self.cache.clone());
        kept.filter(|_| !args.no_cache)
    }

    /// The URL of the queue: what was asked for, or what the environment says.
    pub(crate) fn queue<'a>(&'a self, args: &'a UrlArgs) -> &'a str {
        args.queue.as_deref().or(self.queue.as_deref()).unwrap_or(DEFAULT_QUEUE)
    }

    /// Whether a queue is named: by what was asked for, or by the environment.
    pub(crate) fn names_queue(&self, args: &UrlArgs) -> bool {
        args.queue.is_some() || self.queue.is_some()
    }

    /// Where interpreters are that an operator added or switched off, if anywhere.
    pub(crate) fn interpreters(&self) -> Option<&Path> {
        self.interpreters.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Config {
        Config::read(variables.iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    #[test]
    fn without_anything_set_nothing_is_kept() {
        assert_eq!(read(&[]), Config::default());
    }

    #[test]
    fn home_is_enough_and_xdg_goes_before_it() {
        let home = read(&[("HOME", "/h"), ("XDG_CACHE_HOME", "relative"), ("AMPULE_CACHE", "")]);
        assert_eq!(home.cache, Some("/h/.cache/ampule".into()));
        assert_eq!(home.catalogs, [PathBuf::from("/h/.local/share/ampule/catalog")]);
        let xdg = read(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/c"), ("XDG_DATA_HOME", "/d")]);
        assert_eq!((xdg.cache, xdg.catalogs), (Some("/c/ampule".into()), vec!["/d/ampule/catalog".into()]));
    }

    #[test]
    fn our_own_variables_go_before_all_and_catalogs_are_a_list() {
        let own = read(&[("HOME", "/h"), ("AMPULE_CACHE", "x"), ("AMPULE_CATALOG", "/a::/b")]);
        assert_eq!((own.cache, own.catalogs), (Some("x".into()), vec!["/a".into(), "/b".into()]));
        let data = read(&[("HOME", "/h"), ("AMPULE_INTERPRETERS", "/i")]);
        assert_eq!(data.interpreters(), Some(Path::new("/i")));
    }

    #[test]
    fn a_queue_that_is_asked_for_goes_before_the_environment_and_that_before_the_file_here() {
        let (said, none) = (UrlArgs { queue: Some("sqlite:said.db".to_owned()) }, UrlArgs::default());
        let config = read(&[("AMPULE_QUEUE", "sqlite:set.db")]);
        assert_eq!((config.queue(&said), config.queue(&none)), ("sqlite:said.db", "sqlite:set.db"));
        assert_eq!(read(&[("AMPULE_QUEUE", "")]).queue(&none), DEFAULT_QUEUE);
    }
}
