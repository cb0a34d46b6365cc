//! Takes the padding from a question whether an address is real (PATH_CHALLENGE), where the address may not be sent all
//! of it.
//!
//! In: how much may be sent, and packets that are about to be sealed. Out: the same packets; a question that does not
//! fit ends with its last frame. The library pads every packet that asks to 1,200 bytes and does not look whether the
//! limit allows them, as RFC 9000 §8.2.1 would have it; a client that has sent little from a new address would hear
//! nothing. Nothing but padding is left out, and only of questions: a probe of the path's size is its padding.
//! Deliberately absent: the limit (`amplify.rs`), when to ask (`departures.rs`), and §8.2.1's second, padded question:
//! a path that is too narrow shows as one by the packets that it loses.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::BytesMut;
use edge_wire::varint;
use quinn_proto::crypto::rustls::QuicServerConfig;
use quinn_proto::crypto::{
    CryptoError, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, ServerConfig, Session,
    UnsupportedVersion,
};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectionId, Side, TransportError};

/// Held by one shard and by the keys of all its connections: it sends one packet at a time.
#[derive(Debug)]
pub(crate) struct Shears {
    /// Bytes that a datagram may have before its padding is cut.
    room: AtomicUsize,
    /// Bytes cut from the last packet.
    cut: AtomicUsize,
}

impl Shears {
    pub(crate) fn new() -> Arc<Shears> {
        Arc::new(Shears { room: AtomicUsize::new(usize::MAX), cut: AtomicUsize::new(0) })
    }

    /// The same TLS, with keys that can cut.
    pub(crate) fn around(self: &Arc<Shears>, config: QuicServerConfig) -> Arc<dyn ServerConfig> {
        Arc::new(ShearedConfig { config: Arc::new(config), shears: Arc::clone(self) })
    }

    /// Runs `make`, which makes one datagram of one packet with a short header, or another that is not cut. Says how
    /// many bytes at its end are not to be sent.
    pub(crate) fn cutting_above<T>(&self, room: usize, make: impl FnOnce() -> T) -> (T, usize) {
        self.room.store(room, Ordering::Relaxed);
        let made = make();
        self.room.store(usize::MAX, Ordering::Relaxed);
        (made, self.cut.swap(0, Ordering::Relaxed))
    }

    /// How much of `packet` to seal, tag included.
    fn measure(&self, packet: &[u8], header_bytes: usize, tag_bytes: usize) -> usize {
        const LONG_HEADER: u8 = 0x80;
        let whole = packet.len();
        if whole <= self.room.load(Ordering::Relaxed) || packet[0] & LONG_HEADER != 0 {
            return whole;
        }
        let end = question_end(&packet[header_bytes..whole - tag_bytes]);
        let bytes = end.map_or(whole, |end| header_bytes + end + tag_bytes);
        self.cut.store(whole - bytes, Ordering::Relaxed);
        bytes
    }

    fn on(self: &Arc<Shears>, keys: KeyPair<Box<dyn PacketKey>>) -> KeyPair<Box<dyn PacketKey>> {
        KeyPair { local: Box::new(ShearedKey { key: keys.local, shears: Arc::clone(self) }), remote: keys.remote }
    }
}

/// Where the frames of a packet that asks end and its padding begins (RFC 9000 §19); `None` where it asks nothing, or
/// says something of which it is not certain where it ends.
fn question_end(payload: &[u8]) -> Option<usize> {
    let mut rest = payload;
    let mut asks = false;
    while !rest.is_empty() {
        let end = payload.len() - rest.len();
        let frame = varint::take(&mut rest)?;
        match frame {
            // PADDING: nothing follows but more of it.
            0x00 => return (asks && rest.iter().all(|byte| *byte == 0)).then_some(end),
            // PING, HANDSHAKE_DONE, IMMEDIATE_ACK.
            0x01 | 0x1e | 0x1f => {}
            // ACK, without and with counts of ECN.
            0x02 | 0x03 => {
                skip_numbers(&mut rest, 2)?;
                let ranges = varint::take(&mut rest)?;
                skip_numbers(&mut rest, 1 + 2 * ranges + if frame == 0x03 { 3 } else { 0 })?;
            }
            // MAX_DATA, MAX_STREAMS, DATA_BLOCKED, STREAMS_BLOCKED, RETIRE_CONNECTION_ID.
            0x10 | 0x12..=0x14 | 0x16 | 0x17 | 0x19 => skip_numbers(&mut rest, 1)?,
            // STOP_SENDING, MAX_STREAM_DATA, STREAM_DATA_BLOCKED.
            0x05 | 0x11 | 0x15 => skip_numbers(&mut rest, 2)?,
            // RESET_STREAM.
            0x04 => skip_numbers(&mut rest, 3)?,
            // STREAM with a length, without and with an offset.
            0x0a | 0x0b | 0x0e | 0x0f => {
                skip_numbers(&mut rest, if frame < 0x0e { 1 } else { 2 })?;
                skip_data(&mut rest)?;
            }
            // CRYPTO.
            0x06 => {
                skip_numbers(&mut rest, 1)?;
                skip_data(&mut rest)?;
            }
            // NEW_CONNECTION_ID.
            0x18 => {
                skip_numbers(&mut rest, 2)?;
                let id_bytes = *rest.first()?;
                skip(&mut rest, 1 + u64::from(id_bytes) + 16)?;
            }
            // PATH_CHALLENGE, PATH_RESPONSE.
            0x1a | 0x1b => {
                asks |= frame == 0x1a;
                skip(&mut rest, 8)?;
            }
            _ => return None,
        }
    }
    // Nothing is left to cut.
    None
}

fn skip(rest: &mut &[u8], bytes: u64) -> Option<()> {
    *rest = rest.get(usize::try_from(bytes).ok()?..)?;
    Some(())
}

