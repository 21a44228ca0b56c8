//! Who is told how a queued job ended: closures and jobs, exactly one of `at_return` and `at_err`, in the transaction of
//! the end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ampule::queue::{Callback, Change, Ended, Filter, NewJob, Page, Selection, State, Summary};
use ampule::{Job, JobId, Kind, Kwargs, WorkerBuilder};
use ampule_tests::guest::{fixture, returning, speaking};
use ampule_tests::{LATER, kwargs, soon};
use serde_json::json;

use super::{LOOK_EVERY, Site, at_once};

const FAILS: &[u8] = br#"{"type": "Sad", "message": "no luck", "retry": false}"#;

/// What closures were told.
#[derive(Clone, Debug, Default)]
struct Told(Arc<Mutex<Vec<(Ended, Kwargs)>>>);

impl Told {
    fn closure(&self) -> impl Fn(Ended, Kwargs) -> Result<(), std::io::Error> + Send + Sync + 'static {
        let told = Arc::clone(&self.0);
        move |ended, kwargs| {
            told.lock().expect("nobody panicked").push((ended, kwargs));
            Ok(())
        }
    }

    fn all(&self) -> Vec<(Ended, Kwargs)> {
        self.0.lock().expect("nobody panicked").clone()
    }
}

/// A worker's closures `returned` and `failed`.
fn telling(describe: WorkerBuilder, returned: &Told, failed: &Told) -> WorkerBuilder {
    describe.closure("returned", returned.closure()).closure("failed", failed.closure())
}

fn with_both(job: NewJob) -> NewJob {
    job.at_return(Callback::closure("returned")).at_err(Callback::closure("failed"))
}

impl Site {
    async fn followers(&self, id: JobId) -> Vec<Summary> {
        let filter = Filter { parent: Some(id), ..Filter::default() };
        self.queue.list(&filter, Page::default()).await.expect("the queue is read")
    }

