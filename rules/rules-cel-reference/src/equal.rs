//! Equality and order of values.
//!
//! What comes in: two values. What goes out: whether they are equal, or which is larger, where they have an order.
//!
//! Equality never fails: values of different types are different, except numbers, which compare by their value. NaN
//! is different from everything. Messages are equal where the same fields are set to equal values; an `Any` is what was
//! packed, or its bytes where nobody knows its type.

use crate::failure::Fault;
use crate::map::Map;
use crate::proto::{Descriptors, Member};
use crate::run::{Numbers, Run};
use crate::value::{Described, Value};
use prost_reflect::DynamicMessage;
use std::cmp::Ordering;

/// Whether two values are equal.
///
/// # Errors
/// Only where the evaluation costs too much.
pub fn equal(left: &Value, right: &Value, types: &Descriptors, run: &mut Run) -> Result<bool, Fault> {
    use Value as V;
    run.charge(1)?;
    Ok(match (left, right) {
        (V::Null, V::Null) => true,
        (V::Bool(left), V::Bool(right)) => left == right,
        (V::String(left), V::String(right)) => {
            run.charge(left.len().min(right.len()))?;
            left == right
        }
        (V::Bytes(left), V::Bytes(right)) => {
            run.charge(left.len().min(right.len()))?;
            left == right
        }
        (V::List(left), V::List(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for (left, right) in left.iter().zip(right.iter()) {
                if !equal(left, right, types, run)? {
                    return Ok(false);
                }
            }
            true
        }
        (V::Map(left), V::Map(right)) => maps_equal(left, right, types, run)?,
        (V::Message(left), V::Message(right)) => messages_equal(left, right, types, run)?,
        (V::Enum { ty, number }, V::Enum { ty: other, number: other_number }) => ty == other && number == other_number,
        (V::Optional(None), V::Optional(None)) => true,
        (V::Optional(Some(left)), V::Optional(Some(right))) => equal(left, right, types, run)?,
        (V::Type(left), V::Type(right)) => left == right,
        (left, right) => order(left, right, run.numbers()) == Some(Ordering::Equal),
    })
}

fn maps_equal(left: &Map, right: &Map, types: &Descriptors, run: &mut Run) -> Result<bool, Fault> {
    if left.len() != right.len() {
        return Ok(false);
    }
    for (key, value) in left.entries() {
        let Some(other) = right.get(key) else { return Ok(false) };
        if !equal(value, other, types, run)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn messages_equal(
    left: &DynamicMessage,
    right: &DynamicMessage,
    types: &Descriptors,
    run: &mut Run,
) -> Result<bool, Fault> {
    let descriptor = left.descriptor_of();
    if descriptor != right.descriptor_of() || !left.unknown_fields().eq(right.unknown_fields()) {
        return Ok(false);
    }
    run.charge(left.unknown_fields().count())?;
    let members = descriptor.fields().map(Member::Field).chain(descriptor.extensions().map(Member::Extension));
    for member in members {
        run.charge(1)?;
        if member.is_set(left) != member.is_set(right) {
            return Ok(false);
        }
        if !member.is_set(left) {
            continue;
        }
        let same = match (types.read(left, &member, run), types.read(right, &member, run)) {
            (Ok(left), Ok(right)) => equal(&left, &right, types, run)?,
            // What cannot be read compares as it stands.
            _ => member.raw(left) == member.raw(right),
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How two values are ordered; nothing where they are not, or where one is NaN.
pub(crate) fn order(left: &Value, right: &Value, numbers: Numbers) -> Option<Ordering> {
    use Value as V;
    match (left, right) {
        (V::Bool(left), V::Bool(right)) => Some(left.cmp(right)),
        (V::String(left), V::String(right)) => Some(left.cmp(right)),
        (V::Bytes(left), V::Bytes(right)) => Some(left.cmp(right)),
        (V::Duration { nanos: left }, V::Duration { nanos: right }) => Some(left.cmp(right)),
        (V::Timestamp { seconds, nanos }, V::Timestamp { seconds: other, nanos: other_nanos }) => {
            Some((seconds, nanos).cmp(&(other, other_nanos)))
        }
        (V::Double(left), V::Double(right)) => left.partial_cmp(right),
        (V::Double(left), right) => with_whole(*left, whole(right)?, numbers),
        (left, V::Double(right)) => with_whole(*right, whole(left)?, numbers).map(Ordering::reverse),
        (left, right) => Some(whole(left)?.cmp(&whole(right)?)),
    }
}

fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Int(value) => Some(i128::from(*value)),
        Value::Uint(value) => Some(i128::from(*value)),
        _ => None,
    }
}

/// A double against a whole number.
fn with_whole(left: f64, right: i128, numbers: Numbers) -> Option<Ordering> {
    if numbers == Numbers::Rounded {
        #[expect(clippy::cast_precision_loss, reason = "this is what was asked for")]
        return left.partial_cmp(&(right as f64));
    }
    match crate::map::whole(left.floor()) {
        Some(floor) if left > left.floor() => Some(floor.cmp(&right).then(Ordering::Greater)),
        Some(floor) => Some(floor.cmp(&right)),
        // NaN, or beyond every int and uint.
        None => left.partial_cmp(&0.0),
    }
}
