//! Which program a request means, and what is known of it: copies of what the queue says, for a moment.
//!
//! What a name means is at most one second old; what a digest means never changes.

mod copies;
mod known;
mod recent;

use std::sync::{Arc, Mutex, PoisonError};

use self::copies::Copies;
use self::known::Known;
use self::recent::Recent;
use super::access::Principal;
use super::problem::{Code, Problem, Result};
use super::sources::{self, Named, NamedSource};
use crate::job::Digest;
use crate::kwargs::Kwargs;
use crate::program::Program;
use crate::queue::Queue;
use crate::runner::Runner;

/// What is known of programs.
pub(crate) struct Programs {
    queue: Arc<dyn Queue>,
    runner: Runner,
    names: Copies<Meaning>,
    /// The digests that may be meant, each with who may.
    digests: Copies<()>,
    known: Mutex<Recent<Digest, Arc<Known>>>,
}

/// What a name or a digest means.
#[derive(Clone, Debug)]
pub(crate) enum Meaning {
    /// A program.
    Program(Digest),
    /// A source string.
    Source(Arc<Source>),
}

/// A named source, as it is now. What it was before is not kept in copies.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) language: String,
    pub(crate) source: String,
}

impl Programs {
    pub(crate) fn new(queue: Arc<dyn Queue>, runner: Runner) -> Self {
        let (names, digests) = (Copies::default(), Copies::default());
        Programs { queue, runner, names, digests, known: Mutex::default() }
    }

    /// What this principal means by a name or by `sha256:` and a digest.
    pub(crate) async fn find(&self, asked: &str, principal: &Principal) -> Result<Meaning> {
        if asked.starts_with("language:") {
            let expected = "a name or a digest, or `source` with `language`";
            return Err(Problem::invalid("program", expected, "a language"));
        }
        let digest = asked.starts_with("sha256:").then(|| asked.parse().ok()).flatten();
        let found = match digest {
            Some(digest) => {
                let may_mean = self.may_mean(principal, digest).await?;
                may_mean.then_some(Meaning::Program(digest))
            }
            None => {
                let stored = principal.stored_name("program", asked)?;
                self.names.get(&stored, async || self.look(&stored).await).await?
            }
        };
        found.ok_or_else(|| Problem {
            field: Some("program".to_owned()),
            ..Problem::new(Code::UnknownProgram, format!("there is no program `{asked}`"))
        })
    }

    /// Forgets what a name meant, so that whoever changed it here sees the change at once.
    pub(crate) fn forget(&self, stored_name: &str) {
        self.names.forget(stored_name);
        self.digests.clear();
    }

    /// Refuses kwargs that a program's own schema refuses, as a run would.
    pub(crate) async fn check(&self, digest: Digest, kwargs: &Kwargs) -> Result<()> {
        let known = self.known(digest);
        known.check(&*self.queue, kwargs).await
    }

    /// The program, ready to run.
    pub(crate) async fn loaded(&self, digest: Digest) -> Result<Program> {
        let known = self.known(digest);
        known.loaded(&*self.queue, &self.runner).await
    }

    async fn look(&self, stored_name: &str) -> Result<Option<Meaning>> {
        Ok(match sources::meaning(&*self.queue, stored_name).await? {
            Some(Named::Program(versions)) => versions.first().map(|version| Meaning::Program(version.digest)),
            Some(Named::Source(NamedSource { language, source, .. })) => {
                Some(Meaning::Source(Arc::new(Source { language, source })))
            }
            None => None,
        })
    }

    /// Whether a principal may mean this digest: one that its own names mean or have meant; any that is stored, if it has
    /// no tenant.
    async fn may_mean(&self, principal: &Principal, digest: Digest) -> Result<bool> {
        let names = principal.own_names();
        let who = format!("{} {digest}", names.as_deref().unwrap_or_default());
        let found = self.digests.get(&who, async || {
            let is_there = self.queue.has_program(digest, names.as_deref()).await?;
            Ok(is_there.then_some(()))
        });
        Ok(found.await?.is_some())
    }

    fn known(&self, digest: Digest) -> Arc<Known> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.get_or_insert_with(digest, || Arc::new(Known::new(digest))))
    }
}
