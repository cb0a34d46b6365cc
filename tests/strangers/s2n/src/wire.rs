//! The bytes of wire protocol version 1, from `router/docs/protocol.md` and `wire.proto`. Reads nothing, sends nothing.
//!
//! Bodies of control frames are protobuf; the little of it that they need stands below.

use std::collections::BTreeMap;

/// Types of streams.
pub const CONTROL: u64 = 1;
pub const EVENTS: u64 = 2;

/// Types of frames.
pub const HELLO: u64 = 0x01;
pub const REAUTH: u64 = 0x02;
pub const WELCOME: u64 = 0x11;
pub const RECEIPT: u64 = 0x13;
pub const CREDIT: u64 = 0x14;
pub const COMMAND: u64 = 0x15;
pub const REJECT: u64 = 0x16;
pub const MOVE: u64 = 0x17;
pub const EVENT: u64 = 0x20;
/// The first type that everybody skips.
pub const EXTENSION: u64 = 0x40;

/// A number as RFC 9000 §16 writes it; below 2^62.
pub fn varint(value: u64) -> Vec<u8> {
    match value {
        0..0x40 => vec![value as u8],
        0x40..0x4000 => (0x4000 | value as u16).to_be_bytes().to_vec(),
        0x4000..0x4000_0000 => (0x8000_0000 | value as u32).to_be_bytes().to_vec(),
        _ => (0xc000_0000_0000_0000 | value).to_be_bytes().to_vec(),
    }
}

/// The number at the beginning and its length; `None` where it is cut short.
fn read_varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let len = 1 << (bytes.first()? >> 6);
    let first = u64::from(bytes[0] & 0x3f);
    let rest = bytes.get(1..len)?;
    Some((rest.iter().fold(first, |value, byte| value << 8 | u64::from(*byte)), len))
}

/// A whole frame.
pub fn frame(kind: u64, body: &[u8]) -> Vec<u8> {
    [&varint(kind)[..], &varint(body.len() as u64), body].concat()
}

/// An event; `seq` is 0 in a datagram.
pub fn event(seq: u64, event_type: u64, client_ms: u64, payload: &[u8]) -> Vec<u8> {
    frame(EVENT, &[&varint(seq)[..], &varint(event_type), &varint(client_ms), payload].concat())
}

/// Takes the first frame out of a buffer; `None` where it is not whole.
pub fn take_frame(heard: &mut Vec<u8>) -> Option<(u64, Fields)> {
    let (kind, head) = read_varint(heard)?;
    let (len, more) = read_varint(&heard[head..])?;
    let (begin, end) = (head + more, head + more + len as usize);
    let fields = Fields::read(heard.get(begin..end)?);
    heard.drain(..end);
    Some((kind, fields))
}

/// A protobuf body in the making.
#[derive(Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// A number.
    pub fn number(mut self, field: u64, value: u64) -> Message {
        self.0.extend(base128(field << 3));
        self.0.extend(base128(value));
        self
    }

    /// Text, bytes, or another body.
    pub fn bytes(mut self, field: u64, value: impl AsRef<[u8]>) -> Message {
        self.0.extend(base128(field << 3 | 2));
        self.0.extend(base128(value.as_ref().len() as u64));
        self.0.extend(value.as_ref());
        self
    }

    /// The body.
    pub fn done(self) -> Vec<u8> {
        self.0
    }
}

/// What a protobuf body holds: numbers and bytes by their field, in order.
#[derive(Clone, Default, Debug)]
pub struct Fields {
    numbers: BTreeMap<u64, u64>,
    bytes: BTreeMap<u64, Vec<Vec<u8>>>,
}

impl Fields {
    /// # Panics
    /// Where the body is none of this protocol's.
    pub fn read(mut body: &[u8]) -> Fields {
        let mut fields = Fields::default();
        while !body.is_empty() {
            let (key, value) = (read_base128(&mut body), read_base128(&mut body));
            match key & 7 {
                0 => drop(fields.numbers.insert(key >> 3, value)),
                2 => {
                    let (value, rest) = body.split_at(value as usize);
                    fields.bytes.entry(key >> 3).or_default().push(value.to_vec());
                    body = rest;
                }
                other => panic!("type {other} of a field does not occur in this protocol"),
            }
        }
        fields
    }

    /// A number; 0 where it is absent.
    pub fn number(&self, field: u64) -> u64 {
        self.numbers.get(&field).copied().unwrap_or_default()
    }

    /// All values of a field of bytes.
    pub fn all(&self, field: u64) -> &[Vec<u8>] {
        self.bytes.get(&field).map_or(&[], Vec::as_slice)
    }

    /// Text; empty where it is absent.
    pub fn text(&self, field: u64) -> String {
        self.all(field).first().map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
    }

    /// A repeated `ClassSeq` by class.
    pub fn class_seqs(&self, field: u64) -> [u64; 4] {
        let mut seqs = [0; 4];
        for one in self.all(field) {
            let one = Fields::read(one);
            seqs[one.number(1) as usize] = one.number(2);
        }
        seqs
    }
}

fn base128(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn read_base128(body: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = body.split_first().expect("a number is whole");
        *body = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            break;
        }
    }
    value
}
