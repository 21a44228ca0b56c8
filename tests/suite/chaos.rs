//! Durable queues under what really happens to them: processes killed and frozen, databases stopped, disks full, clocks
//! wrong. Whatever it was, the history is checked afterwards (`ampule_tests::history`).
//!
//! Chance is decided by a seed, which is printed; `AMPULE_CHAOS_SEED` sets it. `AMPULE_CHAOS_KILLS` says how often
//! something is killed, `make soak` a hundred times.

mod checker;
mod clocks;
mod damaged;
mod drained;
mod frozen;
mod full_disk;
mod killed;
mod limits;
mod restarted;
mod scene;
mod upgraded;
