//! The JavaScript interpreter of Ampule: a program whose job is the source it is given.
//!
//! A core module that imports the job interface and three functions of WASI preview 1. `initialize` makes all that
//! every run shares and is run once, when the snapshot is taken (see `build`); `run` runs the source.
//!
//! # Layout
//! Files follow the data: each imports only what is named before it here.
//!
//! | file | holds |
//! | --- | --- |
//! | `text`, `host`, `memory` | what the interpreter stands on |
//! | `quickjs` | QuickJS, made safe |
//! | `prelude` (and `.js`), `classes` | what JavaScript itself tells us |
//! | `json`, `inspect`, `trace`, `failure` | values, stacks and errors on their way out |
//! | `timers`, `rejections`, `bytes`, `console`, `modules`, `globals` | what a job finds |
//! | `machine` | all of that, made once |
//! | `kwargs`, `source`, `run` | one run |

mod bytes;
mod classes;
mod console;
mod failure;
mod globals;
mod host;
mod inspect;
mod json;
mod kwargs;
mod machine;
mod memory;
mod modules;
mod prelude;
mod quickjs;
mod rejections;
mod run;
mod source;
mod text;
mod timers;
mod trace;

/// Makes the interpreter, before the snapshot; the snapshot does not export it.
#[unsafe(no_mangle)]
pub extern "C" fn initialize() {
    machine::make();
}

/// Runs the source of this run, once.
#[unsafe(no_mangle)]
pub extern "C" fn run() {
    host::begin_run();
    machine::with(run::run);
}
