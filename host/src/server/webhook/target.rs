//! Where a webhook goes, read from its URL, and whether it may: a pure function of the URL, the addresses that its host
//! turns out to have, and what the operator allows.
//!
//! The URL is read once, as browsers read it, and everything after works on what was read: however an address was
//! spelled, what is judged is what is connected to.

use std::net::IpAddr;

use http::{HeaderValue, Uri};
use url::{Host, Url};

use super::address;
use super::settings::WebhookSettings;

/// Whom to connect to, and what to ask for there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Whether the connection is encrypted.
    pub(super) is_tls: bool,
    /// The host as the URL has it once read: a name, or an address without brackets.
    pub(super) host: String,
    /// The address, if the host is one.
    pub(super) address: Option<IpAddr>,
    /// The port.
    pub(super) port: u16,
    /// The path and the query.
    pub(super) path: Uri,
    /// What is sent as `Host`.
    pub(super) authority: HeaderValue,
}

/// Why a URL is not allowed, for whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) expected: String,
    pub(super) found: String,
    /// Whether other settings would allow it. Workers of one queue may have others, so it is tried again.
    pub(super) is_by_settings: bool,
}

impl Target {
    /// Reads a URL, and refuses what can be refused by it alone. A path may hold a secret, so it is not repeated.
    pub(super) fn parse(text: &str, settings: &WebhookSettings) -> Result<Target, Refusal> {
        let strange = |sign: char| sign.is_control() || sign.is_whitespace() || sign == '\\';
        if let Some(sign) = text.chars().find(|sign| strange(*sign)) {
            return Err(Refusal::new("a URL without spaces, control characters and backslashes", format!("{sign:?}")));
        }
        let url = Url::parse(text).map_err(|error| Refusal::new("a URL", error.to_string()))?;
        let is_tls = match url.scheme() {
            "https" => true,
            "http" if settings.allow_http => false,
            "http" => return Err(Refusal::by_settings("https", "http, which the operator does not allow")),
            _ => return Err(Refusal::new("https", "another scheme")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::new("no user or password in the URL", "one"));
        }
        let port = url.port_or_known_default().unwrap_or_default();
        if port != (if is_tls { 443 } else { 80 }) && !settings.allow_ports.iter().any(|range| range.contains(port)) {
            return Err(Refusal::by_settings("a port that the operator allows", port.to_string()));
        }
        Target::of(&url, is_tls, port, settings)
    }

    fn of(url: &Url, is_tls: bool, port: u16, settings: &WebhookSettings) -> Result<Target, Refusal> {
        let (host, address) = match url.host() {
            Some(Host::Domain(name)) => (name.strip_suffix('.').unwrap_or(name).to_owned(), None),
            Some(Host::Ipv4(address)) => (address.to_string(), Some(IpAddr::V4(address))),
            Some(Host::Ipv6(address)) => (address.to_string(), Some(IpAddr::V6(address))),
            None => return Err(Refusal::new("a host", "none")),
        };
        let asked = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let path = asked.parse().map_err(|_| Refusal::new("a path as HTTP has it", "another"))?;
        let shown = url.host_str().unwrap_or_default();
        let authority = url.port().map_or_else(|| shown.to_owned(), |port| format!("{shown}:{port}"));
        let authority =
            HeaderValue::try_from(authority).map_err(|_| Refusal::new("a host as HTTP has it", "another"))?;
        let target = Target { is_tls, host, address, port, path, authority };
        let judged = target.address.map_or(Ok(()), |address| target.judge(address, settings));
        judged.map_err(|kind| {
            let found = format!("{} ({kind})", target.host);
            Refusal::by_settings("a host that the operator allows, or a public one", found)
        })?;
        Ok(target)
    }

