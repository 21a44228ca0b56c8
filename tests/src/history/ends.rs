//! Jobs one by one: kept, ended, once, as meant.

use ampule::queue::AttemptEnd;

use super::{Breaches, End, Found, History, Index, Law};
use crate::order::{Does, Order};

pub(super) fn check(history: &History, index: &Index<'_>, breaches: &mut Breaches) {
    for id in &index.acknowledged {
        let is_known = index.found.contains_key(id);
        breaches.expect(Law::AcknowledgedIsKept, is_known, || format!("{id} was acknowledged, and nobody knows it"));
    }
    for found in &history.found {
        let what = format!("{} ({})", found.id, found.name);
        breaches.expect(Law::EveryJobEnds, found.end.is_some(), || format!("{what} has not ended: {found:?}"));
        attempts(found, index, breaches);
        match (index.orders.get(&found.id), &found.closure) {
            (Some((order, before)), None) => {
                stored(found, order, *before, breaches);
                ended(found, order, *before, breaches);
                ran(found, order, index, breaches);
            }
            (None, Some(_)) if found.parent.is_some_and(|parent| index.orders.contains_key(&parent)) => {}
            _ => breaches.add(Law::NothingIsMadeUp, format!("{what} was not asked for: {found:?}")),
        }
    }
    for (id, settled) in &index.settled {
        let mut attempts: Vec<_> = settled.iter().map(|(attempt, _)| attempt).collect();
        attempts.sort_unstable();
        let is_once = attempts.is_sorted_by(|one, next| one < next);
        breaches.expect(Law::SettledOnce, is_once, || format!("{id} was settled as {settled:?}"));
    }
}

/// What the queue says of a job's attempts beside what workers were handed and told.
fn attempts(found: &Found, index: &Index<'_>, breaches: &mut Breaches) {
    let Found { id, attempt, tries, max_tries, attempts, .. } = found;
    let counting = attempts.iter().filter(|(_, end)| *end != AttemptEnd::HandedBack).count();
    let is_bounded = tries <= max_tries && counting <= *max_tries as usize;
    breaches.expect(Law::TriesAreBounded, is_bounded, || format!("{id} was tried too often: {found:?}"));
    let numbers: Vec<_> = attempts.iter().map(|(number, _)| *number).collect();
    let is_whole = numbers.iter().copied().eq(1..=*attempt);
    breaches.expect(Law::AttemptsAreNumbered, is_whole, || format!("{id} was tried {attempt} times: {numbers:?}"));
    let claims = index.claims.get(id).map(Vec::as_slice).unwrap_or_default();
    let is_growing = claims.is_sorted_by(|one, next| one < next) && claims.iter().all(|claim| claim <= attempt);
    breaches.expect(Law::AttemptsAreNumbered, is_growing, || format!("{id} was handed out as {claims:?}"));

    let is_final = |end: AttemptEnd| matches!(end, AttemptEnd::Completed | AttemptEnd::Cancelled);
    let returned: Vec<_> = attempts.iter().filter(|(_, end)| is_final(*end)).map(|(number, _)| *number).collect();
    let is_last = returned.is_empty() || returned == [*attempt];
    breaches.expect(Law::OneEnd, is_last, || format!("{id} returned in attempts {returned:?} of {attempt}"));
    let is_same = match &found.end {
        Some(End::Returned(_)) => attempts.last().is_some_and(|(_, end)| *end == AttemptEnd::Completed),
        _ => returned.is_empty() || found.end == Some(End::Cancelled),
    };
    breaches.expect(Law::OneEnd, is_same, || format!("{id} and its last attempt disagree: {found:?}"));

    let ends = ["completed", "failed", "cancelled"];
    let settled = index.settled.get(id).map(Vec::as_slice).unwrap_or_default();
    let ended: Vec<_> = settled.iter().filter(|(_, verdict)| ends.contains(verdict)).collect();
    breaches.expect(Law::OneEnd, ended.len() <= 1, || format!("{id} was ended {ended:?}"));
    let agrees = ended.iter().all(|(by, verdict)| by == attempt && is_verdict(found.end.as_ref(), verdict));
    breaches.expect(Law::OneEnd, agrees, || format!("{id} was ended {ended:?}, and is {:?}", found.end));
}

fn is_verdict(end: Option<&End>, verdict: &str) -> bool {
    match end {
        None => false,
        Some(End::Returned(_)) => verdict == "completed",
        Some(End::Failed(_)) => verdict == "failed",
        Some(End::Cancelled) => verdict == "cancelled",
    }
}

fn stored(found: &Found, order: &Order, before: Option<u32>, breaches: &mut Breaches) {
    let expected = (Some(order.kwargs(before).to_json()), &order.queue, &order.tenant, order.tries);
    let stands = (found.kwargs.clone(), &found.queue, &found.tenant, found.max_tries);
    let how = || format!("{} was meant as {expected:?}, and is {stands:?}", found.id);
    breaches.expect(Law::StoredAsMeant, expected == stands, how);
}

fn ended(found: &Found, order: &Order, before: Option<u32>, breaches: &mut Breaches) {
    let Some(end) = &found.end else { return };
    let all_tries = found.tries == found.max_tries;
    let is_meant = match (order.does, end) {
        (Does::Return | Does::Waver, End::Returned(_)) => true,
        (Does::Fail | Does::Waver, End::Failed(kind)) if kind == "guest" => all_tries,
        (Does::Trap, End::Failed(kind)) if kind == "trap" => true,
        (_, End::Failed(kind)) if kind == "lost" => {
            all_tries && found.attempts.last().is_some_and(|(_, end)| *end == AttemptEnd::Lost)
        }
        _ => false,
    };
    breaches.expect(Law::EndsAsMeant, is_meant, || format!("{order:?} ended as {found:?}"));
    if let End::Returned(value) = end {
        let expected = u64::from(order.value(before));
        let how = || format!("{} returned {value:?}, and should return {expected}", found.id);
        breaches.expect(Law::ReturnsWhatItMust, *value == Some(expected), how);
    }
}

/// What guests noted themselves.
fn ran(found: &Found, order: &Order, index: &Index<'_>, breaches: &mut Breaches) {
    let count = |runs: &std::collections::HashMap<u64, usize>| runs.get(&order.n).copied().unwrap_or_default();
    let (began, done) = (count(&index.began), count(&index.done));
    let claims = index.claims.get(&found.id).map_or(0, Vec::len);
    let how = || format!("{} began {began} times, and was handed out {claims} times", found.id);
    breaches.expect(Law::RunsOnlyUnderALease, began <= claims, how);
    let has_run = !matches!(found.end, Some(End::Returned(_))) || done > 0;
    breaches.expect(Law::ReturnedMeansRan, has_run, || format!("{} returned, and no guest was done", found.id));
}
