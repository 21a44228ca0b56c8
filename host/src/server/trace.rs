//! The trace that a request belongs to, as W3C Trace Context has it.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::App;

/// The `traceparent` of a request. One that cannot be read is none, as the recommendation asks for: it comes from what
/// stands between the client and here, and is no fault of the client's.
pub(crate) struct Trace(pub(crate) Option<String>);

impl FromRequestParts<App> for Trace {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        let text = parts.headers.get("traceparent").and_then(|value| value.to_str().ok());
        Ok(Trace(text.filter(|text| is_valid(text)).map(str::to_owned)))
    }
}

/// `VERSION-TRACE-PARENT-FLAGS`, in lower-case hexadecimal digits; of later versions the same four fields come first.
fn is_valid(text: &str) -> bool {
    let mut fields = text.split('-');
    let mut field = |digits: usize| {
        let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        fields.next().filter(|field| field.len() == digits && field.chars().all(is_hex))
    };
    let (Some(version), Some(trace), Some(parent), Some(_)) = (field(2), field(32), field(16), field(2)) else {
        return false;
    };
    let has_more = fields.next().is_some();
    let is_zero = |field: &str| field.bytes().all(|digit| digit == b'0');
    version != "ff" && (version != "00" || !has_more) && !is_zero(trace) && !is_zero(parent) && text.len() <= 256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_four_fields_of_digits() {
        let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        assert!(is_valid(&format!("00-{trace}-{parent}-01")));
        assert!(is_valid(&format!("cc-{trace}-{parent}-01-more")));
        let zero = "0".repeat(32);
        for text in [
            String::new(),
            format!("ff-{trace}-{parent}-01"),
            format!("00-{trace}-{parent}-01-more"),
            format!("00-{trace}-{parent}"),
            format!("00-{}-{parent}-01", trace.to_uppercase()),
            format!("00-{zero}-{parent}-01"),
            format!("00-{trace}-{}-01", &zero[..16]),
            format!("0-{trace}-{parent}-01"),
            format!("cc-{trace}-{parent}-01-{}", "x".repeat(256)),
        ] {
            assert!(!is_valid(&text), "{text}");
        }
    }
}
