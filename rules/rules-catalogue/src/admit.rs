//! Admission: what a payload must keep before anything else looks at it.
//!
//! Comes in: an event type's id, who vouches for the event, and bytes of anybody. Goes out: the event type and, for
//! attested events, the subject; or a [`Refusal`] with a stable code that names field and limit. One pass, linear in the
//! payload, no allocation where it passes. Unknown fields pass: newer clients may send them. A singular message that
//! stands twice is refused, because no encoder writes it so and merging would slip past the limits.

use edge_event::{EventTypeId, Provenance};

use crate::Catalogue;
use crate::model::{Cardinality, EventType, Field, Kind, Limits, MessageIndex, Range};
use crate::refusal::{PayloadError, Refusal};
use crate::value::{FieldValue, ReadFault, read, wire_type_of};
use crate::wire::{Reader, WireType};

/// An event that may go on to the rules.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Admitted<'c, 'p> {
    /// Its type.
    pub event_type: &'c EventType,
    /// The player that the payload names; `None` where the token's `sub` is the subject.
    pub subject: Option<&'p str>,
}

impl Catalogue {
    /// Checks everything the catalogue says about one event.
    ///
    /// # Errors
    /// See [`Refusal`]. A refused reliable event consumes its seq.
    pub fn admit<'p>(
        &self,
        id: EventTypeId,
        provenance: Provenance,
        payload: &'p [u8],
    ) -> Result<Admitted<'_, 'p>, Refusal> {
        let event_type = self.event_type(id).ok_or(Refusal::UnknownType { id })?;
        if !event_type.provenance.allows(provenance) {
            return Err(Refusal::Provenance { event_type: event_type.name.clone(), allowed: event_type.provenance });
        }
        self.validate(event_type, payload)?;
        let subject = match provenance {
            Provenance::Client => None,
            Provenance::Server => self.subject_of(event_type, payload)?,
        };
        Ok(Admitted { event_type, subject })
    }

    /// Checks a payload against its type.
    ///
    /// # Errors
    /// See [`PayloadError`].
    pub fn validate(&self, event_type: &EventType, payload: &[u8]) -> Result<(), PayloadError> {
        if payload.len() > event_type.max_payload_bytes as usize {
            return Err(PayloadError::TooLarge { len: payload.len(), limit: event_type.max_payload_bytes });
        }
        self.validate_message(event_type.message, payload)
    }

    /// Recurses once a nested message; the check at load bounds that by [`MAX_DEPTH`](crate::MAX_DEPTH).
    fn validate_message(&self, message: MessageIndex, bytes: &[u8]) -> Result<(), PayloadError> {
        let fields = &self.message(message).fields;
        let counters = self.counters(message);
        let mut counts = [0_u32; crate::MAX_COUNTED_FIELDS];
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            let (number, wire_type) = reader.tag()?;
            let Some(at) = self.message(message).field_position(number) else {
                reader.skip(wire_type)?;
                continue;
            };
            let field = &fields[at];
            let mut none = 0;
            let count = counts.get_mut(usize::from(counters[at])).unwrap_or(&mut none);
            match field.cardinality {
                Cardinality::Implicit | Cardinality::Explicit => {
                    *count += 1;
                    if *count > 1 && field.kind.is_message() {
                        return Err(PayloadError::Twice { field: field.name.clone() });
                    }
                    self.validate_one(field, field.kind, &field.limits, wire_type, &mut reader)?;
                }
                Cardinality::Repeated => self.validate_list(field, wire_type, count, &mut reader)?,
                Cardinality::Map(key) => {
                    *count += 1;
                    too_many(field, *count)?;
                    self.validate_entry(field, key, wire_type, &mut reader)?;
                }
            }
        }
        self.needed(message).iter().map(|at| usize::from(*at)).try_for_each(|at| {
            let absent = counts[usize::from(counters[at])] == 0;
            let (field, zero) = (&fields[at], FieldValue::default_of(fields[at].kind));
            if absent { out_of_range(field, zero, &field.limits) } else { Ok(()) }
        })
    }

    fn validate_list(
        &self,
        field: &Field,
        wire_type: WireType,
        count: &mut u32,
        reader: &mut Reader<'_>,
    ) -> Result<(), PayloadError> {
        if wire_type != WireType::Len || !field.kind.is_packable() {
            *count += 1;
            too_many(field, *count)?;
            return self.validate_one(field, field.kind, &field.limits, wire_type, reader);
        }
        let mut packed = Reader::new(reader.bytes()?);
        let element = wire_type_of(field.kind);
        while !packed.is_empty() {
            *count += 1;
            too_many(field, *count)?;
            self.validate_one(field, field.kind, &field.limits, element, &mut packed)?;
        }
        Ok(())
    }

    fn validate_entry(
        &self,
        field: &Field,
        key: Kind,
        wire_type: WireType,
        reader: &mut Reader<'_>,
    ) -> Result<(), PayloadError> {
        if wire_type != WireType::Len {
            return Err(PayloadError::WireType { field: field.name.clone(), kind: "map entry" });
        }
        let key_limits = Limits { max_len: field.limits.max_key_len, ..Limits::default() };
        let mut entry = Reader::new(reader.bytes()?);
        let mut seen = [false; 2];
        while !entry.is_empty() {
            let (number, wire_type) = entry.tag()?;
            let part = match number {
                1 | 2 => number as usize - 1,
                _ => {
                    entry.skip(wire_type)?;
                    continue;
                }
            };
            if std::mem::replace(&mut seen[part], true) {
                return Err(PayloadError::Twice { field: field.name.clone() });
            }
            let (kind, limits) = if part == 0 { (key, &key_limits) } else { (field.kind, &field.limits) };
            self.validate_one(field, kind, limits, wire_type, &mut entry)?;
        }
        Ok(())
    }

    fn validate_one(
        &self,
        field: &Field,
        kind: Kind,
        limits: &Limits,
        wire_type: WireType,
        reader: &mut Reader<'_>,
    ) -> Result<(), PayloadError> {
        let other_form = || PayloadError::WireType { field: field.name.clone(), kind: kind.word() };
        if wire_type != wire_type_of(kind) {
            return Err(other_form());
        }
        let value = read(reader, kind).map_err(|fault| match fault {
            ReadFault::Wire(fault) => fault.into(),
            ReadFault::WireType => other_form(),
            ReadFault::Utf8 => PayloadError::Utf8 { field: field.name.clone() },
        })?;
        match value {
            FieldValue::Str(s) => too_long(field, s.len(), limits),
            FieldValue::Bytes(b) => too_long(field, b.len(), limits),
            FieldValue::Message(inside) => {
                let Kind::Message(message) = kind else { unreachable!("only messages are read as messages") };
                self.validate_message(message, inside).map_err(|e| e.inside(&field.name))
            }
            FieldValue::Timestamp { seconds, nanos } => check_timestamp(field, seconds, nanos),
            FieldValue::Duration { seconds, nanos } => check_duration(field, seconds, nanos),
            number => out_of_range(field, number, limits),
        }
    }
}

