//! QUIC and TLS settings of a client, and its socket.
//!
//! What comes in: certificates and timeouts. What goes out: quinn's configuration, tuned for a peer that opens no stream and
//! sends no datagram, so that little has to be kept for it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::BuildError;

/// A client's own certificate chain and key.
pub(crate) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Bytes of datagrams that wait for the congestion window; older ones are dropped then.
pub(crate) const DATAGRAM_BUFFER_BYTES: usize = 256 * 1024;

pub(crate) fn config(
    roots: &RootCertStore,
    identity: Option<&Identity>,
    idle_timeout: Duration,
) -> Result<quinn::ClientConfig, BuildError> {
    if roots.is_empty() {
        return Err(BuildError::NoRoots);
    }
    let failed = |error: &dyn std::error::Error| BuildError::Certificate(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| failed(&error))?
        .with_root_certificates(roots.clone());
    let mut tls = match identity {
        Some((chain, key)) => {
            tls.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(|error| failed(&error))?
        }
        None => tls.with_no_client_auth(),
    };
    //= protocol.md#transport-1
    tls.alpn_protocols = vec![edge_wire::ALPN.to_vec()];
    let tls = quinn::crypto::rustls::QuicClientConfig::try_from(tls).map_err(|error| failed(&error))?;
    let mut quic = quinn::ClientConfig::new(Arc::new(tls));
    quic.transport_config(Arc::new(transport(idle_timeout)));
    Ok(quic)
}

fn transport(idle_timeout: Duration) -> quinn::TransportConfig {
    let mut transport = quinn::TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(0u32.into())
        .max_concurrent_uni_streams(0u32.into())
        .stream_receive_window((128u32 * 1024).into())
        .receive_window((256u32 * 1024).into())
        .send_window(1 << 20)
        // Nothing comes, but quinn sends datagrams only where it would also take some.
        .datagram_receive_buffer_size(Some(2048))
        .datagram_send_buffer_size(DATAGRAM_BUFFER_BYTES)
        .keep_alive_interval(Some(idle_timeout / 3))
        .max_idle_timeout(idle_timeout.try_into().ok());
    transport
}

/// What is bound where nobody says: a machine without IPv6 still has IPv4.
const ANY: [SocketAddr; 2] =
    [SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0), SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0)];

pub(crate) fn socket(bind: Option<SocketAddr>) -> Result<quinn::Endpoint, BuildError> {
    let opened = match bind {
        Some(address) => quinn::Endpoint::client(address),
        None => quinn::Endpoint::client(ANY[0]).or_else(|_| quinn::Endpoint::client(ANY[1])),
    };
    opened.map_err(BuildError::Socket)
}

/// Moves the endpoint to a fresh socket, which has another port where the client did not ask for one.
pub(crate) fn move_socket(endpoint: &quinn::Endpoint, bind: Option<SocketAddr>) -> io::Result<()> {
    let socket = match bind {
        Some(address) => UdpSocket::bind(address)?,
        None => UdpSocket::bind(ANY[0]).or_else(|_| UdpSocket::bind(ANY[1]))?,
    };
    endpoint.rebind(socket)
}
