//! Directories of the host that a job asks for.

use std::fmt;
use std::path::Path;

use crate::grants::{Access, Directory};

/// The parts of `HOST[::GUEST][:rw|:ro]`. Looks at no file.
///
/// # Errors
/// What was expected and what was found, for a guest path that is empty or goes on after it.
pub fn directory_parts(text: &str) -> Result<(&str, Option<&str>, Access), String> {
    let (paths, access) = match text.rsplit_once(':') {
        Some((paths, "rw")) => (paths, Access::ReadWrite),
        Some((paths, "ro")) => (paths, Access::ReadOnly),
        _ => (text, Access::ReadOnly),
    };
    match paths.split_once("::") {
        Some((_, guest)) if guest.is_empty() || guest.contains(':') => {
            Err(format!("expected a guest path after `::`, then nothing, `:rw` or `:ro`, found {guest:?}"))
        }
        Some((host, guest)) => Ok((host, Some(guest), access)),
        None => Ok((paths, None, access)),
    }
}

/// A directory of another machine: its path is whole, and nobody looks whether it is there.
pub(super) fn read(text: &str) -> Result<Directory, String> {
    let (host, guest, access) = directory_parts(text)?;
    let host = Path::new(host);
    if !host.is_absolute() {
        return Err(format!("expected a directory by its absolute path, such as `/srv/data::/data`, found {text:?}"));
    }
    let guest = match (guest, host.file_name()) {
        (Some(guest), _) => guest.to_owned(),
        (None, Some(name)) => format!("/{}", name.to_string_lossy()),
        (None, None) => "/".to_owned(),
    };
    Ok(Directory { host: host.to_owned(), guest, access })
}

pub(super) fn write(directory: &Directory, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let access = if directory.access == Access::ReadWrite { ":rw" } else { "" };
    write!(f, "{}::{}{access}", directory.host.display(), directory.guest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_read_only_and_named_after_itself_unless_said() {
        let open = |host: &str, guest: &str, access| Ok(Directory { host: host.into(), guest: guest.into(), access });
        assert_eq!(read("/srv/data"), open("/srv/data", "/data", Access::ReadOnly));
        assert_eq!(read("/srv/data:rw"), open("/srv/data", "/data", Access::ReadWrite));
        assert_eq!(read("/srv::/data:ro"), open("/srv", "/data", Access::ReadOnly));
        assert_eq!(read("/"), open("/", "/", Access::ReadOnly));
    }

    #[test]
    fn a_path_that_depends_on_where_one_stands_is_refused() {
        for text in ["", "data", "./data::/data", "../x:rw", "::/data"] {
            assert!(read(text).expect_err(text).contains("absolute path"), "{text}");
        }
        for text in ["/srv::", "/srv::/data:x"] {
            assert!(read(text).expect_err(text).contains("guest path"), "{text}");
        }
    }
}
