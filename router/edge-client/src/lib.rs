//! Client SDK: sends events of a game client or game server, and keeps its word about the reliable ones.
//!
//! What comes in: events by [`Client::send`] (reliable) and [`Client::send_unreliable`] (datagrams). What goes out: the same
//! over QUIC, resent across reconnects, endpoints and process restarts until there is a receipt; replies that rules ordered
//! ([`Client::replies`]), and what happens to the connection and to events ([`Client::notices`]).
//!
//! A reliable event is written to the queue (in a directory, or in memory only) before `send` returns, under the number that
//! names it for ever; a background task connects, authenticates, sends, waits for receipts, backs off, moves when the server
//! asks for it, and renews the token. Nothing here blocks on the network.
//!
//! ```no_run
//! use edge_client::{Class, Client, EventTypeId};
//!
//! # async fn fetch_token() -> Result<String, edge_client::BoxError> { Ok(String::new()) }
//! # async fn example(certificate: Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder()
//!     .endpoint("edge.example:443")
//!     .endpoint("edge-2.example:443")
//!     .roots_pem(&certificate)?
//!     .token_provider(|| async { fetch_token().await })
//!     .catalogue_digest([0; 32])
//!     .state_dir("/var/lib/game/edge")
//!     .start()?;
//!
//! let mut replies = client.replies();
//! let class = Class::ALL[0];
//! let seq = client.send(class, EventTypeId(7), b"protobuf bytes of the catalogue's message".to_vec()).await?;
//! client.wait_receipt(class, seq).await?;
//! if let Some(reply) = replies.next().await {
//!     println!("{}: {}", reply.name, String::from_utf8_lossy(&reply.body));
//! }
//! let left = client.close(std::time::Duration::from_secs(5)).await;
//! println!("{} events stay in the queue for the next start", left.outstanding_events);
//! # Ok(()) }
//! ```
//!
//! Deliberately absent: the catalogue (payloads are bytes to this crate), a fallback where UDP is blocked, system root
//! certificates (give your own roots).

mod backoff;
mod builder;
mod client;
mod clock;
mod driver;
mod error;
mod flow;
mod journal;
mod link;
mod outbox;
mod quic;
mod reader;
mod shared;
mod stats;
mod token;
mod verdict;
mod writer;

pub use builder::ClientBuilder;
pub use client::{Client, CloseReport};
pub use edge_event::{Class, CommandId, EventTypeId, NodeId, ProducerId, Seq};
pub use edge_wire::{RefuseCode, RejectCode};
pub use error::{BuildError, JournalError, SendError, StopReason};
pub use flow::{Notice, Notices, Replies, Reply};
pub use journal::Durability;
pub use stats::Stats;
pub use token::{BoxError, TokenFuture, TokenProvider};
