//! The QUIC stack's limits, with the reason for each, and the keys that all shards of a node share.
//!
//! In: [`TransportLimits`], [`SharedKeys`], the TLS configuration, a seed. Out: `quinn-proto`'s own configuration
//! values. No value that matters stays at the library's default: several of those are unlimited or sized for file
//! transfer. Deliberately absent: per-session limits that the library does not know (see `config.rs`, `budget.rs`).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quinn_proto::crypto::rustls::QuicServerConfig;
use quinn_proto::{EndpointConfig, IdleTimeout, MtuDiscoveryConfig, ServerConfig, TimeSource, TransportConfig, VarInt};
use ring::{hkdf, hmac};

use crate::cid::{CidKey, ShardCids, Slot};
use crate::config::{ConfigError, ensure};
use crate::shears::Shears;

/// Limits of one QUIC connection and of one endpoint. Windows are limits, not allocations.
///
/// # Defaults
/// See each field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TransportLimits {
    /// Bytes a client may have in flight towards us on one stream. 64 KiB: four full-size events, or 150 ms of a busy
    /// player.
    pub stream_window_bytes: u32,
    /// The same over all streams. 160 KiB; unlimited in the library.
    pub receive_window_bytes: u32,
    /// Bytes we keep until acknowledged; the optimistic-ACK defence rests on this cap. 128 KiB.
    pub send_window_bytes: u32,
    /// Bytes of datagrams that wait to be read; the oldest go first. 32 KiB; 1.25 MB in the library.
    pub datagram_receive_bytes: u32,
    /// Bytes of handshake messages out of order. 8 KiB; a client's flight is below 2 KiB without a certificate of its
    /// own.
    pub crypto_buffer_bytes: u32,
    /// Whether to look for a larger MTU than 1,200 bytes. On; the socket must forbid fragmentation.
    pub mtu_discovery: bool,
    /// Most datagrams in one transmit (GSO), `1..=64`. 10.
    pub segments_max: usize,
    /// Initials that wait for a decision; we decide at once, so this is never reached. 64; 65,536 in the library.
    pub incoming_max: usize,
    /// Bytes of one undecided Initial's followers. 8 KiB; 10 MB in the library.
    pub incoming_bytes: u64,
    /// Least time between two stateless resets. 20 ms.
    pub reset_interval: Duration,
    /// How long a Retry token is good for. 15 s.
    pub retry_token_lifetime: Duration,
}

impl Default for TransportLimits {
    fn default() -> Self {
        TransportLimits {
            stream_window_bytes: 64 * 1024,
            receive_window_bytes: 160 * 1024,
            send_window_bytes: 128 * 1024,
            datagram_receive_bytes: 32 * 1024,
            crypto_buffer_bytes: 8 * 1024,
            mtu_discovery: true,
            segments_max: 10,
            incoming_max: 64,
            incoming_bytes: 8 * 1024,
            reset_interval: Duration::from_millis(20),
            retry_token_lifetime: Duration::from_secs(15),
        }
    }
}

impl TransportLimits {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let mib = 16 * 1024 * 1024;
        for (field, value, least) in [
            ("transport.stream_window_bytes", self.stream_window_bytes, 4 * 1024),
            ("transport.receive_window_bytes", self.receive_window_bytes, 4 * 1024),
            ("transport.send_window_bytes", self.send_window_bytes, 16 * 1024),
            ("transport.datagram_receive_bytes", self.datagram_receive_bytes, 2 * 1024),
            ("transport.crypto_buffer_bytes", self.crypto_buffer_bytes, 4 * 1024),
        ] {
            ensure((least..=mib).contains(&value), field, value, "a few KiB to 16 MiB")?;
        }
        ensure((1..=64).contains(&self.segments_max), "transport.segments_max", self.segments_max, "1..=64")?;
        ensure((1..=65_536).contains(&self.incoming_max), "transport.incoming_max", self.incoming_max, "1..=65536")
    }

    /// The connections' configuration. `idle_timeout_max` is what the handshake offers; shorter ones are kept by the
    /// session.
    pub(crate) fn transport(&self, idle_timeout_max: Duration) -> TransportConfig {
        let mut t = TransportConfig::default();
        let idle_ms = u32::try_from(idle_timeout_max.as_millis()).unwrap_or(u32::MAX);
        t.max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(idle_ms))));
        // One control stream and one stream a class; a stream table sized for a hundred costs 8 KB a connection.
        t.max_concurrent_bidi_streams(VarInt::from_u32(1));
        t.max_concurrent_uni_streams(VarInt::from_u32(4));
        t.stream_receive_window(VarInt::from_u32(self.stream_window_bytes));
        t.receive_window(VarInt::from_u32(self.receive_window_bytes));
        t.send_window(u64::from(self.send_window_bytes));
        t.datagram_receive_buffer_size(Some(self.datagram_receive_bytes as usize));
        // We send no datagrams of our own; the library wants a size all the same.
        t.datagram_send_buffer_size(2 * 1024);
        t.crypto_buffer_size(self.crypto_buffer_bytes as usize);
        t.mtu_discovery_config(self.mtu_discovery.then(MtuDiscoveryConfig::default));
        t.enable_segmentation_offload(self.segments_max > 1);
        // The spin bit tells an observer the round trip and us nothing.
        t.allow_spin(false);
        // Clients keep alive what they want to keep; a server that does so for 50,000 phones drains their batteries.
        t.keep_alive_interval(None);
        t
    }
}

