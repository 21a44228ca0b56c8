//! What is asked of the head of every request, whatever its route: that it says to whom it speaks, as RFC 9112 §3.2 has
//! it, and that it makes no condition which the route would pass over, as RFC 9110 §13 forbids.

use http::{HeaderMap, Method, Version, header};

use super::problem::{Problem, Result};

/// The route that knows a condition: a name that has to be new.
const NAMES: &str = "/v1/programs/{name}";

/// Refuses what no route may go on with.
pub(super) fn check(version: Version, method: &Method, route: &str, headers: &HeaderMap) -> Result<()> {
    check_host(version, headers)?;
    let none = |name, why: &str| Err(Problem::invalid(name, format!("none: {why}"), "one"));
    if headers.contains_key(header::IF_MATCH) {
        return none("If-Match", "nothing here has an entity tag");
    }
    // A read is done unless what was read before is still true, which nobody can say here.
    let is_read = method.is_safe();
    let knows = *method == Method::PUT && route == NAMES;
    if headers.contains_key(header::IF_NONE_MATCH) && !is_read && !knows {
        return none("If-None-Match", "only a program's name can have to be new");
    }
    Ok(())
}

/// One host, as HTTP/1.1 asks; its name may be empty.
fn check_host(version: Version, headers: &HeaderMap) -> Result<()> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let found = match (hosts.next(), hosts.next()) {
        (None, _) if version < Version::HTTP_11 => return Ok(()),
        (None, _) => "none".to_owned(),
        (Some(_), Some(_)) => "more".to_owned(),
        (Some(host), None) if host.as_bytes().iter().copied().all(is_of_host) => return Ok(()),
        (Some(host), None) => format!("{host:?}"),
    };
    Err(Problem::invalid("Host", "one host with or without a port", found))
}

/// What RFC 3986 §3.2.2 lets stand in a host, and before its port.
fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%:[]!$&'()*+,;=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn hosts(hosts: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_str(host).expect("a value"));
        }
        headers
    }

    #[test]
    fn a_request_names_one_host_unless_it_is_older_than_hosts() {
        for good in ["localhost", "127.0.0.1:7070", "[::1]:7070", ""] {
            assert!(check_host(Version::HTTP_11, &hosts(&[good])).is_ok(), "{good}");
        }
        for bad in [&[][..], &["a", "a"], &["a b"], &["a/b"], &["me@a"], &["\u{e4}"]] {
            assert!(check_host(Version::HTTP_11, &hosts(bad)).is_err(), "{bad:?}");
        }
        assert!(check_host(Version::HTTP_10, &hosts(&[])).is_ok());
        assert!(check_host(Version::HTTP_10, &hosts(&["a", "b"])).is_err());
    }

    #[test]
    fn a_condition_that_would_be_passed_over_is_refused() {
        let check = |method, route, name, value| {
            let mut headers = hosts(&["a"]);
            headers.insert(name, HeaderValue::from_static(value));
            check(Version::HTTP_11, &method, route, &headers).is_ok()
        };
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            assert!(!check(method, NAMES, header::IF_MATCH, "\"a\""));
        }
        assert!(check(Method::PUT, NAMES, header::IF_NONE_MATCH, "*"));
        assert!(check(Method::GET, NAMES, header::IF_NONE_MATCH, "\"a\""), "it is read again");
        assert!(!check(Method::DELETE, NAMES, header::IF_NONE_MATCH, "*"));
        assert!(!check(Method::PUT, "/v1/schedules/{name}", header::IF_NONE_MATCH, "*"));
    }
}
