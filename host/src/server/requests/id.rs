//! The name of a request, by which its answer is found in the log.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// Where it stands, in requests and in answers.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest that is taken from a client.
const MOST_CHARS: usize = 64;

/// The client's own, if it gave one that is plain, or a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestId(String);

impl RequestId {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok()).filter(|text| is_plain(text));
        RequestId(given.map_or_else(|| Uuid::now_v7().simple().to_string(), str::to_owned))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("plain text may stand in a header")
    }
}

fn is_plain(text: &str) -> bool {
    (1..=MOST_CHARS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_id_is_kept_and_any_other_is_replaced() {
        let of = |text: &str| {
            let headers = HeaderMap::from_iter([(HEADER, HeaderValue::from_str(text).expect("a header"))]);
            RequestId::of(&headers)
        };
        assert_eq!(of("a-1_B.2").as_str(), "a-1_B.2");
        for text in ["", "a b", "a\"b", &"a".repeat(65)] {
            assert!(of(text).as_str().len() == 32, "{text}");
        }
        assert_ne!(of(""), of(""));
    }
}
