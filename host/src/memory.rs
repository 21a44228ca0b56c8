//! The memory of runs: what one run may have, and what all runs of a runner may have together.
//!
//! [`Meter`] is asked by wasmtime before every growth, the first included. It counts, refuses and remembers that it
//! refused; what a refusal means for the outcome is decided in `outcome.rs`.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::ResourceLimiter;

/// The unit in which memory is drawn: one wasm page.
const PAGE_BYTES: u64 = 64 << 10;

/// What one table element costs: a pointer.
const TABLE_ELEMENT_BYTES: u64 = 8;

/// The memory of all runs of one runner together.
#[derive(Clone, Debug)]
pub(crate) struct MemoryBudget {
    pages: Arc<Semaphore>,
    total_pages: u64,
}

impl MemoryBudget {
    pub(crate) fn new(bytes: u64) -> Self {
        let total_pages = (bytes / PAGE_BYTES).min(Semaphore::MAX_PERMITS as u64);
        MemoryBudget { pages: Arc::new(Semaphore::new(total_pages as usize)), total_pages }
    }

    /// Waits until the memory with which a program starts is free, and takes it: a run that is admitted never
    /// fails for the memory of others before it began. `None` if the budget could never hold it.
    pub(crate) async fn reserve(&self, bytes: u64) -> Option<Reservation> {
        let pages = bytes.div_ceil(PAGE_BYTES);
        let count = u32::try_from(pages).ok().filter(|_| pages <= self.total_pages)?;
        let permit = Arc::clone(&self.pages).acquire_many_owned(count).await.ok()?;
        Some(Reservation { budget: self.clone(), permit })
    }

    /// A reservation of nothing.
    pub(crate) fn empty(&self) -> Reservation {
        let permit = Arc::clone(&self.pages).try_acquire_many_owned(0).expect("no pages are always free");
        Reservation { budget: self.clone(), permit }
    }
}

/// What one run has drawn from the budget. Dropping it gives all of it back.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: MemoryBudget,
    permit: OwnedSemaphorePermit,
}

impl Reservation {
    /// Draws what is missing to hold `bytes`, at once or not at all.
    fn hold(&mut self, bytes: u64) -> bool {
        let missing = bytes.div_ceil(PAGE_BYTES).saturating_sub(self.permit.num_permits() as u64);
        if missing == 0 {
            return true;
        }
        let Ok(count) = u32::try_from(missing) else { return false };
        let Ok(more) = Arc::clone(&self.budget.pages).try_acquire_many_owned(count) else { return false };
        self.permit.merge(more);
        true
    }
}

/// Sums the memories and tables of one store and holds them to its limits.
#[derive(Debug)]
pub(crate) struct Meter {
    reservation: Reservation,
    memory_limit_bytes: u64,
    table_limit_elements: u64,
    memory_bytes: u64,
    table_elements: u64,
    peak_bytes: u64,
    refusal: Option<String>,
    /// What the last growth was granted, to take back if it then fails all the same.
    granted: (u64, u64),
}

impl Meter {
    pub(crate) fn new(reservation: Reservation, memory_limit_bytes: u64, table_limit_elements: u64) -> Self {
        Meter {
            reservation,
            memory_limit_bytes,
            table_limit_elements,
            memory_bytes: 0,
            table_elements: 0,
            peak_bytes: 0,
            refusal: None,
            granted: (0, 0),
        }
    }

