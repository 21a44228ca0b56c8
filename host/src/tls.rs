//! Which certificates of servers and receivers are trusted: those that the platform trusts, and those that an operator
//! adds. The provider of cryptography is named here, so that nothing global is installed.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

/// A client that trusts the platform's authorities, and those of this file if one is given, and speaks HTTP/1.1.
///
/// # Errors
/// If the file cannot be read as certificates.
pub(crate) fn client_config(ca_file: Option<&Path>) -> io::Result<ClientConfig> {
    let added = ca_file.map(read).transpose()?.unwrap_or_default();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(io::Error::other)?;
    let mut config = match Verifier::new_with_extra_roots(added, provider) {
        Ok(verifier) => builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth(),
        // A machine without any: every certificate is refused, and everything else works.
        Err(error) => {
            tracing::warn!(%error, "no certificate authorities: whatever goes over https will fail");
            builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Whether the file can be read as certificates.
///
/// # Errors
/// As [`client_config`].
pub(crate) fn check(file: &Path) -> io::Result<()> {
    read(file).map(drop)
}

fn read(file: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let wrong = |found: String| {
        let message = format!("{}: expected certificates as PEM, found {found}", file.display());
        io::Error::new(io::ErrorKind::InvalidData, message)
    };
    let read = CertificateDer::pem_file_iter(file).map_err(|error| wrong(error.to_string()))?;
    let certificates = read.collect::<Result<Vec<_>, _>>().map_err(|error| wrong(error.to_string()))?;
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store.add(certificate.clone()).map_err(|error| wrong(error.to_string()))?;
    }
    if certificates.is_empty() { Err(wrong("none".to_owned())) } else { Ok(certificates) }
}
