//! Schedules as a queue keeps them: each tick is enqueued once, whoever fires.

use std::sync::Arc;
use std::time::Duration;

use ampule::queue::{
    Callback, Error, Expected, Filter, Firing, Missed, NewJob, Queue, Schedule, ScheduleInfo, Timestamp, Timing,
    UniqueScope,
};
use ampule::{Job, JobId, ProgramRef};
use ampule_tests::clock::{at, s};
use ampule_tests::queue::{claim, job, list, list_ids, store, summary, take};

pub(super) fn schedule(name: &str) -> Schedule {
    Schedule {
        name: name.to_owned(),
        timing: Timing::Every(s(60)),
        job: job("tick"),
        missed: Missed::RunOnce,
        paused: false,
    }
}

async fn put(queue: &Arc<dyn Queue>, schedule: &Schedule, next: Option<Timestamp>, now: Timestamp) {
    assert!(put_if(queue, schedule, next, Expected::Anything, now).await);
}

/// Stores a schedule if what is there is as expected.
async fn put_if(
    queue: &Arc<dyn Queue>,
    schedule: &Schedule,
    next: Option<Timestamp>,
    expected: Expected,
    now: Timestamp,
) -> bool {
    queue.put_schedule(schedule, next, expected, Some(now)).await.expect("the schedule is taken in")
}

/// Every schedule. A job in one has no id of its own, since each tick gets one: here it is always the same.
pub(super) async fn schedules(queue: &Arc<dyn Queue>) -> Vec<ScheduleInfo> {
    let mut infos = queue.schedules().await.expect("schedules are listed");
    infos.iter_mut().for_each(|info| unname(&mut info.schedule.job));
    infos
}

fn unname(job: &mut NewJob) {
    job.id = JobId::from_bytes([0; 16]);
    for callback in [&mut job.payload.at_return, &mut job.payload.at_err].into_iter().flatten() {
        if let Callback::Job(next) = callback {
            unname(next);
        }
    }
}

/// The schedule that there is.
async fn only(queue: &Arc<dyn Queue>) -> ScheduleInfo {
    let mut infos = schedules(queue).await;
    assert_eq!(infos.len(), 1, "one schedule: {infos:?}");
    infos.remove(0)
}

/// The job of a tick, as whoever fires makes it.
pub(super) fn tick(info: &ScheduleInfo, moment: Timestamp) -> NewJob {
    let key = format!("schedule:{}:{}", info.schedule.name, moment.timestamp_millis());
    let mut new = info.schedule.job.clone().unique(key, UniqueScope::Forever);
    new.id = job("").id;
    new
}

/// The firing of one tick.
pub(super) fn firing(info: &ScheduleInfo, moment: Timestamp) -> Firing {
    let (name, revision) = (info.schedule.name.clone(), info.revision);
    Firing { name, revision, jobs: vec![tick(info, moment)], last: Some(moment), next: Some(moment + s(60)) }
}

async fn fire(queue: &Arc<dyn Queue>, firing: Firing, now: Timestamp) -> bool {
    queue.fire(firing, Some(now)).await.expect("the firing is looked at")
}

pub(super) async fn a_schedule_is_kept_as_it_was_given(queue: Arc<dyn Queue>) {
    let told = Callback::job(job("after").at_err(Callback::closure("tell")));
    let cron = Schedule {
        timing: Timing::Cron { expression: "0 30 2 * * *".to_owned(), zone: "Europe/Berlin".to_owned() },
        job: job("tick").queue("mail").priority(-3).tenant("ada").tag("x").start_before(s(9)).at_return(told),
        missed: Missed::RunAll(7),
        paused: true,
        ..schedule("cron")
    };
    let every = Schedule { timing: Timing::Every(Duration::from_millis(1_500)), ..schedule("every") };
    put(&queue, &every, Some(at(60)), at(0)).await;
    put(&queue, &cron, None, at(0)).await;
    let infos = schedules(&queue).await;
    assert_eq!(infos.iter().map(|info| &*info.schedule.name).collect::<Vec<_>>(), ["cron", "every"], "by name");
    for (info, given) in infos.iter().zip([&cron, &every]) {
        let mut given = given.clone();
        unname(&mut given.job);
        assert_eq!(info.schedule, given);
        assert_eq!(info.last, None);
    }
    assert_eq!((infos[0].next, infos[1].next), (None, Some(at(60))));
}

pub(super) async fn a_schedule_takes_the_place_of_the_one_of_its_name(queue: Arc<dyn Queue>) {
    put(&queue, &schedule("tick"), Some(at(60)), at(0)).await;
    let first = only(&queue).await;
    assert!(fire(&queue, firing(&first, at(60)), at(61)).await);
    let fired = only(&queue).await;
    let other = Schedule { paused: true, missed: Missed::Skip, ..schedule("tick") };
    put(&queue, &other, Some(at(500)), at(62)).await;
    let second = only(&queue).await;
    assert!(first.revision < fired.revision && fired.revision < second.revision);
    assert_eq!((second.schedule.missed, second.schedule.paused), (Missed::Skip, true));
    assert_eq!((second.last, second.next), (Some(at(60)), Some(at(500))), "it knows what was enqueued last");
}

