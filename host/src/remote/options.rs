//! Where a server is, and how one is let in.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr as _;

use reqwest::Url;

use crate::queue::Error;

/// A server, and who asks it.
#[derive(Clone)]
#[non_exhaustive]
pub struct RemoteOptions {
    pub(super) url: Url,
    /// The token. None for what is open to all.
    pub token: Option<String>,
    /// Certificates of authorities that are trusted beside the platform's, as PEM.
    pub ca_file: Option<PathBuf>,
}

impl RemoteOptions {
    /// The server at this URL, such as `https://jobs.example.org` or `http://127.0.0.1:7070`. What stands before its
    /// paths may be a path too.
    ///
    /// # Errors
    /// [`Error::Invalid`] for anything but an `http` or `https` URL with a host, and without a user, a query and a fragment.
    pub fn new(url: &str) -> Result<Self, Error> {
        const EXPECTED: &str = "the URL of a server, such as `https://jobs.example.org`";
        let found = |found: String| Error::invalid("server", EXPECTED, found);
        let parsed = Url::from_str(url).map_err(|error| found(format!("{:?} ({error})", shown(url))))?;
        let is_plain = ["http", "https"].contains(&parsed.scheme()) && parsed.has_host();
        let has_user = !parsed.username().is_empty() || parsed.password().is_some();
        if has_user {
            // It holds a password, so it is not repeated.
            return Err(found("one with a user; `--token` says who asks".to_owned()));
        }
        if !is_plain || parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(found(format!("{:?}", shown(url))));
        }
        Ok(RemoteOptions { url: parsed, token: None, ca_file: None })
    }

    /// Sets who asks.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a text that no header can carry. It is not repeated.
    pub fn token(mut self, token: &str) -> Result<Self, Error> {
        let token = token.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::invalid("token", "a token such as `amp_…`", "other text"));
        }
        self.token = Some(token.to_owned());
        Ok(self)
    }
}

/// As much of what was given as is no password.
fn shown(url: &str) -> &str {
    url.rsplit_once('@').map_or(url, |(_, rest)| rest)
}

impl fmt::Debug for RemoteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| "amp_…");
        f.debug_struct("RemoteOptions").field("url", &self.url.as_str()).field("token", &token).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_an_http_url_and_nothing_of_a_secret_is_repeated() {
        for good in ["http://127.0.0.1:7070", "https://jobs.example.org/", "https://h/ampule", "http://[::1]:1"] {
            assert!(RemoteOptions::new(good).is_ok(), "{good}");
        }
        for bad in
            ["", "jobs.example.org", "ftp://h", "http://u:secret@h", "http://h?a=secret", "http://", "u:secret@h"]
        {
            let error = RemoteOptions::new(bad).map(|_| ()).expect_err(bad).to_string();
            assert!(error.contains("expected the URL") && !error.contains(":secret"), "{error}");
        }
        let options = RemoteOptions::new("http://h").expect("a server").token(" amp_a_secret\n").expect("a token");
        assert!(!format!("{options:?}").contains("secret"));
        for bad in ["", "two words", "é"] {
            assert!(RemoteOptions::new("http://h").expect("a server").token(bad).is_err(), "{bad:?}");
        }
    }
}
