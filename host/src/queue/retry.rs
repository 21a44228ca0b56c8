//! Whether a failed job is tried again, and when: decided from the policy and the failure alone.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Error, milliseconds};
use crate::failure::{Failure, Kind};
use crate::job::JobId;

/// The most attempts that a policy may allow.
const MAX_ATTEMPTS: u32 = 1_000;
/// The longest wait between two attempts.
const MAX_WAIT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What happens when a job fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryPolicy {
    /// How often it is tried in all. Default 3.
    pub attempts: u32,
    /// How long until the next try.
    pub backoff: Backoff,
    /// Which kinds are worth another try. Default `guest`, `lost` and `host`; refusals never are. What the job itself
    /// says of a failure goes before this.
    pub kinds: Vec<Kind>,
}

/// How long until the next try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backoff {
    /// Longer each time.
    Exponential {
        /// After the first failure. Default 2 s.
        #[serde(rename = "first_ms", with = "milliseconds")]
        first: Duration,
        /// How many times longer each wait is than the one before. Default 4.
        factor: u32,
        /// The longest wait. Default 1 h.
        #[serde(rename = "most_ms", with = "milliseconds")]
        most: Duration,
        /// How far a wait may be from what this says, both ways, so that jobs that failed together do not come back
        /// together. Default 20.
        jitter_percent: u8,
    },
    /// These waits, and then the last of them each time.
    #[serde(rename = "delays_ms", with = "milliseconds::list")]
    Delays(Vec<Duration>),
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy { attempts: 3, backoff: Backoff::default(), kinds: vec![Kind::Guest, Kind::Lost, Kind::Host] }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff::Exponential {
            first: Duration::from_secs(2),
            factor: 4,
            most: Duration::from_secs(60 * 60),
            jitter_percent: 20,
        }
    }
}

impl RetryPolicy {
    /// One attempt and no more.
    #[must_use]
    pub fn never() -> Self {
        RetryPolicy { attempts: 1, ..RetryPolicy::default() }
    }

    /// So many attempts, with the waits of the default.
    #[must_use]
    pub fn attempts(attempts: u32) -> Self {
        RetryPolicy { attempts, ..RetryPolicy::default() }
    }

    pub(super) fn is_default(&self) -> bool {
        *self == RetryPolicy::default()
    }

    /// Whether a job whose worker died is tried again, attempts permitting.
    pub(crate) fn retries_lost(&self) -> bool {
        self.kinds.contains(&Kind::Lost)
    }

    /// How long to wait before the next attempt, or `None` if this was the last. `tries` counts the attempts so far,
    /// this one included, from 1.
    #[must_use]
    pub fn wait(&self, job: JobId, tries: u32, failure: &Failure) -> Option<Duration> {
        let listed = self.kinds.contains(&failure.kind);
        let worth_it = !failure.kind.is_refusal() && failure.retry.unwrap_or(listed);
        (worth_it && tries < self.attempts).then(|| self.backoff.after(job, tries))
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        if !(1..=MAX_ATTEMPTS).contains(&self.attempts) {
            return Err(Error::invalid("attempts", format!("1 to {MAX_ATTEMPTS}"), self.attempts.to_string()));
        }
        self.backoff.check()
    }
}

impl Backoff {
    /// The wait after so many tries, from 1.
    #[must_use]
    pub fn after(&self, job: JobId, tries: u32) -> Duration {
        match self {
            Backoff::Delays(delays) => {
                let last = delays.len().saturating_sub(1);
                delays.get((tries.saturating_sub(1) as usize).min(last)).copied().unwrap_or_default()
            }
            Backoff::Exponential { first, factor, most, jitter_percent } => {
                let times = factor.saturating_pow(tries.saturating_sub(1));
                let wait = first.saturating_mul(times).min(*most);
                jittered(wait, *jitter_percent, spread(job, tries))
            }
        }
    }

