//! Leases that end.

use super::insert::NewRow;
use super::live::{Again, End, Live};
use super::rows::millis;
use super::writer::{Stop, Tx};
use crate::failure::Kind;
use crate::queue::{AttemptEnd, LeaseKey, Now, Settled, Settlement, State, Verdict, settlement, stored};

/// A settlement with its documents written out, which is done in the task of whoever settles.
#[derive(Debug)]
pub(super) struct SettleRow {
    key: LeaseKey,
    verdict: Verdict,
    outcome: Option<String>,
    kind: Option<Kind>,
    message: Option<String>,
    follow_up: Option<NewRow>,
}

impl SettleRow {
    pub(super) fn new(settlement: Settlement) -> Self {
        let Settlement { key, verdict, outcome, follow_up } = settlement;
        let failure = outcome.as_ref().and_then(|outcome| outcome.result.as_ref().err());
        SettleRow {
            key,
            verdict,
            kind: failure.map(|failure| failure.kind),
            message: failure.map(|failure| failure.message.clone()),
            outcome: outcome.as_ref().map(stored::outcome_to_json),
            follow_up: follow_up.map(|job| NewRow::new(*job)),
        }
    }
}

/// Ends leases, each if it still holds.
pub(super) fn settle(tx: &mut Tx<'_, '_>, rows: &mut [SettleRow], now: Now) -> Result<Vec<Settled>, Stop> {
    let now = tx.now(now);
    rows.iter_mut().map(|row| settle_one(tx, row, now)).collect()
}

fn settle_one(tx: &mut Tx<'_, '_>, row: &mut SettleRow, now: i64) -> Result<Settled, Stop> {
    let LeaseKey { job, attempt, worker } = row.key;
    let Some(live) = Live::read(tx, job)? else { return Ok(Settled::Stale) };
    if live.state != State::Running || live.attempt != attempt || live.worker != Some(worker) {
        return Ok(Settled::Stale);
    }
    let (kind, message, outcome) = (row.kind.map(Kind::as_str), row.message.as_deref(), row.outcome.as_deref());
    let end = |state| End { state, kind, message, outcome };
    match row.verdict {
        Verdict::Completed => live.end(tx, end(State::Completed), now)?,
        Verdict::Failed => live.end(tx, end(State::Failed), now)?,
        Verdict::Cancelled => live.end(tx, end(State::Cancelled), now)?,
        Verdict::Retry(wait) => {
            live.keep_attempt(tx, AttemptEnd::Failed, outcome, now)?;
            let run_at = now.saturating_add(millis(wait));
            again_unless_cancelled(tx, &live, Again { run_at, spared: live.spared, kind, message }, now)?;
        }
        Verdict::HandBack => {
            live.keep_attempt(tx, AttemptEnd::HandedBack, outcome, now)?;
            let spared = live.spared.saturating_add(1);
            again_unless_cancelled(tx, &live, Again { run_at: live.run_at, spared, kind, message }, now)?;
        }
        Verdict::PutOff(wait) => {
            let (run_at, spared) = (now.saturating_add(millis(wait)), live.spared.saturating_add(1));
            again_unless_cancelled(tx, &live, Again { run_at, spared, kind, message }, now)?;
            live.forget_attempt(tx)?;
        }
    }
    row.follow_up.as_mut().map_or(Ok(()), |follow_up| follow_up.follow(tx, now))?;
    Ok(Settled::Done)
}

fn again_unless_cancelled(tx: &mut Tx<'_, '_>, live: &Live, again: Again<'_>, now: i64) -> Result<(), Stop> {
    if live.cancel_asked {
        return live.end_unrun(tx, settlement::cancelled_unfinished(), now);
    }
    live.queue_again(tx, again)
}