fn too_many(field: &Field, count: u32) -> Result<(), PayloadError> {
    match field.limits.max_items {
        Some(limit) if count > limit => Err(PayloadError::TooMany { field: field.name.clone(), limit }),
        _ => Ok(()),
    }
}

fn too_long(field: &Field, len: usize, limits: &Limits) -> Result<(), PayloadError> {
    match limits.max_len {
        Some(limit) if len > limit as usize => Err(PayloadError::TooLong { field: field.name.clone(), len, limit }),
        _ => Ok(()),
    }
}

fn out_of_range(field: &Field, value: FieldValue<'_>, limits: &Limits) -> Result<(), PayloadError> {
    let Some(range) = limits.range else { return Ok(()) };
    let (inside, shown) = match (range, value) {
        (Range::Int { min, max }, FieldValue::Int(n)) => ((min..=max).contains(&n), n.to_string()),
        (Range::Uint { min, max }, FieldValue::Uint(n)) => ((min..=max).contains(&n), n.to_string()),
        (Range::Double { min, max }, FieldValue::Double(n)) => ((min..=max).contains(&n), n.to_string()),
        _ => return Ok(()),
    };
    if inside {
        return Ok(());
    }
    Err(PayloadError::OutOfRange { field: field.name.clone(), value: shown, allowed: range.to_string() })
}

/// Years 1 to 9999, as `google/protobuf/timestamp.proto` says.
fn check_timestamp(field: &Field, seconds: i64, nanos: i32) -> Result<(), PayloadError> {
    if (-62_135_596_800..=253_402_300_799).contains(&seconds) && (0..1_000_000_000).contains(&nanos) {
        return Ok(());
    }
    Err(PayloadError::OutOfRange {
        field: field.name.clone(),
        value: format!("{seconds} s and {nanos} ns"),
        allowed: "0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z".to_owned(),
    })
}

/// About 10,000 years either way and one sign, as `google/protobuf/duration.proto` says.
fn check_duration(field: &Field, seconds: i64, nanos: i32) -> Result<(), PayloadError> {
    let one_sign = seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0);
    if (-315_576_000_000..=315_576_000_000).contains(&seconds) && nanos.abs_diff(0) < 1_000_000_000 && one_sign {
        return Ok(());
    }
    Err(PayloadError::OutOfRange {
        field: field.name.clone(),
        value: format!("{seconds} s and {nanos} ns"),
        allowed: "±315,576,000,000 s, with nanoseconds of the same sign".to_owned(),
    })
}

#[cfg(test)]
mod tests;
