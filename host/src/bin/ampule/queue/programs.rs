//! Which bytes a job in the queue is to mean: those of a file, which are stored, or those that the queue has already.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ampule::remote::Meaning;
use ampule::{Digest, Failure, Inspection, Job, Kwargs, ProgramRef, Runner};
use serde_json::Value;

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
    pub(crate) program: ProgramRef,
    /// Nothing of a source, which the server has under this name.
    pub(crate) inspection: Option<Inspection>,
    /// Its bytes, if the queue is still to be given them.
    new: Option<Vec<u8>>,
}

impl Found {
    /// A program that the queue has.
    fn stored(name: &str, inspection: Inspection) -> Self {
        let program = ProgramRef::Digest(inspection.digest);
        Found { name: name.to_owned(), program, inspection: Some(inspection), new: None }
    }

    /// A job of it, for its kwargs and limits.
    pub(crate) fn job(&self) -> Job {
        Job::new(self.program.clone()).name(&self.name)
    }

    pub(crate) fn kwargs_schema(&self) -> Option<&Value> {
        self.inspection.as_ref()?.kwargs_schema.as_ref()
    }

    /// Refuses kwargs that the program's own schema refuses.
    pub(crate) fn check(&self, kwargs: &Kwargs) -> Result<(), Fault> {
        let Some(inspection) = &self.inspection else { return Ok(()) };
        inspection.check_kwargs(kwargs).map_err(|failure| Fault::from(failure).of(Some(inspection.digest)))
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
        let found = self.named(asked).await?;
        found.ok_or_else(|| Fault::Usage(format!("{missing}\n  the queue has no program of that name either")))
    }

    /// What the name means in the queue.
    async fn named(&self, asked: &str) -> Result<Option<Found>, Fault> {
        let Some(server) = &self.queue.server else {
            let Some(digest) = named(asked, &**self.queue).await? else { return Ok(None) };
            return self.stored(asked, digest).await;
        };
        Ok(match server.meaning(asked).await? {
            Some(Meaning::Program(inspection)) => Some(Found::stored(asked, *inspection)),
            Some(Meaning::Source) => {
                let program = ProgramRef::Name(asked.to_owned());
                Some(Found { name: asked.to_owned(), program, inspection: None, new: None })
            }
            _ => None,
        })
    }

    async fn stored(&self, asked: &str, digest: Digest) -> Result<Option<Found>, Fault> {
        let inspection = self.queue.inspection(digest).await?;
        // A digest is no name for people.
        let name = if asked.starts_with("sha256:") { "" } else { asked };
        Ok(inspection.map(|inspection| Found::stored(name, inspection)))
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
        Ok(Found { new: Some(wasm), ..Found::stored(&source.name, inspection) })
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
