//! One program: the rules that it has for its kwargs, and itself, each fetched when it is first needed and once for all
//! who ask at the same time.

use tokio::sync::OnceCell;

use super::super::problem::{Code, Problem, Result};
use crate::error::LoadError;
use crate::failure::Failure;
use crate::inspect::Inspection;
use crate::job::Digest;
use crate::kwargs::Kwargs;
use crate::limits::ProgramLimits;
use crate::program::Program;
use crate::queue::Queue;
use crate::runner::Runner;
use crate::schema::KwargsSchema;

/// What is known of one program.
pub(super) struct Known {
    digest: Digest,
    schema: OnceCell<Option<KwargsSchema>>,
    /// Or why it is refused: a thousand requests for a bad program are not a thousand compilations.
    program: OnceCell<std::result::Result<Program, Failure>>,
}

impl Known {
    pub(super) fn new(digest: Digest) -> Self {
        Known { digest, schema: OnceCell::new(), program: OnceCell::new() }
    }

    pub(super) async fn check(&self, queue: &dyn Queue, kwargs: &Kwargs) -> Result<()> {
        let schema = self.schema.get_or_try_init(|| self.read_schema(queue)).await?;
        match schema.as_ref().and_then(|schema| schema.refusal(kwargs)) {
            Some(why) => Err(Problem::of_failure(&Failure::new(crate::failure::Kind::BadKwargs, why))),
            None => Ok(()),
        }
    }

    pub(super) async fn loaded(&self, queue: &dyn Queue, runner: &Runner) -> Result<Program> {
        let program = self.program.get_or_try_init(|| self.load(queue, runner)).await?;
        program.clone().map_err(|failure| Problem::of_failure(&failure))
    }

    async fn read_schema(&self, queue: &dyn Queue) -> Result<Option<KwargsSchema>> {
        let schema = match self.program.get() {
            Some(Ok(program)) => program.inspection().kwargs_schema.clone(),
            _ => {
                let wasm = self.wasm(queue).await?;
                // Megabytes of sections are no work for a thread that answers requests.
                let inspected =
                    tokio::task::spawn_blocking(move || Inspection::of(&wasm, &ProgramLimits::default())).await;
                let inspection = inspected.map_err(|error| Problem::internal(&error))?;
                inspection.map_err(|failure| Problem::of_failure(&failure))?.kwargs_schema
            }
        };
        schema.as_ref().map(KwargsSchema::new).transpose().map_err(|failure| Problem::of_failure(&failure))
    }

    async fn load(&self, queue: &dyn Queue, runner: &Runner) -> Result<std::result::Result<Program, Failure>> {
        if let Some(program) = runner.loaded(&self.digest) {
            return Ok(Ok(program));
        }
        let wasm = self.wasm(queue).await?;
        match runner.load(wasm).await {
            Ok(program) if program.digest() == self.digest => Ok(Ok(program)),
            Ok(other) => {
                let found =
                    format!("expected the bytes of {} in the queue's store, found {}", self.digest, other.digest());
                Err(Problem::internal(&found))
            }
            Err(LoadError::Refused(failure)) => Ok(Err(*failure)),
            Err(LoadError::Host(error)) => Err(error.into()),
        }
    }

    async fn wasm(&self, queue: &dyn Queue) -> Result<Vec<u8>> {
        let gone = || Problem::new(Code::UnknownProgram, format!("there is no program `{}` any more", self.digest));
        queue.program(self.digest).await?.ok_or_else(gone)
    }
}
