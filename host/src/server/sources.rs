//! Sources that jobs mean by name: entries of the queue, under the names of programs. A name is a source or a program.

use serde::{Deserialize, Serialize};

use super::problem::{Code, Problem, Result};
use crate::job::Digest;
use crate::queue::{Entry, EntryKey, Expected, Queue, Timestamp, Version};

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

/// What a name means.
pub(super) enum Named {
    /// A program: what it means and has meant, newest first, and never nothing.
    Program(Vec<Version>),
    /// A source.
    Source(NamedSource),
}

/// What a name means, if it is a source.
pub(super) async fn find(queue: &dyn Queue, name: &str) -> Result<Option<NamedSource>> {
    let entry = queue.entry(&EntryKey::new(EntryKey::SOURCE, name)).await?;
    entry.map(read).transpose()
}

/// The sources after a name, in order of name, as many as one list of entries has.
pub(super) async fn list(queue: &dyn Queue, after: &str) -> Result<Vec<(String, NamedSource)>> {
    let entries = queue.entries(EntryKey::SOURCE, Some(after)).await?;
    entries.into_iter().map(|entry| Ok((entry.key.name.clone(), read(entry)?))).collect()
}

/// What a name means, if it means anything.
pub(super) async fn meaning(queue: &dyn Queue, name: &str) -> Result<Option<Named>> {
    // Between a look for a program and one for a source, the source may have given way to a program.
    for _ in 0..2 {
        let versions = queue.versions(name).await?;
        if !versions.is_empty() {
            return Ok(Some(Named::Program(versions)));
        }
        if let Some(source) = find(queue, name).await? {
            return Ok(Some(Named::Source(source)));
        }
    }
    Ok(None)
}

/// Gives a name to a source in place of what it meant, and says what it means now.
pub(super) async fn put(queue: &dyn Queue, name: &str, language: &str, text: &str) -> Result<NamedSource> {
    for _ in 0..TRIES {
        let entry = queue.entry(&EntryKey::new(EntryKey::SOURCE, name)).await?;
        let expected = match &entry {
            Some(entry) => Expected::Revision(entry.revision),
            None if queue.versions(name).await?.is_empty() => Expected::Nothing,
            // A program, which gives way.
            None => Expected::Anything,
        };
        let before = entry.map(read).transpose()?;
        let digest = Digest::of(text.as_bytes());
        if let Some(before) = before.as_ref().filter(|before| before.digest == digest && before.language == language) {
            return Ok(before.clone());
        }
        let source = NamedSource::new(language, text, queue.clock().await?, before);
        if store(queue, name, &source, expected).await? {
            return Ok(source);
        }
    }
    Err(Problem::new(Code::Busy, "the name was given to others again and again meanwhile").retry_after(1))
}

/// Gives a name to a source if it means nothing yet, and says what it means then.
pub(super) async fn take(queue: &dyn Queue, name: &str, language: &str, text: &str) -> Result<Option<NamedSource>> {
    let source = NamedSource::new(language, text, queue.clock().await?, None);
    let is_new = store(queue, name, &source, Expected::Nothing).await?;
    Ok(is_new.then_some(source))
}

async fn store(queue: &dyn Queue, name: &str, source: &NamedSource, expected: Expected) -> Result<bool> {
    let document = serde_json::to_value(source).expect("plain data with string keys has a JSON form");
    Ok(queue.put_entry(&Entry::new(EntryKey::new(EntryKey::SOURCE, name), document), expected, None).await?)
}

fn read(entry: Entry) -> Result<NamedSource> {
    serde_json::from_value(entry.document).map_err(|error| Problem::internal(&error))
}

impl NamedSource {
    /// A source, and what its name meant before.
    fn new(language: &str, text: &str, stored_at: Timestamp, before: Option<NamedSource>) -> Self {
        let (language, source, digest) = (language.to_owned(), text.to_owned(), Digest::of(text.as_bytes()));
        let versions = before.map(NamedSource::into_versions).unwrap_or_default();
        NamedSource { language, source, digest, stored_at, versions }.within_bounds()
    }

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
