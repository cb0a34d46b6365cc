//! One connection, from its first packet to WELCOME.
//!
//! What comes in: an endpoint's name. What goes out: an open session with its streams and what the server said, or why not.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use edge_event::Seq;
use edge_event::identity::CLASSES;
use edge_wire::{ClientFrame, FrameDecoder, Hello, ServerFrame, StreamHeader, Token, Welcome};
use quinn::{RecvStream, SendStream};

use crate::error::LinkError;
use crate::shared::Shared;
use crate::token;

/// Bytes of the control stream taken at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// An open session.
pub(crate) struct Link {
    pub(crate) connection: quinn::Connection,
    pub(crate) endpoint: String,
    pub(crate) welcome: Welcome,
    pub(crate) control: SendStream,
    pub(crate) frames: ControlFrames,
    /// The token's `exp`, if it can be read.
    pub(crate) token_expires_unix_ms: Option<u64>,
    /// The first event of each class may have at most the seq after this one.
    pub(crate) base: [Seq; CLASSES],
}

/// The server's side of the control stream.
pub(crate) struct ControlFrames {
    stream: RecvStream,
    decoder: FrameDecoder,
}

impl Link {
    /// Connects, says HELLO and waits for WELCOME.
    pub(crate) async fn open(shared: &Shared, socket: &quinn::Endpoint, endpoint: &str) -> Result<Link, LinkError> {
        let limit = shared.config.connect_timeout;
        let token = within(limit, async { shared.config.tokens.token().await.map_err(LinkError::Token) }).await?;
        within(limit, Link::open_with(shared, socket, endpoint, token)).await
    }

    async fn open_with(
        shared: &Shared,
        socket: &quinn::Endpoint,
        endpoint: &str,
        token: String,
    ) -> Result<Link, LinkError> {
        let connection = connect(shared, socket, endpoint).await?;
        // Whatever fails from here on, or is given up: the server learns of it at once.
        let guard = CloseOnDrop(Some(connection.clone()));
        let (mut control, stream) = connection.open_bi().await?;
        let _ = control.set_priority(8);
        let token_expires_unix_ms = token::expires_unix_ms(&token);
        let highest_receipts = shared.highest_receipts();
        let hello = Hello {
            token: Token(token),
            highest_receipts,
            client_ms: shared.client_ms(),
            ..shared.config.hello.clone()
        };
        let mut bytes = Vec::new();
        StreamHeader::Control.encode(&mut bytes);
        ClientFrame::Hello(Box::new(hello)).encode(&mut bytes)?;
        let sent = control.write_chunk(Bytes::from(bytes)).await;
        let mut frames = ControlFrames { stream, decoder: FrameDecoder::server_control() };
        // A server that refuses before it has read HELLO has said why.
        let welcome = match (frames.next().await, sent) {
            (Ok(ServerFrame::Welcome(welcome)), Ok(())) => *welcome,
            (Ok(ServerFrame::Refuse(refuse)), _) => return Err(LinkError::Refused(refuse)),
            (Err(error), _) => return Err(error),
            _ => return Err(LinkError::StreamEnded("control")),
        };
        let endpoint = endpoint.to_owned();
        //= protocol.md#reliable-3
        let base = std::array::from_fn(|class| highest_receipts[class].max(welcome.receipts[class]));
        guard.keep();
        Ok(Link { connection, endpoint, welcome, control, frames, token_expires_unix_ms, base })
    }
}

impl ControlFrames {
    /// The next frame.
    pub(crate) async fn next(&mut self) -> Result<ServerFrame, LinkError> {
        loop {
            if let Some(frame) = self.decoder.poll()? {
                return Ok(ServerFrame::decode(frame)?);
            }
            match self.stream.read_chunk(CHUNK_BYTES, true).await {
                Ok(Some(chunk)) => self.decoder.push(chunk.bytes),
                Err(quinn::ReadError::ConnectionLost(error)) => return Err(error.into()),
                Ok(None) | Err(_) => return Err(LinkError::StreamEnded("control")),
            }
        }
    }
}

/// Tries the endpoint's addresses one after the other.
async fn connect(shared: &Shared, socket: &quinn::Endpoint, endpoint: &str) -> Result<quinn::Connection, LinkError> {
    let failed = |error| LinkError::Resolve(endpoint.to_owned(), error);
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host(endpoint).await.map_err(failed)?.collect();
    let share = shared.config.connect_timeout / addresses.len().clamp(1, 8) as u32;
    let mut last = failed(std::io::Error::other("the name has no address"));
    for address in addresses {
        let connecting = socket.connect_with(shared.config.quic.clone(), address, server_name(endpoint))?;
        match within(share, async { Ok(connecting.await?) }).await {
            Ok(connection) => return Ok(connection),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The host of `host:port`, as certificates name it.
pub(crate) fn server_name(endpoint: &str) -> &str {
    let host = endpoint.rsplit_once(':').map_or(endpoint, |(host, _)| host);
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, LinkError>>,
) -> Result<T, LinkError> {
    tokio::time::timeout(limit, work).await.unwrap_or(Err(LinkError::TimedOut(limit.as_millis())))
}

struct CloseOnDrop(Option<quinn::Connection>);

impl CloseOnDrop {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        if let Some(connection) = &self.0 {
            connection.close(0u32.into(), b"");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_servers() {
        assert_eq!(server_name("edge.example:443"), "edge.example");
        assert_eq!(server_name("[2001:db8::1]:443"), "2001:db8::1");
        assert_eq!(server_name("127.0.0.1:4433"), "127.0.0.1");
    }
}
