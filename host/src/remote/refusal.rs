//! Why a server said no, as the error that a queue here would have given, where there is one.

use crate::queue::Error;
use crate::server::{Code, Problem};

/// The error that a problem's document is; none if it is no problem.
pub(super) fn read(body: &[u8]) -> Option<Error> {
    // A later server may have codes that are not known here; what it says is told all the same.
    #[derive(serde::Deserialize)]
    struct Unknown {
        code: String,
        detail: String,
    }
    if let Ok(problem) = serde_json::from_slice::<Problem>(body) {
        return Some(error(problem));
    }
    let Unknown { code, detail } = serde_json::from_slice(body).ok()?;
    Some(Error::Refused { code, detail })
}

fn error(problem: Problem) -> Error {
    let Problem { code, detail, .. } = problem;
    match code {
        Code::Unavailable
        | Code::Busy
        | Code::ShuttingDown
        | Code::TooManyRequests
        | Code::TooManyJobs
        | Code::Timeout => Error::Away(format!("the server takes on no more at the moment: {detail}")),
        Code::Unsupported => Error::Unsupported(detail),
        _ => Error::Refused { code: code.as_str().to_owned(), detail },
    }
}

/// Whether it says that there is no such thing.
pub(super) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Refused { code, .. } if code == Code::NotFound.as_str())
}

/// Whether it says that the state of the thing does not allow it.
pub(super) fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::Refused { code, .. } if code == Code::Conflict.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_with_its_code_and_a_strangers_answer_is_none() {
        let known = br#"{"type":"urn:ampule:problem:denied","title":"t","status":403,"code":"denied","detail":"no"}"#;
        assert_eq!(read(known), Some(Error::Refused { code: "denied".to_owned(), detail: "no".to_owned() }));
        let newer = br#"{"type":"urn:x","title":"t","status":418,"code":"teapot","detail":"short"}"#;
        assert_eq!(read(newer), Some(Error::Refused { code: "teapot".to_owned(), detail: "short".to_owned() }));
        for stranger in [&b"<html>"[..], b"{}", b"", b"[1]"] {
            assert_eq!(read(stranger), None);
        }
    }

    #[test]
    fn what_may_be_asked_again_is_temporary() {
        let busy = br#"{"type":"urn:ampule:problem:busy","title":"t","status":503,"code":"busy","detail":"later"}"#;
        assert!(read(busy).is_some_and(|error| error.is_temporary()));
    }
}
