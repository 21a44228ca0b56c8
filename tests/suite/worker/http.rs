//! Ends that are told of over HTTP: handed to whoever makes the requests, tried as the policy says, stopped by dropping.
//!
//! What is a request and what an answer is known to nobody here: a double stands for all of it.

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

#[tokio::test]
async fn whoever_makes_requests_is_given_all_that_is_to_be_told() {
    let site = Site::new().await;
    let double = Double::giving(Ok(json!({"status": 204})));
    let mut job = site.job(&returning(&["41"])).await.tenant("acme").at_return(webhook());
    job.payload.trace = Some("00-11111111111111111111111111111111-2222222222222222-01".to_owned());
    let trace = job.payload.trace.clone();
    let (id, delivery) = site.delivery(job).await;
    let _worker = site.delivering(&double).start().expect("a worker");
    site.ended(delivery).await;
    let given = double.given();
    let [told] = &given[..] else { panic!("told once: {given:?}") };
    assert_eq!((told.id, told.attempt, told.tenant.as_deref()), (delivery, 1, Some("acme")));
    assert_eq!((&*told.url, told.headers.get("x-room").map(String::as_str)), (URL, Some("7")));
    assert_eq!(told.kwargs.get("room"), Some(&json!(7)));
    assert_eq!((told.ended.job, &told.ended.result), (id, &Ok(json!(41))));
    assert_eq!(told.trace, trace);
}

#[tokio::test]
async fn what_a_try_gave_is_kept_as_its_outcome() {
    let site = Site::new().await;
    let double = Double::giving(Ok(json!({"status": 204, "time_ms": 3})));
    let (_, delivery) = site.small_delivery().await;
    let _worker = site.delivering(&double).start().expect("a worker");
    let record = site.ended(delivery).await;
    assert_eq!((record.summary.state, record.attempts.len()), (State::Completed, 1));
    let outcome = record.attempts[0].outcome.as_ref().expect("how it went");
    assert_eq!(outcome.returns, [json!({"status": 204, "time_ms": 3})]);
    assert_eq!(outcome.result, Ok(json!({"status": 204, "time_ms": 3})));
}

#[tokio::test]
async fn each_try_that_failed_is_kept_with_what_it_returned_and_the_delivery_waits_for_the_next() {
    let site = Site::new().await;
    let double = Double::giving(Err(no_luck("the receiver answered 503")));
    let (_, delivery) = site.small_delivery().await;
    let _worker = site.delivering(&double).start().expect("a worker");
    let is_tried = |tries: usize| move |record: &JobRecord| record.attempts.len() == tries;
    site.until("it was tried", delivery, |record| record.summary.state == State::Queued && is_tried(1)(record)).await;
    site.change(delivery, Change::RunNow).await;
    let record = site
        .until("it was tried again", delivery, |record| record.summary.state == State::Queued && is_tried(2)(record))
        .await;
    for attempt in &record.attempts {
        let outcome = attempt.outcome.as_ref().expect("how it went");
        let failure = outcome.result.as_ref().expect_err("it failed");
        assert_eq!((attempt.end, failure.kind), (AttemptEnd::Failed, Kind::Callback));
        assert_eq!(failure.message, "the receiver answered 503");
        assert_eq!(failure.returns, [json!({"status": 503, "time_ms": 4, "body": "later"})]);
        assert_eq!(outcome.returns, failure.returns);
    }
    let tries: Vec<_> = double.given().iter().map(|told| (told.id, told.attempt)).collect();
    assert_eq!(tries, [(delivery, 1), (delivery, 2)]);
}

