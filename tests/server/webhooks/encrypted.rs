//! Receivers over TLS: only those whose certificate says so are told.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use ampule::queue::State;
use ampule::server::webhook::{Resolve, Resolving, WebhookSettings};
use ampule_tests::receiver::{Opening, Receiver, Reply, Stream};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tempfile::NamedTempFile;
use tokio_rustls::TlsAcceptor;

use super::scene::{Scene, open, tries, webhook};

/// Every name is this machine.
#[derive(Debug)]
struct Here;

impl Resolve for Here {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
    }
}

/// An authority of its own, and a receiver with a certificate of it for `hooks.example`.
struct Encrypted {
    receiver: Receiver,
    authority: NamedTempFile,
}

impl Encrypted {
    async fn start() -> Self {
        let authority_key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&authority_key).expect("a certificate");
        let file = NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), authority.pem()).expect("written");
        let issuer = Issuer::from_params(&params, authority_key);
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["hooks.example".to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &issuer).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.expect("versions").with_no_client_auth();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = builder.with_single_cert(vec![certificate.der().clone()], key).expect("a configuration");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let opening: Opening = Arc::new(move |stream| {
            let acceptor = acceptor.clone();
            Box::pin(async move { Ok(Box::new(acceptor.accept(stream).await?) as Box<dyn Stream>) })
        });
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let receiver = Receiver::open_by(address, [Reply::status(200, "")], opening).await;
        Encrypted { receiver, authority: file }
    }

    fn trusted(&self) -> WebhookSettings {
        let mut settings = open();
        settings.allow_http = false;
        settings.ca_file = Some(self.authority.path().to_owned());
        settings
    }

    fn url(&self, host: &str) -> String {
        format!("https://{host}:{}/", self.receiver.address.port())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_whose_authority_the_operator_trusts_is_told() {
    let encrypted = Encrypted::start().await;
    let scene = Scene::with_resolver(encrypted.trusted(), Arc::new(Here)).await;
    let record = scene.tried(scene.tell(webhook(encrypted.url("hooks.example"))).await, 1).await;
    assert_eq!(record.summary.state, State::Completed, "{:?}", tries(&record));
    assert_eq!(
        encrypted.receiver.received(1).await[0].headers["host"].as_bytes(),
        encrypted.url("hooks.example")[8..].trim_end_matches('/').as_bytes()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_whose_certificate_is_not_for_the_host_or_of_nobody_trusted() {
    let encrypted = Encrypted::start().await;
    let plain = Receiver::start([Reply::Ignore, Reply::status(200, "")]).await;
    let mut untrusted = encrypted.trusted();
    untrusted.ca_file = None;
    let mut hasty = encrypted.trusted();
    hasty.connect_timeout = std::time::Duration::from_millis(300);
    let plain_url = format!("https://hooks.example:{}/", plain.address.port());
    for (settings, url, expected) in [
        (encrypted.trusted(), encrypted.url("other.example"), "no encrypted connection"),
        (encrypted.trusted(), encrypted.url("127.0.0.1"), "no encrypted connection"),
        (untrusted, encrypted.url("hooks.example"), "no encrypted connection"),
        (hasty, plain_url.clone(), "no connection within 300ms"),
    ] {
        let scene = Scene::with_resolver(settings, Arc::new(Here)).await;
        let record = scene.tried(scene.tell(webhook(&*url)).await, 1).await;
        let (status, _, message) = tries(&record).pop().expect("a try");
        assert_eq!((record.summary.state, status), (State::Queued, None), "{url}");
        assert!(message.as_deref().is_some_and(|message| message.starts_with(expected)), "{url}: {message:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_without_certificates_is_told_of_when_a_deliverer_is_made() {
    let scene = Scene::start(open()).await;
    let mut settings = open();
    let file = NamedTempFile::new().expect("a file");
    for (content, path) in [("nothing", file.path().to_owned()), ("", file.path().with_extension("missing"))] {
        std::fs::write(file.path(), content).expect("written");
        settings.ca_file = Some(path);
        let queue = Arc::clone(&scene.served.queue);
        let error = ampule::server::webhook::Deliverer::new(queue, settings.clone()).expect_err("no certificates");
        assert!(error.to_string().contains("expected certificates as PEM"), "{error}");
    }
}
