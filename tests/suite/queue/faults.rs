//! What a queue that fails, before a call or after it, may cost: another call, and nothing else.

use std::sync::Arc;

use ampule::queue::{Entry, EntryKey, Error, Expected, Filter, Queue, Settled, State, UniqueScope, Verdict};
use ampule_tests::clock::{at, s};
use ampule_tests::faulty::{Fault, FaultyQueue, Verb};
use ampule_tests::queue::{claim, job, jobs, list, put, settlement, state, take, take_ids, take_one};
use serde_json::json;

use super::schedules::{firing, schedule};

fn away() -> Error {
    Error::Unavailable("on purpose".to_owned())
}

fn faults() -> [Fault; 2] {
    [Fault::Before(away()), Fault::After(away())]
}

/// The queue, and the same with a fault in the next call of a verb.
fn broken(queue: &Arc<dyn Queue>, verb: Verb, fault: Fault) -> Arc<dyn Queue> {
    let faulty = FaultyQueue::new(Arc::clone(queue));
    faulty.fail_next(verb, fault);
    faulty
}

pub(super) async fn jobs_enqueued_again_after_a_fault_are_there_once(queue: Arc<dyn Queue>) {
    for fault in faults() {
        let (faulty, new) = (broken(&queue, Verb::Enqueue, fault.clone()), jobs(5));
        let ids: Vec<_> = new.iter().map(|job| job.id).collect();
        assert_eq!(faulty.enqueue(new.clone(), Some(at(0))).await, Err(away()));
        let answers = faulty.enqueue(new, Some(at(1))).await.expect("the second time");
        assert_eq!(answers.iter().map(|answer| answer.id).collect::<Vec<_>>(), ids);
        let existed = matches!(fault, Fault::After(_));
        assert!(answers.iter().all(|answer| answer.existed == existed), "{fault:?}");
        assert_eq!(take_ids(&faulty, &claim(9), at(1)).await.len(), 5, "{fault:?}");
    }
}

pub(super) async fn a_key_enqueued_again_after_a_fault_is_there_once(queue: Arc<dyn Queue>) {
    for (number, fault) in faults().into_iter().enumerate() {
        let faulty = broken(&queue, Verb::Enqueue, fault.clone());
        // Whoever asks again may have forgotten the id: the key stands for it.
        let new = || job("keyed").unique(format!("key {number}"), UniqueScope::Unfinished);
        assert_eq!(faulty.enqueue(vec![new()], Some(at(0))).await, Err(away()));
        faulty.enqueue(vec![new()], Some(at(1))).await.expect("the second time");
        assert_eq!(take(&faulty, &claim(9), at(1)).await.len(), 1, "{fault:?}");
    }
}

pub(super) async fn an_end_told_again_after_a_fault_counts_once(queue: Arc<dyn Queue>) {
    for verdict in [Verdict::Completed, Verdict::Failed, Verdict::Cancelled, Verdict::Retry(s(900))] {
        for fault in faults() {
            let faulty = broken(&queue, Verb::Settle, fault.clone());
            let id = put(&faulty, job("first"), at(0)).await;
            let lease = take_one(&faulty, at(0)).await;
            let mut end = settlement(&lease, verdict);
            end.follow_up = Some(Box::new(job("next")));
            assert_eq!(faulty.settle(vec![end.clone()], Some(at(1))).await, Err(away()));
            let settled = faulty.settle(vec![end], Some(at(2))).await.expect("the second time");
            let expected = if matches!(fault, Fault::After(_)) { Settled::Stale } else { Settled::Done };
            assert_eq!(settled, [expected], "{verdict:?} {fault:?}");
            assert_ne!(state(&faulty, id).await, State::Running);
            let next = take(&faulty, &claim(9), at(2)).await;
            assert_eq!(next.len(), 1, "what follows is there once: {verdict:?} {fault:?}");
        }
    }
}

pub(super) async fn a_tick_fired_again_after_a_fault_is_there_once(queue: Arc<dyn Queue>) {
    for (fault, name) in faults().into_iter().zip(["before", "after"]) {
        let faulty = broken(&queue, Verb::Fire, fault.clone());
        faulty.put_schedule(&schedule(name), Some(at(60)), Expected::Nothing, Some(at(0))).await.expect("stored");
        let info = faulty.schedules().await.expect("listed").into_iter().find(|info| info.schedule.name == name);
        let info = info.expect("it was stored");
        assert_eq!(faulty.fire(firing(&info, at(60)), Some(at(61))).await, Err(away()));
        let fired = faulty.fire(firing(&info, at(60)), Some(at(62))).await.expect("the second time");
        assert_eq!(fired, matches!(fault, Fault::Before(_)));
        let ticks = take(&faulty, &claim(9), at(62)).await;
        assert_eq!(ticks.len(), 1, "{fault:?}");
    }
}

