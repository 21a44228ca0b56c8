//! `poll_oneoff` of WASI preview 1 for a run with a virtual clock: a sleep moves the clock and returns.
//!
//! wasmtime-wasi sleeps by the host's timers whatever clock it is given, so this function is ours. Files and standard
//! streams are always ready, since none of them can wait for anything outside the run.

use wasmtime::{Caller, Linker};

use super::{State, memory_and_state, range};
use crate::deterministic::VirtualClock;

/// Sizes and numbers of the preview 1 interface (`wasi_snapshot_preview1.witx`).
const SUBSCRIPTION_BYTES: usize = 48;
const EVENT_BYTES: usize = 32;
const SUCCESS: i32 = 0;
const FAULT: i32 = 21;
const INVAL: i32 = 28;
const TAG_CLOCK: u8 = 0;
const CLOCK_REALTIME: u32 = 0;
const CLOCK_MONOTONIC: u32 = 1;
const FLAG_ABSOLUTE: u16 = 1;

/// The most subscriptions of one call; a libc asks for one per descriptor and one for the time.
const MAX_SUBSCRIPTIONS: usize = 4_096;

/// Puts this in the place of wasmtime-wasi's.
pub(super) fn shadow(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap("wasi_snapshot_preview1", "poll_oneoff", poll_oneoff)?;
    Ok(())
}

/// What a subscription waits for.
enum Wait {
    /// The virtual clock, in monotonic nanoseconds.
    Until(u64),
    /// Nothing: a descriptor.
    Ready,
}

struct Subscription {
    userdata: [u8; 8],
    tag: u8,
    wait: Wait,
}

fn poll_oneoff(mut caller: Caller<'_, State>, input: i32, output: i32, count: i32, count_out: i32) -> i32 {
    let Ok((memory, state)) = memory_and_state(&mut caller) else { return FAULT };
    let clock = state.clock.clone().expect("a linker with a virtual clock serves only runs that have one");
    match poll(memory, &clock, input, output, count as u32 as usize, count_out) {
        Ok(()) => SUCCESS,
        Err(errno) => errno,
    }
}

fn poll(
    memory: &mut [u8],
    clock: &VirtualClock,
    input: i32,
    output: i32,
    count: usize,
    count_out: i32,
) -> Result<(), i32> {
    if count == 0 || count > MAX_SUBSCRIPTIONS {
        return Err(INVAL);
    }
    let bytes = range(memory, input, (count * SUBSCRIPTION_BYTES) as i32).map_err(|_| FAULT)?;
    let subscriptions: Vec<Subscription> =
        bytes.chunks_exact(SUBSCRIPTION_BYTES).map(|chunk| parse(chunk, clock)).collect::<Result<_, _>>()?;

    let descriptors = subscriptions.iter().any(|subscription| matches!(subscription.wait, Wait::Ready));
    if !descriptors {
        let times = subscriptions.iter().filter_map(|subscription| match subscription.wait {
            Wait::Until(time) => Some(time),
            Wait::Ready => None,
        });
        clock.advance_to(times.min().unwrap_or(0));
    }
    let now = clock.monotonic_ns();
    let mut events = Vec::with_capacity(count * EVENT_BYTES);
    for subscription in &subscriptions {
        if matches!(subscription.wait, Wait::Until(time) if time > now) {
            continue;
        }
        let mut event = [0; EVENT_BYTES];
        event[..8].copy_from_slice(&subscription.userdata);
        event[10] = subscription.tag;
        events.extend_from_slice(&event);
    }
    let ready = (events.len() / EVENT_BYTES) as u32;
    put(memory, output, &events)?;
    put(memory, count_out, &ready.to_le_bytes())
}

fn parse(chunk: &[u8], clock: &VirtualClock) -> Result<Subscription, i32> {
    let mut userdata = [0; 8];
    userdata.copy_from_slice(&chunk[..8]);
    let tag = chunk[8];
    if tag != TAG_CLOCK {
        return if tag <= 2 { Ok(Subscription { userdata, tag, wait: Wait::Ready }) } else { Err(INVAL) };
    }
    let mut id = [0; 4];
    id.copy_from_slice(&chunk[16..20]);
    let mut timeout = [0; 8];
    timeout.copy_from_slice(&chunk[24..32]);
    let timeout = u64::from_le_bytes(timeout);
    let absolute = u16::from_le_bytes([chunk[40], chunk[41]]) & FLAG_ABSOLUTE != 0;
    let until = match (u32::from_le_bytes(id), absolute) {
        (CLOCK_REALTIME | CLOCK_MONOTONIC, false) => clock.monotonic_ns().saturating_add(timeout),
        (CLOCK_MONOTONIC, true) => timeout,
        (CLOCK_REALTIME, true) => clock.monotonic_at(timeout),
        _ => return Err(INVAL),
    };
    Ok(Subscription { userdata, tag, wait: Wait::Until(until) })
}

fn put(memory: &mut [u8], ptr: i32, bytes: &[u8]) -> Result<(), i32> {
    let target = memory.get_mut(ptr as u32 as usize..).and_then(|rest| rest.get_mut(..bytes.len()));
    target.ok_or(FAULT)?.copy_from_slice(bytes);
    Ok(())
}
