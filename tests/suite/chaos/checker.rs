//! The checker itself: a history that is sound passes, and one with a fault is rejected, by the name of the law.

use ampule::JobId;
use ampule::queue::AttemptEnd;
use ampule_tests::history::{End, Found, History, Law, Limit, Rules};
use ampule_tests::journal::{Entry, Held, Note};
use ampule_tests::order::{Does, FAILED, Order, RETURNED};

/// A job that returns, the one that follows from it, and the delivery of that one's end.
const FIRST: u8 = 1;
const SECOND: u8 = 2;
const DELIVERY: u8 = 3;
/// A job that fails twice, and the delivery of its end.
const FAILING: u8 = 4;
const FAILURE: u8 = 5;

/// A lease of a second.
const LEASE_MS: u64 = 1_000;

fn id(number: u8) -> JobId {
    JobId::from_bytes([number; 16])
}

fn held(number: u8, attempt: u32) -> Held {
    Held { job: id(number), attempt }
}

fn returning() -> Order {
    let then = Order { told: true, ..Order::new(12) };
    Order { told: true, delay_ms: 100, then: Some(Box::new(then)), ..Order::new(11) }
}

fn failing() -> Order {
    Order { told: true, does: Does::Fail, tries: 2, tenant: Some("t".to_owned()), ..Order::new(14) }
}

fn found(number: u8, name: &str, end: End, attempts: &[AttemptEnd]) -> Found {
    let attempt = u32::try_from(attempts.len()).expect("few");
    Found {
        id: id(number),
        name: name.to_owned(),
        queue: "default".to_owned(),
        tenant: None,
        end: Some(end),
        attempt,
        tries: attempt,
        max_tries: 10,
        attempts: (1..).zip(attempts.iter().copied()).collect(),
        kwargs: None,
        parent: None,
        closure: None,
    }
}

fn delivery(number: u8, closure: &str, parent: u8) -> Found {
    let (parent, closure) = (Some(id(parent)), Some(closure.to_owned()));
    let name = closure.clone().unwrap_or_default();
    Found { parent, closure, ..found(number, &name, End::Returned(None), &[AttemptEnd::Completed]) }
}

/// A history in which everything went right.
fn sound() -> History {
    let (returning, failing) = (returning(), failing());
    let then = returning.then.clone().expect("it has one");
    let (first, second) = (returning.value(None), then.value(Some(returning.value(None))));
    let completed = [AttemptEnd::Completed];
    let mut story = Story { at_ms: 1_000, entries: Vec::new() };
    story.note(Note::Meant { id: id(FIRST), order: returning.clone() });
    story.note(Note::Meant { id: id(FAILING), order: failing.clone() });
    story.note(Note::Acknowledged(vec![id(FIRST), id(FAILING)]));
    story.at_ms += 100;
    story.run(FIRST, 1, Some(11), "completed");
    story.run(SECOND, 1, Some(12), "completed");
    story.run(FAILING, 1, Some(14), "retry");
    story.run(FAILING, 2, Some(14), "failed");
    story.tell(DELIVERY, RETURNED, SECOND, 12, Some(second.into()));
    story.tell(FAILURE, FAILED, FAILING, 14, None);
    let kwargs = |order: &Order, before| Some(order.kwargs(before).to_json());
    let jobs = vec![
        Found {
            kwargs: kwargs(&returning, None),
            ..found(FIRST, "n11", End::Returned(Some(first.into())), &completed)
        },
        Found {
            kwargs: kwargs(&then, Some(first)),
            parent: Some(id(FIRST)),
            ..found(SECOND, "n12", End::Returned(Some(second.into())), &completed)
        },
        delivery(DELIVERY, RETURNED, SECOND),
        Found {
            kwargs: kwargs(&failing, None),
            tenant: failing.tenant.clone(),
            max_tries: 2,
            ..found(FAILING, "n14", End::Failed("guest".to_owned()), &[AttemptEnd::Failed; 2])
        },
        delivery(FAILURE, FAILED, FAILING),
    ];
    let limits = [("default".to_owned(), Limit { queue: Some(2), tenant: Some(1) })].into();
    History { entries: story.entries, found: jobs, rules: Rules { limits, nobody_died: true, ..Rules::default() } }
}

struct Story {
    at_ms: u64,
    entries: Vec<Entry>,
}

