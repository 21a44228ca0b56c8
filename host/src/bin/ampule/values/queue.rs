//! Values that only the command reads: limits that may be none, directories.

use std::path::{Path, PathBuf};

/// A limit that may be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit(pub(crate) Option<u32>);

/// A number above 0, or `none`.
pub(crate) fn limit(text: &str) -> Result<Limit, String> {
    if text == "none" {
        return Ok(Limit(None));
    }
    let limit = text.parse().ok().filter(|limit| *limit > 0);
    limit.map(|limit| Limit(Some(limit))).ok_or_else(|| {
        format!("expected a number above 0, or `none`, found {text:?}; `ampule queues pause` lets none run")
    })
}

/// A directory that is there, by its own path.
pub(crate) fn real_directory(text: &str) -> Result<PathBuf, String> {
    match Path::new(text).canonicalize() {
        Ok(path) if path.is_dir() => Ok(path),
        Ok(_) => Err(format!("expected a directory at {text:?}, found something else")),
        Err(error) => Err(format!("expected a directory at {text:?}, found: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_numbers_or_none() {
        assert_eq!((limit("none"), limit("3")), (Ok(Limit(None)), Ok(Limit(Some(3)))));
        assert!(limit("0").is_err() && limit("-1").is_err() && limit("").is_err());
    }
}