pub(super) async fn a_schedule_without_meaning_is_refused(queue: Arc<dyn Queue>) {
    let bad = [
        Schedule { name: String::new(), ..schedule("") },
        Schedule { job: job("").unique("k", UniqueScope::Forever), ..schedule("unique") },
        Schedule { job: job("").delay(s(1)), ..schedule("delayed") },
        Schedule { job: job("").queue(""), ..schedule("nowhere") },
        Schedule { missed: Missed::RunAll(0), ..schedule("none") },
        Schedule { missed: Missed::RunAll(1_001), ..schedule("too many") },
    ];
    for schedule in bad {
        let error =
            queue.put_schedule(&schedule, Some(at(60)), Expected::Anything, Some(at(0))).await.expect_err("refused");
        assert!(matches!(error, Error::Invalid { .. }), "{schedule:?}: {error:?}");
    }
    assert_eq!(schedules(&queue).await, []);
}

pub(super) async fn only_who_knows_its_revision_changes_a_schedule(queue: Arc<dyn Queue>) {
    let (first, second) = (schedule("hourly"), Schedule { paused: true, ..schedule("hourly") });
    assert!(!put_if(&queue, &first, None, Expected::Revision(1), at(0)).await, "nothing is there");
    assert!(put_if(&queue, &first, Some(at(60)), Expected::Nothing, at(0)).await);
    assert!(!put_if(&queue, &second, None, Expected::Nothing, at(1)).await);
    let info = only(&queue).await;
    for stale in [0, info.revision - 1, info.revision + 1, u64::MAX] {
        assert!(!put_if(&queue, &second, None, Expected::Revision(stale), at(1)).await);
    }
    assert_eq!(only(&queue).await, info);
    assert!(put_if(&queue, &second, None, Expected::Revision(info.revision), at(1)).await);
    let changed = only(&queue).await;
    assert!(changed.schedule.paused && changed.next.is_none() && changed.revision > info.revision);
}

pub(super) async fn a_schedule_that_was_stored_anew_is_another(queue: Arc<dyn Queue>) {
    put(&queue, &schedule("hourly"), Some(at(60)), at(0)).await;
    let before = only(&queue).await;
    assert_eq!(queue.delete_schedule("hourly").await, Ok(true));
    put(&queue, &schedule("hourly"), Some(at(60)), at(1)).await;
    let stored = only(&queue).await;
    assert!(!put_if(&queue, &schedule("hourly"), None, Expected::Revision(before.revision), at(2)).await);
    assert_eq!(queue.fire(firing(&before, at(60)), Some(at(61))).await, Ok(false));
    assert_eq!(only(&queue).await, stored);
}

pub(super) async fn to_let_a_schedule_rest_undoes_nothing_that_others_do_meanwhile(queue: Arc<dyn Queue>) {
    for round in 1..=20 {
        let changed = Schedule { timing: Timing::Every(s(60 + round)), ..schedule("changed") };
        put(&queue, &schedule("changed"), Some(at(60)), at(0)).await;
        put(&queue, &schedule("deleted"), Some(at(60)), at(0)).await;
        let rests = ["changed", "deleted"].map(|name| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move { ampule::schedule::rest(&*queue, name, true).await.expect("it is answered") })
        });
        put(&queue, &changed, Some(at(60)), at(1)).await;
        assert_eq!(queue.delete_schedule("deleted").await, Ok(true));
        for rest in rests {
            rest.await.expect("the call ends");
        }
        assert_eq!(only(&queue).await.schedule.timing, changed.timing);
    }
}

pub(super) async fn a_schedule_is_deleted_once_and_its_jobs_stay(queue: Arc<dyn Queue>) {
    put(&queue, &schedule("tick"), Some(at(60)), at(0)).await;
    assert!(fire(&queue, firing(&only(&queue).await, at(60)), at(61)).await);
    assert_eq!(queue.delete_schedule("tick").await, Ok(true));
    assert_eq!(queue.delete_schedule("tick").await, Ok(false));
    assert_eq!(schedules(&queue).await, []);
    assert_eq!(take(&queue, &claim(9), at(61)).await.len(), 1);
}

pub(super) async fn a_firing_enqueues_its_ticks_and_moves_on(queue: Arc<dyn Queue>) {
    put(&queue, &schedule("tick"), Some(at(60)), at(0)).await;
    let info = only(&queue).await;
    let jobs = vec![tick(&info, at(60)), tick(&info, at(120))];
    let ids = [jobs[0].id, jobs[1].id];
    assert!(
        fire(&queue, Firing { jobs, last: Some(at(120)), next: Some(at(180)), ..firing(&info, at(60)) }, at(125)).await
    );
    let moved = only(&queue).await;
    assert_eq!((moved.last, moved.next), (Some(at(120)), Some(at(180))));
    assert!(moved.revision > info.revision);
    for id in ids {
        let summary = summary(&queue, id).await;
        assert_eq!((&*summary.name, summary.enqueued_at, summary.run_at), ("tick", at(125), at(125)));
    }
}