    /// Waits until nothing that follows from a job, or from what follows from it, is left to be done.
    async fn until_told(&self, id: JobId) -> Vec<Summary> {
        soon("all is told", async {
            loop {
                // In this order: what follows is there as soon as the job has ended.
                let has_ended = self.state(id).await.is_end();
                let followers = self.followers(id).await;
                if has_ended && followers.iter().all(|job| job.state.is_end()) {
                    return followers;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        })
        .await
    }
}

#[tokio::test]
async fn a_closure_is_told_of_a_value_with_its_own_kwargs() {
    let site = Site::new().await;
    let (returned, failed) = (Told::default(), Told::default());
    let to = Callback::Closure { name: "returned".into(), kwargs: kwargs(json!({"room": 7})) };
    let job = Job::new(site.store(&returning(&["41"])).await).name("sum");
    let id = site.put(NewJob::new(job).at_return(to).at_err(Callback::closure("failed"))).await;
    let _worker = telling(site.describe(), &returned, &failed).start().expect("a worker");
    let followers = site.until_told(id).await;
    assert_eq!(followers.len(), 1);
    assert_eq!(followers[0].state, State::Completed);
    let told = returned.all();
    let [(ended, kwargs)] = &told[..] else { panic!("told once: {told:?}") };
    assert_eq!((ended.job, &*ended.name, &ended.result), (id, "sum", &Ok(json!(41))));
    assert_eq!(kwargs.get("room"), Some(&json!(7)));
    assert!(failed.all().is_empty());
}

#[tokio::test]
async fn a_closure_is_told_of_a_failure_once_it_is_final() {
    let site = Site::new().await;
    let (returned, failed) = (Told::default(), Told::default());
    let job = site.job(&speaking(&[("$return", b"1"), ("$fail", br#"{"message": "no luck"}"#)], "")).await;
    let id = site.put(with_both(job).retry(at_once(3))).await;
    let _worker = telling(site.describe(), &returned, &failed).start().expect("a worker");
    site.until_told(id).await;
    let told = failed.all();
    let [(ended, _)] = &told[..] else { panic!("told once: {told:?}") };
    let failure = ended.result.as_ref().expect_err("it failed");
    assert_eq!((failure.kind, &*failure.message, &failure.returns[..]), (Kind::Guest, "no luck", &[json!(1)][..]));
    assert!(returned.all().is_empty());
}

#[tokio::test]
async fn the_next_job_of_a_chain_gets_the_result_beside_its_own_kwargs() {
    let site = Site::new().await;
    let echo = site.store(&fixture("kwargs")).await;
    let last = NewJob::new(Job::new(echo).kwarg("mine", 1).expect("JSON"));
    let id = site.put(site.job(&returning(&["41", "42"])).await.at_return(Callback::job(last))).await;
    let _worker = site.start();
    let followers = site.until_told(id).await;
    let record = site.record(followers[0].id).await;
    assert_eq!(record.outcome.expect("an outcome").result, Ok(json!({"mine": 1, "result": [41, 42]})));
    assert_eq!(record.summary.parent, Some(id));
}

#[tokio::test]
async fn a_job_is_told_of_a_failure_as_data() {
    let site = Site::new().await;
    let echo = site.store(&fixture("kwargs")).await;
    let job = site.job(&speaking(&[("$fail", FAILS)], "")).await;
    let id = site.put(job.at_err(Callback::job(NewJob::new(Job::new(echo))))).await;
    let _worker = site.start();
    let followers = site.until_told(id).await;
    let value = site.record(followers[0].id).await.outcome.expect("an outcome").result.expect("it returned");
    assert_eq!((&value["failure"]["kind"], &value["failure"]["message"]), (&json!("guest"), &json!("no luck")));
}

#[tokio::test]
async fn a_broken_chain_tells_the_at_err_that_it_began_with() {
    let site = Site::new().await;
    let (returned, failed) = (Told::default(), Told::default());
    let breaks = site.job(&speaking(&[("$fail", FAILS)], "")).await;
    let job = site.job(&returning(&["1"])).await.at_return(Callback::job(breaks)).at_err(Callback::closure("failed"));
    let id = site.put(job).await;
    let _worker = telling(site.describe(), &returned, &failed).start().expect("a worker");
    let followers = site.until_told(id).await;
    site.until_told(followers[0].id).await;
    let told = failed.all();
    let [(ended, _)] = &told[..] else { panic!("told once: {told:?}") };
    assert_eq!(ended.job, followers[0].id);
}

#[tokio::test]
async fn a_closure_that_keeps_failing_is_told_of_as_a_callback_that_failed() {
    let site = Site::new().await;
    let failed = Told::default();
    let id = site.put(with_both(site.job(&returning(&["41"])).await)).await;
    let describe = site.describe().closure("failed", failed.closure());
    let calls = Arc::new(Mutex::new(0u32));
    let count = Arc::clone(&calls);
    let breaks = move |_: Ended, _: Kwargs| -> Result<(), std::io::Error> {
        let mut calls = count.lock().expect("nobody panicked here");
        *calls += 1;
        if calls.is_multiple_of(2) {
            Err(std::io::Error::other("no room"))
        } else {
            drop(calls);
            panic!("no room at all")
        }
    };
    let _worker = describe.closure("returned", breaks).start().expect("a worker");
    site.until_in(State::Completed, id).await;
    let delivery = site.followers(id).await[0].id;
    soon("the delivery gives up", async {
        while !site.state(delivery).await.is_end() {
            // Its waits are those of the real world.
            let selection = Selection::Ids(vec![delivery]);
            site.queue.change(&selection, &Change::RunNow, None).await.expect("the change is made");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    })
    .await;
    let record = site.record(delivery).await;
    assert_eq!((record.summary.state, record.summary.kind), (State::Failed, Some(Kind::Callback)));
    assert_eq!(record.summary.attempt, *calls.lock().expect("nobody panicked here"));
    let messages: Vec<_> = record
        .attempts
        .iter()
        .map(|attempt| {
            let outcome = attempt.outcome.as_ref().expect("how it went");
            outcome.result.as_ref().expect_err("it failed").message.clone()
        })
        .collect();
    assert_eq!(&messages[..2], ["panicked: no room at all", "no room"]);
    site.until_told(delivery).await;
    let told = failed.all();
    let [(ended, _)] = &told[..] else { panic!("told once: {told:?}") };
    let failure = ended.result.as_ref().expect_err("it failed");
    assert_eq!((ended.job, failure.kind), (id, Kind::Callback));
    assert_eq!(failure.message, "at_return: returned: no room");
}

#[tokio::test]
async fn whatever_the_end_one_of_the_two_is_told_of_it_once() {
    let site = Site::new().await;
    let (returned, failed) = (Told::default(), Told::default());
    let looping = || async { with_both(site.job(&fixture("loop")).await) };
    let lost = site.put(looping().await.retry(at_once(1))).await;
    // It knows no closures, so no delivery is under way when it is dropped: that would be made again.
    let short = Duration::from_secs(3);
    let dies = site.describe().lease(short).start().expect("a worker");
    site.until_running(lost).await;
    drop(dies);
    let cancelled_early = site.put(looping().await.delay(LATER)).await;
    let expired = site.put(looping().await.delay(LATER).start_before(Duration::from_millis(1))).await;
    site.change(cancelled_early, Change::Cancel).await;
    let _worker = telling(site.describe(), &returned, &failed).lease(short).start().expect("a worker");
    let cancelled = site.put(looping().await).await;
    site.until_in(State::Running, cancelled).await;
    site.change(cancelled, Change::Cancel).await;
    for (id, kind) in
        [(cancelled_early, Kind::Cancelled), (expired, Kind::Expired), (lost, Kind::Lost), (cancelled, Kind::Cancelled)]
    {
        site.until_told(id).await;
        let told: Vec<_> = failed.all().into_iter().filter(|(ended, _)| ended.job == id).collect();
        let [(ended, _)] = &told[..] else { panic!("{kind}: told once: {told:?}") };
        assert_eq!(ended.result.as_ref().expect_err("it failed").kind, kind);
    }
    assert!(returned.all().is_empty());
}
