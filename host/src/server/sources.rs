//! Sources that jobs mean by name: entries of the queue, under the names of programs. A name is a source or a program.

use serde::{Deserialize, Serialize};

use super::problem::{Code, Problem, Result};
use crate::job::Digest;
use crate::queue::{Entry, EntryKey, Expected, Queue, Timestamp};

/// What named sources are among the entries of a queue.
const KIND: &str = "source";
/// Versions of one name that are kept, the one that it means now included.
const MAX_VERSIONS: usize = 10;
/// All of them together, as JSON: what an entry can hold, with room for its own fields.
const MAX_DOCUMENT_BYTES: usize = (4 << 20) - (64 << 10);
/// How often a change is tried again that met another one.
const TRIES: usize = 8;

/// A source as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NamedSource {
    pub(super) language: String,
    pub(super) source: String,
    pub(super) digest: Digest,
    pub(super) stored_at: Timestamp,
    /// What the name meant before, newest first.
    #[serde(default)]
    pub(super) versions: Vec<SourceVersion>,
}

/// One meaning that a name had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SourceVersion {
    pub(super) digest: Digest,
    pub(super) language: String,
    pub(super) stored_at: Timestamp,
    pub(super) source: String,
}

/// What a name means, if it is a source.
pub(super) async fn find(queue: &dyn Queue, name: &str) -> Result<Option<NamedSource>> {
    let entry = queue.entry(&EntryKey::new(KIND, name)).await?;
    entry.map(read).transpose()
}

/// The sources after a name, in order of name, as many as one list of entries has.
pub(super) async fn list(queue: &dyn Queue, after: &str) -> Result<Vec<(String, NamedSource)>> {
    let entries = queue.entries(KIND, Some(after)).await?;
    entries.into_iter().map(|entry| Ok((entry.key.name.clone(), read(entry)?))).collect()
}

/// Gives a name to a source, and says whether there was one already.
pub(super) async fn put(queue: &dyn Queue, name: &str, language: &str, text: &str) -> Result<bool> {
    let digest = Digest::of(text.as_bytes());
    for _ in 0..TRIES {
        let entry = queue.entry(&EntryKey::new(KIND, name)).await?;
        let expected = entry.as_ref().map_or(Expected::Nothing, |entry| Expected::Revision(entry.revision));
        let before = entry.map(read).transpose()?;
        let existed = before.is_some();
        if before.as_ref().is_some_and(|before| before.digest == digest && before.language == language) {
            return Ok(true);
        }
        let (language, source, stored_at) = (language.to_owned(), text.to_owned(), queue.clock().await?);
        let versions = before.map(NamedSource::into_versions).unwrap_or_default();
        let source = NamedSource { language, source, digest, stored_at, versions }.within_bounds();
        let document = serde_json::to_value(source).expect("plain data with string keys has a JSON form");
        if queue.put_entry(&Entry::new(EntryKey::new(KIND, name), document), expected, None).await? {
            return Ok(existed);
        }
    }
    Err(Problem::new(Code::Conflict, "the name was given to others again and again meanwhile"))
}

/// Takes a source's name away, and says whether there was one.
pub(super) async fn delete(queue: &dyn Queue, name: &str) -> Result<bool> {
    Ok(queue.delete_entry(&EntryKey::new(KIND, name)).await?)
}

fn read(entry: Entry) -> Result<NamedSource> {
    serde_json::from_value(entry.document).map_err(|error| Problem::internal(&error))
}

impl NamedSource {
    /// What the name means and has meant, newest first.
    pub(super) fn into_versions(self) -> Vec<SourceVersion> {
        let NamedSource { language, source, digest, stored_at, versions } = self;
        let now = SourceVersion { digest, language, stored_at, source };
        std::iter::once(now).chain(versions).collect()
    }

    /// Drops versions that are repeated, too many or too long to be kept, the oldest first.
    fn within_bounds(mut self) -> Self {
        let (digest, language) = (self.digest, self.language.clone());
        self.versions.retain(|version| version.digest != digest || version.language != language);
        self.versions.truncate(MAX_VERSIONS - 1);
        while !self.versions.is_empty() && self.document_bytes() > MAX_DOCUMENT_BYTES {
            self.versions.pop();
        }
        self
    }

    fn document_bytes(&self) -> usize {
        serde_json::to_string(self).map_or(usize::MAX, |text| text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(source: String) -> SourceVersion {
        let digest = Digest::of(source.as_bytes());
        SourceVersion { digest, language: "python".into(), stored_at: Timestamp::UNIX_EPOCH, source }
    }

    fn named(source: String, versions: Vec<SourceVersion>) -> NamedSource {
        let SourceVersion { digest, language, stored_at, source } = version(source);
        NamedSource { language, source, digest, stored_at, versions }
    }

    #[test]
    fn of_many_versions_the_newest_ten_are_kept() {
        let versions = (0..30).map(|number| version(number.to_string())).collect();
        let kept = named("now".into(), versions).within_bounds().into_versions();
        let texts: Vec<_> = kept.iter().map(|version| &*version.source).collect();
        assert_eq!(texts, ["now", "0", "1", "2", "3", "4", "5", "6", "7", "8"]);
    }

    #[test]
    fn a_version_that_comes_again_is_there_once() {
        let kept = named("a".into(), vec![version("b".into()), version("a".into())]).within_bounds().into_versions();
        assert_eq!(kept.iter().map(|version| &*version.source).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn versions_that_do_not_fit_into_an_entry_are_dropped_oldest_first() {
        let large = |sign: &str| version(sign.repeat(1 << 20));
        let kept = named("now".into(), vec![large("a"), large("b"), large("c"), large("d")]).within_bounds();
        assert_eq!(kept.versions.len(), 3);
        assert!(kept.versions[2].source.starts_with('c') && kept.document_bytes() <= MAX_DOCUMENT_BYTES);
    }
}