pub(super) async fn a_firing_of_nothing_moves_on_too(queue: Arc<dyn Queue>) {
    put(&queue, &schedule("tick"), Some(at(60)), at(0)).await;
    let info = only(&queue).await;
    let nothing = Firing { jobs: vec![], last: None, next: Some(at(180)), ..firing(&info, at(60)) };
    assert!(fire(&queue, nothing, at(125)).await);
    let moved = only(&queue).await;
    assert_eq!((moved.last, moved.next), (None, Some(at(180))));
    assert!(fire(&queue, firing(&moved, at(180)), at(181)).await);
    let moved = only(&queue).await;
    let nothing = Firing { jobs: vec![], last: None, next: None, ..firing(&moved, at(240)) };
    assert!(fire(&queue, nothing, at(300)).await);
    assert_eq!(only(&queue).await.last, Some(at(180)), "no tick was enqueued since");
}

pub(super) async fn a_firing_that_knows_an_older_revision_changes_nothing(queue: Arc<dyn Queue>) {
    put(&queue, &schedule("tick"), Some(at(60)), at(0)).await;
    let info = only(&queue).await;
    assert!(fire(&queue, firing(&info, at(60)), at(61)).await);
    let moved = only(&queue).await;
    assert!(!fire(&queue, firing(&info, at(120)), at(121)).await);
    assert_eq!(only(&queue).await, moved);
    assert_eq!(list(&queue, &Filter::default()).await.len(), 1);
}

pub(super) async fn a_schedule_that_rests_or_is_gone_does_not_fire(queue: Arc<dyn Queue>) {
    let info = {
        put(&queue, &schedule("tick"), Some(at(60)), at(0)).await;
        only(&queue).await
    };
    put(&queue, &Schedule { paused: true, ..schedule("tick") }, Some(at(60)), at(1)).await;
    let paused = only(&queue).await;
    assert!(!fire(&queue, firing(&paused, at(60)), at(61)).await);
    assert_eq!(only(&queue).await, paused);
    queue.delete_schedule("tick").await.expect("deleted");
    assert!(!fire(&queue, firing(&info, at(60)), at(61)).await);
    assert_eq!(list(&queue, &Filter::default()).await, []);
}

pub(super) async fn two_leaders_fire_a_tick_once(queue: Arc<dyn Queue>) {
    put(&queue, &schedule("tick"), Some(at(60)), at(0)).await;
    for round in 1..=5 {
        let info = only(&queue).await;
        let leaders = (0..4).map(|_| {
            let (queue, firing) = (Arc::clone(&queue), firing(&info, at(round * 60)));
            tokio::spawn(async move { fire(&queue, firing, at(round * 60)).await })
        });
        let mut fired = 0;
        for leader in leaders.collect::<Vec<_>>() {
            fired += u32::from(leader.await.expect("the call ends"));
        }
        assert_eq!(fired, 1);
    }
    assert_eq!(list(&queue, &Filter::default()).await.len(), 5);
}

pub(super) async fn a_tick_that_was_enqueued_is_not_enqueued_again(queue: Arc<dyn Queue>) {
    put(&queue, &schedule("tick"), Some(at(60)), at(0)).await;
    assert!(fire(&queue, firing(&only(&queue).await, at(60)), at(61)).await);
    put(&queue, &schedule("tick"), Some(at(60)), at(62)).await;
    let info = only(&queue).await;
    assert!(fire(&queue, firing(&info, at(60)), at(63)).await, "it moves on");
    assert_eq!(list(&queue, &Filter::default()).await.len(), 1);
    assert_eq!(only(&queue).await.next, Some(at(120)));
}

pub(super) async fn a_firing_whose_jobs_are_refused_changes_nothing(queue: Arc<dyn Queue>) {
    put(&queue, &schedule("tick"), Some(at(60)), at(0)).await;
    let info = only(&queue).await;
    let mut bad = firing(&info, at(60));
    bad.jobs.push(NewJob::new(Job::new("nobody")));
    let error = queue.fire(bad, Some(at(61))).await.expect_err("refused");
    assert_eq!(error, Error::UnknownProgram("nobody".to_owned()));
    assert_eq!(only(&queue).await, info);
    assert_eq!(list(&queue, &Filter::default()).await, []);
    assert!(fire(&queue, firing(&info, at(60)), at(62)).await);
}

pub(super) async fn a_tick_means_the_program_that_has_the_name_by_then(queue: Arc<dyn Queue>) {
    store(&queue, "adder", b"first", at(0)).await;
    let named = Schedule { job: NewJob::new(Job::new("adder")), ..schedule("tick") };
    put(&queue, &named, Some(at(60)), at(0)).await;
    let second = store(&queue, "adder", b"second", at(1)).await;
    let info = only(&queue).await;
    assert_eq!(info.schedule.job.payload.job().expect("a job").program, ProgramRef::Name("adder".to_owned()));
    assert!(fire(&queue, firing(&info, at(60)), at(61)).await);
    let ids = list_ids(&queue, &Filter::default()).await;
    assert_eq!(summary(&queue, ids[0]).await.program, Some(second));
}
