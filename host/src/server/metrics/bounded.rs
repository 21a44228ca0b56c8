//! Label values that others choose: the first two hundred are told apart, all later ones are `other`.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

/// How many are told apart: a series for each of them is kept as long as the process lives.
const MOST: usize = 200;

/// What stands for all that came later.
pub(super) const OTHER: &str = "other";

/// The values of one label.
#[derive(Debug, Default)]
pub(super) struct Bounded(RwLock<HashSet<Arc<str>>>);

impl Bounded {
    /// Whether the value is told apart from others.
    pub(super) fn tells_apart(&self, value: &str) -> bool {
        &*self.label(value) != OTHER
    }

    /// The value, or `other`.
    pub(super) fn label(&self, value: &str) -> Arc<str> {
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(value) {
            return Arc::clone(known);
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(value) {
            return Arc::clone(known);
        }
        if known.len() >= MOST {
            return OTHER.into();
        }
        let label: Arc<str> = value.into();
        known.insert(Arc::clone(&label));
        label
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_the_first_ones_is_other_and_they_stay_themselves() {
        let bounded = Bounded::default();
        for number in 0..MOST + 5 {
            let label = bounded.label(&number.to_string());
            assert_eq!(&*label == OTHER, number >= MOST, "{number}");
        }
        assert_eq!(&*bounded.label("0"), "0");
    }
}
