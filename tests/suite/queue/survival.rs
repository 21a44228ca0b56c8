//! What was acknowledged is there when the queue is opened again, byte for byte.

use std::sync::Arc;
use std::time::Duration;

use ampule::queue::{
    Callback, Change, Error, Expected, Filter, Mode, Queue, QueueInfo, QueueSettings, Schedule, ScheduleInfo, Settled,
    State, StoredEvent, StoredProgram, Timing, Verdict, WorkerId, WorkerInfo,
};
use ampule::{
    Access, Backtrace, Digest, Event, Failure, Frame, Fuel, Grants, Job, JobId, Kind, Kwargs, LimitOverrides, LogLevel,
    LogLine, Outcome, Truncated, Value,
};
use ampule_tests::clock::{at, s};
use ampule_tests::place::Place;
use ampule_tests::queue::{
    change, claim, end, finish, job, list, put, put_all, record, run_to, settlement, store, take, take_one,
};
use serde_json::json;

use super::schedules::{schedule, schedules};

/// Text that is lost wherever text is taken for something else.
fn odd_texts() -> [String; 9] {
    [
        String::new(),
        "a\0b\0".to_owned(),
        "🦀 née \u{202e}\u{feff}\u{10ffff}".to_owned(),
        r#"'; DROP TABLE jobs; --  " \ \" \u0000 $1 ? :x %s"#.to_owned(),
        "line\r\nline\ttab\u{1b}[31m\u{7f}".to_owned(),
        "\u{2028}\u{2029}</script>".to_owned(),
        "\\x00\\\\".to_owned(),
        " leading and trailing \n".to_owned(),
        "0123456789abcdef".repeat(65_536),
    ]
}

/// All that a reader can see of a queue.
#[derive(Debug, PartialEq)]
struct Seen {
    records: Vec<ampule::queue::JobRecord>,
    events: Vec<Vec<StoredEvent>>,
    queues: Vec<QueueInfo>,
    programs: Vec<StoredProgram>,
    bytes: Vec<Option<Vec<u8>>>,
    schedules: Vec<ScheduleInfo>,
    workers: Vec<WorkerInfo>,
}

