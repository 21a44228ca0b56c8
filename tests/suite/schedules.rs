//! The laws of schedules on a real queue: every tick is one job, however many workers fire it, and what was missed is
//! caught up with as the schedule says.
//!
//! When ticks are is tried where it is worked out, in `host/src/schedule`.

use std::sync::Arc;
use std::time::Duration;

use ampule::queue::{
    Error, Expected, Filter, Missed, NewJob, Page, Queue, Schedule, ScheduleInfo, State, Summary, Timestamp, Timing,
};
use ampule::{Job, Worker, schedule};
use ampule_tests::guest::returning;
use ampule_tests::place::Place;
use ampule_tests::{builder, soon};

fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

async fn queue() -> (Place, Arc<dyn Queue>) {
    let place = Place::sqlite();
    let queue = place.open().await;
    (place, queue)
}

/// A schedule of a program that is stored for it.
async fn scheduled(queue: &dyn Queue, name: &str, timing: Timing) -> Schedule {
    let wasm = ampule::assemble(&returning(&["1"])).expect("a program");
    let digest = queue.put_program(&wasm, None, None).await.expect("it is stored");
    let job = NewJob::new(Job::new(digest).name(name));
    Schedule { name: name.into(), timing, job, missed: Missed::RunOnce, paused: false }
}

fn hourly() -> Timing {
    Timing::Cron { expression: "0 * * * *".into(), zone: "UTC".into() }
}

async fn info(queue: &dyn Queue, name: &str) -> ScheduleInfo {
    let all = queue.schedules().await.expect("the queue is read");
    all.into_iter().find(|info| info.schedule.name == name).expect("it is there")
}

/// The jobs that came of a schedule, oldest tick first.
async fn jobs(queue: &dyn Queue, name: &str) -> Vec<Summary> {
    let filter = Filter { name: Some(name.into()), ..Filter::default() };
    let mut jobs = queue.list(&filter, Page { after: None, limit: 1_000 }).await.expect("the queue is read");
    jobs.sort_by_key(|job| job.run_at);
    jobs
}

async fn ticks(queue: &dyn Queue, name: &str) -> Vec<Timestamp> {
    jobs(queue, name).await.iter().map(|job| job.run_at).collect()
}

/// Stores a schedule as it was, with this tick the next.
async fn left_at(queue: &dyn Queue, schedule: &Schedule, next: &str) {
    queue.put_schedule(schedule, Some(at(next)), Expected::Anything, None).await.expect("it is stored");
}

#[tokio::test]
async fn a_schedule_is_due_first_at_its_next_tick() {
    let (_place, queue) = queue().await;
    let nightly = scheduled(&*queue, "nightly", hourly()).await;
    let before = queue.clock().await.expect("a clock");
    schedule::put(&*queue, &nightly).await.expect("it is stored");
    let next = info(&*queue, "nightly").await.next.expect("a tick");
    assert!(schedule::upcoming(&nightly.timing, before, 2).expect("ticks").contains(&next));
    assert_eq!(schedule::fire_due(&*queue, None).await, Ok(0));
    assert_eq!(schedule::fire_due(&*queue, Some(next)).await, Ok(1));
    assert_eq!(ticks(&*queue, "nightly").await, [next]);
    let after = info(&*queue, "nightly").await;
    assert_eq!((after.last, after.next), (Some(next), Some(next + Duration::from_secs(3_600))));
}

#[tokio::test]
async fn a_tick_is_one_job_however_many_fire_it() {
    let (place, queue) = queue().await;
    let another = place.open().await;
    left_at(&*queue, &scheduled(&*queue, "hourly", hourly()).await, "2026-05-01T10:00:00Z").await;
    for hour in 10..20 {
        let now = Some(at(&format!("2026-05-01T{hour}:00:01Z")));
        let (one, other) = tokio::join!(schedule::fire_due(&*queue, now), schedule::fire_due(&*another, now));
        assert_eq!(one.expect("fired") + other.expect("fired"), 1, "one of them moved it on");
    }
    // One that comes late with what it knew of before changes nothing.
    left_at(&*queue, &info(&*queue, "hourly").await.schedule, "2026-05-01T19:00:00Z").await;
    schedule::fire_due(&*queue, Some(at("2026-05-01T19:00:30Z"))).await.expect("fired");
    assert_eq!(ticks(&*queue, "hourly").await.len(), 10);
}

#[tokio::test]
async fn what_was_missed_is_caught_up_with_as_the_schedule_says() {
    let (_place, queue) = queue().await;
    let laws =
        [("skip", Missed::Skip, vec![]), ("once", Missed::RunOnce, vec![13]), ("all", Missed::RunAll(2), vec![12, 13])];
    for (name, missed, _) in &laws {
        let schedule = Schedule { missed: *missed, ..scheduled(&*queue, name, hourly()).await };
        left_at(&*queue, &schedule, "2026-05-01T10:00:00Z").await;
    }
    assert_eq!(schedule::fire_due(&*queue, Some(at("2026-05-01T13:30:00Z"))).await, Ok(3));
    for (name, _, hours) in laws {
        let expected: Vec<_> = hours.iter().map(|hour| at(&format!("2026-05-01T{hour}:00:00Z"))).collect();
        assert_eq!(ticks(&*queue, name).await, expected, "{name}");
        assert_eq!(info(&*queue, name).await.next, Some(at("2026-05-01T14:00:00Z")), "{name}");
    }
}

