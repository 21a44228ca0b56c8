//! Values in and out of a job: the kwargs, each `_return`, and progress.
//!
//! Called by job authors. It turns Rust values into JSON and back, and does not keep them.

use serde::Serialize;

use crate::error::JobError;
use crate::host;

/// The kwargs of a run: a JSON object.
pub type Kwargs = serde_json::Map<String, serde_json::Value>;

/// Hands one value out of the job. The job goes on, and may return again.
///
/// No call gives `null`, one gives that value, more give a list in the order of the calls.
///
/// # Panics
///
/// If JSON cannot hold the value, for example a map whose keys are not strings. A float that is
/// not finite does not panic: `serde_json` writes `null`.
pub fn _return(value: impl Serialize) {
    host::hand_out(&to_json(&value, "_return"));
}

/// Tells whoever watches the run how far it is; any JSON.
///
/// ```
/// ampule_guest::progress(0.5);
/// ```
///
/// # Panics
///
/// As [`_return`].
pub fn progress(value: impl Serialize) {
    host::progress(&to_json(&value, "progress"));
}

/// All kwargs as they came, without the checks of a typed argument; may be read again and again.
///
/// Natively they are stdin, and no input is an empty object.
///
/// # Errors
///
/// Natively, if stdin is not a JSON object; an Ampule host gives nothing else.
pub fn kwargs() -> Result<Kwargs, JobError> {
    parse_kwargs(&host::kwargs())
}

fn parse_kwargs(json: &[u8]) -> Result<Kwargs, JobError> {
    if json.trim_ascii().is_empty() {
        return Ok(Kwargs::new());
    }
    serde_json::from_slice(json)
        .map_err(|error| JobError::new("bad_kwargs", format!("expected kwargs as a JSON object: {error}")))
}

fn to_json(value: &impl Serialize, function: &str) -> Vec<u8> {
    match serde_json::to_vec(value) {
        Ok(json) => json,
        Err(error) => panic!("`{function}` was given a value that JSON cannot hold: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_input_is_an_empty_object() {
        assert_eq!(parse_kwargs(b" \n"), Ok(Kwargs::new()));
    }

    #[test]
    fn kwargs_that_are_no_object_are_refused() {
        let error = parse_kwargs(b"[1]").unwrap_err();
        assert_eq!(error.type_name(), "bad_kwargs");
    }

    #[test]
    #[should_panic = "`_return` was given a value that JSON cannot hold"]
    fn a_value_that_json_cannot_hold_panics() {
        _return(std::collections::BTreeMap::from([((1, 2), 3)]));
    }
}
