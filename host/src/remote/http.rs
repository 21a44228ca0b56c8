//! Requests to a server and what it answers: the token, the waits, another try where that is harmless.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode, header};
use reqwest::{Body, Client, RequestBuilder, Response, Url, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::clock::Clock;
use super::options::RemoteOptions;
use super::{deep, refusal};
use crate::queue::Error;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may be silent. A run is told of when it is over, which [`Ask::patient`] is for.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// The waits before a request is sent again that a server could not be reached with.
const WAITS: [Duration; 3] = [Duration::from_millis(100), Duration::from_millis(400), Duration::from_millis(1_600)];
/// The longest answer that is read: a program is at most this long, and a page of jobs is far from it.
const MAX_ANSWER_BYTES: usize = 256 << 20;
/// How much of an answer is looked at that no server of ours gives.
const SHOWN_CHARS: usize = 80;

/// A server, as it is spoken to.
#[derive(Debug)]
pub(super) struct Http {
    client: Client,
    base: Url,
    token: Option<String>,
    pub(super) clock: Clock,
}

/// A request.
pub(super) struct Ask<'a> {
    method: Method,
    /// Below the server's URL, each part escaped.
    path: &'a [&'a str],
    query: Vec<(&'static str, String)>,
    headers: HeaderMap,
    body: Option<Bytes>,
    /// Whether it may be sent again, although it may have been heard.
    is_safe: bool,
    is_patient: bool,
}

/// What a server answered that did as it was asked.
pub(super) struct Answer {
    url: String,
    status: StatusCode,
    body: Bytes,
}

impl<'a> Ask<'a> {
    pub(super) fn get(path: &'a [&'a str]) -> Self {
        Ask::new(Method::GET, path)
    }

    /// Methods by which asking twice is as asking once, POST aside.
    pub(super) fn new(method: Method, path: &'a [&'a str]) -> Self {
        let is_safe = method != Method::POST;
        Ask { method, path, query: Vec::new(), headers: HeaderMap::new(), body: None, is_safe, is_patient: false }
    }

    pub(super) fn query(mut self, query: Vec<(&'static str, String)>) -> Self {
        self.query = query;
        self
    }

    /// Says that asking twice is harmless.
    pub(super) fn safe(mut self) -> Self {
        self.is_safe = true;
        self
    }

    /// Waits for the answer without end.
    pub(super) fn patient(mut self) -> Self {
        self.is_patient = true;
        self
    }

    pub(super) fn header(mut self, name: header::HeaderName, value: header::HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(super) fn json(self, document: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(document).map_err(|error| Error::Unsupported(error.to_string()))?;
        Ok(self.body("application/json", body.into()))
    }

    pub(super) fn body(mut self, content_type: &'static str, body: Bytes) -> Self {
        self.body = Some(body);
        self.header(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type))
    }
}

impl Http {
    pub(super) fn new(options: &RemoteOptions) -> Result<Self, Error> {
        let wrong = |error: &dyn std::fmt::Display| Error::Unsupported(format!("the client cannot be made: {error}"));
        let tls = crate::tls::client_config(options.ca_file.as_deref()).map_err(|error| wrong(&error))?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(CONNECT_TIMEOUT)
            // A token goes where it was meant to go, and nowhere else.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .user_agent(concat!("ampule/", env!("CARGO_PKG_VERSION")));
        let client = client.build().map_err(|error| wrong(&error))?;
        Ok(Http { client, base: options.url.clone(), token: options.token.clone(), clock: Clock::default() })
    }

    /// Sends it, and again if the server cannot be reached and it may be asked twice.
    pub(super) async fn ask(&self, ask: Ask<'_>) -> Result<Answer, Error> {
        let mut waits = WAITS.into_iter();
        loop {
            let error = match self.try_once(&ask).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let wait = waits.next().filter(|_| error.may_be_sent_again(ask.is_safe));
            let Some(wait) = wait else { return Err(error.why) };
            tracing::debug!(error = %error.why, ?wait, "a request is sent again");
            tokio::time::sleep(wait).await;
        }
    }

    /// Opens a stream of events, to be read as it comes.
    pub(super) async fn open(&self, ask: Ask<'_>) -> Result<Response, Error> {
        let response = self.request(&ask).send().await.map_err(|error| self.away(&error))?;
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        Err(self.refused(response).await.why)
    }

