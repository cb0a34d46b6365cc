//! From bytes to a record.

use std::sync::Arc;

use bytes::Bytes;
use edge_event::{
    Action, Class, Command, CommandId, EventId, EventRecord, NodeId, Partition, PlayerKey, Priority, ProducerId,
    ProducerKey, Seq, ShardId, StartEpoch, StateDelta, StateKey, TimerSet, UnixMillis,
};

use super::{CANCEL, HAS_EXPIRY, HAS_VALUE, PUBLISH, REPLY, SIGNAL, START, TIMER_DEPTH_MAX};

/// Why bytes are not a record. Offsets count from the start of the payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than it says.
    #[error("the payload ends inside `{what}` at byte {at}")]
    Truncated {
        /// The item.
        what: &'static str,
        /// Where it began.
        at: usize,
    },
    /// A value that this version does not know.
    #[error("`{what}` at byte {at} has an unknown value")]
    Invalid {
        /// The item.
        what: &'static str,
        /// Where it began.
        at: usize,
    },
    /// More bytes than a record has.
    #[error("{bytes} bytes are left over behind the record")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// Written by a newer build.
    #[error("the payload has codec version {version}, this build reads version 1")]
    Version {
        /// Its version.
        version: u8,
    },
}

/// The smallest encodings, by which counts are bounded.
const DELTA_BYTES_MIN: usize = 27;
const TIMER_BYTES_MIN: usize = 27;
const COMMAND_BYTES_MIN: usize = 33;

/// Reads a record's bytes. Values and bodies are slices of `payload`, so the record keeps it alive.
///
/// # Errors
/// The bytes are not exactly one record.
pub fn decode_record(payload: &Bytes) -> Result<EventRecord, DecodeError> {
    let mut b = Bytewise::new(payload);
    let record = EventRecord {
        id: read_id(&mut b)?,
        producer: ProducerKey(b.u128("producer")?),
        player: PlayerKey(b.u128("player")?),
        partition: b.partition()?,
        revision: b.u64("revision")?,
        time: b.time("time")?,
        deltas: b.many("deltas", DELTA_BYTES_MIN, read_delta)?,
        timers: b.many("timers", TIMER_BYTES_MIN, read_timer)?,
        commands: b.many("commands", COMMAND_BYTES_MIN, read_command)?,
    };
    b.finish()?;
    Ok(record)
}

/// The inverse of [`EventId::write_canonical`], without recursion.
fn read_id(b: &mut Bytewise<'_>) -> Result<EventId, DecodeError> {
    let mut definitions = Vec::new();
    let mut id = loop {
        let at = b.at();
        match b.u8("identity")? {
            1 => break read_reliable(b)?,
            2 => {
                break EventId::Datagram {
                    node: NodeId(b.u32("node")?),
                    epoch: StartEpoch(b.u64("epoch")?),
                    shard: ShardId(b.u16("shard")?),
                    ordinal: b.u64("ordinal")?,
                };
            }
            3 if definitions.len() < TIMER_DEPTH_MAX => definitions.push(b.u64("definition")?),
            _ => return Err(DecodeError::Invalid { what: "identity", at }),
        }
    };
    while let Some(definition) = definitions.pop() {
        id = EventId::Timer { opened_by: Box::new(id), definition };
    }
    Ok(id)
}

fn read_reliable(b: &mut Bytewise<'_>) -> Result<EventId, DecodeError> {
    let sub_bytes = b.u32("sub")? as usize;
    let sub = b.text_of("sub", sub_bytes)?;
    let producer = ProducerId(b.array("producer id")?);
    let at = b.at();
    let class = Class::new(b.u8("class")?).ok_or(DecodeError::Invalid { what: "class", at })?;
    Ok(EventId::Reliable { sub, producer, class, seq: Seq(b.u64("seq")?) })
}

fn read_delta(b: &mut Bytewise<'_>) -> Result<StateDelta, DecodeError> {
    let key = b.state_key()?;
    let at = b.at();
    let flags = b.u8("delta flags")?;
    if flags & !(HAS_VALUE | HAS_EXPIRY) != 0 {
        return Err(DecodeError::Invalid { what: "delta flags", at });
    }
    let expires = if flags & HAS_EXPIRY != 0 { Some(b.time("expires")?) } else { None };
    let value = if flags & HAS_VALUE != 0 { Some(b.bytes("value")?) } else { None };
    Ok(StateDelta { key, value, expires })
}

fn read_timer(b: &mut Bytewise<'_>) -> Result<TimerSet, DecodeError> {
    Ok(TimerSet { key: b.state_key()?, due: b.maybe_time("due")? })
}

fn read_command(b: &mut Bytewise<'_>) -> Result<Command, DecodeError> {
    Ok(Command {
        id: CommandId(b.array("command id")?),
        package: b.text("package")?,
        rule: b.text("rule")?,
        action_index: b.u16("action index")?,
        player: b.text("player")?,
        priority: {
            let at = b.at();
            Priority::from_u8(b.u8("priority")?).ok_or(DecodeError::Invalid { what: "priority", at })?
        },
        time: b.time("time")?,
        deadline: b.maybe_time("deadline")?,
        action: read_action(b)?,
    })
}

