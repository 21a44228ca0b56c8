//! What a job tells is seen while it runs, if it runs for long enough to be watched.

use ampule::queue::{Change, State, StoredEvent};
use ampule::{Event, JobId};
use ampule_tests::faulty::{Fault, Verb};
use ampule_tests::guest::{returning, speaking};
use ampule_tests::soon;
use serde_json::json;

use super::{LOOK_EVERY, Site};

/// A guest that returns 1, sleeps for so long, and returns 2.
fn returning_around_a_sleep(nanoseconds: u64) -> String {
    format!(
        r#"(module
            (import "ampule" "_return" (func $return (param i32 i32)))
            (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1) (data (i32.const 1024) "12")
            (func (export "run")
              (call $return (i32.const 1024) (i32.const 1))
              (i32.store (i32.const 16) (i32.const 1))
              (i64.store (i32.const 24) (i64.const {nanoseconds}))
              (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))
              (call $return (i32.const 1025) (i32.const 1))))"#
    )
}

impl Site {
    async fn events(&self, id: JobId) -> Vec<StoredEvent> {
        self.queue.events(id, 0).await.expect("the queue is read")
    }
}

#[tokio::test]
async fn what_a_job_tells_is_seen_while_it_runs() {
    let site = Site::new().await;
    let calls: [(&str, &[u8]); 3] = [("$progress", br#"{"done": 0.5}"#), ("$log", b"half"), ("$return", b"1")];
    let id = site.put(site.job(&speaking(&calls, "(loop $again (br $again))")).await).await;
    let _worker = site.start();
    let events = soon("its events are seen", async {
        loop {
            let events = site.events(id).await;
            if events.len() == 3 {
                return events;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    })
    .await;
    assert_eq!(site.state(id).await, State::Running);
    assert_eq!(events.iter().map(|event| (event.number, event.attempt)).collect::<Vec<_>>(), [(1, 1), (2, 1), (3, 1)]);
    assert_eq!(events[0].event, Event::Progress(json!({"done": 0.5})));
    assert!(matches!(&events[1].event, Event::Log(line) if line.message == "half"));
    assert_eq!(events[2].event, Event::Return(json!(1)));
    site.change(id, Change::Cancel).await;
    site.ended(id).await;
}

#[tokio::test]
async fn what_a_long_job_told_last_is_there_when_it_has_ended() {
    let site = Site::new().await;
    let id = site.put(site.job(&returning_around_a_sleep(600_000_000)).await).await;
    let _worker = site.start();
    site.ended(id).await;
    let events: Vec<_> = site.events(id).await.into_iter().map(|event| event.event).collect();
    assert_eq!(events, [Event::Return(json!(1)), Event::Return(json!(2))]);
}

#[tokio::test]
async fn a_short_job_costs_no_report() {
    let site = Site::new().await;
    let _worker = site.start();
    // A job that a busy machine keeps for long is no short one.
    for _ in 0..20 {
        let reports = site.faulty.calls(Verb::Report);
        let id = site.put(site.job(&returning(&["1", "2"])).await).await;
        site.ended(id).await;
        if site.faulty.calls(Verb::Report) == reports {
            assert_eq!(site.events(id).await, []);
            return;
        }
    }
    panic!("each of twenty was reported on");
}

#[tokio::test]
async fn events_that_cannot_be_stored_do_not_keep_a_job_from_ending() {
    let site = Site::new().await;
    let away = ampule::queue::Error::Unavailable("gone".into());
    site.faulty.fail_always(Verb::Report, Fault::Before(away));
    let id = site.put(site.job(&returning_around_a_sleep(600_000_000)).await).await;
    let _worker = site.start();
    assert_eq!(site.ended(id).await.outcome.expect("an outcome").returns, [json!(1), json!(2)]);
    assert!(site.faulty.calls(Verb::Report) > 0);
}
