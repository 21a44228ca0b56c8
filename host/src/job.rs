//! What to run: plain data that can be stored and sent. Closures travel beside a job (see `call.rs`), and the
//! program itself lies in the runner's catalog.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de};
use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::grants::Grants;
use crate::kwargs::Kwargs;
use crate::limits::LimitOverrides;

/// A run's name: a UUID of version 7, so ids sort by time and are never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct JobId(uuid::Uuid);

impl JobId {
    /// Where the part of an id begins that is random: before it are the time and a counter.
    const MARK_FROM: usize = 8;

    pub(crate) fn fresh() -> Self {
        JobId(uuid::Uuid::now_v7())
    }

    /// The part that is neither time nor counter: random, unless whoever made the id says something with it.
    #[must_use]
    pub fn mark(self) -> [u8; 8] {
        let mut mark = [0; 8];
        mark.copy_from_slice(&self.to_bytes()[Self::MARK_FROM..]);
        mark
    }

    /// The id of this time with another mark, but for the two bits that every UUID of this kind has there.
    #[cfg(feature = "server")]
    pub(crate) fn marked(self, mut mark: [u8; 8]) -> Self {
        mark[0] = 0x80 | (mark[0] & 0x3f);
        let mut bytes = self.to_bytes();
        bytes[Self::MARK_FROM..].copy_from_slice(&mark);
        JobId::from_bytes(bytes)
    }

    /// The sixteen bytes of the UUID, in the order in which they are written and sort.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// The id with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        JobId(uuid::Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for JobId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = |_| format!("expected a job id (a UUID), found {text:?}");
        text.parse().map(JobId).map_err(found)
    }
}

impl<'de> Deserialize<'de> for JobId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The SHA-256 of a program's bytes: its name everywhere.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Digest(Sha256::digest(bytes).into())
    }

    /// The thirty-two bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// The digest with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Digest(bytes)
    }

    /// Sixty-four hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        self.hex().iter().map(|digit| char::from(*digit)).collect()
    }
}

impl Digest {
    /// The digits as ASCII. Written for every job that is stored, so it allocates nothing.
    fn hex(&self) -> [u8; 64] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 64];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        hex
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = self.hex();
        f.write_str("sha256:")?;
        f.write_str(std::str::from_utf8(&hex).expect("digits are ASCII"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refusal = || format!("expected `sha256:` and 64 hexadecimal digits, found {text:?}");
        let hex = text.strip_prefix("sha256:").filter(|hex| hex.len() == 64 && hex.is_ascii()).ok_or_else(refusal)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| refusal())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| refusal())?;
        }
        Ok(Digest(bytes))
    }
}

/// Which program a job means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ProgramRef {
    /// The one with these bytes.
    Digest(Digest),
    /// The one that the catalog has under this name when the run starts.
    Name(String),
    /// The interpreter of this language. Written `language:` and the language.
    Language(String),
}

/// What a reference to a language begins with, as text.
const LANGUAGE_PREFIX: &str = "language:";

impl fmt::Display for ProgramRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProgramRef::Digest(digest) => digest.fmt(f),
            ProgramRef::Name(name) => name.fmt(f),
            ProgramRef::Language(language) => write!(f, "{LANGUAGE_PREFIX}{language}"),
        }
    }
}

impl From<Digest> for ProgramRef {
    fn from(digest: Digest) -> Self {
        ProgramRef::Digest(digest)
    }
}

impl From<&str> for ProgramRef {
    /// A text that reads `sha256:…` is a digest, one that begins with `language:` a language; any other is a name.
    fn from(text: &str) -> Self {
        if let Some(language) = text.strip_prefix(LANGUAGE_PREFIX) {
            return ProgramRef::Language(language.to_owned());
        }
        text.parse().map_or_else(|_| ProgramRef::Name(text.to_owned()), ProgramRef::Digest)
    }
}

impl Serialize for ProgramRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ProgramRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(ProgramRef::from(String::deserialize(deserializer)?.as_str()))
    }
}

