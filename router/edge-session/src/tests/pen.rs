//! A pen that writes any frames into a real client's packets: between the library that makes them and the keys that seal
//! them.
//!
//! The handshake, the keys, packet numbers and acknowledgements are a real client's; what a packet says is the story's.
//! Deliberately absent: what frames mean; a story that breaks a rule knows which.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use edge_wire::varint;
use quinn_proto::crypto::rustls::QuicClientConfig;
use quinn_proto::crypto::{self, CryptoError, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, Session};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectError, ConnectionId, Side, TransportError};

/// Which of a client's packets the pen writes into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Space {
    Initial,
    Handshake,
    Data,
}

/// Shared by a story and the keys of one client.
#[derive(Clone, Default)]
pub(super) struct Pen(Arc<Mutex<Ink>>);

#[derive(Default)]
struct Ink {
    /// Contents of the next packets, by space.
    next: [VecDeque<Vec<u8>>; 3],
    written: usize,
    /// What the first packet said, ClientHello and all.
    first: Vec<u8>,
}

impl Pen {
    /// The next packet of `space` says this instead, and padding for what is left of it.
    pub(super) fn write(&self, space: Space, frames: &[u8]) {
        self.0.lock().unwrap().next[space as usize].push_back(frames.to_vec());
    }

    /// How many packets were written into.
    pub(super) fn written(&self) -> usize {
        self.0.lock().unwrap().written
    }

    /// The frames of the client's first packet.
    pub(super) fn first(&self) -> Vec<u8> {
        self.0.lock().unwrap().first.clone()
    }

    pub(super) fn around(&self, config: QuicClientConfig) -> Arc<dyn crypto::ClientConfig> {
        Arc::new(Inked { config: Arc::new(config), pen: self.clone() })
    }

    fn on(&self, space: Space, keys: KeyPair<Box<dyn PacketKey>>) -> KeyPair<Box<dyn PacketKey>> {
        KeyPair { local: Box::new(InkedKey { key: keys.local, space, pen: self.clone() }), remote: keys.remote }
    }
}

struct Inked {
    config: Arc<QuicClientConfig>,
    pen: Pen,
}

impl crypto::ClientConfig for Inked {
    fn start_session(
        self: Arc<Self>,
        version: u32,
        name: &str,
        parameters: &TransportParameters,
    ) -> Result<Box<dyn Session>, ConnectError> {
        let session = Arc::clone(&self.config).start_session(version, name, parameters)?;
        Ok(Box::new(InkedSession { session, pen: self.pen.clone(), next: Space::Handshake }))
    }
}

struct InkedSession {
    session: Box<dyn Session>,
    pen: Pen,
    /// Of which space the next keys are.
    next: Space,
}

impl Session for InkedSession {
    fn initial_keys(&self, id: &ConnectionId, side: Side) -> Keys {
        let Keys { header, packet } = self.session.initial_keys(id, side);
        Keys { header, packet: self.pen.on(Space::Initial, packet) }
    }

    fn write_handshake(&mut self, out: &mut Vec<u8>) -> Option<Keys> {
        let Keys { header, packet } = self.session.write_handshake(out)?;
        let space = std::mem::replace(&mut self.next, Space::Data);
        Some(Keys { header, packet: self.pen.on(space, packet) })
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        Some(self.pen.on(Space::Data, self.session.next_1rtt_keys()?))
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

struct InkedKey {
    key: Box<dyn PacketKey>,
    space: Space,
    pen: Pen,
}

impl PacketKey for InkedKey {
    fn encrypt(&self, number: u64, packet: &mut [u8], header_bytes: usize) {
        let mut ink = self.pen.0.lock().unwrap();
        if ink.first.is_empty() {
            ink.first = packet[header_bytes..packet.len() - self.key.tag_len()].to_vec();
        }
        if let Some(frames) = ink.next[self.space as usize].pop_front() {
            let end = packet.len() - self.key.tag_len();
            let room = &mut packet[header_bytes..end];
            assert!(frames.len() <= room.len(), "{} bytes of frames, {} of room", frames.len(), room.len());
            room.fill(0);
            room[..frames.len()].copy_from_slice(&frames);
            ink.written += 1;
        }
        self.key.encrypt(number, packet, header_bytes);
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

/// A frame (RFC 9000 §19): its type, then varints.
pub(super) fn frame(ty: u64, fields: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint::write(ty, &mut bytes);
    fields.iter().for_each(|field| varint::write(*field, &mut bytes));
    bytes
}

/// STREAM with offset and length (§19.8).
pub(super) fn stream(id: u64, offset: u64, data: &[u8]) -> Vec<u8> {
    [frame(0x0e, &[id, offset, data.len() as u64]), data.to_vec()].concat()
}

/// CRYPTO (§19.6).
pub(super) fn crypto_frame(offset: u64, data: &[u8]) -> Vec<u8> {
    [frame(0x06, &[offset, data.len() as u64]), data.to_vec()].concat()
}

/// NEW_CONNECTION_ID (§19.15).
pub(super) fn new_connection_id(sequence: u64, retire_prior_to: u64) -> Vec<u8> {
    let mut bytes = frame(0x18, &[sequence, retire_prior_to]);
    bytes.push(8);
    bytes.extend_from_slice(&(sequence + 1).to_be_bytes());
    bytes.extend_from_slice(&[sequence as u8; 16]);
    bytes
}

/// PATH_CHALLENGE (§19.17).
pub(super) fn path_challenge(token: u64) -> Vec<u8> {
    [vec![0x1a], token.to_be_bytes().to_vec()].concat()
}

/// PATH_RESPONSE (§19.18).
pub(super) fn path_response(token: u64) -> Vec<u8> {
    [vec![0x1b], token.to_be_bytes().to_vec()].concat()
}
