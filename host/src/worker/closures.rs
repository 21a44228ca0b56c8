//! The closures of a worker that callbacks may name, and how an end is delivered to one.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::call::{BoxError, Call, Closure};
use crate::failure::{Failure, Kind};
use crate::kwargs::Kwargs;
use crate::queue::{Ended, Target};

/// A closure that is told how a job ended.
type Told = dyn Fn(Ended, Kwargs) -> Result<(), BoxError> + Send + Sync;

/// Closures by name.
#[derive(Clone, Default)]
pub(super) struct Closures(BTreeMap<String, Arc<Told>>);

impl Closures {
    pub(super) fn insert(&mut self, name: String, closure: Arc<Told>) {
        self.0.insert(name, closure);
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The queues in which their deliveries wait.
    pub(super) fn queues(&self) -> Vec<String> {
        self.names().map(|name| Target::Closure(name.to_owned()).queue()).collect()
    }

    /// The call that delivers an end, if the closure is here.
    pub(super) fn call(&self, name: &str, ended: Ended, kwargs: Kwargs) -> Option<Call<Closure>> {
        let closure = Arc::clone(self.0.get(name)?);
        Some(Closure::new(move || closure(ended, kwargs)))
    }
}

/// A closure's failure, whatever it was, is that of a callback.
pub(super) fn failed(failure: Failure) -> Failure {
    match failure.kind {
        Kind::Guest => Failure { kind: Kind::Callback, ..failure },
        Kind::Panic => {
            let message = format!("panicked: {}", failure.message);
            Failure { kind: Kind::Callback, message, ..failure }
        }
        _ => failure,
    }
}