    fn check(&self) -> Result<(), Error> {
        let longest = match self {
            Backoff::Exponential { first, factor, most, jitter_percent } => {
                if *factor == 0 || *factor > 100 {
                    return Err(Error::invalid("backoff factor", "1 to 100", factor.to_string()));
                }
                if *jitter_percent > 100 {
                    return Err(Error::invalid("backoff jitter", "0 to 100 percent", jitter_percent.to_string()));
                }
                (*first).max(*most)
            }
            Backoff::Delays(delays) if delays.is_empty() || delays.len() > MAX_ATTEMPTS as usize => {
                let expected = format!("1 to {MAX_ATTEMPTS} delays");
                return Err(Error::invalid("backoff", expected, delays.len().to_string()));
            }
            Backoff::Delays(delays) => delays.iter().max().copied().unwrap_or_default(),
        };
        if longest > MAX_WAIT {
            return Err(Error::invalid("backoff", "waits of at most thirty days", format!("{longest:?}")));
        }
        Ok(())
    }
}

/// A number from 0 to 1000 that the job and the attempt decide: no generator to seed, and the same wait wherever it is
/// worked out. The last bytes of an id are random.
fn spread(job: JobId, tries: u32) -> u64 {
    let random = job
        .to_bytes()
        .into_iter()
        .skip(8)
        .fold(u64::from(tries), |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (random >> 16) % 1_001
}

fn jittered(wait: Duration, percent: u8, spread: u64) -> Duration {
    let millis = milliseconds::of(wait);
    let reach = millis * u64::from(percent) / 100;
    Duration::from_millis(millis - reach + 2 * reach * spread / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: Kind, retry: Option<bool>) -> Failure {
        Failure { retry, ..Failure::new(kind, "no") }
    }

    #[test]
    fn what_the_job_says_of_a_failure_goes_before_the_policy() {
        let (policy, job) = (RetryPolicy::default(), JobId::fresh());
        let again = |kind, hint| policy.wait(job, 1, &failure(kind, hint)).is_some();
        assert!(again(Kind::Guest, None) && again(Kind::Lost, None) && again(Kind::Host, None));
        assert!(!again(Kind::Guest, Some(false)));
        assert!(again(Kind::Panic, Some(true)) && !again(Kind::Panic, None));
        for refusal in [Kind::BadKwargs, Kind::BadProgram, Kind::Denied] {
            assert!(!again(refusal, Some(true)));
        }
    }

    #[test]
    fn attempts_are_bounded_and_waits_grow_to_a_ceiling() {
        let job = JobId::fresh();
        let (first, most) = (Duration::from_secs(1), Duration::from_secs(10));
        let backoff = Backoff::Exponential { first, factor: 2, most, jitter_percent: 0 };
        let policy = RetryPolicy { attempts: 6, backoff, ..RetryPolicy::default() };
        let waits: Vec<_> = (1..=7).map(|tries| policy.wait(job, tries, &failure(Kind::Guest, None))).collect();
        let seconds = |seconds: u64| Some(Duration::from_secs(seconds));
        assert_eq!(waits, [seconds(1), seconds(2), seconds(4), seconds(8), seconds(10), None, None]);
    }

    #[test]
    fn a_list_of_delays_ends_with_its_last() {
        let backoff = Backoff::Delays(vec![Duration::from_secs(1), Duration::from_secs(5)]);
        let job = JobId::fresh();
        let waits: Vec<_> = (1..=4).map(|tries| backoff.after(job, tries).as_secs()).collect();
        assert_eq!(waits, [1, 5, 5, 5]);
    }

    #[test]
    fn jitter_spreads_jobs_within_its_bounds() {
        let waits: Vec<_> = (0..200).map(|_| Backoff::default().after(JobId::fresh(), 1).as_millis()).collect();
        assert!(waits.iter().all(|wait| (1_600..=2_400).contains(wait)), "{waits:?}");
        let different: std::collections::BTreeSet<_> = waits.iter().collect();
        assert!(different.len() > 50, "{} different waits of 200", different.len());
    }

    #[test]
    fn a_policy_survives_json_and_reads_well() {
        let json = serde_json::to_string(&RetryPolicy::default()).expect("plain data");
        assert_eq!(
            json,
            r#"{"attempts":3,"backoff":{"exponential":{"first_ms":2000,"factor":4,"most_ms":3600000,"jitter_percent":20}},"kinds":["guest","lost","host"]}"#
        );
        assert_eq!(serde_json::from_str::<RetryPolicy>(&json).expect("what was written"), RetryPolicy::default());
    }
}