#[tokio::test]
async fn what_is_put_off_is_made_later_and_counts_as_no_try() {
    let site = Site::new().await;
    let double = Double::of(|delivery| match delivery.attempt {
        1 => Box::pin(async { Err(NotTold::PutOff(LATER)) }),
        2 => Box::pin(async { Err(NotTold::PutOff(Duration::ZERO)) }),
        _ => Box::pin(async { Ok(json!({"status": 200})) }),
    });
    let (_, delivery) = site.small_delivery().await;
    let worker = site.delivering(&double).start().expect("a worker");
    let put_off = site
        .until("it was put off", delivery, |job| job.summary.state == State::Queued && job.attempts.len() == 1)
        .await;
    assert!(put_off.summary.run_at > site.queue.clock().await.expect("the clock") + LATER / 2);
    assert_eq!((put_off.summary.tries, double.alive(), worker.running()), (0, 0, 0));
    site.change(delivery, Change::RunNow).await;
    let record = site.until_in(State::Completed, delivery).await;
    assert_eq!((record.summary.attempt, record.summary.tries), (3, 1));
    let ends: Vec<_> = record.attempts.iter().map(|attempt| attempt.end).collect();
    assert_eq!(ends, [AttemptEnd::HandedBack, AttemptEnd::HandedBack, AttemptEnd::Completed]);
}

#[tokio::test]
async fn a_failure_of_any_kind_is_that_of_a_callback() {
    let site = Site::new().await;
    // Of a cancel that nobody asked for, the delivery would be handed back for ever.
    let double = Double::giving(Err(of_no_use(Failure::new(Kind::Cancelled, "no"))));
    let (_, delivery) = site.small_delivery().await;
    let _worker = site.delivering(&double).start().expect("a worker");
    let record = site.ended(delivery).await;
    assert_eq!((record.summary.state, record.summary.kind), (State::Failed, Some(Kind::Callback)));
}

#[tokio::test]
async fn a_failure_that_says_so_is_not_tried_again() {
    let site = Site::new().await;
    let double = Double::giving(Err(of_no_use(no_luck("the receiver answered 410"))));
    let (_, delivery) = site.small_delivery().await;
    let _worker = site.delivering(&double).start().expect("a worker");
    let record = site.ended(delivery).await;
    assert_eq!((record.summary.state, record.summary.attempt), (State::Failed, 1));
    assert_eq!(record.summary.message.as_deref(), Some("the receiver answered 410"));
}

#[tokio::test]
async fn a_panic_is_a_failed_try_and_stops_nothing_else() {
    let site = Site::new().await;
    let double = Double::of(|delivery| match delivery.attempt {
        1 => panic!("before it began"),
        2 => Box::pin(async { panic!("in the middle") }),
        _ => Box::pin(async { Ok(json!({"status": 200})) }),
    });
    let (_, delivery) = site.small_delivery().await;
    let worker = site.delivering(&double).start().expect("a worker");
    site.hurry(delivery).await;
    let record = site.record(delivery).await;
    assert_eq!((record.summary.state, record.attempts.len()), (State::Completed, 3));
    let messages: Vec<_> = record.attempts[..2]
        .iter()
        .map(|attempt| attempt.outcome.as_ref().expect("how it went").result.clone().expect_err("it failed").message)
        .collect();
    assert_eq!(messages, ["panicked: before it began", "panicked: in the middle"]);
    assert_eq!(worker.running(), 0);
}

#[tokio::test]
async fn a_webhook_is_tried_ten_times_and_then_tells_the_at_err_once() {
    let site = Site::new().await;
    let echo = site.store(&fixture("kwargs")).await;
    let at_err = Callback::job(NewJob::new(Job::new(echo)));
    let job = site.job(&returning(&["41"])).await.at_return(webhook()).at_err(at_err);
    let double = Double::giving(Err(no_luck("the receiver answered 503")));
    let (id, delivery) = site.delivery(job).await;
    let _worker = site.delivering(&double).start().expect("a worker");
    site.hurry(delivery).await;
    let record = site.record(delivery).await;
    assert_eq!((record.summary.state, record.attempts.len(), double.given().len()), (State::Failed, 10, 10));
    let _jobs = site.start();
    let filter = Filter { parent: Some(delivery), ..Filter::default() };
    let followers = site.queue.list(&filter, Page::default()).await.expect("the queue is read");
    assert_eq!(followers.len(), 1, "it is told once");
    let told = site.until_in(State::Completed, followers[0].id).await;
    let value = told.outcome.expect("an outcome").result.expect("it returned");
    assert_eq!(value["failure"]["kind"], "callback");
    // Of where it was to be told no more than the host is passed on: a path may hold a secret.
    assert_eq!(value["failure"]["message"], "at_return: example.com: the receiver answered 503");
    assert_eq!(site.record(id).await.summary.state, State::Completed, "the job itself has returned");
}