    async fn try_once(&self, ask: &Ask<'_>) -> Result<Answer, Failed> {
        let mut request = self.request(ask);
        if !ask.is_patient {
            request = request.timeout(READ_TIMEOUT);
        }
        let sent = request.send().await;
        let response = sent.map_err(|error| Failed { was_heard: !error.is_connect(), why: self.away(&error) })?;
        self.clock.learn(response.headers());
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        let (url, status) = (response.url().to_string(), response.status());
        let body = self.read(response).await.map_err(|why| Failed { was_heard: true, why })?;
        Ok(Answer { url, status, body })
    }

    fn request(&self, ask: &Ask<'_>) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(ask.path);
        }
        if !ask.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&ask.query);
        }
        let mut request = self.client.request(ask.method.clone(), url).headers(ask.headers.clone());
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        match &ask.body {
            Some(body) => request.body(Body::from(body.clone())),
            None => request,
        }
    }

    async fn read(&self, mut response: Response) -> Result<Bytes, Error> {
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.away(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(self.stranger(format!("an answer of more than {MAX_ANSWER_BYTES} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// Why it was not done. A problem's document says that the server did nothing; a proxy knows only that it has no
    /// answer, unless it says that there is nobody to ask.
    async fn refused(&self, response: Response) -> Failed {
        let status = response.status();
        let is_gateways = matches!(status, StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT);
        let failed = |was_heard, why| Failed { was_heard, why };
        let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or("no type").to_owned();
        if status.is_redirection() {
            return failed(false, self.stranger(format!("a redirect ({status})")));
        }
        let body = match self.read(response).await {
            Ok(body) => body,
            Err(error) => return failed(is_gateways, error),
        };
        if let Some(why) = refusal::read(&body) {
            return failed(false, why);
        }
        if is_gateways || status == StatusCode::SERVICE_UNAVAILABLE {
            let what = format!("the server cannot be reached: {}: who stands before it says {status}", self.base);
            return failed(is_gateways, Error::Away(what));
        }
        failed(false, self.stranger(format!("{status} with {content_type}")))
    }

    /// Whoever answers is no server of ours.
    fn stranger(&self, found: String) -> Error {
        let detail = format!("expected an Ampule server at {}, found {found}", self.base);
        Error::Refused { code: String::new(), detail }
    }

    /// It cannot be reached, with the innermost reason, which is the one that helps.
    fn away(&self, error: &reqwest::Error) -> Error {
        if error.is_timeout() {
            return Error::Away(format!("the server cannot be reached: {}: no answer in time", self.base));
        }
        let mut reason: &dyn std::error::Error = error;
        while let Some(source) = reason.source() {
            reason = source;
        }
        Error::Away(format!("the server cannot be reached: {}: {reason}", self.base))
    }
}

/// Why a request had no success.
struct Failed {
    /// Whether the server may have done what was asked although it did not say so.
    was_heard: bool,
    why: Error,
}

impl Failed {
    fn may_be_sent_again(&self, is_safe: bool) -> bool {
        self.why.is_temporary() && (is_safe || !self.was_heard)
    }
}

impl Answer {
    /// The document that it is.
    pub(super) fn document<T: DeserializeOwned>(&self) -> Result<T, Error> {
        deep::read(&self.body).map_err(|error| {
            let text: String = String::from_utf8_lossy(&self.body).chars().take(SHOWN_CHARS).collect();
            self.none(&format!("{error}: {text:?}"))
        })
    }

    /// Nothing, which is what is told of that which is gone.
    pub(super) fn nothing(&self) -> Result<(), Error> {
        match self.status {
            StatusCode::NO_CONTENT => Ok(()),
            status => Err(self.none(&format!("{status} in place of {}", StatusCode::NO_CONTENT))),
        }
    }

    /// It is no answer of a server of ours.
    fn none(&self, found: &str) -> Error {
        let detail = format!("expected an Ampule server at {}, found an answer that is none: {found}", self.url);
        Error::Refused { code: String::new(), detail }
    }

    pub(super) fn bytes(self) -> Bytes {
        self.body
    }
}