#[tokio::test]
async fn storing_a_schedule_again_does_not_forget_what_it_missed() {
    let (_place, queue) = queue().await;
    let hourly = scheduled(&*queue, "hourly", hourly()).await;
    left_at(&*queue, &hourly, "2026-05-01T10:00:00Z").await;
    schedule::put(&*queue, &hourly).await.expect("it is stored");
    assert_eq!(info(&*queue, "hourly").await.next, Some(at("2026-05-01T10:00:00Z")));
    let now = queue.clock().await.expect("a clock");
    for changed in [
        Schedule { timing: Timing::Every(Duration::from_secs(60)), ..hourly.clone() },
        Schedule { paused: true, ..hourly.clone() },
    ] {
        schedule::put(&*queue, &changed).await.expect("it is stored");
        schedule::put(&*queue, &hourly).await.expect("it is stored");
        assert!(info(&*queue, "hourly").await.next.expect("a tick") > now, "a change, or a rest, begins anew");
    }
}

#[tokio::test]
async fn a_schedule_that_rests_fires_nothing_and_can_be_run_all_the_same() {
    let (_place, queue) = queue().await;
    let resting = Schedule { paused: true, ..scheduled(&*queue, "resting", hourly()).await };
    left_at(&*queue, &resting, "2026-05-01T10:00:00Z").await;
    assert_eq!(schedule::fire_due(&*queue, Some(at("2026-05-01T10:00:00Z"))).await, Ok(0));
    let id = schedule::run_now(&*queue, "resting").await.expect("it is enqueued");
    let again = schedule::run_now(&*queue, "resting").await.expect("it is enqueued");
    assert_ne!(id, again);
    let mut found: Vec<_> = jobs(&*queue, "resting").await.iter().map(|job| job.id).collect();
    found.sort_unstable();
    assert_eq!(found, [id, again]);
    let unknown = schedule::run_now(&*queue, "no-such").await.expect_err("there is none");
    assert_eq!(unknown.to_string(), r#"schedule: expected the name of a schedule, found "no-such""#);
}

#[tokio::test]
async fn a_schedule_that_cannot_be_fired_does_not_keep_the_others() {
    let (_place, queue) = queue().await;
    let elsewhere = Timing::Cron { expression: "0 * * * *".into(), zone: "Mars/Olympus".into() };
    left_at(&*queue, &scheduled(&*queue, "a-newer", elsewhere).await, "2026-05-01T10:00:00Z").await;
    left_at(&*queue, &scheduled(&*queue, "b-open", hourly()).await, "2026-05-01T10:00:00Z").await;
    assert_eq!(schedule::fire_due(&*queue, Some(at("2026-05-01T10:00:01Z"))).await, Ok(1));
    assert_eq!(ticks(&*queue, "b-open").await, [at("2026-05-01T10:00:00Z")]);
    assert!(ticks(&*queue, "a-newer").await.is_empty());
}

#[tokio::test]
async fn what_means_nothing_is_refused_when_it_is_stored() {
    let (_place, queue) = queue().await;
    let good = scheduled(&*queue, "good", hourly()).await;
    let cron = |expression: &str, zone: &str| Timing::Cron { expression: expression.into(), zone: zone.into() };
    let mut keyed = good.clone();
    keyed.job.unique = Some(ampule::queue::Unique { key: "k".into(), scope: Default::default() });
    for bad in [
        Schedule { timing: cron("0 0 30 2 *", "UTC"), ..good.clone() },
        Schedule { timing: cron("nonsense", "UTC"), ..good.clone() },
        Schedule { timing: cron("0 0 * * *", "Mars/Olympus"), ..good.clone() },
        Schedule { timing: Timing::Every(Duration::ZERO), ..good.clone() },
        Schedule { missed: Missed::RunAll(0), ..good.clone() },
        keyed,
    ] {
        let refused = schedule::put(&*queue, &bad).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{bad:?}: {refused:?}");
    }
    assert_eq!(queue.schedules().await.expect("the queue is read"), []);
}

#[tokio::test]
async fn two_workers_fire_each_tick_once_and_run_it() {
    let (_place, queue) = queue().await;
    let mut every_second = scheduled(&*queue, "tick", Timing::Every(Duration::from_secs(1))).await;
    // A busy machine may sleep through one.
    every_second.missed = Missed::RunAll(100);
    schedule::put(&*queue, &every_second).await.expect("it is stored");
    let runner = builder().build().expect("a runner");
    let _workers = [(); 2].map(|()| Worker::builder(runner.clone(), Arc::clone(&queue)).start().expect("a worker"));
    let jobs = soon("three ticks are run", async {
        loop {
            let jobs = jobs(&*queue, "tick").await;
            if jobs.iter().filter(|job| job.state == State::Completed).count() >= 3 {
                return jobs;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    for pair in jobs.windows(2) {
        assert_eq!(pair[1].run_at, pair[0].run_at + Duration::from_secs(1), "none twice, none left out");
    }
}
