//! A piece of a checkpoint as bytes: cells, timers and dedupe marks, each a counted list.

use bytes::Bytes;
use edge_event::{Class, DedupeMark, ProducerKey, Seq, StateKey, UnixMillis};

use crate::codec::{Bytewise, DecodeError, write_bytes, write_state_key, write_varint};
use crate::fold::{Cell, Fold, Slice};

/// Appends the piece's bytes.
pub(crate) fn encode_piece(slice: &Slice, out: &mut Vec<u8>) {
    write_varint(out, slice.cells.len() as u64);
    for cell in &slice.cells {
        write_state_key(out, cell.key);
        out.push(u8::from(cell.expires.is_some()));
        if let Some(expires) = cell.expires {
            out.extend_from_slice(&expires.0.to_le_bytes());
        }
        write_bytes(out, &cell.value);
    }
    write_varint(out, slice.timers.len() as u64);
    for (key, due) in &slice.timers {
        write_state_key(out, *key);
        out.extend_from_slice(&due.0.to_le_bytes());
    }
    write_varint(out, slice.marks.len() as u64);
    for mark in &slice.marks {
        out.extend_from_slice(&mark.producer.0.to_le_bytes());
        out.push(mark.class.get());
        out.extend_from_slice(&(mark.partition.index() as u16).to_le_bytes());
        out.extend_from_slice(&mark.seq.0.to_le_bytes());
        out.extend_from_slice(&mark.at.0.to_le_bytes());
    }
}

/// Reads a piece and folds it, whole or not at all.
pub(crate) fn fold_piece(payload: &Bytes, fold: &mut Fold) -> Result<(), DecodeError> {
    let mut b = Bytewise::new(payload);
    let cells = b.many("cells", 28, read_cell)?;
    let timers = b.many("timers", 34, read_timer)?;
    let marks = b.many("marks", 35, read_mark)?;
    b.finish()?;
    cells.into_iter().for_each(|cell| fold.set_cell(cell));
    timers.into_iter().for_each(|(key, due)| fold.set_timer(key, Some(due)));
    marks.into_iter().for_each(|mark| fold.set_mark(mark));
    Ok(())
}

fn read_cell(b: &mut Bytewise<'_>) -> Result<Cell, DecodeError> {
    Ok(Cell { key: b.state_key()?, expires: b.maybe_time("expires")?, value: b.bytes("value")? })
}

fn read_timer(b: &mut Bytewise<'_>) -> Result<(StateKey, UnixMillis), DecodeError> {
    Ok((b.state_key()?, b.time("due")?))
}

fn read_mark(b: &mut Bytewise<'_>) -> Result<DedupeMark, DecodeError> {
    Ok(DedupeMark {
        producer: ProducerKey(b.u128("producer")?),
        class: Class::new(b.u8("class")?).ok_or(DecodeError::Invalid { what: "class", at: 0 })?,
        partition: b.partition()?,
        seq: Seq(b.u64("seq")?),
        at: b.time("at")?,
    })
}