impl Seen {
    async fn of(queue: &Arc<dyn Queue>) -> Self {
        let (mut records, mut events, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
        for summary in list(queue, &Filter::default()).await {
            records.push(record(queue, summary.id).await);
            events.push(queue.events(summary.id, 0).await.expect("read"));
        }
        let programs = queue.programs().await.expect("listed");
        for program in &programs {
            bytes.push(queue.program(program.digest).await.expect("read"));
        }
        let schedules = schedules(queue).await;
        let queues = queue.queues(Some(at(30))).await.expect("listed");
        let workers = queue.workers(Some(at(30))).await.expect("listed");
        Seen { records, events, queues, programs, bytes, schedules, workers }
    }
}

/// Something of everything.
async fn fill(queue: &Arc<dyn Queue>) {
    store(queue, "adder", b"\0asm", at(0)).await;
    for verdict in [Verdict::Completed, Verdict::Failed, Verdict::Cancelled, Verdict::Retry(s(90))] {
        let new = job("tried").tenant("ada").tag("x").at_return(Callback::closure("tell"));
        run_to(queue, new, verdict, at(1)).await;
    }
    put(queue, job("runs"), at(1)).await;
    let lease = take_one(queue, at(2)).await;
    let told = vec![Event::Progress(json!({ "done": 0.5 })), Event::Return(json!([1, null]))];
    queue.report(vec![(lease.key, told)], Some(at(3))).await.expect("reported");
    queue.beat(&WorkerInfo::new(lease.key.worker, "here", 4, at(2)), Some(at(2))).await.expect("noted");
    let ids = put_all(
        queue,
        vec![
            job("due").priority(5).start_before(s(100)),
            job("later").delay(s(70)).queue("mail"),
            job("held").held(),
            job("cancelled").at_err(Callback::closure("tell")),
        ],
        at(4),
    )
    .await;
    change(queue, &ids[3..], &Change::Cancel, at(5)).await;
    let settings = QueueSettings { mode: Mode::Draining, max_running: Some(3), max_running_per_tenant: Some(2) };
    queue.configure("mail", &settings).await.expect("configured");
    let cron = Timing::Cron { expression: "0 * * * *".to_owned(), zone: "UTC".to_owned() };
    let hourly = Schedule { timing: cron, ..schedule("hourly") };
    queue.put_schedule(&hourly, Some(at(3_600)), Expected::Anything, Some(at(0))).await.expect("stored");
}

pub(super) async fn all_who_open_a_new_place_at_once_have_one_queue(place: Arc<Place>) {
    for _ in 0..5 {
        let place = place.another();
        let one = |number: usize| {
            let url = place.url();
            tokio::spawn(async move {
                let queue = ampule::queue::open(&url).await?;
                queue.enqueue(vec![job(&number.to_string())], None).await
            })
        };
        for stored in (0..8).map(one).collect::<Vec<_>>() {
            assert_eq!(stored.await.expect("it is answered").map(|stored| stored.len()), Ok(1));
        }
        assert_eq!(list(&place.open().await, &Filter::default()).await.len(), 8);
    }
}

pub(super) async fn everything_is_there_when_the_queue_is_opened_again(place: Arc<Place>) {
    let queue = place.open().await;
    fill(&queue).await;
    let before = Seen::of(&queue).await;
    assert_eq!((before.records.len(), before.schedules.len(), before.workers.len()), (10, 1, 1));
    drop(queue);
    let queue = place.open().await;
    assert_eq!(Seen::of(&queue).await, before);
    drop(queue);
    let queue = place.open().await;
    assert_eq!(Seen::of(&queue).await, before, "to open it changes nothing");
}

pub(super) async fn a_lease_outlives_the_handle_that_gave_it(place: Arc<Place>) {
    let queue = place.open().await;
    let ids = put_all(&queue, vec![job("one"), job("two")], at(0)).await;
    let leases = take(&queue, &claim(2), at(0)).await;
    drop(queue);
    let queue = place.open().await;
    assert_eq!(take(&queue, &claim(2), at(1)).await, [], "they still run");
    finish(&queue, &leases[0], Verdict::Completed, at(2)).await;
    assert_eq!(ampule_tests::queue::reclaim(&queue, at(30)).await, 1);
    assert_eq!(end(&queue, &leases[1], Verdict::Completed, at(31)).await, Settled::Stale);
    assert_eq!(take_one(&queue, at(31)).await.key.job, ids[1]);
}

pub(super) async fn kwargs_of_any_size_and_text_survive(place: Arc<Place>) {
    let queue = place.open().await;
    let mut new = Vec::new();
    for (number, text) in odd_texts().into_iter().enumerate() {
        let (key, value) = (if number < 8 { text.clone() } else { "long".to_owned() }, text);
        let object =
            json!({ key: { "value": value, "numbers": [0, -1, u64::MAX, i64::MIN, 0.1, 1e-300, -0.0] }, "last": null });
        let kwargs = Kwargs::try_from(object).expect("an object");
        new.push(ampule::queue::NewJob::new(Job::source("python", value_of(&kwargs)).kwargs(kwargs)));
    }
    put_all(&queue, new.clone(), at(0)).await;
    drop(queue);
    let queue = place.open().await;
    for new in &new {
        assert_eq!(record(&queue, new.id).await.payload, new.payload);
    }
    let leases = take(&queue, &claim(20), at(0)).await;
    assert_eq!(leases.len(), new.len());
    for lease in leases {
        let given = new.iter().find(|new| new.id == lease.key.job).expect("one of them");
        let (job, given) = (lease.payload.job().expect("a job"), given.payload.job().expect("a job"));
        assert_eq!(job.kwargs.to_json(), given.kwargs.to_json(), "in their order too");
        assert_eq!(job.source, given.source);
    }
}

/// The first text in the kwargs, as a source string.
fn value_of(kwargs: &Kwargs) -> String {
    let first = kwargs.as_object().values().next().and_then(|value| value["value"].as_str());
    first.unwrap_or_default().to_owned()
}

pub(super) async fn payloads_around_the_size_that_is_kept_apart_survive(queue: Arc<dyn Queue>) {
    for size in (1_600..2_400).step_by(37).chain([0, 1, 65_535, 65_536, 1 << 20]) {
        let new = ampule::queue::NewJob::new(Job::source("python", "x".repeat(size)));
        put(&queue, new.clone(), at(0)).await;
        let lease = take_one(&queue, at(0)).await;
        assert_eq!(lease.payload, new.payload, "{size} bytes, claimed");
        finish(&queue, &lease, Verdict::Retry(s(0)), at(0)).await;
        let lease = take_one(&queue, at(0)).await;
        assert_eq!(lease.payload, new.payload, "{size} bytes, claimed again");
        finish(&queue, &lease, Verdict::Completed, at(0)).await;
        assert_eq!(record(&queue, new.id).await.payload, new.payload, "{size} bytes, ended");
        change(&queue, &[new.id], &Change::Retry { kwargs: None }, at(0)).await;
        let lease = take_one(&queue, at(0)).await;
        assert_eq!(lease.payload, new.payload, "{size} bytes, retried");
        finish(&queue, &lease, Verdict::Completed, at(0)).await;
    }
}

pub(super) async fn every_term_of_a_job_survives(queue: Arc<dyn Queue>) {
    let limits = LimitOverrides { fuel: Some(u64::MAX), memory_bytes: Some(1 << 20), ..LimitOverrides::default() };
    let grants = Grants::none().directory("data", "/data").deterministic(7);
    assert_eq!(grants.directories[0].access, Access::ReadOnly);
    let job = Job::source("python", "1").name("né").limits(limits).timeout(Duration::from_millis(1)).grants(grants);
    let inner = ampule::queue::NewJob::new(job.clone()).queue("next").priority(i16::MAX).held().start_before(s(1));
    let new = ampule::queue::NewJob::new(job).at_return(Callback::job(inner.clone())).at_err(Callback::closure("tell"));
    put(&queue, new.clone(), at(0)).await;
    let lease = take_one(&queue, at(0)).await;
    let mut payload = lease.payload;
    // The job of a callback is given an id when it is enqueued.
    if let Some(Callback::Job(next)) = &mut payload.at_return {
        next.id = inner.id;
    }
    assert_eq!(payload, new.payload);
}

/// An outcome with something in every part.
fn outcome(id: JobId, kind: Kind, text: &str) -> Outcome {
    let line = |level| LogLine { level, message: text.to_owned() };
    let levels = [LogLevel::Trace, LogLevel::Debug, LogLevel::Info, LogLevel::Warn, LogLevel::Error];
    let returns = vec![json!(null), json!(text), json!({ "x": [1.5, text] })];
    let logs: Vec<LogLine> = levels.into_iter().map(line).collect();
    let mut failure = Failure::new(kind, text);
    failure.error_type = Some("ValueError".to_owned());
    failure.traceback = Some(text.to_owned());
    failure.retry = Some(false);
    failure.trap = Some(ampule::TrapCode::StackOverflow);
    failure.code = Some(u32::MAX);
    let frames = vec![
        Frame { function: text.to_owned(), location: Some("a.c:3".to_owned()) },
        Frame { function: "f".to_owned(), location: None },
    ];
    failure.backtrace = Some(Backtrace { frames });
    failure.returns.clone_from(&returns);
    failure.logs.clone_from(&logs);
    failure.stdout_tail = text.to_owned();
    failure.stderr_tail = text.to_owned();
    let mut outcome = Outcome::of(id, Err(failure));
    outcome.program = Some(Digest::of(b"adder"));
    outcome.usage.fuel = Some(Fuel::AtLeast(7));
    outcome.usage.wall = Duration::from_nanos(1_234_567_891);
    outcome.usage.waited = Duration::from_millis(3);
    outcome.usage.memory_peak_bytes = u64::from(u32::MAX);
    outcome.usage.memory_refused = true;
    outcome.output.stdout = text.as_bytes().to_vec();
    outcome.output.stderr = text.as_bytes().to_vec();
    outcome.output.logs = logs;
    outcome.output.truncated = Truncated { stdout_bytes: 1, stderr_bytes: 2, log_lines: 3 };
    outcome
}

/// Runs a job to this outcome.
async fn end_with(queue: &Arc<dyn Queue>, verdict: Verdict, make: impl FnOnce(JobId) -> Outcome) -> Outcome {
    let id = put(queue, job("ends"), at(0)).await;
    let lease = take_one(queue, at(0)).await;
    let mut settlement = settlement(&lease, verdict);
    let outcome = make(id);
    settlement.outcome = Some(outcome.clone());
    assert_eq!(queue.settle(vec![settlement], Some(at(1))).await, Ok(vec![Settled::Done]));
    outcome
}

pub(super) async fn failures_of_every_kind_survive(place: Arc<Place>) {
    let queue = place.open().await;
    let mut outcomes = Vec::new();
    for kind in Kind::ALL {
        outcomes.push(end_with(&queue, Verdict::Failed, |id| outcome(id, kind, "why")).await);
    }
    drop(queue);
    let queue = place.open().await;
    for outcome in outcomes {
        let record = record(&queue, outcome.id).await;
        let kind = outcome.result.as_ref().expect_err("it failed").kind;
        assert_eq!((record.summary.kind, record.summary.message.as_deref()), (Some(kind), Some("why")));
        assert_eq!(record.attempts[0].outcome.as_ref(), Some(&outcome));
        assert_eq!(record.outcome, Some(outcome));
    }
}

pub(super) async fn failures_with_odd_text_survive(queue: Arc<dyn Queue>) {
    for text in odd_texts() {
        // Sixteen copies of the longest are more than a row is made for.
        let text: String = text.chars().take(70_000).collect();
        for verdict in [Verdict::Failed, Verdict::Cancelled, Verdict::Retry(s(1_000))] {
            let outcome = end_with(&queue, verdict, |id| outcome(id, Kind::Guest, &text)).await;
            let record = record(&queue, outcome.id).await;
            assert_eq!(record.attempts[0].outcome.as_ref(), Some(&outcome));
            assert_eq!(record.outcome, Some(outcome).filter(|_| record.summary.state != State::Queued));
        }
    }
}

pub(super) async fn values_of_every_shape_survive(queue: Arc<dyn Queue>) {
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let large = json!("x".repeat(1 << 20));
    let shapes: [Vec<Value>; 9] = [
        vec![],
        vec![json!(null)],
        vec![json!([])],
        vec![json!({})],
        vec![json!(u64::MAX), json!(i64::MIN), json!(0.1), json!(f64::MAX)],
        vec![json!("\0"), json!({ "\0": "" })],
        vec![json!({ "z": 1, "a": 2 })],
        vec![deep],
        vec![large],
    ];
    for returns in shapes {
        let outcome = end_with(&queue, Verdict::Completed, |id| Outcome::of(id, Ok(returns))).await;
        assert_eq!(record(&queue, outcome.id).await.outcome, Some(outcome));
    }
}

pub(super) async fn a_queue_in_use_is_sound(queue: Arc<dyn Queue>) {
    fill(&queue).await;
    let findings = queue.check(Some(at(10))).await.expect("the queue is looked through");
    let faults: Vec<_> = findings.iter().filter(|finding| finding.is_fault).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

pub(super) async fn a_copy_made_in_use_is_the_queue_of_that_moment(place: Arc<Place>) {
    let queue = place.open().await;
    fill(&queue).await;
    let before = Seen::of(&queue).await;
    let folder = tempfile::tempdir().expect("a directory can be made");
    let file = folder.path().join("copy.db");
    match queue.backup(&file).await {
        Err(Error::Unsupported(_)) => assert!(!file.exists(), "another tool is named for it"),
        copied => {
            copied.expect("the copy is made");
            put(&queue, job("after"), at(20)).await;
            let copy = ampule::queue::open(&ampule::queue::QueueUrl::Sqlite(file)).await.expect("the copy opens");
            assert_eq!(Seen::of(&copy).await, before);
        }
    }
}

pub(super) async fn the_clock_is_the_machine_s_to_the_millisecond(queue: Arc<dyn Queue>) {
    let now = || ampule::queue::Timestamp::from(std::time::SystemTime::now()).timestamp_millis();
    let before = now();
    let clock = queue.clock().await.expect("the clock is read");
    assert!((before..=now()).contains(&clock.timestamp_millis()), "the database is on this machine");
    assert_eq!(clock.timestamp_subsec_nanos() % 1_000_000, 0);
    assert_ne!(WorkerId::fresh(), WorkerId::fresh());
}