impl Story {
    fn note(&mut self, note: Note) {
        let guest = matches!(note, Note::Began(_) | Note::Done(_));
        self.entries.push(Entry { at_ms: if guest { 0 } else { self.at_ms }, note });
        self.at_ms += 1;
    }

    fn claim(&mut self, number: u8, attempt: u32) {
        let until_ms = self.at_ms + LEASE_MS;
        let tenant = (number == FAILING).then(|| "t".to_owned());
        self.note(Note::Claimed { held: held(number, attempt), queue: "default".to_owned(), tenant, until_ms });
    }

    fn run(&mut self, number: u8, attempt: u32, n: Option<u64>, verdict: &str) {
        self.claim(number, attempt);
        n.into_iter().for_each(|n| self.note(Note::Began(n)));
        n.into_iter().for_each(|n| self.note(Note::Done(n)));
        self.note(Note::Settling(held(number, attempt)));
        let verdict = verdict.to_owned();
        self.note(Note::Settled { held: held(number, attempt), verdict, counts: true });
    }

    fn tell(&mut self, number: u8, closure: &str, job: u8, n: u64, value: Option<u64>) {
        self.note(Note::Told { closure: closure.to_owned(), job: id(job), n, value });
        self.run(number, 1, None, "completed");
    }
}

/// The job of this number, in a history.
fn of(history: &mut History, number: u8) -> &mut Found {
    history.found.iter_mut().find(|found| found.id == id(number)).expect("it is there")
}

fn forget(history: &mut History, number: u8) {
    history.found.retain(|found| found.id != id(number));
}

/// More lines after the last.
fn then(history: &mut History, tell: impl FnOnce(&mut Story)) {
    let at_ms = history.entries.iter().map(|entry| entry.at_ms).max().unwrap_or_default() + 1;
    let mut story = Story { at_ms, entries: std::mem::take(&mut history.entries) };
    tell(&mut story);
    history.entries = story.entries;
}

fn drop_notes(history: &mut History, is: impl Fn(&Note) -> bool) {
    history.entries.retain(|entry| !is(&entry.note));
}

#[test]
fn a_sound_history_passes() {
    assert_eq!(sound().breaches(), []);
}

/// Tests that a history is rejected for this law, and that the law is not named without the fault.
macro_rules! rejected {
    ($($name:ident: $law:ident, $spoil:expr;)*) => {$(
        #[test]
        fn $name() {
            let mut history = sound();
            let spoil: fn(&mut History) = $spoil;
            spoil(&mut history);
            let breaches = history.breaches();
            assert!(breaches.iter().any(|breach| breach.law == Law::$law), "{breaches:?}");
        }
    )*};
}

