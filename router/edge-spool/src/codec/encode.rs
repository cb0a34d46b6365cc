//! From a record to bytes.

use edge_event::{Action, Command, EventRecord, StateDelta, StateKey, TimerSet, UnixMillis};

use super::{CANCEL, HAS_EXPIRY, HAS_VALUE, PUBLISH, REPLY, SIGNAL, START};

/// Appends the record's bytes to `out`.
pub fn encode_record(record: &EventRecord, out: &mut Vec<u8>) {
    record.id.write_canonical(out);
    out.extend_from_slice(&record.producer.0.to_le_bytes());
    out.extend_from_slice(&record.player.0.to_le_bytes());
    out.extend_from_slice(&(record.partition.index() as u16).to_le_bytes());
    out.extend_from_slice(&record.revision.to_le_bytes());
    out.extend_from_slice(&record.time.0.to_le_bytes());
    write_varint(out, record.deltas.len() as u64);
    record.deltas.iter().for_each(|d| write_delta(out, d));
    write_varint(out, record.timers.len() as u64);
    record.timers.iter().for_each(|t| write_timer(out, t));
    write_varint(out, record.commands.len() as u64);
    record.commands.iter().for_each(|c| write_command(out, c));
}

fn write_delta(out: &mut Vec<u8>, delta: &StateDelta) {
    write_state_key(out, delta.key);
    out.push(if delta.value.is_some() { HAS_VALUE } else { 0 } | if delta.expires.is_some() { HAS_EXPIRY } else { 0 });
    if let Some(expires) = delta.expires {
        out.extend_from_slice(&expires.0.to_le_bytes());
    }
    if let Some(value) = &delta.value {
        write_bytes(out, value);
    }
}

fn write_timer(out: &mut Vec<u8>, timer: &TimerSet) {
    write_state_key(out, timer.key);
    write_maybe_time(out, timer.due);
}

fn write_command(out: &mut Vec<u8>, command: &Command) {
    out.extend_from_slice(&command.id.0);
    write_bytes(out, command.package.as_bytes());
    write_bytes(out, command.rule.as_bytes());
    out.extend_from_slice(&command.action_index.to_le_bytes());
    write_bytes(out, command.player.as_bytes());
    out.push(command.priority as u8);
    out.extend_from_slice(&command.time.0.to_le_bytes());
    write_maybe_time(out, command.deadline);
    match &command.action {
        Action::StartWorkflow { workflow, workflow_id, input } => {
            write_action(out, START, &[workflow.as_bytes(), workflow_id.as_bytes(), input]);
        }
        Action::SignalWorkflow { workflow_id, signal, input } => {
            write_action(out, SIGNAL, &[workflow_id.as_bytes(), signal.as_bytes(), input]);
        }
        Action::CancelWorkflow { workflow_id } => write_action(out, CANCEL, &[workflow_id.as_bytes()]),
        Action::Publish { topic, message } => write_action(out, PUBLISH, &[topic.as_bytes(), message]),
        Action::Reply { name, body } => write_action(out, REPLY, &[name.as_bytes(), body]),
    }
}

fn write_action(out: &mut Vec<u8>, tag: u8, parts: &[&[u8]]) {
    out.push(tag);
    parts.iter().for_each(|p| write_bytes(out, p));
}

fn write_maybe_time(out: &mut Vec<u8>, time: Option<UnixMillis>) {
    out.push(u8::from(time.is_some()));
    if let Some(time) = time {
        out.extend_from_slice(&time.0.to_le_bytes());
    }
}

pub(crate) fn write_state_key(out: &mut Vec<u8>, key: StateKey) {
    out.extend_from_slice(&key.definition.to_le_bytes());
    out.extend_from_slice(&key.key.to_le_bytes());
    out.extend_from_slice(&(key.partition.index() as u16).to_le_bytes());
}

pub(crate) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(crate) fn write_varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}
