//! Lesson: a job that will not stop is stopped, and each limit has a failure of its own.
//!
//! Nothing here is clever: an endless loop, memory, recursion, output, or sleep. Run it with
//! small limits. Natively it would take your machine along, so its tests do not start it.

use std::hint::black_box;
use std::io::{Write, stdout};
use std::thread::sleep;
use std::time::Duration;

use ampule_guest::{Level, Schema, job};
use serde::Deserialize;

/// Which limit to run into.
#[derive(Deserialize, Schema)]
#[serde(rename_all = "lowercase")]
enum Excess {
    /// Fuel, or time.
    Loop,
    /// Memory.
    Grow,
    /// The stack.
    Recurse,
    /// What is printed to stdout.
    Flood,
    /// What is logged.
    Log,
    /// The number of returns.
    Returns,
    /// Time, without any fuel.
    Sleep,
}

/// Bytes asked for, written or logged at a time; small enough to come close to any limit.
const CHUNK_BYTES: usize = 64 * 1024;

/// Never ends by itself.
#[job]
fn runaway(how: Excess) {
    match how {
        Excess::Loop => count_forever(),
        Excess::Grow => allocate_forever(),
        Excess::Recurse => drop(black_box(descend(black_box(0)))),
        Excess::Flood => print_forever(),
        Excess::Log => log_forever(),
        Excess::Returns => return_forever(),
        Excess::Sleep => sleep_forever(),
    }
}

fn count_forever() {
    for number in 0_u64.. {
        black_box(number);
    }
}

/// Keeps what it allocates, and writes to it so that it is really there.
fn allocate_forever() {
    let mut chunks = Vec::new();
    loop {
        chunks.push(black_box(vec![1_u8; CHUNK_BYTES]));
    }
}

/// Multiplies after the call returns, so that the call cannot become a jump.
#[inline(never)]
fn descend(depth: u64) -> u64 {
    if depth == u64::MAX { depth } else { descend(depth + 1).wrapping_mul(3) ^ depth }
}

/// Goes on when writing fails: a host that cuts output does not stop the job by it.
fn print_forever() {
    let line = "x".repeat(CHUNK_BYTES - 1) + "\n";
    loop {
        let _ = stdout().write_all(line.as_bytes());
    }
}

fn log_forever() {
    let message = "x".repeat(CHUNK_BYTES);
    loop {
        ampule_guest::log(Level::Info, &message);
    }
}

fn return_forever() {
    for number in 0_u64.. {
        ampule_guest::_return(number);
    }
}

fn sleep_forever() {
    loop {
        sleep(Duration::from_secs(3600));
    }
}

#[cfg(test)]
mod tests {
    use ampule_guest::testing;

    use super::*;

    #[test]
    fn an_excess_that_is_not_known_is_refused() {
        let failure = testing::run::<runaway>(r#"{"how": "walk"}"#).failure.unwrap();
        assert_eq!(failure["type"], "bad_kwargs");
    }
}