fn read_action(b: &mut Bytewise<'_>) -> Result<Action, DecodeError> {
    let at = b.at();
    Ok(match b.u8("action")? {
        START => Action::StartWorkflow {
            workflow: b.text("workflow")?,
            workflow_id: b.text("workflow id")?,
            input: b.bytes("input")?,
        },
        SIGNAL => Action::SignalWorkflow {
            workflow_id: b.text("workflow id")?,
            signal: b.text("signal")?,
            input: b.bytes("input")?,
        },
        CANCEL => Action::CancelWorkflow { workflow_id: b.text("workflow id")? },
        PUBLISH => Action::Publish { topic: b.text("topic")?, message: b.bytes("message")? },
        REPLY => Action::Reply { name: b.text("name")?, body: b.bytes("body")? },
        _ => return Err(DecodeError::Invalid { what: "action", at }),
    })
}

/// Takes items off the front of a payload.
pub(crate) struct Bytewise<'a> {
    all: &'a Bytes,
    at: usize,
}

impl<'a> Bytewise<'a> {
    pub(crate) fn new(all: &'a Bytes) -> Bytewise<'a> {
        Bytewise { all, at: 0 }
    }

    fn at(&self) -> usize {
        self.at
    }

    /// Nothing may be left.
    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        match self.all.len() - self.at {
            0 => Ok(()),
            bytes => Err(DecodeError::Trailing { bytes }),
        }
    }

    fn take(&mut self, what: &'static str, bytes: usize) -> Result<&'a [u8], DecodeError> {
        let rest = &self.all[self.at..];
        let taken = rest.get(..bytes).ok_or(DecodeError::Truncated { what, at: self.at })?;
        self.at += bytes;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        Ok(self.take(what, N)?.try_into().expect("`take` gave N bytes"))
    }

    pub(crate) fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        Ok(self.take(what, 1)?[0])
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, DecodeError> {
        Ok(u16::from_le_bytes(self.array(what)?))
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub(crate) fn u64(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    pub(crate) fn u128(&mut self, what: &'static str) -> Result<u128, DecodeError> {
        Ok(u128::from_le_bytes(self.array(what)?))
    }

    pub(crate) fn time(&mut self, what: &'static str) -> Result<UnixMillis, DecodeError> {
        Ok(UnixMillis(i64::from_le_bytes(self.array(what)?)))
    }

    pub(crate) fn maybe_time(&mut self, what: &'static str) -> Result<Option<UnixMillis>, DecodeError> {
        let at = self.at;
        match self.u8(what)? {
            0 => Ok(None),
            1 => Ok(Some(self.time(what)?)),
            _ => Err(DecodeError::Invalid { what, at }),
        }
    }

    /// At most ten bytes of LEB128, and nothing beyond 64 bits.
    fn varint(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        let at = self.at;
        let mut n = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8(what)?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            n |= bits << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err(DecodeError::Invalid { what, at })
    }

    pub(crate) fn partition(&mut self) -> Result<Partition, DecodeError> {
        let at = self.at;
        Partition::new(self.u16("partition")?).ok_or(DecodeError::Invalid { what: "partition", at })
    }

    pub(crate) fn state_key(&mut self) -> Result<StateKey, DecodeError> {
        Ok(StateKey { definition: self.u64("definition")?, key: self.u128("key")?, partition: self.partition()? })
    }

    /// A slice of the input, not a copy.
    pub(crate) fn bytes(&mut self, what: &'static str) -> Result<Bytes, DecodeError> {
        let at = self.at;
        let len = usize::try_from(self.varint(what)?).map_err(|_| DecodeError::Truncated { what, at })?;
        let start = self.at;
        self.take(what, len)?;
        Ok(self.all.slice(start..start + len))
    }

    fn text(&mut self, what: &'static str) -> Result<Arc<str>, DecodeError> {
        let at = self.at;
        let len = usize::try_from(self.varint(what)?).map_err(|_| DecodeError::Truncated { what, at })?;
        self.text_of(what, len)
    }

    fn text_of(&mut self, what: &'static str, len: usize) -> Result<Arc<str>, DecodeError> {
        let at = self.at;
        std::str::from_utf8(self.take(what, len)?).map(Arc::from).map_err(|_| DecodeError::Invalid { what, at })
    }

    /// A counted list of items that take at least `bytes_min` each.
    pub(crate) fn many<T>(
        &mut self,
        what: &'static str,
        bytes_min: usize,
        mut read: impl FnMut(&mut Bytewise<'a>) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let at = self.at;
        let count = self.varint(what)?;
        let most = (self.all.len() - self.at) / bytes_min;
        if count > most as u64 {
            return Err(DecodeError::Truncated { what, at });
        }
        let mut items = Vec::with_capacity(count as usize);
        for _ in 0..count {
            items.push(read(self)?);
        }
        Ok(items)
    }
}
