//! One peer: an independent QUIC endpoint with the protocol's words, and what happens to its packets.
//!
//! What comes in: datagrams, and what it shall say. What goes out: datagrams, and what the server told it. That the
//! server speaks the protocol, and that receipts rise and are for what was sent, is asserted here.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use edge_event::identity::CLASSES;
use edge_event::{Class, EventTypeId, ProducerId, Seq};
use edge_wire::{ClientFrame, EventFrame, FrameDecoder, Hello, ServerFrame, StreamHeader, Token};
use quinn_proto::{Connection, ConnectionHandle, DatagramEvent, Dir, Endpoint, EndpointConfig, Event, StreamId};

use super::certificate::client_config;
use super::issuer;

/// Where the node listens.
const SERVER: ([u8; 4], u16) = ([198, 51, 100, 1], 443);

/// What happens to a peer's next packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    Lost,
    Twice,
    /// Held back until the next word that is said.
    Late,
    /// One bit of it is flipped: which, in 256ths of its length.
    Flipped(u8, u8),
    /// Cut to so many 256ths of its length.
    Cut(u8),
    /// It comes from an address at which nobody listens.
    From(u8),
    /// It comes to another shard.
    Astray,
}

pub(super) struct Peer {
    endpoint: Endpoint,
    pub(super) conn: Connection,
    handle: ConnectionHandle,
    pub(super) address: SocketAddr,
    /// It is gone without a word.
    pub(super) is_muted: bool,
    pub(super) fates: VecDeque<Fate>,
    pub(super) control: Option<StreamId>,
    pub(super) streams: Vec<StreamId>,
    pub(super) sent: [u64; CLASSES],
    decoder: FrameDecoder,
    pub(super) inbox: VecDeque<BytesMut>,
    pub(super) receipts: [u64; CLASSES],
    pub(super) is_welcome: bool,
    pub(super) is_lost: bool,
}

impl Peer {
    /// A peer that begins to connect; nothing was sent yet.
    pub(super) fn begin(number: usize, now: Instant) -> Peer {
        let mut config = EndpointConfig::default();
        config.rng_seed(Some([number as u8 + 100; 32]));
        let mut endpoint = Endpoint::new(Arc::new(config), None, false, None);
        let connected = endpoint.connect(now, client_config(), SERVER.into(), "edge.test");
        let (handle, conn) = connected.expect("a client can always begin");
        Peer {
            endpoint,
            conn,
            handle,
            address: SocketAddr::from(([192, 0, 2, 1], 10_000 + number as u16)),
            is_muted: false,
            fates: VecDeque::new(),
            control: None,
            streams: Vec::new(),
            sent: [0; CLASSES],
            decoder: FrameDecoder::server_control(),
            inbox: VecDeque::new(),
            receipts: [0; CLASSES],
            is_welcome: false,
            is_lost: false,
        }
    }

    /// Takes in what came.
    pub(super) fn read(&mut self, now: Instant) {
        while let Some(datagram) = self.inbox.pop_front() {
            if self.is_muted {
                continue;
            }
            let mut response = Vec::new();
            let handled = self.endpoint.handle(now, SERVER.into(), None, None, datagram, &mut response);
            if let Some(DatagramEvent::ConnectionEvent(handle, event)) = handled {
                assert_eq!(handle, self.handle);
                self.conn.handle_event(event);
            }
        }
        while let Some(event) = self.conn.poll() {
            self.is_lost |= matches!(event, Event::ConnectionLost { .. });
        }
        while let Some(event) = self.conn.poll_endpoint_events() {
            if let Some(event) = self.endpoint.handle_event(self.handle, event) {
                self.conn.handle_event(event);
            }
        }
        self.read_frames();
    }

    fn read_frames(&mut self) {
        let Some(control) = self.control else { return };
        let mut stream = self.conn.recv_stream(control);
        let Ok(mut chunks) = stream.read(true) else { return };
        while let Ok(Some(chunk)) = chunks.next(usize::MAX) {
            self.decoder.push(chunk.bytes);
            while let Some(frame) = self.decoder.poll().expect("the server speaks the protocol") {
                match ServerFrame::decode(frame).expect("the server keeps the limits") {
                    ServerFrame::Welcome(_) => self.is_welcome = true,
                    ServerFrame::Receipt(receipt) => {
                        let before = &mut self.receipts[receipt.class.index()];
                        assert!(receipt.up_to.0 > *before, "receipts rise");
                        assert!(receipt.up_to.0 <= self.sent[receipt.class.index()], "a receipt for what was not sent");
                        *before = receipt.up_to.0;
                    }
                    _ => {}
                }
            }
        }
        let _ = chunks.finalize();
    }

    /// Opens a stream and writes; where the peer may not, nothing.
    pub(super) fn open(&mut self, dir: Dir, bytes: &[u8]) -> Option<StreamId> {
        let id = self.conn.streams().open(dir)?;
        self.write(id, bytes);
        Some(id)
    }

    /// As much as flow control lets through.
    pub(super) fn write(&mut self, id: StreamId, bytes: &[u8]) {
        let _ = self.conn.send_stream(id).write(bytes);
    }

    /// Opens the control stream, its header written, with `rest` behind it.
    pub(super) fn open_control(&mut self, rest: &[u8]) {
        let mut bytes = Vec::new();
        StreamHeader::Control.encode(&mut bytes);
        bytes.extend_from_slice(rest);
        if let Some(id) = self.open(Dir::Bi, &bytes)
            && self.control.is_none()
        {
            self.control = Some(id);
        }
    }

    /// A good HELLO.
    pub(super) fn hello(&mut self, producer: u8) {
        self.open_control(&hello_bytes(producer));
    }

    /// The next event of a class, as its frame.
    pub(super) fn next_event(&mut self, class: Class, payload: &[u8]) -> Vec<u8> {
        let seq = &mut self.sent[class.index()];
        *seq += 1;
        event_bytes(*seq, payload)
    }
}

/// The frame of a good HELLO.
pub(super) fn hello_bytes(producer: u8) -> Vec<u8> {
    let hello = Hello {
        token: Token(issuer::token().to_owned()),
        producer: ProducerId([producer.max(1); 16]),
        build: "1.2.3".into(),
        client_ms: 1_000,
        ..Hello::default()
    };
    let mut bytes = Vec::new();
    ClientFrame::Hello(Box::new(hello)).encode(&mut bytes).expect("it keeps the limits");
    bytes
}

/// The frame of an event.
pub(super) fn event_bytes(seq: u64, payload: &[u8]) -> Vec<u8> {
    let payload = Bytes::copy_from_slice(payload);
    let event = EventFrame { seq: Seq(seq), event_type: EventTypeId(9), client_ms: 1_000 + seq, payload };
    let mut bytes = Vec::new();
    event.encode(&mut bytes).expect("it keeps the limits");
    bytes
}