    /// Whether it may be connected to at this address, which its host has at the moment.
    ///
    /// # Errors
    /// What kind of address it is; not for the tenant, who could look around in the operator's network by it.
    pub(super) fn judge(&self, address: IpAddr, settings: &WebhookSettings) -> Result<(), &'static str> {
        if settings.allow_hosts.iter().any(|host| host.eq_ignore_ascii_case(&self.host)) {
            return Ok(());
        }
        address::judge(address, &settings.allow_networks)
    }
}

impl Refusal {
    fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Refusal { expected: expected.into(), found: found.into(), is_by_settings: false }
    }

    fn by_settings(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Refusal { is_by_settings: true, ..Refusal::new(expected, found) }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn parsed(url: &str) -> Result<Target, Refusal> {
        Target::parse(url, &WebhookSettings::default())
    }

    #[test]
    fn a_public_target_is_read() {
        let target = parsed("https://Hooks.Example.com./a/b?c=%2F#d").expect("a target");
        assert_eq!((target.host.as_str(), target.port, target.is_tls), ("hooks.example.com", 443, true));
        assert_eq!(target.path.to_string(), "/a/b?c=%2F");
        assert_eq!(target.authority, "hooks.example.com.");
        let target = parsed("https://[2606:4700::1111]").expect("a target");
        assert_eq!((target.host.as_str(), target.path.to_string().as_str()), ("2606:4700::1111", "/"));
        assert_eq!(target.authority, "[2606:4700::1111]");
    }

    #[test]
    fn schemes_ports_and_users_are_refused_unless_allowed() {
        for url in [
            "http://example.com",
            "ftp://example.com",
            "gopher://example.com",
            "file:///etc/passwd",
            "https://user@example.com",
            "https://user:password@example.com",
            "https://:password@example.com",
            "https://example.com:8443",
            "https://example.com:80",
            "https://example.com:0",
            "https://example.com:99999",
            "https://",
            "https:///",
            "//example.com",
            "example.com",
            "",
            "https://exa mple.com",
            "https://example.com\\@127.0.0.1",
            "https://example.com/\t",
        ] {
            parsed(url).expect_err(url);
        }
        let settings = WebhookSettings {
            allow_http: true,
            allow_ports: vec!["8000-9000".parse().expect("a range")],
            ..WebhookSettings::default()
        };
        for url in
            ["http://example.com", "http://example.com:80", "http://example.com:8080", "https://example.com:8443"]
        {
            Target::parse(url, &settings).expect(url);
        }
        for url in ["http://example.com:443", "https://example.com:80", "http://example.com:7999"] {
            Target::parse(url, &settings).expect_err(url);
        }
    }

    #[test]
    fn a_host_that_the_operator_names_may_be_anywhere() {
        let settings = WebhookSettings { allow_hosts: vec!["hooks.internal".to_owned()], ..WebhookSettings::default() };
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        for (url, is_allowed) in [
            ("https://hooks.internal", true),
            ("https://HOOKS.internal.", true),
            ("https://a.hooks.internal", false),
            ("https://hooks.internal.example.com", false),
        ] {
            let target = Target::parse(url, &settings).expect(url);
            assert_eq!(target.judge(loopback, &settings).is_ok(), is_allowed, "{url}");
        }
    }

    #[test]
    fn a_refusal_tells_what_other_settings_would_allow() {
        for (url, is_by_settings) in [
            ("http://example.com", true),
            ("https://example.com:8443", true),
            ("https://127.0.0.1", true),
            ("ftp://example.com", false),
            ("https://user@example.com", false),
            ("https://", false),
            ("example.com", false),
        ] {
            assert_eq!(parsed(url).expect_err(url).is_by_settings, is_by_settings, "{url}");
        }
    }

    #[test]
    fn a_refusal_does_not_repeat_the_path() {
        let refusal = parsed("https://127.0.0.1/secret").expect_err("loopback");
        assert_eq!(refusal.found, "127.0.0.1 (loopback)");
        assert!(!format!("{:?}", parsed("http://example.com/secret")).contains("secret"));
    }
}