pub(super) async fn a_claim_whose_answer_was_lost_comes_back_with_its_lease(queue: Arc<dyn Queue>) {
    let faulty = broken(&queue, Verb::Claim, Fault::After(away()));
    let id = put(&faulty, job("first"), at(0)).await;
    assert_eq!(faulty.claim(&claim(1), Some(at(0))).await, Err(away()));
    assert_eq!(take(&faulty, &claim(1), at(29)).await, [], "nobody knows that it is held");
    assert_eq!(ampule_tests::queue::reclaim(&faulty, at(30)).await, 1);
    assert_eq!(take_ids(&faulty, &claim(1), at(30)).await, [id]);
    assert_eq!(list(&faulty, &Filter::default()).await.len(), 1);
}

pub(super) async fn a_document_stored_again_after_a_fault_is_stored_once(queue: Arc<dyn Queue>) {
    for (fault, name) in faults().into_iter().zip(["before", "after"]) {
        let faulty = broken(&queue, Verb::PutEntry, fault.clone());
        let entry = Entry::new(EntryKey::new("token", name), json!(name));
        assert_eq!(faulty.put_entry(&entry, Expected::Nothing, Some(at(0))).await, Err(away()));
        let stored = faulty.put_entry(&entry, Expected::Nothing, Some(at(1))).await.expect("the second time");
        assert_eq!(stored, matches!(fault, Fault::Before(_)), "who is told no may look whose it is");
        let found = faulty.entry(&entry.key).await.expect("read").expect("there");
        assert_eq!((found.document, found.revision), (json!(name), 1));
    }
}

pub(super) async fn a_fault_strikes_the_call_that_was_chosen_and_no_other(queue: Arc<dyn Queue>) {
    let faulty = FaultyQueue::new(queue);
    faulty.fail_nth(Verb::Clock, 2, Fault::Before(away()));
    let mut answered = Vec::new();
    for _ in 0..3 {
        answered.push(faulty.clock().await.is_ok());
    }
    assert_eq!(answered, [true, false, true]);
    assert_eq!((faulty.calls(Verb::Clock), faulty.calls(Verb::Get)), (3, 0));
    faulty.fail_always(Verb::Clock, Fault::After(away()));
    assert!(faulty.clock().await.is_err() && faulty.clock().await.is_err());
    assert!(faulty.programs().await.is_ok(), "another verb");
    faulty.mend();
    assert!(faulty.clock().await.is_ok());
}

pub(super) async fn a_fault_before_does_nothing_and_one_after_does_all(queue: Arc<dyn Queue>) {
    for fault in faults() {
        let faulty = broken(&queue, Verb::Enqueue, fault.clone());
        let new = job("new");
        assert_eq!(faulty.enqueue(vec![new.clone()], Some(at(0))).await, Err(away()));
        let known = queue.get(new.id).await.expect("looked up").is_some();
        assert_eq!(known, matches!(fault, Fault::After(_)));
    }
}

pub(super) async fn a_call_may_be_late_or_never_come_back(queue: Arc<dyn Queue>) {
    let faulty = FaultyQueue::new(Arc::clone(&queue));
    faulty.fail_next(Verb::Clock, Fault::Late(std::time::Duration::from_millis(1)));
    assert!(faulty.clock().await.is_ok());
    for (fault, known) in [(Fault::Hang, false), (Fault::HangAfter, true)] {
        let (new, hanging) = (job("new"), Arc::clone(&faulty));
        faulty.fail_next(Verb::Enqueue, fault.clone());
        let id = new.id;
        let calls = faulty.calls(Verb::Enqueue);
        let call = tokio::spawn(async move { hanging.enqueue(vec![new], Some(at(0))).await });
        ampule_tests::soon("it has begun, and is done, or never is", async {
            while faulty.calls(Verb::Enqueue) == calls {
                tokio::task::yield_now().await;
            }
            while known && queue.get(id).await.expect("looked up").is_none() {}
        })
        .await;
        assert_eq!(queue.get(id).await.expect("looked up").is_some(), known, "{fault:?}");
        assert!(!call.is_finished(), "{fault:?}");
        call.abort();
    }
}
