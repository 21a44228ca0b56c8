//! Headers that a job may ask for: checked when the job is taken in, so that none is found wrong when it is sent.

use std::collections::{BTreeMap, HashSet};

use http::{HeaderName, HeaderValue};

/// What the headers that a job asks for may have in all, names included: what common servers take in a request is 8 KiB.
const MAX_BYTES: usize = 4 * 1024;

/// Those that say how the message is sent, that every delivery has, or that proxies read.
const RESERVED: [&str; 21] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// What every header of a signature begins with.
const SIGNATURE: &str = "webhook-";

/// A header that is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) name: String,
    pub(super) expected: String,
    /// Never the value: it may be a secret.
    pub(super) found: String,
}

/// Refuses headers that cannot be sent or are not the job's to set.
pub(super) fn check(headers: &BTreeMap<String, String>) -> Result<(), Refusal> {
    parsed(headers).map(|_| ())
}

/// The headers as they are sent.
pub(super) fn parsed(headers: &BTreeMap<String, String>) -> Result<Vec<(HeaderName, HeaderValue)>, Refusal> {
    let refuse = |name: &str, expected: &str, found: &str| {
        Err(Refusal { name: name.to_owned(), expected: expected.to_owned(), found: found.to_owned() })
    };
    let mut seen = HashSet::new();
    let (mut parsed, mut bytes) = (Vec::new(), 0);
    for (name, value) in headers {
        let Ok(known) = HeaderName::try_from(name) else {
            return refuse(name, "letters, digits and signs of a header's name", "others");
        };
        if RESERVED.contains(&known.as_str()) || known.as_str().starts_with(SIGNATURE) {
            return refuse(name, "a header that is not set by the delivery itself", known.as_str());
        }
        // Bytes past ASCII are allowed in a value, but nobody agrees on what they mean.
        let Some(mut sent) = HeaderValue::from_str(value).ok().filter(|_| value.is_ascii()) else {
            return refuse(name, "a value of visible ASCII characters, spaces and tabs", "others");
        };
        if !seen.insert(known.clone()) {
            return refuse(name, "each header once, in whatever case", "another of this name");
        }
        bytes += name.len() + value.len();
        if bytes > MAX_BYTES {
            return refuse(name, &format!("at most {MAX_BYTES} bytes of headers"), "more");
        }
        sent.set_sensitive(true);
        parsed.push((known, sent));
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, value: &str) -> bool {
        check(&BTreeMap::from([(name.to_owned(), value.to_owned())])).is_err()
    }

    #[test]
    fn what_the_delivery_sets_is_not_the_jobs_to_set() {
        assert!(!refused("Authorization", "Bearer 1") && !refused("x-a", "") && !refused("cookie", "a=b; c=d"));
        for name in
            RESERVED.into_iter().chain(["HOST", "Webhook-Id", "webhook-signature", "webhook-", "Content-Length"])
        {
            assert!(refused(name, "1"), "{name}");
        }
    }

    #[test]
    fn no_header_smuggles_another() {
        for value in ["1\r\nhost: a", "1\n", "\r", "\0", "é", "\u{7f}"] {
            assert!(refused("x-a", value), "{value:?}");
        }
        for name in ["", " ", "a b", "a:", "x\r\ny", "é", ":path"] {
            assert!(refused(name, "1"), "{name:?}");
        }
    }

    #[test]
    fn headers_are_few_and_each_is_there_once() {
        let twice = BTreeMap::from([("X-A".to_owned(), "1".to_owned()), ("x-a".to_owned(), "2".to_owned())]);
        assert_eq!(check(&twice).expect_err("twice").name, "x-a");
        assert!(refused("x-a", &"a".repeat(MAX_BYTES)));
    }
}
