//! Where the command keeps and finds things: the only place that reads the environment.
//!
//! Whether colours are wanted (NO_COLOR and its kin) is anstream's to read.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::args::{CacheArgs, UrlArgs};

/// What arguments may override.
#[derive(Default, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Config {
    catalogs: Vec<PathBuf>,
    cache: Option<PathBuf>,
    interpreters: Option<PathBuf>,
    /// A URL, which may hold a password.
    queue: Option<String>,
}

/// The queue where none is said.
const DEFAULT_QUEUE: &str = "sqlite:ampule.db";

impl Config {
    pub(crate) fn from_environment() -> Self {
        Config::read(|name| std::env::var_os(name))
    }

    /// An empty variable counts as none, and a relative XDG directory too, as its specification says.
    fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
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
        Config { catalogs, cache, interpreters, queue }
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

    /// Where interpreters are that an operator added or switched off, if anywhere.
    pub(crate) fn interpreters(&self) -> Option<&Path> {
        self.interpreters.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Config {
        Config::read(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
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
