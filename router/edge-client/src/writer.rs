//! The tasks that send on one connection: one a class, one for datagrams, one that renews the token.
//!
//! They run until the connection ends or they are aborted. A class's writer sends every event without a receipt, in order,
//! from the first on, as far as credit allows.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use edge_event::{Class, Seq};
use edge_wire::{ClientFrame, Reauth, StreamHeader, Token};
use quinn::{SendStream, WriteError};

use crate::clock::unix_ms;
use crate::error::{LinkError, StopReason};
use crate::link::within;
use crate::reader::Credit;
use crate::shared::Shared;
use crate::token;

//= protocol.md#reliable-4
/// Sends a class's events from `next` on.
pub(crate) async fn write_class(
    shared: Arc<Shared>,
    connection: quinn::Connection,
    credit: Arc<Credit>,
    class: Class,
    mut next: Seq,
) -> Result<Infallible, LinkError> {
    let mut stream = None;
    loop {
        let Some(batch) = shared.batch(class, next, credit.up_to(class)) else {
            shared.wake[class.index()].notified().await;
            continue;
        };
        let stream = match &mut stream {
            Some(stream) => stream,
            none => none.insert(open(&connection, class).await?),
        };
        stream.write_chunk(Bytes::from(batch.bytes)).await.map_err(write_error)?;
        next = batch.next;
    }
}

async fn open(connection: &quinn::Connection, class: Class) -> Result<SendStream, LinkError> {
    let mut stream = connection.open_uni().await?;
    // The most urgent class leaves first.
    let _ = stream.set_priority(3 - i32::from(class.get()));
    let mut header = Vec::new();
    StreamHeader::Events(class).encode(&mut header);
    stream.write_all(&header).await.map_err(write_error)?;
    Ok(stream)
}

/// Sends each datagram at most `datagram_delay` after its first event, if it was not full before.
pub(crate) async fn flush_datagrams(shared: Arc<Shared>) -> Result<Infallible, LinkError> {
    loop {
        shared.datagram.notified().await;
        tokio::time::sleep(shared.config.datagram_delay).await;
        shared.flush_datagram();
    }
}

/// Sends REAUTH when three quarters of a token's life on this connection have passed; and again soon where no token could be had.
pub(crate) async fn renew_token(
    shared: Arc<Shared>,
    mut control: SendStream,
    mut expires_unix_ms: Option<u64>,
    server_time_ms: u64,
) -> Result<Infallible, LinkError> {
    // The server's clock decides about `exp`, so count by it.
    let server_ahead_ms = i128::from(server_time_ms) - i128::from(unix_ms());
    loop {
        let Some(expires_ms) = expires_unix_ms else { return std::future::pending().await };
        let left_ms = (i128::from(expires_ms) - i128::from(unix_ms()) - server_ahead_ms).clamp(0, 1 << 40) as u64;
        let wait_ms = if left_ms == 0 { RENEWAL_PAUSE_MS } else { (left_ms / 4 * 3).max(RENEWAL_PAUSE_MS / 4) };
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        let asked = async { shared.config.tokens.token().await.map_err(LinkError::Token) };
        match within(shared.config.connect_timeout, asked).await {
            Ok(token) => {
                // A provider that has nothing better leaves it to the server to end the connection at `exp`.
                let renewed = token::expires_unix_ms(&token).filter(|renewed| *renewed > expires_ms);
                if renewed.is_some() {
                    let mut bytes = Vec::new();
                    ClientFrame::Reauth(Reauth { token: Token(token) }).encode(&mut bytes)?;
                    control.write_chunk(Bytes::from(bytes)).await.map_err(write_error)?;
                    expires_unix_ms = renewed;
                }
            }
            Err(error) => tracing::warn!(%error, "no fresh token"),
        }
    }
}

/// Between attempts to renew a token that has ended.
const RENEWAL_PAUSE_MS: u64 = 1_000;

/// Syncs the queue by groups; the client stops where the disk fails, since a second sync would succeed and lie.
pub(crate) async fn sync_queue(shared: Arc<Shared>) {
    loop {
        shared.dirty.notified().await;
        let Some((file, up_to)) = shared.to_sync() else { continue };
        let synced = tokio::task::spawn_blocking(move || file.sync_data()).await;
        match synced.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            Ok(()) => shared.on_synced(up_to),
            Err(error) => return shared.stop(StopReason::Journal(error.to_string())),
        }
    }
}

fn write_error(error: WriteError) -> LinkError {
    match error {
        WriteError::ConnectionLost(error) => error.into(),
        WriteError::Stopped(_) | WriteError::ClosedStream | WriteError::ZeroRttRejected => {
            LinkError::StreamEnded("events or control")
        }
    }
}
