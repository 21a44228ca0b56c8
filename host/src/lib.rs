//! # Ampule
//!
//! Runs jobs that nobody has to trust. A job is a WebAssembly program; each run is sealed in a store of its own, with
//! fuel, a deadline and a memory ceiling. It hands JSON values out through one import, `_return`, and ends in exactly
//! one callback on the host: `at_return` with the value, or `at_err` with a failure that says what happened.
//!
//! Start at [`Runner`]; say what to run with [`Job`]; read how it ended in [`Outcome`].
//!
//! # Layout
//! Files follow the data: each imports only what is named before it here.
//!
//! | file | holds |
//! | --- | --- |
//! | `failure` | how a run can fail, as data |
//! | `error` | the host's own faults |
//! | `limits`, `finite`, `kwargs`, `grants`, `job` | what to run, with what, under which ceilings |
//! | `capture`, `outcome` | what a run wrote; how it ended, decided from wasmtime's types |
//! | `engine`, `ticker` | the wasmtime engine and the thread that makes busy guests yield |
//! | `memory`, `events`, `handle`, `deterministic`, `given` | what a run holds while it runs |
//! | `abi`, `wasi` | what a guest may call |
//! | `inspect`, `check` | what a program is; whether it may be compiled |
//! | `linked`, `sandbox`, `schema` | code and its entry; one run, sealed; a program's own rules for its kwargs |
//! | `compile`, `cache`, `program` | from bytes to a program that is ready to run |
//! | `interpreter`, `catalog`, `loader` | programs that run source text; which programs are known; how one is loaded |
//! | `call`, `live`, `end` | whom to tell, who is alive, how it is told |
//! | `admission` | who may start |
//! | `runner` | all of it together |
//! | `queue` | jobs that survive: what a durable queue promises, on SQLite and on PostgreSQL |
//! | `schedule`, `worker` | when a schedule's ticks are; who claims jobs, runs them and settles them |
//! | `wire` | the JSON documents that the command prints and the server answers |
//! | `tls` | whose certificates are trusted |
//! | `server` | HTTP in front of a runner and a queue |
//! | `remote` | a queue and a runner behind a server |
//! | `suite` | cases of jobs, read from files, run and judged |

mod abi;
mod admission;
mod cache;
mod call;
mod capture;
mod catalog;
mod check;
mod compile;
mod deterministic;
mod end;
mod engine;
mod error;
mod events;
mod failure;
mod finite;
mod given;
mod grants;
mod handle;
mod inspect;
mod interpreter;
mod job;
mod kwargs;
mod limits;
mod linked;
mod live;
mod loader;
mod memory;
mod outcome;
mod program;
#[cfg(feature = "queue")]
pub mod queue;
#[cfg(feature = "server")]
pub mod remote;
mod runner;
mod sandbox;
#[cfg(feature = "queue")]
pub mod schedule;
mod schema;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "suite")]
pub mod suite;
mod ticker;
#[cfg(feature = "server")]
mod tls;
mod wasi;
#[cfg(feature = "server")]
pub mod wire;
#[cfg(feature = "queue")]
mod worker;

pub use serde_json::Value;

pub use crate::call::{BoxError, Call, Closure};
pub use crate::capture::{Output, Truncated};
pub use crate::compile::{Compiler, compile_child, refusal_status};
pub use crate::error::{Error, LoadError};
pub use crate::events::{Event, Events};
pub use crate::failure::{Backtrace, Failure, Frame, Kind, LogLevel, LogLine, TrapCode};
pub use crate::grants::{Access, Allowance, Clock, DETERMINISTIC_START_UNIX_SECONDS, Directory, Grants, Random};
pub use crate::handle::{Control, JobHandle, Status};
pub use crate::inspect::{Export, Form, Import, Inspection, Need, World};
pub use crate::interpreter::{Interpreter, Language, Readiness};
pub use crate::job::{Digest, Job, JobId, ProgramRef};
pub use crate::kwargs::{Kwargs, RESERVED};
pub use crate::limits::{LimitOverrides, Limits, MAX_MEMORY_BYTES, MAX_TABLE_ELEMENTS, MAX_TIMEOUT, ProgramLimits};
pub use crate::outcome::{Fuel, Outcome, Usage};
pub use crate::program::Program;
pub use crate::runner::{Compiled, Delayed, Load, Runner, RunnerBuilder, Shutdown, assemble};
pub use crate::schema::Parameter;
#[cfg(feature = "queue")]
pub use crate::worker::{DeliverHttp, Delivering, Drained, HttpDelivery, NotTold, SettledJob, Worker, WorkerBuilder};

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
