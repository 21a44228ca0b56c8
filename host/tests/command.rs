//! The command as a shell sees it: the real binary, with a cache and an environment of its own.

// Always true here; it tells clippy that helpers are tests too.
#[cfg(test)]
mod command {
    mod arguments;
    mod documents;
    mod eval;
    mod inspect;
    mod reports;
    mod shell;
    mod signals;
}
