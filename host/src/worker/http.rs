//! Ends that are told of over HTTP: handed to whoever can make requests, each as a task that is stopped by dropping it.
//!
//! No request is made here, and no receiver is judged: a worker knows no HTTP.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::end::panic_text;
use crate::failure::{Failure, Kind};
use crate::handle::{Control, Status};
use crate::job::JobId;
use crate::kwargs::Kwargs;
use crate::outcome::Outcome;
use crate::queue::Ended;

/// A delivery under way.
pub type Delivering = Pin<Box<dyn Future<Output = Result<Value, NotTold>> + Send>>;

/// Why an end was not told.
#[derive(Clone, Debug, PartialEq)]
pub enum NotTold {
    /// The try failed.
    Failed(Box<Failure>),
    /// There was none: as much goes on as may. It is due again after this wait, which counts against no policy.
    PutOff(Duration),
}

impl From<Failure> for NotTold {
    fn from(failure: Failure) -> Self {
        NotTold::Failed(Box::new(failure))
    }
}

/// Whoever can tell of an end over HTTP; see [`WorkerBuilder::http`](crate::WorkerBuilder::http).
pub trait DeliverHttp: Send + Sync + 'static {
    /// Makes one try. What it gives is kept as the outcome of the attempt: the value, or the failure with whatever is in
    /// its `returns`. Every failure becomes one of kind `callback`, which the delivery's policy tries again unless
    /// [`Failure::retry`] says that there is no use in it; so does a panic.
    ///
    /// It is polled on the runtime on which the worker was started, so it must not block, and it has to end by itself:
    /// the worker sets no timeout. Dropped before its end, it was stopped: on request, because the lease was lost, or
    /// because the worker goes away.
    fn deliver(&self, delivery: HttpDelivery) -> Delivering;
}

/// An end that is to be told of over HTTP.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HttpDelivery {
    /// The delivery: the same with every try.
    pub id: JobId,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Whose it is.
    pub tenant: Option<String>,
    /// Where to.
    pub url: String,
    /// What is asked to be sent as headers.
    pub headers: BTreeMap<String, String>,
    /// Told beside the end.
    pub kwargs: Kwargs,
    /// The end.
    pub ended: Ended,
    /// The `traceparent` of whoever asked for the job.
    pub trace: Option<String>,
}

/// A try that is to begin, and the means to stop it.
pub(super) struct Try {
    control: Control,
    http: Arc<dyn DeliverHttp>,
    delivery: HttpDelivery,
}

impl Try {
    pub(super) fn new(http: Arc<dyn DeliverHttp>, delivery: HttpDelivery) -> Self {
        Try { control: Control::new(delivery.id, Status::Running), http, delivery }
    }

    /// What stops it.
    pub(super) fn control(&self) -> Control {
        self.control.clone()
    }

    /// Makes it, or stops it. A wait if it was put off.
    pub(super) async fn run(self) -> Result<Outcome, Duration> {
        let Try { control, http, delivery } = self;
        let (id, started) = (delivery.id, Instant::now());
        let made = async move { http.deliver(delivery).await };
        let result = tokio::select! {
            biased;
            () = control.cancelled() => Err(Failure::new(Kind::Cancelled, "stopped on request").into()),
            result = guarded(made) => result.map_err(of_callback),
        };
        control.set_status(Status::Ended);
        let result = match result {
            Ok(value) => Ok(vec![value]),
            Err(NotTold::Failed(failure)) => Err(*failure),
            Err(NotTold::PutOff(wait)) => return Err(wait),
        };
        let mut outcome = Outcome::of(id, result);
        outcome.usage.wall = started.elapsed();
        Ok(outcome)
    }
}

/// A failure of any kind is that of a callback: whoever makes requests cannot say that it was stopped.
fn of_callback(not_told: NotTold) -> NotTold {
    match not_told {
        NotTold::Failed(failure) => Failure { kind: Kind::Callback, ..*failure }.into(),
        put_off @ NotTold::PutOff(_) => put_off,
    }
}

/// The same, with a panic as a failure.
async fn guarded<T>(made: impl Future<Output = Result<T, NotTold>>) -> Result<T, NotTold> {
    let mut made = std::pin::pin!(made);
    std::future::poll_fn(|context| {
        let turn = catch_unwind(AssertUnwindSafe(|| made.as_mut().poll(context)));
        turn.unwrap_or_else(|panic| {
            let message = format!("panicked: {}", panic_text(&*panic));
            Poll::Ready(Err(Failure::new(Kind::Callback, message).into()))
        })
    })
    .await
}
