//! What a step spends: CPU time of this process and of PostgreSQL's, and how often this process waits for the disk.

use std::ffi::{c_int, c_long};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How often this process called `fsync` or `fdatasync`.
static SYNCS: AtomicU64 = AtomicU64::new(0);

#[cfg(target_arch = "x86_64")]
const SYS_FSYNC: [c_long; 2] = [74, 75];
#[cfg(target_arch = "aarch64")]
const SYS_FSYNC: [c_long; 2] = [82, 83];

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
}

// Symbols of a program go before those of the C library, so that SQLite's calls, which is linked into this one, land
// here. Nothing else tells how often a process waited for its disk.
#[unsafe(no_mangle)]
extern "C" fn fsync(file: c_int) -> c_int {
    SYNCS.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the call that the C library would make, with the caller's own argument; it sets `errno` alike.
    unsafe { syscall(SYS_FSYNC[0], file) as c_int }
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(file: c_int) -> c_int {
    SYNCS.fetch_add(1, Ordering::Relaxed);
    // SAFETY: as in `fsync`.
    unsafe { syscall(SYS_FSYNC[1], file) as c_int }
}

pub(crate) fn syncs_of_this_process() -> u64 {
    SYNCS.load(Ordering::Relaxed)
}

pub(crate) fn cpu_of_this_process() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// CPU time of a process, of the children that it waited for, and of those that it has.
pub(crate) fn cpu_of_family(parent: u32) -> Duration {
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let ticks: u64 = ids
        .filter_map(|id| {
            let stat = Stat::of(id)?;
            let waited = if id == parent { stat.waited } else { 0 };
            (id == parent || stat.parent == parent).then_some(stat.own + waited)
        })
        .sum();
    // Linux counts in hundredths of a second here.
    Duration::from_millis(ticks * 10)
}

struct Stat {
    parent: u32,
    own: u64,
    waited: u64,
}

impl Stat {
    fn of(id: u32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name before them may have spaces.
        let fields: Vec<&str> = text.rsplit(") ").next()?.split(' ').collect();
        let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Stat {
            parent: fields.get(1)?.parse().ok()?,
            own: ticks(11)? + ticks(12)?,
            waited: ticks(13)? + ticks(14)?,
        })
    }
}

/// How many compilers run, which would take part in every figure.
pub(crate) fn compilers() -> usize {
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    let names = processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("comm")).ok());
    names.filter(|name| matches!(name.trim(), "rustc" | "cc1" | "ld" | "rust-lld")).count()
}
