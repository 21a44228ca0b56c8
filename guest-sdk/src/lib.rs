//! Writes Ampule jobs in Rust.
//!
//! A job is one function under [`job`]: its arguments are taken by name from the kwargs, and it
//! hands values out with [`_return`], any number of times. Built for `wasm32-wasip1` it runs
//! sealed in Ampule; built natively it reads its kwargs from stdin and prints its returns.
//! This crate does not run jobs and knows nothing of limits or grants: those are the host's.
//!
//! ```
//! use ampule_guest::job;
//!
//! /// Adds five, then five again.
//! #[job]
//! fn adder(
//!     /// The number to start from.
//!     testvar: i64,
//! ) {
//!     ampule_guest::_return(testvar + 5);
//!     ampule_guest::_return(testvar + 10);
//! }
//! ```
//!
//! The function stays callable as it was written, so a unit test calls it under
//! [`testing::record`]; [`testing::run`] starts it from kwargs, as the host does:
//!
//! ```
//! # use ampule_guest::job;
//! # #[job]
//! # fn adder(testvar: i64) {
//! #     ampule_guest::_return(testvar + 5);
//! #     ampule_guest::_return(testvar + 10);
//! # }
//! use ampule_guest::testing;
//!
//! assert_eq!(testing::record(|| adder(3)).returns, [8, 13]);
//! assert_eq!(testing::run::<adder>(r#"{"testvar": 3}"#).returns, [8, 13]);
//! ```

mod log;

#[cfg(target_arch = "wasm32")]
#[path = "abi.rs"]
mod host;
#[cfg(not(target_arch = "wasm32"))]
#[path = "stand_in.rs"]
mod host;

mod error;
mod value;

mod arguments;
mod finish;
mod run;

pub mod schema;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

/// Makes a function a job, and the file that it is in a program.
///
/// The function stays callable as it is written. Beside it the attribute writes
///
/// - `fn main`, which runs the job: on wasm with the host's kwargs, natively with stdin's;
/// - a type of the function's name that implements [`Job`], for [`testing::run`];
/// - on wasm, the custom sections `ampule:kwargs`, `ampule:result` and `ampule:about`.
///
/// # Arguments
///
/// Each argument is the kwarg of its name, of any type that serde deserialises, or `&str`. Other
/// references are refused: there is nothing that they could point to. An unknown kwarg fails the
/// job, and so does a missing one, unless its type is an `Option` or it has a default:
///
/// ```
/// # use ampule_guest::job;
/// /// Greets someone.
/// #[job]
/// fn greet(
///     /// Whom to greet.
///     name: &str,
///     /// How often.
///     #[default(1)]
///     times: usize,
///     title: Option<String>,
/// ) -> String {
///     format!("Hello {}{name}! ", title.unwrap_or_default()).repeat(times)
/// }
/// ```
///
/// A default is any expression; a literal one is shown in the schema. Doc comments become
/// descriptions.
///
/// Or one argument marked `#[kwargs]` takes them all, as one value:
///
/// ```
/// # use ampule_guest::{Schema, job};
/// #[derive(serde::Deserialize, Schema)]
/// #[serde(deny_unknown_fields)]
/// struct Options {
///     #[serde(default)]
///     deep: bool,
/// }
///
/// #[job]
/// fn search(#[kwargs] options: Options) -> bool {
///     options.deep
/// }
/// ```
///
/// # The value
///
/// `()` hands nothing out; a `Result` hands its `Ok` out and fails the job with its `Err`, which is
/// a [`JobError`] or any `std::error::Error`; any other value is one last [`_return`].
pub use ampule_guest_macros::job;

/// Describes a struct with named fields, or an enum without data, as JSON Schema; see the trait.
pub use ampule_guest_macros::Schema;

pub use error::JobError;
pub use log::{Level, log};
pub use run::{Job, run};
pub use schema::Schema;
pub use value::{_return, Kwargs, kwargs, progress};

/// What the code written by [`job`] calls; not for people, and free to change.
#[doc(hidden)]
pub mod expansion {
    pub use crate::arguments::Arguments;
    pub use crate::finish::{Finish, Otherwise};
    pub use crate::schema::object::Object;
    pub use crate::schema::probe::{AnyValue, Probe};
    pub use crate::schema::text::Text;
    pub use crate::schema::{about, document};
}
