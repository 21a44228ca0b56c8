//! Single values of the command line, from text to types that cannot be wrong: times, sizes, directories, pairs.
//!
//! Each refusal says what was expected and what was found; clap puts the argument's name in front and exits with 2. What
//! the server reads too is the library's, in `ampule::wire`.

mod queue;

use std::fs;
use std::path::Path;

use ampule::Directory;
use ampule::wire::directory_parts;
pub(crate) use ampule::wire::{When, backoff, fuel, language, missed, moment, size, span, time as duration, when};

pub(crate) use self::queue::{Limit, limit, real_directory};

/// A named argument. Its value stays text until the program's schema is known.
pub(crate) fn kwarg(text: &str) -> Result<(String, String), String> {
    pair(text, "`-k count=3` or `-k name=Ada`")
}

/// An environment variable.
pub(crate) fn variable(text: &str) -> Result<(String, String), String> {
    pair(text, "`--env LANG=C`")
}

fn pair(text: &str, example: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("expected a name, `=` and a value, such as {example}, found {text:?}")),
    }
}

/// A granted directory: `HOST[::GUEST][:rw]`. It must be there.
pub(crate) fn directory(text: &str) -> Result<Directory, String> {
    let (host, guest, access) = directory_parts(text)?;
    let found = match fs::metadata(host) {
        Ok(metadata) if metadata.is_dir() => None,
        Ok(_) => Some("something else".to_owned()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(found) = found {
        let hint = if guest.is_none() && host.contains(':') { "; the guest path comes after `::`" } else { "" };
        return Err(format!("expected a directory at {host:?}, found: {found}{hint}"));
    }
    let guest = match guest {
        Some(guest) => guest.to_owned(),
        None => own_name(Path::new(host))?,
    };
    Ok(Directory { host: host.into(), guest, access })
}

/// `/` and the directory's own name, which `.` and `..` have too.
fn own_name(host: &Path) -> Result<String, String> {
    let real = host.canonicalize().map_err(|error| format!("{}: {error}", host.display()))?;
    match real.file_name().map(|name| name.to_str()) {
        None => Ok("/".to_owned()),
        Some(Some(name)) => Ok(format!("/{name}")),
        Some(None) => Err(format!("expected a name in UTF-8, found {real:?}; name the guest path after `::`")),
    }
}

#[cfg(test)]
mod tests {
    use ampule::Access;

    use super::*;

    #[test]
    fn a_pair_splits_at_the_first_sign() {
        assert_eq!(kwarg("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(kwarg("a="), Ok(("a".into(), String::new())));
        assert!(kwarg("a").expect_err("no sign").contains("`=`"));
        assert!(variable("=a").is_err());
    }

    #[test]
    fn a_directory_is_read_only_and_named_after_itself_unless_said() {
        let open = |host: &str, guest: &str, access| Ok(Directory { host: host.into(), guest: guest.into(), access });
        assert_eq!(directory("src"), open("src", "/src", Access::ReadOnly));
        assert_eq!(directory("src/bin/.."), open("src/bin/..", "/src", Access::ReadOnly));
        assert_eq!(directory("src:rw"), open("src", "/src", Access::ReadWrite));
        assert_eq!(directory("src::/data"), open("src", "/data", Access::ReadOnly));
        assert_eq!(directory("src::/data:ro"), open("src", "/data", Access::ReadOnly));
        assert_eq!(directory("src::/data:rw"), open("src", "/data", Access::ReadWrite));
        assert_eq!(directory("/"), open("/", "/", Access::ReadOnly));
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        for (text, found) in [
            ("absent", "\"absent\""),
            ("Cargo.toml", "something else"),
            ("src:/data", "comes after `::`"),
            ("src::", "guest path"),
            ("src::/data:x", "`:rw`"),
            ("", "\"\""),
        ] {
            let refusal = directory(text).expect_err(text);
            assert!(refusal.contains(found), "{refusal}");
        }
    }
}