rejected! {
    a_job_that_was_acknowledged_and_is_gone: AcknowledgedIsKept, |history| forget(history, FAILING);
    a_job_that_did_not_end: EveryJobEnds, |history| of(history, FAILING).end = None;
    a_job_that_nobody_asked_for: NothingIsMadeUp, |history| {
        history.found.push(found(9, "n99", End::Returned(Some(1)), &[AttemptEnd::Completed]));
    };
    a_guest_that_nobody_asked_for: NothingIsMadeUp, |history| then(history, |story| story.note(Note::Began(99)));
    kwargs_that_changed_in_the_store: StoredAsMeant, |history| of(history, FIRST).kwargs = Some("{}".to_owned());
    a_tenant_that_changed_in_the_store: StoredAsMeant, |history| of(history, FAILING).tenant = None;
    two_attempts_that_returned: OneEnd, |history| {
        let twice = of(history, FIRST);
        (twice.attempt, twice.tries) = (2, 2);
        twice.attempts = vec![(1, AttemptEnd::Completed), (2, AttemptEnd::Completed)];
    };
    a_job_that_returned_without_an_attempt_that_did: OneEnd, |history| {
        of(history, FIRST).attempts = vec![(1, AttemptEnd::Lost)];
    };
    two_workers_whose_ends_of_one_job_count: OneEnd, |history| then(history, |story| {
        story.run(FIRST, 2, None, "completed");
    });
    an_end_that_counts_of_a_job_that_ended_otherwise: OneEnd, |history| {
        of(history, FIRST).end = Some(End::Failed("lost".to_owned()));
    };
    a_lease_that_was_settled_twice: SettledOnce, |history| then(history, |story| {
        story.note(Note::Settled { held: held(FAILING, 1), verdict: "retry".to_owned(), counts: true });
    });
    a_job_that_was_tried_too_often: TriesAreBounded, |history| of(history, FAILING).max_tries = 1;
    an_attempt_that_is_missing: AttemptsAreNumbered, |history| {
        of(history, FAILING).attempts.remove(0);
    };
    an_attempt_that_was_handed_out_twice: AttemptsAreNumbered, |history| {
        then(history, |story| story.claim(FAILING, 2));
    };
    a_job_that_gave_up_before_its_last_try: EndsAsMeant, |history| of(history, FAILING).max_tries = 3;
    a_job_that_returns_and_failed: EndsAsMeant, |history| {
        of(history, FIRST).end = Some(End::Failed("guest".to_owned()));
    };
    a_job_that_is_lost_and_whose_last_worker_was_not: EndsAsMeant, |history| {
        of(history, FAILING).end = Some(End::Failed("lost".to_owned()));
    };
    a_value_that_is_wrong: ReturnsWhatItMust, |history| of(history, SECOND).end = Some(End::Returned(Some(1)));
    a_job_that_was_handed_out_before_it_was_due: NotBeforeItIsDue, |history| {
        for entry in &mut history.entries {
            if let Note::Meant { order, .. } = &mut entry.note {
                order.delay_ms = 5_000;
            }
        }
    };
    a_job_that_two_hold: HeldByOne, |history| then(history, |story| {
        story.claim(FAILING, 3);
        story.claim(FAILING, 4);
    });
    a_guest_that_ran_twice_under_one_lease: RunsOnlyUnderALease, |history| then(history, |story| {
        story.note(Note::Began(11));
    });
    a_job_that_returned_and_never_ran: ReturnedMeansRan, |history| drop_notes(history, |note| *note == Note::Done(11));
    a_follow_up_that_is_missing: FollowsOnce, |history| forget(history, SECOND);
    a_follow_up_that_is_there_twice: FollowsOnce, |history| {
        let again = Found { id: id(9), ..of(history, SECOND).clone() };
        history.found.push(again);
    };
    a_delivery_that_is_there_twice: FollowsOnce, |history| history.found.push(delivery(9, FAILED, FAILING));
    a_delivery_to_the_wrong_closure: FollowsOnce, |history| {
        *of(history, FAILURE) = delivery(FAILURE, RETURNED, FAILING);
    };
    a_closure_that_was_not_told: IsTold, |history| drop_notes(history, |note| matches!(note, Note::Told { n: 14, .. }));
    closures_that_were_both_told: NotToldBoth, |history| then(history, |story| {
        story.note(Note::Told { closure: RETURNED.to_owned(), job: id(FAILING), n: 14, value: Some(1) });
    });
    a_closure_that_was_told_a_wrong_value: ToldTheTruth, |history| then(history, |story| {
        story.note(Note::Told { closure: RETURNED.to_owned(), job: id(SECOND), n: 12, value: Some(1) });
    });
    a_tenant_that_holds_too_many: LimitsHold, |history| then(history, |story| {
        story.claim(FIRST, 2);
        story.claim(SECOND, 2);
    });
    a_tenant_whose_guests_are_too_many: LimitsHold, |history| then(history, |story| {
        story.note(Note::Began(11));
        story.note(Note::Began(12));
    });
}

#[test]
fn a_lease_whose_time_is_over_may_be_given_to_another() {
    let mut history = sound();
    then(&mut history, |story| {
        story.claim(SECOND, 2);
        story.at_ms += LEASE_MS;
        story.claim(SECOND, 3);
    });
    let breaches = history.breaches();
    assert!(breaches.iter().all(|breach| breach.law != Law::HeldByOne), "{breaches:?}");
}

#[test]
fn a_lease_that_was_renewed_may_not() {
    let mut history = sound();
    then(&mut history, |story| {
        story.claim(SECOND, 2);
        story.note(Note::Renewed { held: held(SECOND, 2), until_ms: story.at_ms + 10 * LEASE_MS });
        story.at_ms += LEASE_MS;
        story.claim(SECOND, 3);
    });
    assert!(history.breaches().iter().any(|breach| breach.law == Law::HeldByOne));
}