/// QUIC version 1. The library would also offer the drafts before it, which nobody tests any more.
const QUIC_VERSION: u32 = 1;

/// The keys that every shard and every generation of a node share, so that a reset, a Retry token and a connection id
/// of one are understood by all.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedKeys {
    /// Makes stateless reset tokens.
    pub reset: [u8; 32],
    /// Seals address validation tokens.
    pub token: [u8; 32],
    /// Checks connection ids.
    pub cid: [u8; 24],
}

impl SharedKeys {
    /// Derives all three from one secret with HKDF-SHA-256 (RFC 5869).
    pub fn derive(secret: &[u8; 32]) -> SharedKeys {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"edge/shared-keys/1").extract(secret);
        let mut keys = SharedKeys { reset: [0; 32], token: [0; 32], cid: [0; 24] };
        fill(&prk, b"reset", &mut keys.reset);
        fill(&prk, b"token", &mut keys.token);
        fill(&prk, b"cid", &mut keys.cid);
        keys
    }
}

/// Key material does not belong into logs.
impl std::fmt::Debug for SharedKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedKeys(..)")
    }
}

struct Len(usize);

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

fn fill(prk: &hkdf::Prk, label: &[u8], out: &mut [u8]) {
    let info = [label];
    let okm = prk.expand(&info, Len(out.len())).expect("HKDF-SHA-256 gives up to 8160 bytes");
    okm.fill(out).expect("the length is the one asked for");
}

/// The wall clock as the shard was last told it: Retry tokens carry a time, and nothing here asks the kernel.
#[derive(Debug, Default)]
pub(crate) struct ToldTime(AtomicI64);

impl ToldTime {
    pub(crate) fn tell(&self, unix_ms: i64) {
        self.0.store(unix_ms, Ordering::Relaxed);
    }
}

impl TimeSource for ToldTime {
    fn now(&self) -> SystemTime {
        let unix_ms = u64::try_from(self.0.load(Ordering::Relaxed)).unwrap_or(0);
        UNIX_EPOCH + Duration::from_millis(unix_ms)
    }
}

/// What one shard's endpoint is made of.
pub(crate) struct EndpointParts {
    pub(crate) endpoint: Arc<EndpointConfig>,
    pub(crate) server: Arc<ServerConfig>,
    pub(crate) cid_key: CidKey,
    pub(crate) told_time: Arc<ToldTime>,
    pub(crate) shears: Arc<Shears>,
}

/// Joins limits, keys and TLS. Every random choice of the endpoint follows from `seed`.
///
/// # Errors
/// `tls` has no cipher suite that QUIC's Initial packets need, or allows early data of a size QUIC does not know.
pub(crate) fn endpoint_parts(
    limits: &TransportLimits,
    idle_timeout_max: Duration,
    tls: Arc<rustls::ServerConfig>,
    keys: &SharedKeys,
    slot: Slot,
    shards: u16,
    seed: &[u8; 32],
) -> Result<EndpointParts, quinn_proto::crypto::rustls::NoInitialCipherSuite> {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"edge/shard-seed/1").extract(seed);
    let (mut rng_seed, mut cid_seed) = ([0; 32], [0; 32]);
    fill(&prk, b"endpoint", &mut rng_seed);
    fill(&prk, b"cid", &mut cid_seed);

    let cid_key = CidKey::new(keys.cid, shards);
    let mut endpoint = EndpointConfig::new(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &keys.reset)));
    endpoint.cid_generator(move || Box::new(ShardCids::new(cid_key, slot, &cid_seed)));
    endpoint.rng_seed(Some(rng_seed));
    endpoint.min_reset_interval(limits.reset_interval);
    //= protocol.md#transport-1
    endpoint.supported_versions(vec![QUIC_VERSION]);

    let told_time = Arc::new(ToldTime::default());
    let shears = Shears::new();
    let mut server = ServerConfig::new(
        shears.around(QuicServerConfig::try_from(tls)?),
        Arc::new(hkdf::Salt::new(hkdf::HKDF_SHA256, b"edge/token/1").extract(&keys.token)),
    );
    server.transport_config(Arc::new(limits.transport(idle_timeout_max)));
    server.max_incoming(limits.incoming_max);
    server.incoming_buffer_size(limits.incoming_bytes);
    server.incoming_buffer_size_total(limits.incoming_bytes * limits.incoming_max as u64);
    server.retry_token_lifetime(limits.retry_token_lifetime);
    server.time_source(told_time.clone());
    server.migration(true);
    // No NEW_TOKEN: a token that works for weeks needs a log of used ones, and resumption saves us little.
    server.validation_token.sent(0);
    Ok(EndpointParts { endpoint: Arc::new(endpoint), server: Arc::new(server), cid_key, told_time, shears })
}
