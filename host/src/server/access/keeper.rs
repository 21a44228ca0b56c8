//! Looks again at tokens that are in use, beside the requests that use them: so none of these waits for the queue, and
//! the last use of each is written once a minute.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::lookup::Lookup;

/// How many tokens may wait for a look. Past it they are looked at when their copy is too old, by a request.
const MAX_WAITING: usize = 1_024;

/// A task that ends with it. What it has not written by then is the last use of a token, by a moment.
#[derive(Debug)]
pub(super) struct Keeper {
    ids: mpsc::Sender<String>,
    _task: AbortOnDropHandle<()>,
}

impl Keeper {
    pub(super) fn start(lookup: Arc<Lookup>) -> Self {
        let (ids, mut asked) = mpsc::channel::<String>(MAX_WAITING);
        let task = tokio::spawn(async move {
            while let Some(id) = asked.recv().await {
                if let Err(error) = lookup.look_again(&id).await {
                    tracing::debug!(token = %id, %error, "a token in use could not be looked at");
                }
            }
        });
        Keeper { ids, _task: AbortOnDropHandle::new(task) }
    }

    /// Asks for a look, soon.
    pub(super) fn ask(&self, id: &str) {
        // A full channel says that looks are slow, and then requests look for themselves.
        let _ = self.ids.try_send(id.to_owned());
    }
}
