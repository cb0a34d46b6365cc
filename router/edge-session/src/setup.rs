//! How a shard's [`Sessions`] begin.
//!
//! In: checked configuration, TLS, keys, a seed. Out: sessions, none of them open, or the one thing that cannot work.
//! Deliberately absent: what happens from then on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use edge_event::ShardId;
use quinn_proto::Endpoint;

use crate::cid::{SHARDS_MAX, Slot};
use crate::config::{Config, ConfigError};
use crate::context::Context;
use crate::endpoint::Sessions;
use crate::table::Table;
use crate::timers::Wheel;
use crate::token::TokenVerifier;
use crate::transport::{EndpointParts, SharedKeys, endpoint_parts};

/// Why no sessions can be made. The operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A limit is out of range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The shard's number does not fit the node.
    #[error("shard {shard} of {shards}: a node has 1 to {SHARDS_MAX} shards, numbered from 0")]
    Shard {
        /// Its number.
        shard: u16,
        /// How many there are.
        shards: u16,
    },
    /// Clients and server must agree on the protocol during the handshake.
    #[error("the TLS configuration does not offer the protocol name `edge/1`: add it to `alpn_protocols`")]
    Alpn,
    /// QUIC's first packets need AES-128-GCM.
    #[error("the TLS configuration lacks the cipher suite TLS13_AES_128_GCM_SHA256, which QUIC needs")]
    CipherSuite,
    /// Replayable data is not accepted in this version.
    #[error("the TLS configuration accepts early data: set `max_early_data_size` to 0")]
    EarlyData,
}

impl Sessions {
    /// The sessions of `shard`, one of `shards`, none of them open yet. All random choices follow from `seed`.
    ///
    /// # Errors
    /// See [`SetupError`].
    #[allow(clippy::too_many_arguments)] // Each is given once, at start, and none belongs to another.
    pub fn new(
        config: Arc<Config>,
        tls: Arc<rustls::ServerConfig>,
        keys: &SharedKeys,
        shard: ShardId,
        shards: u16,
        verifier: Arc<TokenVerifier>,
        seed: &[u8; 32],
        now: Instant,
    ) -> Result<Sessions, SetupError> {
        config.check()?;
        if shard.0 >= shards || shards > SHARDS_MAX {
            return Err(SetupError::Shard { shard: shard.0, shards });
        }
        if !tls.alpn_protocols.iter().any(|name| name == edge_wire::ALPN) {
            return Err(SetupError::Alpn);
        }
        if tls.max_early_data_size != 0 {
            return Err(SetupError::EarlyData);
        }
        let here = Slot { generation: config.generation, shard };
        let EndpointParts { endpoint, server, cid_key, told_time, shears } =
            endpoint_parts(&config.transport, config.idle_timeout_max, tls, keys, here, shards, seed)
                .map_err(|_| SetupError::CipherSuite)?;
        let mtu_discovery = config.transport.mtu_discovery;
        Ok(Sessions {
            endpoint: Endpoint::new(endpoint, Some(server), mtu_discovery, None),
            context: Context::new(config, verifier, shears, now),
            table: Table::default(),
            scratch: Vec::new(),
            wheel: Wheel::new(now),
            cid_key,
            here,
            told_time,
            dirty: VecDeque::new(),
            sending: VecDeque::new(),
            answers: VecDeque::new(),
            due: Vec::new(),
        })
    }
}
