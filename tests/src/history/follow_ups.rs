//! What follows from a job: the next one of a chain, and whoever is told.

use ampule::JobId;

use super::{Breaches, End, Found, History, Index, Law};
use crate::journal::Note;
use crate::order::{FAILED, Order, RETURNED};

pub(super) fn check(history: &History, index: &Index<'_>, breaches: &mut Breaches) {
    for found in &history.found {
        let children = index.children.get(&found.id).map(Vec::as_slice).unwrap_or_default();
        match (index.orders.get(&found.id), &found.end) {
            (Some((order, before)), Some(end)) => {
                follows(found, order, end, children, breaches);
                told(found.id, order, *before, end, index, breaches);
            }
            // A job that goes on, and a delivery, which nothing follows: the closures of these tests do not fail.
            _ => {
                let how = || format!("{} has not ended well, and {} jobs follow", found.id, children.len());
                breaches.expect(Law::FollowsOnce, children.is_empty(), how);
            }
        }
    }
}

fn follows(found: &Found, order: &Order, end: &End, children: &[&Found], breaches: &mut Breaches) {
    let next = match (end, &order.then) {
        (End::Returned(_), Some(then)) => Some((format!("n{}", then.n), None)),
        _ => closure(order, end).map(|closure| (closure.to_owned(), Some(closure.to_owned()))),
    };
    let expected: Vec<_> = next.into_iter().collect();
    let stands: Vec<_> = children.iter().map(|child| (child.name.clone(), child.closure.clone())).collect();
    let how = || format!("{} ({end:?}) is followed by {stands:?}, and should be by {expected:?}", found.id);
    breaches.expect(Law::FollowsOnce, expected == stands, how);
}

/// Who is told of an end.
fn closure(order: &Order, end: &End) -> Option<&'static str> {
    match end {
        _ if !order.told => None,
        End::Returned(_) if order.then.is_some() => None,
        End::Returned(_) => Some(RETURNED),
        End::Failed(_) | End::Cancelled => Some(FAILED),
    }
}

fn told(id: JobId, order: &Order, before: Option<u32>, end: &End, index: &Index<'_>, breaches: &mut Breaches) {
    let notes = index.told.get(&id).map(Vec::as_slice).unwrap_or_default();
    let mut closures: Vec<&str> = Vec::new();
    for note in notes {
        let Note::Told { closure, n, value, .. } = note else { continue };
        closures.push(closure);
        let expected = (closure == RETURNED).then(|| u64::from(order.value(before)));
        let how = || format!("{closure} of {id} was told {value:?} of n{n}, and should be told {expected:?}");
        breaches.expect(Law::ToldTheTruth, *value == expected && *n == order.n, how);
    }
    closures.sort_unstable();
    closures.dedup();
    breaches.expect(Law::NotToldBoth, closures.len() <= 1, || format!("of {id} both were told: {notes:?}"));
    let expected: Vec<_> = closure(order, end).into_iter().collect();
    let how = || format!("of {id} ({end:?}) {closures:?} were told, and {expected:?} should be");
    breaches.expect(Law::IsTold, closures == expected, how);
}
