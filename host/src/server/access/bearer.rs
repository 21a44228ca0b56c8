//! The token in the head of a request: `Authorization: Bearer amp_…`, once, and nowhere else.

use http::{HeaderMap, header};

/// What a request presents as its token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bearer<'a> {
    /// No header, or another scheme.
    Nothing,
    /// Something, which may be no token.
    Text(&'a str),
}

impl<'a> Bearer<'a> {
    /// Two headers are as none: nobody can say which one a proxy in front has looked at.
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return Bearer::Nothing };
        let Some((scheme, text)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else {
            return Bearer::Nothing;
        };
        if scheme.eq_ignore_ascii_case("bearer") { Bearer::Text(text.trim()) } else { Bearer::Nothing }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (header::AUTHORIZATION, HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        for value in ["Bearer amp_x", "bearer amp_x", "BEARER  amp_x"] {
            assert_eq!(Bearer::of(&headers(&[value])), Bearer::Text("amp_x"), "{value}");
        }
    }

    #[test]
    fn no_header_another_scheme_and_two_headers_present_nothing() {
        for values in [&[][..], &["Basic YTpi"], &["amp_x"], &["Bearer"], &["Bearer amp_x", "Bearer amp_y"]] {
            assert_eq!(Bearer::of(&headers(values)), Bearer::Nothing, "{values:?}");
        }
    }
}
