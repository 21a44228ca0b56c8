//! Lesson: a job that computes for long says how far it is, and stays small while it does.
//!
//! The sieve goes segment by segment, so that memory grows with the square root of `below` only.

use ampule_guest::{JobError, job, progress};

/// Numbers in a segment: a byte each, small enough for a processor's cache.
const SEGMENT: u64 = 128 * 1024;

/// The largest `below`, for which the primes up to its root still fit into a few megabytes.
const MOST: u64 = 1_000_000_000_000;

/// Counts the primes below a number.
#[job]
fn primes(
    /// The first number that is not looked at.
    #[default(1_000_000)]
    below: u64,
) -> Result<u64, JobError> {
    if below > MOST {
        return Err(JobError::new("too_many", format!("expected at most {MOST}, found {below}")).retry(false));
    }
    let divisors = small_primes(below.isqrt());
    let mut count = 0;
    let mut percent = 0;
    for start in (2..below).step_by(SEGMENT as usize) {
        let end = (start + SEGMENT).min(below);
        count += count_between(start, end, &divisors);
        let now = end * 100 / below;
        if now > percent {
            percent = now;
            progress(percent);
        }
    }
    Ok(count)
}

/// All primes up to and including `last`, by the plain sieve.
fn small_primes(last: u64) -> Vec<u64> {
    let mut composite = vec![false; last as usize + 1];
    let mut primes = Vec::new();
    for number in 2..=last {
        if !composite[number as usize] {
            primes.push(number);
            (number * number..=last).step_by(number as usize).for_each(|multiple| composite[multiple as usize] = true);
        }
    }
    primes
}

/// How many primes are in `start..end`; `divisors` are the primes up to the root of `end`.
fn count_between(start: u64, end: u64, divisors: &[u64]) -> u64 {
    let mut composite = vec![false; (end - start) as usize];
    for &divisor in divisors {
        let first = (divisor * divisor).max(start.next_multiple_of(divisor));
        for multiple in (first..end).step_by(divisor as usize) {
            composite[(multiple - start) as usize] = true;
        }
    }
    composite.iter().filter(|&&composite| !composite).count() as u64
}

#[cfg(test)]
mod tests {
    use ampule_guest::testing;

    use super::*;

    #[test]
    fn small_counts_are_right() {
        let counts: Vec<u64> =
            [0, 1, 2, 3, 4, 10, 25, 26, 100].into_iter().map(|below| primes(below).unwrap()).collect();
        assert_eq!(counts, [0, 0, 0, 1, 2, 4, 9, 9, 25]);
    }

    /// The count is <https://oeis.org/A006880>, primes below 10^n.
    #[test]
    fn segments_join_without_a_gap() {
        assert_eq!(primes(1_000_000), Ok(78_498));
    }

    #[test]
    fn progress_rises_to_a_hundred() {
        let recorded = testing::record(|| primes(1_000_000));
        assert_eq!(recorded.progress.last(), Some(&100.into()));
        assert!(recorded.progress.is_sorted_by_key(|percent| percent.as_u64()));
    }

    #[test]
    fn too_large_a_number_is_refused() {
        assert!(primes(u64::MAX).is_err());
    }
}
