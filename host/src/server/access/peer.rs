//! Who is at the other end of a connection. Whoever accepts connections puts it into each request.
//!
//! Behind a proxy it is the proxy: what a client writes into `Forwarded` is not believed.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::request::Parts;

/// The address of the other end, as an extension of each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

impl Peer {
    /// The address that sent this request. Requests without one count as one peer.
    pub(super) fn address(parts: &Parts) -> IpAddr {
        parts.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip())
    }
}