fn skip_data(rest: &mut &[u8]) -> Option<()> {
    let bytes = varint::take(rest)?;
    skip(rest, bytes)
}

fn skip_numbers(rest: &mut &[u8], numbers: u64) -> Option<()> {
    (0..numbers).try_for_each(|_| varint::take(rest).map(drop))
}

struct ShearedConfig {
    config: Arc<QuicServerConfig>,
    shears: Arc<Shears>,
}

impl ServerConfig for ShearedConfig {
    fn initial_keys(&self, version: u32, id: &ConnectionId) -> Result<Keys, UnsupportedVersion> {
        self.config.initial_keys(version, id)
    }

    fn retry_tag(&self, version: u32, id: &ConnectionId, packet: &[u8]) -> [u8; 16] {
        self.config.retry_tag(version, id, packet)
    }

    fn start_session(self: Arc<Self>, version: u32, parameters: &TransportParameters) -> Box<dyn Session> {
        let session = Arc::clone(&self.config).start_session(version, parameters);
        Box::new(ShearedSession { session, shears: Arc::clone(&self.shears) })
    }
}

struct ShearedSession {
    session: Box<dyn Session>,
    shears: Arc<Shears>,
}

impl Session for ShearedSession {
    fn initial_keys(&self, id: &ConnectionId, side: Side) -> Keys {
        self.session.initial_keys(id, side)
    }

    fn write_handshake(&mut self, out: &mut Vec<u8>) -> Option<Keys> {
        let Keys { header, packet } = self.session.write_handshake(out)?;
        Some(Keys { header, packet: self.shears.on(packet) })
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        Some(self.shears.on(self.session.next_1rtt_keys()?))
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        self.session.handshake_data()
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        self.session.peer_identity()
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        self.session.early_crypto()
    }

    fn early_data_accepted(&self) -> Option<bool> {
        self.session.early_data_accepted()
    }

    fn is_handshaking(&self) -> bool {
        self.session.is_handshaking()
    }

    fn read_handshake(&mut self, bytes: &[u8]) -> Result<bool, TransportError> {
        self.session.read_handshake(bytes)
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        self.session.transport_parameters()
    }

    fn is_valid_retry(&self, id: &ConnectionId, header: &[u8], payload: &[u8]) -> bool {
        self.session.is_valid_retry(id, header, payload)
    }

    fn export_keying_material(
        &self,
        out: &mut [u8],
        label: &[u8],
        context: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        self.session.export_keying_material(out, label, context)
    }
}

struct ShearedKey {
    key: Box<dyn PacketKey>,
    shears: Arc<Shears>,
}

impl PacketKey for ShearedKey {
    fn encrypt(&self, number: u64, packet: &mut [u8], header_bytes: usize) {
        let bytes = self.shears.measure(packet, header_bytes, self.key.tag_len());
        self.key.encrypt(number, &mut packet[..bytes], header_bytes);
    }

    fn decrypt(&self, number: u64, header: &[u8], payload: &mut BytesMut) -> Result<(), CryptoError> {
        self.key.decrypt(number, header, payload)
    }

    fn tag_len(&self) -> usize {
        self.key.tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.key.confidentiality_limit()
    }

    fn integrity_limit(&self) -> u64 {
        self.key.integrity_limit()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ASK: [u8; 9] = [0x1a, 1, 2, 3, 4, 5, 6, 7, 0];

    fn check(frames: &[&[u8]], is_cut: bool) {
        let said = frames.concat();
        let padded = [&said[..], &[0; 40]].concat();
        assert_eq!(question_end(&padded), is_cut.then_some(said.len()), "{said:x?}");
    }

    #[test]
    fn the_padding_of_a_question_begins_where_its_frames_end() {
        check(&[&ASK], true);
        check(&[&[0x01], &[0x02, 7, 0, 1, 0, 0, 0], &ASK, &[0x1b, 0, 0, 0, 0, 0, 0, 0, 0]], true);
        check(&[&[0x03, 0x40, 7, 0, 0, 0, 0, 0, 0], &ASK, &[0x06, 0, 2, 0, 0], &[0x10, 0], &[0x11, 3, 0]], true);
        check(&[&ASK, &[0x04, 0, 0, 0], &[0x18, 1, 0, 8], &[0; 24], &[0x19, 0]], true);
        check(&[&ASK, &[0x0a, 4, 3, 0, 0, 0], &[0x0f, 4, 9, 1, 0]], true);
    }

    #[test]
    fn what_is_no_question_or_not_understood_stays_whole() {
        check(&[&[0x01]], false);
        check(&[&[0x1b, 0, 0, 0, 0, 0, 0, 0, 0]], false);
        // STREAM and DATAGRAM up to the packet's end, a frame that nobody knows, a length beyond the packet.
        check(&[&ASK, &[0x08, 4, 0]], false);
        check(&[&ASK, &[0x30, 0]], false);
        check(&[&ASK, &[0x21, 0]], false);
        check(&[&ASK, &[0x0a, 4, 0x7f, 0xff]], false);
        assert_eq!(question_end(&[&ASK[..], &[0, 0, 1]].concat()), None, "something follows the padding");
        assert_eq!(question_end(&ASK), None, "there is none");
    }

    proptest! {
        /// Whatever a packet says, nothing but zeros is cut.
        #[test]
        fn only_padding_is_cut(payload in prop::collection::vec(prop_oneof![Just(0u8), 0u8..0x20, any::<u8>()], 0..80)) {
            let payload = [&ASK[..], &payload].concat();
            if let Some(end) = question_end(&payload) {
                prop_assert!(end >= ASK.len() && payload[end..].iter().all(|byte| *byte == 0));
            }
        }
    }
}
