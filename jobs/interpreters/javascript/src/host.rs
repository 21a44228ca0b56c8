//! What the interpreter asks of the host: the interface of a job, the clocks, random bytes, and sleep.
//!
//! The only place with imports. What comes back is owned bytes; what the host refuses ends the run in the host.

use std::cell::Cell;
use std::time::Duration;

use crate::text::Text;

#[link(wasm_import_module = "ampule")]
unsafe extern "C" {
    #[link_name = "_return"]
    fn ampule_return(ptr: *const u8, len: usize);
    #[link_name = "progress"]
    fn ampule_progress(ptr: *const u8, len: usize);
    #[link_name = "fail"]
    fn ampule_fail(ptr: *const u8, len: usize);
    #[link_name = "log"]
    fn ampule_log(level: i32, ptr: *const u8, len: usize);
    fn kwargs_len() -> usize;
    fn kwargs_read(ptr: *mut u8);
    fn source_len() -> usize;
    fn source_read(ptr: *mut u8);
    fn name_len() -> usize;
    fn name_read(ptr: *mut u8);
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn clock_time_get(clock: i32, precision_ns: i64, time_ns: *mut u64) -> i32;
    fn random_get(ptr: *mut u8, len: usize) -> i32;
    fn poll_oneoff(subscriptions: *const Subscription, events: *mut Event, count: usize, happened: *mut usize) -> i32;
}

/// The clocks of WASI preview 1.
#[derive(Clone, Copy)]
pub(crate) enum Clock {
    /// Nanoseconds since 1970.
    Wall = 0,
    /// Nanoseconds since some moment, never going back.
    Monotonic = 1,
}

/// The levels of the host's log.
#[derive(Clone, Copy)]
pub(crate) enum Level {
    Trace = 0,
    Debug = 1,
    Info = 2,
    Warn = 3,
    Error = 4,
}

/// Hands out one JSON value.
pub(crate) fn return_value(json: &[u8]) {
    // SAFETY: the host reads `len` bytes at `ptr`, which the slice owns for as long.
    unsafe { ampule_return(json.as_ptr(), json.len()) }
}

/// Tells how far the job is, in any JSON.
pub(crate) fn progress(json: &[u8]) {
    // SAFETY: as in `return_value`.
    unsafe { ampule_progress(json.as_ptr(), json.len()) }
}

/// Reports the failure of the job; the run has failed then, however it ends.
pub(crate) fn fail(json: &[u8]) {
    // SAFETY: as in `return_value`.
    unsafe { ampule_fail(json.as_ptr(), json.len()) }
}

/// One line of the log.
pub(crate) fn log(level: Level, line: &[u8]) {
    // SAFETY: as in `return_value`.
    unsafe { ampule_log(level as i32, line.as_ptr(), line.len()) }
}

/// The arguments of the run, as the JSON text of an object; nothing if there are none.
pub(crate) fn kwargs() -> Option<Text> {
    // SAFETY: takes and returns plain numbers.
    let len = unsafe { kwargs_len() };
    // SAFETY: the host writes as many bytes as it said.
    (len > "{}".len()).then(|| read(len, |ptr| unsafe { kwargs_read(ptr) }))
}

/// The source of the job.
pub(crate) fn source() -> Text {
    // SAFETY: takes and returns plain numbers.
    let len = unsafe { source_len() };
    // SAFETY: the host writes as many bytes as it said.
    read(len, |ptr| unsafe { source_read(ptr) })
}

/// The name of the job; empty if it has none.
pub(crate) fn name() -> Text {
    // SAFETY: takes and returns plain numbers.
    let len = unsafe { name_len() };
    // SAFETY: the host writes as many bytes as it said.
    read(len, |ptr| unsafe { name_read(ptr) })
}

fn read(len: usize, write: impl FnOnce(*mut u8)) -> Text {
    let mut text = Text::zeroed(len);
    write(text.as_mut_ptr());
    text
}

/// The time of a clock, in nanoseconds.
pub(crate) fn now_ns(clock: Clock) -> u64 {
    let mut time_ns = 0;
    // SAFETY: the host writes eight bytes.
    unsafe { clock_time_get(clock as i32, 0, &mut time_ns) };
    time_ns
}

/// Fills a buffer with random bytes; in a deterministic run the same each time.
pub(crate) fn random(bytes: &mut [u8]) {
    // SAFETY: the host writes as many bytes as the slice has.
    unsafe { random_get(bytes.as_mut_ptr(), bytes.len()) };
}

/// Suspends the run. The host may run others meanwhile, and a virtual clock moves at once.
pub(crate) fn sleep(duration: Duration) {
    let timeout_ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let clock = Clock::Monotonic as u32;
    let subscription = Subscription { userdata: 0, tag: 0, clock, timeout_ns, precision_ns: 0, flags: 0 };
    let mut event = Event::default();
    let mut happened = 0;
    // SAFETY: one subscription is read and one event is written, both laid out as the interface says.
    unsafe { poll_oneoff(&subscription, &mut event, 1, &mut happened) };
}

/// A subscription to a clock (`subscription` in `wasi_snapshot_preview1.witx`, 48 bytes).
#[repr(C)]
struct Subscription {
    userdata: u64,
    /// A byte, and what aligns the rest.
    tag: u64,
    clock: u32,
    timeout_ns: u64,
    precision_ns: u64,
    flags: u16,
}

const _: () = assert!(size_of::<Subscription>() == 48);

/// What came of a subscription (`event` in the same place, 32 bytes); nothing of it is of interest.
#[derive(Default)]
#[repr(C, align(8))]
struct Event([u8; 32]);

thread_local! {
    static IN_RUN: Cell<bool> = const { Cell::new(false) };
}

/// From here on there is a host that answers.
pub(crate) fn begin_run() {
    IN_RUN.set(true);
}

/// Microseconds since 1970, for the `Date` of QuickJS: the one thing that its C code asks for. It does so once before
/// the snapshot too, for a seed that is not used.
#[unsafe(no_mangle)]
extern "C" fn __rquickjs_host_now_us() -> f64 {
    if IN_RUN.get() { (now_ns(Clock::Wall) / 1_000) as f64 } else { 0.0 }
}
