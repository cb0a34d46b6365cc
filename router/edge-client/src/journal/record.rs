//! One record: `length u32, crc32c u32, body`, little-endian; the sum covers the body.
//!
//! ```text
//! event   = 1u8, class u8, seq u64, event_type u32, client_ms u64, payload
//! receipt = 2u8, class u8, up_to u64
//! ```

use bytes::Bytes;
use edge_event::{Class, EventTypeId, Seq};
use edge_wire::{EventFrame, limits, varint};

const EVENT: u8 = 1;
const RECEIPT: u8 = 2;
const FRAME_BYTES: usize = 8;
const EVENT_HEAD_BYTES: usize = 22;
const RECEIPT_BYTES: usize = 10;

/// What is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Record {
    Event { class: Class, event: EventFrame },
    Receipt { class: Class, up_to: Seq },
}

impl Record {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend_from_slice(&[0; FRAME_BYTES]);
        match self {
            Record::Event { class, event } => {
                out.extend_from_slice(&[EVENT, class.get()]);
                out.extend_from_slice(&event.seq.0.to_le_bytes());
                out.extend_from_slice(&event.event_type.0.to_le_bytes());
                out.extend_from_slice(&event.client_ms.to_le_bytes());
                out.extend_from_slice(&event.payload);
            }
            Record::Receipt { class, up_to } => {
                out.extend_from_slice(&[RECEIPT, class.get()]);
                out.extend_from_slice(&up_to.0.to_le_bytes());
            }
        }
        let body = begin + FRAME_BYTES;
        let (len, sum) = ((out.len() - body) as u32, crc32c::crc32c(&out[body..]));
        out[begin..begin + 4].copy_from_slice(&len.to_le_bytes());
        out[begin + 4..body].copy_from_slice(&sum.to_le_bytes());
    }

    /// The record at the beginning of `bytes` and its length; `None` where there is none that checks.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Record, usize)> {
        let (frame, rest) = bytes.split_at_checked(FRAME_BYTES)?;
        let len = u32_at(frame, 0)? as usize;
        if len > EVENT_HEAD_BYTES + limits::EVENT_PAYLOAD_BYTES_MAX {
            return None;
        }
        let body = rest.get(..len).filter(|body| Some(crc32c::crc32c(body)) == u32_at(frame, 4))?;
        Some((decode_body(body)?, FRAME_BYTES + len))
    }
}

fn decode_body(body: &[u8]) -> Option<Record> {
    let class = Class::new(*body.get(1)?)?;
    let seq = Seq(u64_at(body, 2).filter(|seq| (1..=varint::MAX).contains(seq))?);
    match body[0] {
        EVENT => {
            let (event_type, client_ms) = (EventTypeId(u32_at(body, 10)?), u64_at(body, 14)?);
            let payload = Bytes::copy_from_slice(body.get(EVENT_HEAD_BYTES..)?);
            (client_ms <= varint::MAX)
                .then(|| Record::Event { class, event: EventFrame { seq, event_type, client_ms, payload } })
        }
        RECEIPT if body.len() == RECEIPT_BYTES => Some(Record::Receipt { class, up_to: seq }),
        _ => None,
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