/// What to run, with what, under which ceilings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Job {
    /// The program.
    pub program: ProgramRef,
    /// What the program, an interpreter, is to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// A name for people: in logs, in lists, in tracebacks of source strings. Empty by default.
    #[serde(default)]
    pub name: String,
    /// Its named arguments.
    #[serde(default)]
    pub kwargs: Kwargs,
    /// Its own ceilings; the rest are the runner's.
    #[serde(default)]
    pub limits: LimitOverrides,
    /// What it may touch.
    #[serde(default)]
    pub grants: Grants,
}

impl Job {
    /// A job of this program: a loaded [`Program`](crate::Program), its digest, or a name in the catalog.
    #[must_use]
    pub fn new(program: impl Into<ProgramRef>) -> Self {
        Job {
            program: program.into(),
            source: None,
            name: String::new(),
            kwargs: Kwargs::new(),
            limits: LimitOverrides::default(),
            grants: Grants::none(),
        }
    }

    /// A job of this source text, in a language for which the runner has an interpreter; the kwargs are its variables.
    ///
    /// ```
    /// use ampule::Job;
    /// let job = Job::source("python", "_return(testvar + 5)").kwarg("testvar", 3)?;
    /// # Ok::<(), ampule::Error>(())
    /// ```
    #[must_use]
    pub fn source(language: impl Into<String>, text: impl Into<String>) -> Self {
        Job { source: Some(text.into()), ..Job::new(ProgramRef::Language(language.into())) }
    }

    /// Names the job, for people.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Adds one named argument.
    ///
    /// # Errors
    /// As [`Kwargs::with`].
    pub fn kwarg(mut self, name: impl Into<String>, value: impl Serialize) -> Result<Self, Error> {
        self.kwargs.insert(name.into(), value)?;
        Ok(self)
    }

    /// Sets all named arguments.
    #[must_use]
    pub fn kwargs(mut self, kwargs: Kwargs) -> Self {
        self.kwargs = kwargs;
        self
    }

    /// Sets what it may touch.
    #[must_use]
    pub fn grants(mut self, grants: Grants) -> Self {
        self.grants = grants;
        self
    }

    /// Opens a directory for it, to look only; see [`Grants::directory`].
    #[must_use]
    pub fn directory(mut self, host: impl Into<PathBuf>, guest: impl Into<String>) -> Self {
        self.grants = self.grants.directory(host, guest);
        self
    }

    /// Sets its own ceilings.
    #[must_use]
    pub fn limits(mut self, limits: LimitOverrides) -> Self {
        self.limits = limits;
        self
    }

    /// Wall-clock time from the start of the run. Zero is refused when it is run.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = Some(timeout);
        self
    }

    /// A fuel budget.
    #[must_use]
    pub fn fuel(mut self, fuel: u64) -> Self {
        self.limits.fuel = Some(fuel);
        self
    }

    /// A ceiling on its linear memories together, in bytes.
    #[must_use]
    pub fn memory_bytes(mut self, memory_bytes: u64) -> Self {
        self.limits.memory_bytes = Some(memory_bytes);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_survives_json() {
        let job = Job::new("adder")
            .name("first")
            .kwarg("testvar", 3)
            .expect("a number")
            .timeout(Duration::from_secs(5))
            .grants(Grants::none().directory("data", "/data").deterministic(7));
        for job in [job, Job::source("python", "1 + 1")] {
            let json = serde_json::to_string(&job).expect("plain data");
            assert_eq!(serde_json::from_str::<Job>(&json).expect("what was written"), job);
        }
    }

    #[test]
    fn a_digest_reads_back_and_a_bad_one_is_a_name() {
        let digest = Digest::of(b"\0asm");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        let known = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_hex(), known, "of nothing, as FIPS 180 has it");
        assert_eq!(ProgramRef::from(digest.to_string().as_str()), ProgramRef::Digest(digest));
        assert_eq!(ProgramRef::from("sha256:zz"), ProgramRef::Name("sha256:zz".into()));
        assert_eq!(ProgramRef::from("language:python").to_string(), "language:python");
    }
}
