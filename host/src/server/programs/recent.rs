//! What was used last, up to a number.

use std::collections::HashMap;
use std::hash::Hash;

/// How many are kept: compiled code is some megabytes at the most for all but interpreters.
const MAX_KEPT: usize = 256;

/// Values by key; the one that was not used for longest goes first.
pub(super) struct Recent<K, V> {
    entries: HashMap<K, (V, u64)>,
    /// Counts uses, to tell which was last.
    uses: u64,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Recent { entries: HashMap::new(), uses: 0 }
    }
}

impl<K: Copy + Eq + Hash, V> Recent<K, V> {
    pub(super) fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &V {
        self.uses += 1;
        if self.entries.len() >= MAX_KEPT && !self.entries.contains_key(&key) {
            let oldest = self.entries.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| *key);
            oldest.map(|key| self.entries.remove(&key));
        }
        let entry = self.entries.entry(key).or_insert_with(|| (make(), 0));
        entry.1 = self.uses;
        &entry.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes() {
        let mut recent = Recent::default();
        for key in 0..MAX_KEPT {
            recent.get_or_insert_with(key, || key);
        }
        recent.get_or_insert_with(0, || panic!("it is kept"));
        recent.get_or_insert_with(MAX_KEPT, || MAX_KEPT);
        assert!(recent.entries.contains_key(&0) && !recent.entries.contains_key(&1));
        assert_eq!(recent.entries.len(), MAX_KEPT);
    }
}
