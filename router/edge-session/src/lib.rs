//! A client's session as a sans-I/O machine over `quinn-proto`.
//!
//! [`Sessions`] is one shard's QUIC endpoint with all sessions on it. What comes in: datagrams, the time, the shard's
//! answers. What goes out: [`SessionEvent`]s, datagrams, the next deadline. There are two kinds of verbs, and one
//! contract: **mutate, then drain.**
//!
//! 1. `handle_datagram`, `handle_timeout`, and the answers (`welcome`, `refuse`, `complete`, `reject`, `reply`,
//!    `supersede`, `revoke`, `begin_drain`, `pause`, `resume`) change state and queue; none of them sends.
//! 2. `poll_event` until `None` (answers to what it tells may follow at once), then `poll_transmit` until `None`, then
//!    `poll_timeout`.
//!
//! Many datagrams may be handed in before draining: that is how a loaded shard gets its throughput.
//!
//! ```text
//!  datagram -> endpoint -> incoming (Retry, refusal) | session -> control   -> Hello  -> shard: welcome | refuse
//!                                                              -> admission -> Arrived -> owner: complete | reject | reply
//!  time     -> timers   -> session (deadlines)                 -> outbox    -> WELCOME RECEIPT CREDIT COMMAND REJECT MOVE
//! ```
//!
//! Time is what the shard told last; randomness is the seed's; the same calls give the same bytes (but TLS's own keys).
//! Deliberately absent: sockets, clocks, the kernel, the catalogue, dedupe against earlier connections (the owner of
//! the subject's partition keeps the marks), rules.

mod admission;
mod amplify;
pub mod budget;
pub mod cid;
mod classes;
pub mod config;
mod context;
mod control;
mod departures;
mod endpoint;
pub mod events;
mod frames;
mod incoming;
mod orders;
mod outbox;
mod session;
mod setup;
mod shears;
mod streams;
mod table;
mod timers;
pub mod token;
pub mod transport;

#[cfg(test)]
mod tests;

pub use budget::{Budget, Gcra, Limit, Rate};
pub use cid::{CID_BYTES, CidKey, Slot};
pub use config::{Config, ConfigError};
pub use endpoint::Sessions;
pub use events::{
    Arrival, Arrived, Departure, Ended, Handled, Hands, Hello, MoveTo, Origin, SessionEvent, SessionKey, Stats, Welcome,
};
pub use setup::SetupError;
pub use token::{Claims, DenyList, IssuerConfig, IssuerError, JwksError, TokenError, TokenTimes, TokenVerifier};
pub use transport::{SharedKeys, TransportLimits};
