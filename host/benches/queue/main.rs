//! What the durable queue does beside its peers: jobs per second and CPU for each, on both backends, with real wasm jobs
//! that are on disk before anybody is told so.
//!
//! All ways take their turn in each round, on one disk and, where it is PostgreSQL, in one cluster that is made for it
//! and removed afterwards; medians are printed. The peers run jobs that do nothing: graphile-worker in Node,
//! apalis, and on SQLite a bare loop of inserts, claims and completions that is no queue at all. What is not installed is
//! left out, and a line says so.
//!
//! `cargo bench --bench queue`, or `make bench-queue`, which brings the peers. Arguments after `--`: `full` for larger
//! sizes and a million finished rows (default `quick`), `rounds=N`, and `sqlite`, `postgres`, `producers`, `groups`,
//! `backlog`, `latency`, `million` for those only. `AMPULE_BENCH_DIRECTORY` says where the databases lie.

mod bare;
mod cluster;
mod disk;
mod finished;
mod meter;
mod options;
mod ours;
mod peers;
mod report;
mod rounds;
mod scratch;
mod step;

use crate::options::Options;

fn main() {
    let options = Options::read();
    let caller = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    caller.block_on(rounds::run(&options));
}
