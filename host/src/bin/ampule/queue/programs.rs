//! Which bytes a job in the queue is to mean: those of a file, which are stored, or those that the queue has already.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ampule::{Digest, Failure, Inspection, Kwargs, ProgramRef, Runner};

use super::Opened;
use super::filter::named;
use crate::args::ProgramArgs;
use crate::config::Config;
use crate::exit::Fault;
use crate::inspect;
use crate::printable::printable_line;
use crate::program::Source;

/// Programs that were asked for, each read and inspected once.
pub(crate) struct Programs<'a> {
    queue: &'a Opened,
    config: &'a Config,
    catalog: &'a [PathBuf],
    /// Judges what is new; made when something is.
    inspector: Option<Runner>,
    found: BTreeMap<String, Arc<Found>>,
}

/// A program that would be accepted.
#[derive(Debug)]
pub(crate) struct Found {
    /// What people call it.
    pub(crate) name: String,
    pub(crate) digest: Digest,
    pub(crate) inspection: Inspection,
    /// Its bytes, if the queue is still to be given them.
    new: Option<Vec<u8>>,
}

impl Found {
    /// Refuses kwargs that the program's own schema refuses.
    pub(crate) fn check(&self, kwargs: &Kwargs) -> Result<(), Fault> {
        self.inspection.check_kwargs(kwargs).map_err(|failure| Fault::from(failure).of(Some(self.digest)))
    }
}

impl<'a> Programs<'a> {
    pub(crate) fn new(queue: &'a Opened, config: &'a Config, catalog: &'a [PathBuf]) -> Self {
        Programs { queue, config, catalog, inspector: None, found: BTreeMap::new() }
    }

    /// The program that is meant: a path, a name in a catalog or else in the queue, or a digest in the queue.
    ///
    /// # Errors
    /// [`Fault::Usage`] if it is nowhere, a refusal if a runner would refuse it.
    pub(crate) async fn find(&mut self, asked: &str) -> Result<Arc<Found>, Fault> {
        if let Some(found) = self.found.get(asked) {
            return Ok(Arc::clone(found));
        }
        let found = Arc::new(self.look(asked).await?);
        self.found.insert(asked.to_owned(), Arc::clone(&found));
        Ok(found)
    }

    async fn look(&mut self, asked: &str) -> Result<Found, Fault> {
        if let ProgramRef::Digest(digest) = ProgramRef::from(asked) {
            let stored = self.stored(asked, digest).await?;
            return stored
                .ok_or_else(|| Fault::Usage(format!("expected a program of the queue, found none by {asked}")));
        }
        let args = ProgramArgs { program: asked.to_owned(), catalog: self.catalog.to_vec() };
        let missing = match Source::find(&args, self.config) {
            Ok(source) => return self.accept(&source),
            Err(Fault::Usage(missing)) => missing,
            Err(fault) => return Err(fault),
        };
        if let Some(digest) = self.named(asked).await?
            && let Some(found) = self.stored(asked, digest).await?
        {
            return Ok(found);
        }
        Err(Fault::Usage(format!("{missing}\n  the queue has no program of that name either")))
    }

    /// What the name means in the queue.
    async fn named(&self, asked: &str) -> Result<Option<Digest>, Fault> {
        match &self.queue.server {
            Some(server) => Ok(server.inspection(asked).await?.map(|inspection| inspection.digest)),
            None => named(asked, &**self.queue).await,
        }
    }

    async fn stored(&self, asked: &str, digest: Digest) -> Result<Option<Found>, Fault> {
        let Some(inspection) = self.queue.inspection(digest).await? else { return Ok(None) };
        // A digest is no name for people.
        let name = if asked.starts_with("sha256:") { String::new() } else { asked.to_owned() };
        Ok(Some(Found { name, digest, inspection, new: None }))
    }

    fn accept(&mut self, source: &Source) -> Result<Found, Fault> {
        let refused = |failure: Failure| Fault::from(failure).of(source.digest());
        let wasm = inspect::wasm(source).map_err(refused)?;
        let inspector = match &self.inspector {
            Some(inspector) => inspector,
            None => self.inspector.insert(Runner::builder().guest_threads(1).pool_size(1).build()?),
        };
        let (inspection, refusal) = inspector.inspect(&wasm).map_err(refused)?;
        if let Some(failure) = refusal {
            return Err(Fault::from(failure).of(Some(inspection.digest)));
        }
        Ok(Found { name: source.name.clone(), digest: inspection.digest, inspection, new: Some(wasm) })
    }

    /// Gives the queue what is new. Nothing is stored before all that was asked for is found to be right.
    pub(crate) async fn store(&self) -> Result<(), Fault> {
        for found in self.found.values() {
            let Some(wasm) = &found.new else { continue };
            let digest = self.queue.put_program(wasm, Some(&found.name), None).await?;
            tracing::debug!(program = %digest, name = %printable_line(&found.name), "stored a program");
        }
        Ok(())
    }
}
