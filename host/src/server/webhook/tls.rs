//! How receivers are spoken to over TLS.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsConnector;

/// A connector that trusts the platform's authorities, and those of this file if one is given.
///
/// # Errors
/// If the file cannot be read as certificates.
pub(super) fn connector(ca_file: Option<&Path>) -> io::Result<TlsConnector> {
    Ok(TlsConnector::from(Arc::new(crate::tls::client_config(ca_file)?)))
}
