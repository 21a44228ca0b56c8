//! Compiled programs on disk, so that a program is compiled once for a machine.
//!
//! A `.cwasm` file is native code: it is used only from a directory that nobody else can enter, and only if it carries
//! the code that our own key gives it for exactly this program and engine. Anything else is a miss.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::error::Error;
use crate::job::Digest;

/// The authentication code's size, at the front of each file.
const CODE_BYTES: usize = 32;

/// The size of what is known about the program, between the code and that.
const LENGTH_BYTES: usize = 8;

/// What the directory may hold together; the files used longest ago go first.
const CACHE_BYTES: u64 = 4 << 30;

/// A directory of compiled programs.
#[derive(Debug)]
pub(crate) struct Cache {
    directory: PathBuf,
    key: [u8; 32],
}

/// A compiled program, and what was known about it when it was compiled.
pub(crate) struct Cached {
    bytes: Vec<u8>,
    compiled_at: usize,
}

impl Cached {
    fn split(bytes: Vec<u8>) -> Option<Self> {
        let length: [u8; LENGTH_BYTES] = bytes.get(CODE_BYTES..CODE_BYTES + LENGTH_BYTES)?.try_into().ok()?;
        let about_bytes = usize::try_from(u64::from_le_bytes(length)).ok()?;
        let compiled_at = about_bytes.checked_add(CODE_BYTES + LENGTH_BYTES).filter(|at| *at <= bytes.len())?;
        Some(Cached { bytes, compiled_at })
    }

    pub(crate) fn about(&self) -> &[u8] {
        &self.bytes[CODE_BYTES + LENGTH_BYTES..self.compiled_at]
    }

    pub(crate) fn compiled(&self) -> &[u8] {
        &self.bytes[self.compiled_at..]
    }
}

impl Cache {
    /// Opens the directory, or makes it.
    ///
    /// # Errors
    /// [`Error::Cache`] if it is not ours alone: another owner, or open to group or others.
    pub(crate) fn open(directory: &Path) -> Result<Self, Error> {
        let fault = |message: String| Error::Cache { path: directory.to_owned(), message };
        let failed = |error: io::Error| fault(error.to_string());
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
        let metadata = fs::metadata(directory).map_err(failed)?;
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(fault(format!("expected mode 0700, found {mode:04o}: it holds native code; `chmod 700` it")));
        }
        let (key, our_uid) = key_in(directory).map_err(failed)?;
        if metadata.uid() != our_uid {
            return Err(fault(format!("expected to own it as user {our_uid}, found user {}", metadata.uid())));
        }
        Ok(Cache { directory: directory.to_owned(), key })
    }

    /// Whether there is a file for the program; whether it is ours is seen when it is loaded.
    pub(crate) fn has(&self, digest: &Digest, engine: u64) -> bool {
        self.path(digest, engine).exists()
    }

    /// The compiled program, if it is here and is what we wrote.
    pub(crate) fn load(&self, digest: &Digest, engine: u64) -> Option<Cached> {
        let path = self.path(digest, engine);
        let mut file = File::open(&path).ok()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        let authentic = bytes.split_at_checked(CODE_BYTES).is_some_and(|(code, rest)| {
            // Compares in constant time.
            self.code(digest, engine, &[rest]).verify_slice(code).is_ok()
        });
        let Some(cached) = authentic.then(|| Cached::split(bytes)).flatten() else {
            tracing::warn!(path = %path.display(), "a cached program is not what was written; it is compiled again");
            let _ = fs::remove_file(&path);
            return None;
        };
        // The time of use, for `prune`; a file that cannot be touched is merely pruned earlier.
        let _ = file.set_modified(SystemTime::now());
        Some(cached)
    }

    /// Keeps a compiled program and what is known `about` it. A full disk costs the next start its time, and nothing
    /// else.
    pub(crate) fn store(&self, digest: &Digest, engine: u64, about: &[u8], compiled: &[u8]) {
        let about_bytes = (about.len() as u64).to_le_bytes();
        let code = self.code(digest, engine, &[&about_bytes, about, compiled]).finalize().into_bytes();
        let path = self.path(digest, engine);
        let written = write_whole(&self.directory, &[&code[..], &about_bytes, about, compiled])
            .and_then(|temporary| temporary.rename_to(&path));
        if let Err(error) = written.and_then(|()| self.prune()) {
            tracing::warn!(path = %path.display(), %error, "a compiled program could not be kept");
        }
    }

    fn path(&self, digest: &Digest, engine: u64) -> PathBuf {
        self.directory.join(format!("{}-{engine:016x}.cwasm", digest.to_hex()))
    }

    fn code(&self, digest: &Digest, engine: u64, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut code = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        code.update(digest.to_string().as_bytes());
        code.update(&engine.to_le_bytes());
        parts.iter().for_each(|part| code.update(part));
        code
    }

    fn prune(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|extension| extension == "cwasm") {
                let metadata = entry.metadata()?;
                files.push((metadata.modified()?, metadata.len(), entry.path()));
            }
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in files {
            if total <= CACHE_BYTES {
                break;
            }
            fs::remove_file(path)?;
            total -= size;
        }
        Ok(())
    }
}

/// The directory's key, made on first use, and its owner, who is us: the file is readable to nobody else.
fn key_in(directory: &Path) -> io::Result<([u8; 32], u32)> {
    let path = directory.join("key");
    let mut file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_key(directory, &path)?;
            File::open(&path)?
        }
        opened => opened?,
    };
    let mut kept = Vec::new();
    file.read_to_end(&mut kept)?;
    let found = || io::Error::other(format!("expected a key of 32 bytes, found {}; delete the file `key`", kept.len()));
    Ok((kept.as_slice().try_into().map_err(|_| found())?, file.metadata()?.uid()))
}

fn make_key(directory: &Path, path: &Path) -> io::Result<()> {
    let mut fresh = [0; 32];
    getrandom::fill(&mut fresh).map_err(io::Error::other)?;
    let temporary = write_whole(directory, &[&fresh])?;
    // A link, unlike a rename, never replaces the key of a process that was faster.
    match fs::hard_link(&temporary.0, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// A file that is deleted unless it is renamed.
struct Temporary(PathBuf);

impl Temporary {
    fn rename_to(self, path: &Path) -> io::Result<()> {
        fs::rename(&self.0, path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Gone already if it was renamed.
        let _ = fs::remove_file(&self.0);
    }
}

fn write_whole(directory: &Path, parts: &[&[u8]]) -> io::Result<Temporary> {
    let temporary = Temporary(directory.join(format!(".{}.part", uuid::Uuid::now_v7())));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary.0)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()?;
    Ok(temporary)
}
