//! What one run is given: put together by the runner, kept by the store.

use std::sync::Arc;
use std::time::Instant;

use crate::events::EventQueue;
use crate::grants::Grants;
use crate::job::JobId;
use crate::limits::Limits;

/// What one run is given. Boxed from the call to the end of the run, since it is large and moves often.
pub(crate) struct Given {
    pub(crate) id: JobId,
    /// The job's name, for tracebacks.
    pub(crate) name: String,
    /// The kwargs as JSON text.
    pub(crate) kwargs: String,
    /// What an interpreter is to run.
    pub(crate) source: Option<String>,
    pub(crate) limits: Limits,
    pub(crate) grants: Grants,
    pub(crate) events: Arc<EventQueue>,
    /// When the run was asked for.
    pub(crate) called: Instant,
}

impl Given {
    /// The source, empty if there is none.
    pub(crate) fn source_text(&self) -> &str {
        self.source.as_deref().unwrap_or_default()
    }
}