#[tokio::test]
async fn a_delivery_that_is_cancelled_is_dropped() {
    let site = Site::new().await;
    let double = Double::hanging();
    let (_, delivery) = site.small_delivery().await;
    let worker = site.delivering(&double).start().expect("a worker");
    double.until_alive(1).await;
    site.change(delivery, Change::Cancel).await;
    let record = site.until_in(State::Cancelled, delivery).await;
    assert_eq!((double.alive(), worker.running()), (0, 0));
    assert_eq!(record.attempts[0].end, AttemptEnd::Cancelled);
}

#[tokio::test]
async fn a_shutdown_hands_back_what_is_under_way() {
    let site = Site::new().await;
    let double = Double::hanging();
    let (_, delivery) = site.small_delivery().await;
    let worker = site.delivering(&double).start().expect("a worker");
    double.until_alive(1).await;
    let drained = worker.shutdown(Duration::from_millis(1)).await;
    assert_eq!((drained.handed_back, drained.abandoned, double.alive()), (1, 0, 0));
    let record = site.record(delivery).await;
    assert_eq!((record.summary.state, record.summary.tries), (State::Queued, 0), "it does not count as a try");
    assert_eq!(record.attempts[0].end, AttemptEnd::HandedBack);
}

#[tokio::test]
async fn a_shutdown_waits_for_a_delivery_that_ends_in_time() {
    let site = Site::new().await;
    let go_on = Arc::new(tokio::sync::Notify::new());
    let told = Arc::clone(&go_on);
    let double = Double::of(move |_| {
        let told = Arc::clone(&told);
        Box::pin(async move {
            told.notified().await;
            Ok(json!({"status": 200}))
        })
    });
    let (_, delivery) = site.small_delivery().await;
    let worker = site.delivering(&double).start().expect("a worker");
    double.until_alive(1).await;
    let drained = tokio::spawn(worker.shutdown(LATER));
    go_on.notify_one();
    let drained = soon("the shutdown ends", drained).await.expect("no panic");
    assert_eq!((drained.finished, drained.handed_back), (1, 0));
    assert_eq!(site.state(delivery).await, State::Completed);
}

#[tokio::test]
async fn a_worker_that_is_dropped_drops_its_deliveries() {
    let site = Site::new().await;
    let double = Double::hanging();
    site.small_delivery().await;
    let worker = site.delivering(&double).start().expect("a worker");
    double.until_alive(1).await;
    drop(worker);
    double.until_alive(0).await;
}

#[tokio::test]
async fn a_delivery_whose_lease_is_lost_is_dropped_and_settles_nothing() {
    let site = Site::new().await;
    let double = Double::hanging();
    let (_, delivery) = site.small_delivery().await;
    let worker = site.delivering(&double).renew_every(Duration::from_millis(20)).start().expect("a worker");
    double.until_alive(1).await;
    // So that nobody begins it anew.
    let paused = QueueSettings { mode: Mode::Paused, ..QueueSettings::default() };
    site.queue.configure(Target::HTTP_QUEUE, &paused).await.expect("configured");
    // To others the lease is over, and they take the delivery back.
    let far = site.queue.clock().await.expect("the clock") + Duration::from_secs(3_600);
    assert_eq!(site.queue.reclaim(Some(far)).await, Ok(1));
    double.until_alive(0).await;
    until("nothing is held", || worker.running() == 0).await;
    let record = site.record(delivery).await;
    assert_eq!((record.summary.state, record.attempts.len()), (State::Queued, 1));
    assert_eq!(record.attempts[0].end, AttemptEnd::Lost);
}

#[tokio::test]
async fn deliveries_need_nothing_of_the_runner_and_no_job_s_slot() {
    let site = Site::with(builder().guest_threads(1).pool_size(1).build().expect("a runner")).await;
    let double = Double::hanging();
    for _ in 0..3 {
        site.small_delivery().await;
    }
    let deliveries = site.delivering(&double).slots(3).start().expect("a worker");
    double.until_alive(3).await;
    assert_eq!((site.runner.load_now().alive, deliveries.running()), (0, 3));
    let jobs = site.describe().slots(1).start().expect("a worker");
    for _ in 0..3 {
        let id = site.put(site.job(&returning(&["1"])).await).await;
        site.until_in(State::Completed, id).await;
    }
    assert_eq!((double.alive(), jobs.running()), (3, 0));
}

