//! How webhooks are sent, and which targets the operator allows beyond those that anybody on the internet could reach.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::network::Network;
use super::port::PortRange;
use crate::tls;

/// How webhooks are sent. By default only to public addresses, over `https`, on port 443.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebhookSettings {
    /// Hosts that may be reached whatever their addresses are, each as it stands in a URL, without a port. Default none.
    pub allow_hosts: Vec<String>,
    /// Networks that may be reached though they are private or reserved. Default none. The metadata service of a cloud
    /// takes an entry of its very address: a network that holds it is not enough.
    pub allow_networks: Vec<Network>,
    /// Whether `http` is allowed beside `https`. Default false: the body and the receiver's own secrets in it or in its
    /// headers would be for anybody on the way to read.
    pub allow_http: bool,
    /// Ports that may be reached beside 443, and 80 where `http` is allowed. Default none: whoever may name any port of
    /// any address can look for open ones, and speak to services that are no web servers.
    pub allow_ports: Vec<PortRange>,
    /// Certificates of authorities that are trusted beside the platform's, as a PEM file. Default none.
    pub ca_file: Option<PathBuf>,
    /// How long one try may take in all. Default 15 s, as Standard Webhooks 1.0 suggests.
    pub timeout: Duration,
    /// How long the host's name and the connection, TLS included, may take of it. Default 5 s.
    pub connect_timeout: Duration,
    /// Tries at once to one host. Default 16: no receiver is overrun, and one that hangs takes no more.
    pub max_in_flight_per_host: usize,
    /// Tries at once for one tenant. Default 64: a tenant whose receivers hang, however many hosts they are, leaves room
    /// for the others. What has no tenant is bounded by the worker's slots alone.
    pub max_in_flight_per_tenant: usize,
    /// How long a try waits for its turn among these before it is put off. Default 1 s. As many wait as were tried in
    /// the last second, or as may be tried at once; who finds more waiting is put off at once, so that a crowd before a
    /// receiver that hangs keeps no slot from others.
    pub in_flight_wait: Duration,
    /// How long a secret that was rotated still signs beside the new one. Default 24 h.
    pub keep_rotated: Duration,
}

impl WebhookSettings {
    /// Whether webhooks can be sent with them.
    ///
    /// # Errors
    /// If [`WebhookSettings::ca_file`] cannot be read as certificates.
    pub fn check(&self) -> io::Result<()> {
        self.ca_file.as_deref().map_or(Ok(()), tls::check)
    }
}

impl Default for WebhookSettings {
    fn default() -> Self {
        WebhookSettings {
            allow_hosts: Vec::new(),
            allow_networks: Vec::new(),
            allow_http: false,
            allow_ports: Vec::new(),
            ca_file: None,
            timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(5),
            max_in_flight_per_host: 16,
            max_in_flight_per_tenant: 64,
            in_flight_wait: Duration::from_secs(1),
            keep_rotated: Duration::from_secs(24 * 60 * 60),
        }
    }
}
