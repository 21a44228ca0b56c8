//! What a case may cost, and what it did cost: fuel against its budget and against what was recorded.

use crate::outcome::Fuel;

/// By how much fuel may rise past what was recorded, where the suite does not say.
const DEFAULT_TOLERANCE_PERCENT: f64 = 1.0;

/// What a case may cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// The most fuel.
    pub fuel: Option<u64>,
    /// The most memory.
    pub memory_bytes: Option<u64>,
    /// By how much its fuel may rise past what was recorded.
    pub tolerance_percent: f64,
    /// Whether its fuel is recorded at all.
    pub record_fuel: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Budget { fuel: None, memory_bytes: None, tolerance_percent: DEFAULT_TOLERANCE_PERCENT, record_fuel: true }
    }
}

/// The fuel of one run beside what it may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spent {
    /// What the run used, where it is known.
    pub fuel: Option<Fuel>,
    /// The most that it may use.
    pub budget: Option<u64>,
    /// What it used when it was recorded.
    pub recorded: Option<Record>,
}

/// The fuel that was recorded of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The count.
    pub units: u64,
    /// Whether the same compilers made the program then: if not, a change says nothing about the job.
    pub same_compilers: bool,
}

impl Spent {
    /// What the run used, if that is an exact count.
    #[must_use]
    pub fn exact(&self) -> Option<u64> {
        match self.fuel {
            Some(Fuel::Exact(units)) => Some(units),
            _ => None,
        }
    }

    /// By how much the fuel changed since it was recorded; more is positive.
    #[must_use]
    pub fn change_percent(&self) -> Option<f64> {
        let (now, then) = (self.exact()?, self.recorded.map(|record| record.units).filter(|units| *units > 0)?);
        Some((now as f64 - then as f64) / then as f64 * 100.0)
    }

    /// Why the budget is not kept, if it is not.
    pub(super) fn over_budget(&self) -> Option<String> {
        let budget = self.budget?;
        match self.fuel {
            Some(Fuel::Exact(units)) if units <= budget => None,
            Some(Fuel::Exact(units)) => Some(format!("expected at most {budget}, found {units}")),
            Some(Fuel::AtLeast(units)) => Some(format!(
                "expected an exact count of at most {budget}, found at least {units}: a run that traps has no exact count"
            )),
            None => Some(format!("expected an exact count of at most {budget}, found none: the run was stopped")),
        }
    }

    /// Why the change is too much, if it is.
    pub(super) fn past_tolerance(&self, tolerance_percent: f64) -> Option<String> {
        let recorded = self.recorded.filter(|record| record.same_compilers)?.units;
        let Some(now) = self.exact() else {
            return Some(format!("expected an exact count near the recorded {recorded}, found none"));
        };
        // A recorded nothing, from which no percentage rises, is passed by anything.
        let change = self.change_percent().unwrap_or(if now > 0 { f64::INFINITY } else { 0.0 });
        (change > tolerance_percent).then(|| {
            format!(
                "expected at most {tolerance_percent} % more than the recorded {recorded}, found {now} ({change:+.1} %)"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(fuel: Option<Fuel>, units: u64) -> Spent {
        Spent { fuel, budget: Some(100), recorded: Some(Record { units, same_compilers: true }) }
    }

    #[test]
    fn a_budget_is_kept_to_the_unit() {
        assert_eq!(spent(Some(Fuel::Exact(100)), 100).over_budget(), None);
        assert!(spent(Some(Fuel::Exact(101)), 100).over_budget().is_some());
        assert!(spent(Some(Fuel::AtLeast(1)), 100).over_budget().is_some_and(|why| why.contains("traps")));
        assert!(spent(None, 100).over_budget().is_some_and(|why| why.contains("stopped")));
    }

    #[test]
    fn a_rise_past_the_tolerance_fails_and_a_fall_never() {
        let past = |now, recorded| spent(Some(Fuel::Exact(now)), recorded).past_tolerance(5.0).is_some();
        assert!(!past(105, 100) && past(106, 100) && !past(1, 100));
        assert!(past(1, 0) && !past(0, 0));
        assert!(spent(None, 100).past_tolerance(5.0).is_some());
    }

    #[test]
    fn what_another_compiler_changed_is_not_judged() {
        let record = Record { units: 100, same_compilers: false };
        let spent = Spent { fuel: Some(Fuel::Exact(200)), budget: None, recorded: Some(record) };
        assert_eq!((spent.past_tolerance(5.0), spent.change_percent()), (None, Some(100.0)));
    }
}
