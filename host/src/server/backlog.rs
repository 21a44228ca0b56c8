//! How many jobs wait, so that nobody fills the queue without end: counts that are at most one second old, and what was
//! let in here since.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::App;
use super::problem::{Code, Problem, Result};
use crate::queue::{Filter, NewJob, State};

/// The oldest that a count may be.
const MAX_AGE: Duration = Duration::from_secs(1);

/// Tenants whose counts are kept.
const MAX_TENANTS: usize = 1_024;

/// After how many seconds whoever is turned away may come again.
const RETRY_AFTER_SECONDS: u32 = 5;

/// Counts by tenant; of all jobs under none.
#[derive(Default)]
pub(crate) struct Backlog(Mutex<BTreeMap<Option<String>, Counted>>);

#[derive(Clone, Copy)]
struct Counted {
    jobs: u64,
    at: Instant,
}

impl Backlog {
    /// Lets these jobs in, or says why they are too many.
    pub(crate) async fn admit(&self, app: &App, jobs: &[NewJob]) -> Result<()> {
        let most = app.settings.max_queued;
        let waiting = self.waiting(app, None).await?;
        let new = jobs.len() as u64;
        if waiting.saturating_add(new) > most {
            // Not how many: most are of other tenants.
            let detail = format!("expected at most {most} jobs to wait, found no room for {new} more");
            return Err(Problem::new(Code::Busy, detail).retry_after(RETRY_AFTER_SECONDS));
        }
        let mut by_tenant: BTreeMap<Option<String>, u64> = BTreeMap::from([(None, new)]);
        if let Some(most) = app.settings.max_queued_per_tenant {
            for tenant in jobs.iter().filter_map(|job| job.tenant.as_ref()) {
                *by_tenant.entry(Some(tenant.clone())).or_default() += 1;
            }
            for (tenant, new) in by_tenant.iter().filter_map(|(tenant, new)| Some((tenant.as_ref()?, *new))) {
                let waiting = self.waiting(app, Some(tenant)).await?;
                if waiting.saturating_add(new) > most {
                    let detail = format!("expected at most {most} jobs of one tenant to wait, found {waiting} that do");
                    return Err(Problem::new(Code::TooManyJobs, detail).retry_after(RETRY_AFTER_SECONDS));
                }
            }
        }
        let mut counts = self.lock();
        for (tenant, new) in by_tenant {
            if let Some(counted) = counts.get_mut(&tenant) {
                counted.jobs += new;
            }
        }
        Ok(())
    }

    /// How many wait. One of those who find the count too old makes it anew; the others go on with it.
    async fn waiting(&self, app: &App, tenant: Option<&String>) -> Result<u64> {
        let (key, now) = (tenant.cloned(), Instant::now());
        if let Some(counted) = self.lock().get_mut(&key) {
            if now.saturating_duration_since(counted.at) < MAX_AGE {
                return Ok(counted.jobs);
            }
            counted.at = now;
        }
        let filter = Filter { states: vec![State::Queued], tenant: key.clone(), ..Filter::default() };
        let counts = app.queue.counts(&filter).await?;
        let jobs = counts.iter().map(|count| count.jobs).sum();
        let mut kept = self.lock();
        if kept.len() >= MAX_TENANTS && !kept.contains_key(&key) {
            let oldest = kept.iter().min_by_key(|(_, counted)| counted.at).map(|(key, _)| key.clone());
            oldest.map(|key| kept.remove(&key));
        }
        kept.insert(key, Counted { jobs, at: now });
        Ok(jobs)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Option<String>, Counted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
