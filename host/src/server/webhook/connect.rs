//! Connects to a target: asks for its addresses, judges each, and connects to none but those that pass.
//!
//! What is judged is the address that the socket is given, so there is no moment between check and use, and no name is
//! looked up twice within a try.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::bounded::Bounded;
use super::fault::Fault;
use super::resolve::{Questions, Turn};
use super::settings::WebhookSettings;
use super::target::Target;

/// The addresses of one host that are tried: who has more can be reached by these.
const MAX_ADDRESSES: usize = 4;

/// What is read from one connection in all, before it is decrypted: a handshake, a head and the part of a body that is
/// read fit well. Interim answers without end do not.
const MAX_READ_BYTES: usize = 256 * 1024;

/// Something that bytes go through.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Opens connections.
pub(super) struct Connector {
    pub(super) questions: Questions,
    pub(super) tls: TlsConnector,
}

impl Connector {
    /// A connection to the target, encrypted if it says so.
    pub(super) async fn connect(
        &self,
        target: &Target,
        turn: Turn,
        settings: &WebhookSettings,
    ) -> Result<Box<dyn Stream>, Fault> {
        let most = settings.connect_timeout.min(settings.timeout);
        let connecting = async { self.try_all(target, self.addresses(target, turn, settings).await?, most).await };
        timeout(most, connecting).await.unwrap_or(Err(Fault::NoConnection(most)))
    }

    async fn try_all(&self, target: &Target, addresses: Vec<IpAddr>, most: Duration) -> Result<Box<dyn Stream>, Fault> {
        // An address that does not answer leaves time for the others.
        let share = most / addresses.len().max(1) as u32;
        let mut fault = Fault::Unreachable;
        for address in addresses {
            match timeout(share, self.try_one(target, address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(other)) => fault = other,
                Err(_) => fault = Fault::NoConnection(share),
            }
        }
        Err(fault)
    }

    /// The addresses that the target has now and that pass.
    async fn addresses(&self, target: &Target, turn: Turn, settings: &WebhookSettings) -> Result<Vec<IpAddr>, Fault> {
        let found = match target.address {
            Some(address) => vec![address],
            None => self.questions.ask(&target.host, turn).await.map_err(|error| {
                tracing::debug!(host = target.host, %error, "the host of a webhook has no address");
                if error.kind() == ErrorKind::WouldBlock { Fault::Crowded } else { Fault::Unreachable }
            })?,
        };
        if found.is_empty() {
            tracing::debug!(host = target.host, "the host of a webhook has no address");
            return Err(Fault::Unreachable);
        }
        let passes = |address: &IpAddr| match target.judge(*address, settings) {
            Ok(()) => true,
            Err(kind) => {
                tracing::warn!(host = target.host, %address, kind, "a webhook's target is not allowed");
                false
            }
        };
        let addresses: Vec<_> = found.into_iter().filter(passes).take(MAX_ADDRESSES).collect();
        if addresses.is_empty() { Err(Fault::Unreachable) } else { Ok(addresses) }
    }

    async fn try_one(&self, target: &Target, address: IpAddr) -> Result<Box<dyn Stream>, Fault> {
        let wanted = SocketAddr::new(address, target.port);
        let stream = TcpStream::connect(wanted).await.map_err(Fault::Connection)?;
        let peer = stream.peer_addr().map_err(Fault::Connection)?;
        if peer.ip() != address || peer.port() != target.port {
            tracing::error!(host = target.host, %wanted, %peer, "connected to another address than was asked for");
            return Err(Fault::Unreachable);
        }
        stream.set_nodelay(true).map_err(Fault::Connection)?;
        let stream = Bounded::new(stream, MAX_READ_BYTES);
        if !target.is_tls {
            return Ok(Box::new(stream));
        }
        let name = match target.address {
            Some(address) => ServerName::IpAddress(address.into()),
            None => ServerName::try_from(target.host.clone())
                .map_err(|error| Fault::Encryption(std::io::Error::other(error)))?,
        };
        let stream = self.tls.connect(name, stream).await.map_err(Fault::Encryption)?;
        Ok(Box::new(stream))
    }
}
