//! The command as a shell sees it: the real binary, with a cache and an environment of its own.

#[path = "shared/interpreters.rs"]
mod interpreters;

// Always true here; it tells clippy that helpers are tests too.
#[cfg(test)]
mod command {
    mod arguments;
    mod build;
    mod dev;
    mod documents;
    mod eval;
    mod http;
    mod inspect;
    mod new;
    mod queue;
    mod remote;
    mod reports;
    mod serve;
    mod shell;
    mod signals;
    mod suites;
    mod typed;
}