    /// The most that the linear memories held together.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.peak_bytes
    }

    /// Why memory was refused the first time, if it was.
    pub(crate) fn take_refusal(&mut self) -> Option<String> {
        self.refusal.take()
    }

    fn refuse(&mut self, why: String) -> wasmtime::Result<bool> {
        self.refusal.get_or_insert(why);
        Ok(false)
    }

    fn grow(&mut self, more_bytes: u64, more_elements: u64) -> wasmtime::Result<bool> {
        let memory_bytes = self.memory_bytes.saturating_add(more_bytes);
        let table_elements = self.table_elements.saturating_add(more_elements);
        if memory_bytes > self.memory_limit_bytes {
            let limit = self.memory_limit_bytes;
            return self.refuse(format!("asked for {memory_bytes} bytes of memory, and its limit is {limit}"));
        }
        if table_elements > self.table_limit_elements {
            let limit = self.table_limit_elements;
            return self.refuse(format!("asked for {table_elements} table elements, and its limit is {limit}"));
        }
        if !self.reservation.hold(memory_bytes + table_elements * TABLE_ELEMENT_BYTES) {
            let budget_bytes = self.reservation.budget.total_pages * PAGE_BYTES;
            return self.refuse(format!(
                "asked for {memory_bytes} bytes of memory, and the {budget_bytes} bytes of all runs together are in use"
            ));
        }
        (self.memory_bytes, self.table_elements) = (memory_bytes, table_elements);
        self.peak_bytes = self.peak_bytes.max(memory_bytes);
        self.granted = (more_bytes, more_elements);
        Ok(true)
    }

    fn take_back(&mut self) {
        let (bytes, elements) = std::mem::take(&mut self.granted);
        self.memory_bytes -= bytes;
        self.table_elements -= elements;
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // Past its own declared maximum a memory never grows; that is no refusal of ours.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(desired.saturating_sub(current) as u64, 0)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(0, desired.saturating_sub(current) as u64)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    async fn meter(budget: &MemoryBudget, limit_bytes: usize) -> Meter {
        Meter::new(budget.reserve(0).await.expect("nothing is always free"), limit_bytes as u64, 10)
    }

    #[tokio::test]
    async fn all_memories_of_a_store_count_together() {
        let budget = MemoryBudget::new(64 << 20);
        let mut meter = meter(&budget, 3 * MIB).await;
        assert!(meter.memory_growing(0, 2 * MIB, None).expect("no error"));
        assert!(!meter.memory_growing(0, 2 * MIB, None).expect("no error"), "a second memory");
        assert!(meter.memory_growing(0, MIB, None).expect("no error"));
        assert_eq!(meter.peak_bytes(), 3 << 20);
        assert!(meter.take_refusal().is_some());
    }

    #[tokio::test]
    async fn a_growth_past_the_programs_own_maximum_is_no_refusal() {
        let budget = MemoryBudget::new(64 << 20);
        let mut meter = meter(&budget, 64 * MIB).await;
        assert!(!meter.memory_growing(0, 2 * MIB, Some(MIB)).expect("no error"));
        assert_eq!(meter.take_refusal(), None);
    }

    #[tokio::test]
    async fn what_a_run_drew_comes_back_when_it_ends() {
        let budget = MemoryBudget::new(4 << 20);
        let mut first = meter(&budget, 8 * MIB).await;
        assert!(first.memory_growing(0, 3 * MIB, None).expect("no error"));
        let mut second = meter(&budget, 8 * MIB).await;
        assert!(!second.memory_growing(0, 2 * MIB, None).expect("no error"), "only one is left");
        drop(first);
        assert!(second.memory_growing(0, 4 * MIB, None).expect("no error"));
    }

    #[tokio::test]
    async fn a_growth_that_failed_is_taken_back() {
        let budget = MemoryBudget::new(64 << 20);
        let mut meter = meter(&budget, 2 * MIB).await;
        assert!(meter.memory_growing(0, 2 * MIB, None).expect("no error"));
        meter.memory_grow_failed(wasmtime::Error::msg("no pages")).expect("no error");
        assert!(meter.memory_growing(0, 2 * MIB, None).expect("no error"));
    }

    #[tokio::test]
    async fn a_start_that_the_budget_could_never_hold_is_refused_at_once() {
        assert!(MemoryBudget::new(1 << 20).reserve(2 << 20).await.is_none());
    }
}
