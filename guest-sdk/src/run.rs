//! One run of a job: kwargs in, the function called, its failure handed over.
//!
//! The `main` that `#[job]` writes calls [`run`]. It decides how the process ends, and does not
//! catch panics: on wasm the hook reports them and the program traps.

use std::process::ExitCode;

use crate::error::JobError;
use crate::schema::text::Text;
use crate::value::Kwargs;
use crate::{host, value};

/// A function under `#[job]`, with what is written into its program's custom sections.
///
/// Implemented by the attribute for a type that has the function's name.
pub trait Job {
    /// The function's name.
    const NAME: &'static str;
    /// JSON: name, description and SDK; section `ampule:about`.
    const ABOUT: Text;
    /// The JSON Schema of the kwargs; section `ampule:kwargs`.
    const KWARGS: Text;
    /// The JSON Schema of the value that the function returns, if it returns one; section
    /// `ampule:result`. It says nothing of earlier `_return` calls.
    const RESULT: Option<Text>;

    /// Takes the arguments out of `kwargs`, calls the function, and hands its value out.
    ///
    /// # Errors
    ///
    /// `bad_kwargs` for an argument that is missing, mistyped or unknown; else the function's own.
    fn call(kwargs: Kwargs) -> Result<(), JobError>;
}

/// Runs a job as the whole program.
///
/// A failure is told to the host and is the run's end, whatever the exit code: on wasm that is 0,
/// natively 1.
pub fn run<J: Job>() -> ExitCode {
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(report_panic));
    let failed = !start::<J>();
    // On wasm the host has the failure already, and a code would say less.
    ExitCode::from(u8::from(failed && cfg!(not(target_arch = "wasm32"))))
}

/// Calls the job with the host's kwargs; whether it succeeded.
pub(crate) fn start<J: Job>() -> bool {
    let result = value::kwargs().and_then(J::call);
    if let Err(error) = &result {
        fail(error);
    }
    result.is_ok()
}

fn fail(failure: &impl serde::Serialize) {
    let json = serde_json::to_vec(failure).expect("a failure is made of strings and a bool");
    host::fail(&json);
}

/// Tells the host of a panic, and prints nothing: the host logs the failure once. The trap that
/// follows is the end of the program.
#[cfg(target_arch = "wasm32")]
fn report_panic(panic: &std::panic::PanicHookInfo<'_>) {
    #[derive(serde::Serialize)]
    struct Panic<'a> {
        r#type: &'a str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        location: Option<String>,
    }

    fail(&Panic {
        r#type: "panic",
        message: panic.payload_as_str().unwrap_or("a panic without a message"),
        location: panic.location().map(ToString::to_string),
    });
}
