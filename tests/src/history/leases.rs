//! Leases in the order in which they were handed out: one holder at a time, limits, and what guests themselves noted.
//!
//! A lease counts from when its claim was answered until its end is asked for, it is lost, or its time is over. That is
//! less than it was held in truth, so what overlaps here overlapped.

use std::collections::HashMap;

use super::{Breaches, History, Index, Law, Limit};
use crate::journal::{Entry, Held, Note};

pub(super) fn check(history: &History, index: &Index<'_>, breaches: &mut Breaches) {
    if history.rules.clocks_are_right {
        dues(history, index, breaches);
        overlaps(history, breaches);
    }
    if history.rules.nobody_died {
        runs(history, index, breaches);
    }
}

fn dues(history: &History, index: &Index<'_>, breaches: &mut Breaches) {
    for Entry { at_ms, note } in &history.entries {
        let Note::Claimed { held, .. } = note else { continue };
        let Some((order, meant_ms)) = index.meant.get(&held.job) else { continue };
        let due_ms = meant_ms + order.delay_ms;
        let how = || format!("{held:?} was due {} ms later", due_ms - at_ms);
        breaches.expect(Law::NotBeforeItIsDue, *at_ms >= due_ms, how);
    }
}

/// A lease that counts.
struct Lease<'a> {
    attempt: u32,
    queue: &'a str,
    tenant: Option<&'a str>,
    until_ms: u64,
}

fn overlaps(history: &History, breaches: &mut Breaches) {
    let mut leases = HashMap::<ampule::JobId, Lease<'_>>::new();
    for Entry { at_ms, note } in &history.entries {
        match note {
            Note::Claimed { held, queue, tenant, until_ms } => {
                let new = Lease { attempt: held.attempt, queue, tenant: tenant.as_deref(), until_ms: *until_ms };
                leases.retain(|_, lease| lease.until_ms > *at_ms);
                if let Some(old) = leases.insert(held.job, new) {
                    let how = format!("{held:?} was handed out while attempt {} held it", old.attempt);
                    breaches.add(Law::HeldByOne, how);
                }
                if let Some(limit) = history.rules.limits.get(queue) {
                    let held = leases.values().map(|lease| (lease.queue, lease.tenant));
                    within(*limit, queue, tenant.as_deref(), held, breaches);
                }
            }
            Note::Renewed { held, until_ms } => {
                if let Some(lease) = leases.get_mut(&held.job).filter(|lease| lease.attempt == held.attempt) {
                    lease.until_ms = *until_ms;
                }
            }
            Note::Settling(held) | Note::Lost(held) => end(&mut leases, *held),
            _ => {}
        }
    }
}

fn end(leases: &mut HashMap<ampule::JobId, Lease<'_>>, held: Held) {
    if leases.get(&held.job).is_some_and(|lease| lease.attempt == held.attempt) {
        leases.remove(&held.job);
    }
}

/// Runs, as guests noted them. Only where every lease was renewed in time: a guest whose worker was killed notes no end.
fn runs(history: &History, index: &Index<'_>, breaches: &mut Breaches) {
    let orders: HashMap<_, _> = index.orders.values().map(|(order, _)| (order.n, *order)).collect();
    let mut running = Vec::new();
    for Entry { note, .. } in &history.entries {
        match note {
            Note::Began(n) => {
                let Some(order) = orders.get(n) else {
                    breaches.add(Law::NothingIsMadeUp, format!("a guest ran as n{n}, which nobody asked for"));
                    continue;
                };
                running.push(*order);
                if let Some(limit) = history.rules.limits.get(&order.queue) {
                    let runs = running.iter().map(|order| (order.queue.as_str(), order.tenant.as_deref()));
                    within(*limit, &order.queue, order.tenant.as_deref(), runs, breaches);
                }
            }
            Note::Done(n) => running.retain(|order| order.n != *n),
            _ => {}
        }
    }
}

fn within<'a>(
    limit: Limit,
    queue: &str,
    tenant: Option<&str>,
    held: impl Iterator<Item = (&'a str, Option<&'a str>)>,
    breaches: &mut Breaches,
) {
    let (mut of_queue, mut of_tenant) = (0, 0);
    for (_, theirs) in held.filter(|(other, _)| *other == queue) {
        of_queue += 1;
        of_tenant += usize::from(theirs == tenant);
    }
    let holds = limit.queue.is_none_or(|most| of_queue <= most) && limit.tenant.is_none_or(|most| of_tenant <= most);
    let how = || format!("{of_queue} of {queue} run, {of_tenant} of {tenant:?}, and {limit:?} may");
    breaches.expect(Law::LimitsHold, holds, how);
}