#[tokio::test]
async fn no_more_deliveries_are_under_way_than_there_are_slots() {
    let site = Site::new().await;
    let double = Double::hanging();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(site.small_delivery().await.1);
    }
    let worker = site.delivering(&double).slots(2).start().expect("a worker");
    double.until_alive(2).await;
    let first = double.given()[0].id;
    site.change(first, Change::Cancel).await;
    until("the third begins", || double.given().len() == 3).await;
    assert_eq!((double.alive(), worker.running()), (2, 2));
}

#[tokio::test]
async fn a_worker_for_deliveries_only_runs_no_job() {
    let site = Site::new().await;
    let double = Double::giving(Ok(json!({"status": 200})));
    let job = site.put(site.job(&returning(&["1"])).await).await;
    site.change(job, Change::Hold).await;
    let (_, delivery) = site.small_delivery().await;
    site.change(job, Change::Release).await;
    let worker = site.delivering(&double).start().expect("a worker");
    site.until_in(State::Completed, delivery).await;
    worker.shutdown(Duration::ZERO).await;
    assert_eq!(site.record(job).await.summary.attempt, 0);
}

#[tokio::test]
async fn deliveries_wait_for_a_worker_that_can_make_them() {
    let site = Site::new().await;
    let (_, delivery) = site.small_delivery().await;
    let worker = site.start();
    let job = site.put(site.job(&returning(&["1"])).await).await;
    site.until_in(State::Completed, job).await;
    worker.shutdown(Duration::ZERO).await;
    assert_eq!(site.record(delivery).await.summary.attempt, 0);
}

#[tokio::test]
async fn a_limit_on_deliveries_holds() {
    let site = Site::new().await;
    let double = Double::hanging();
    for _ in 0..3 {
        site.small_delivery().await;
    }
    let settings = QueueSettings { max_running: Some(1), ..QueueSettings::default() };
    site.queue.configure(Target::HTTP_QUEUE, &settings).await.expect("configured");
    let _worker = site.delivering(&double).start().expect("a worker");
    until("one begins", || double.given().len() == 1).await;
    let first = double.given()[0].id;
    site.change(first, Change::Cancel).await;
    until("the next begins", || double.given().len() == 2).await;
    assert_eq!(double.alive(), 1);
}

#[tokio::test]
async fn whoever_counts_ends_learns_whose_they_are() {
    let site = Site::new().await;
    let double = Double::giving(Ok(json!({"status": 200})));
    let program: Digest = site.store(&returning(&["41"])).await;
    let ends: Arc<Mutex<Vec<SettledJob>>> = Arc::default();
    let told = Arc::clone(&ends);
    let _worker = site
        .describe()
        .http(double as Arc<dyn DeliverHttp>)
        .on_settled(move |end| told.lock().expect("nobody panicked").push(end.clone()))
        .start()
        .expect("a worker");
    let job = Job::new(program).name("sum");
    let id = site.put(NewJob::new(job).queue("mail").tenant("acme").at_return(webhook())).await;
    until("both ends are told of", || ends.lock().expect("nobody panicked").len() == 2).await;
    let ends = ends.lock().expect("nobody panicked").clone();
    let [job, delivery] = &ends[..] else { panic!("two ends: {ends:?}") };
    assert_eq!((job.settlement.key.job, &*job.queue, job.tenant.as_deref()), (id, "mail", Some("acme")));
    assert_eq!((&*job.name, job.program, job.is_delivery), ("sum", Some(program), false));
    let summary = site.record(id).await.summary;
    let waited = summary.started_at.expect("it started") - summary.run_at;
    assert_eq!(job.waited, waited.to_std().expect("it was due before"));
    assert_eq!((&*delivery.queue, delivery.tenant.as_deref()), (Target::HTTP_QUEUE, Some("acme")));
    assert_eq!((&*delivery.name, delivery.program, delivery.is_delivery), ("example.com", None, true));
}
