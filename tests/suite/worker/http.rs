//! Ends that are told of over HTTP: handed to whoever makes the requests, tried as the policy says, stopped by dropping.
//!
//! What is a request and what an answer is known to nobody here: a double stands for all of it.

mod slots;
mod stops;
mod tries;

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ampule::queue::{
    AttemptEnd, Callback, Change, Filter, JobRecord, Mode, NewJob, Page, QueueSettings, Selection, State, Target,
    Webhook,
};
use ampule::{
    DeliverHttp, Delivering, Digest, Failure, HttpDelivery, Job, JobId, Kind, NotTold, SettledJob, Value, WorkerBuilder,
};
use ampule_tests::guest::{fixture, returning};
use ampule_tests::{LATER, builder, kwargs, soon, until};
use serde_json::json;

use super::{LOOK_EVERY, Site};

const URL: &str = "https://user:secret@example.com/hook?key=1";

type Answer = Box<dyn Fn(&HttpDelivery) -> Delivering + Send + Sync>;

/// Stands for whoever makes requests: notes what it was given, and counts what goes on.
struct Double {
    answer: Answer,
    given: Mutex<Vec<HttpDelivery>>,
    alive: Arc<AtomicUsize>,
}

/// One delivery under way; dropped with it.
struct Alive(Arc<AtomicUsize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl DeliverHttp for Double {
    fn deliver(&self, delivery: HttpDelivery) -> Delivering {
        let answer = (self.answer)(&delivery);
        self.given.lock().expect("nobody panicked").push(delivery);
        self.alive.fetch_add(1, Ordering::SeqCst);
        let alive = Alive(Arc::clone(&self.alive));
        Box::pin(async move {
            let _alive = alive;
            answer.await
        })
    }
}

impl Double {
    /// One that gives this, whatever it is given.
    fn giving(result: Result<Value, Failure>) -> Arc<Self> {
        Double::of(move |_| {
            let result = result.clone().map_err(NotTold::from);
            Box::pin(async move { result })
        })
    }

    /// One whose receivers never answer.
    fn hanging() -> Arc<Self> {
        Double::of(|_| Box::pin(pending()))
    }

    fn of(answer: impl Fn(&HttpDelivery) -> Delivering + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Double { answer: Box::new(answer), given: Mutex::default(), alive: Arc::default() })
    }

    fn given(&self) -> Vec<HttpDelivery> {
        self.given.lock().expect("nobody panicked").clone()
    }

    fn alive(&self) -> usize {
        self.alive.load(Ordering::SeqCst)
    }

    async fn until_alive(&self, count: usize) {
        until("so many deliveries are under way", || self.alive() == count).await;
    }
}

fn webhook() -> Callback {
    let headers = [("x-room".to_owned(), "7".to_owned())].into_iter().collect();
    Callback::Http(Webhook { url: URL.to_owned(), kwargs: kwargs(json!({"room": 7})), headers })
}

fn no_luck(message: &str) -> Failure {
    let mut failure = Failure::new(Kind::Callback, message);
    failure.returns = vec![json!({"status": 503, "time_ms": 4, "body": "later"})];
    failure
}

/// One after which another try is of no use.
fn of_no_use(mut failure: Failure) -> Failure {
    failure.retry = Some(false);
    failure
}

impl Site {
    /// A worker that makes nothing but deliveries.
    fn delivering(&self, double: &Arc<Double>) -> WorkerBuilder {
        let none: [String; 0] = [];
        self.describe().queues(none).http(Arc::clone(double) as Arc<dyn DeliverHttp>)
    }

    /// A job that has returned, and the delivery that follows from it.
    async fn delivery(&self, job: NewJob) -> (JobId, JobId) {
        let id = self.put(job).await;
        let worker = self.start();
        self.until_in(State::Completed, id).await;
        worker.shutdown(Duration::ZERO).await;
        let filter = Filter { parent: Some(id), ..Filter::default() };
        let followers = self.queue.list(&filter, Page::default()).await.expect("the queue is read");
        assert_eq!((followers.len(), &*followers[0].queue), (1, Target::HTTP_QUEUE));
        (id, followers[0].id)
    }

    async fn small_delivery(&self) -> (JobId, JobId) {
        let job = self.job(&returning(&["41"])).await;
        self.delivery(job.at_return(webhook())).await
    }

    /// Makes a delivery due again and again, until it has ended: its waits are those of the real world.
    async fn hurry(&self, delivery: JobId) {
        soon("the delivery ends", async {
            while !self.state(delivery).await.is_end() {
                let selection = Selection::Ids(vec![delivery]);
                self.queue.change(&selection, &Change::RunNow, None).await.expect("the change is made");
                tokio::time::sleep(LOOK_EVERY).await;
            }
        })
        .await;
    }
}
