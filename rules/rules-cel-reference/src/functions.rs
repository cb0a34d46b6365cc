//! What each overload does.
//!
//! What comes in: an overload and operands. What goes out: its result, or nothing where the operands are not its own, so that
//! the walk may try the next. Costs are charged before they arise. Equality, `in` of lists, and what needs message types are
//! the walk's own.

mod convert;
mod format;
mod math;
mod moment;
mod numbers;
mod optional;
mod text;

use crate::equal::order;
use crate::failure::Fault;
use crate::run::Run;
use crate::value::Value;
use rules_cel::Overload;
use rules_cel::overload::{Ordered, Relation};
use std::cmp::Ordering;
use std::sync::Arc;

pub(crate) use moment::{duration_text, timestamp_text};
pub(crate) use text::base64;

/// A result, or nothing where the overload does not take these operands.
type Applied = Option<Result<Value, Fault>>;

pub(crate) fn call(overload: Overload, args: &[Value], run: &mut Run) -> Applied {
    use Overload as O;
    use Value as V;
    Some(match (overload, args) {
        (O::Not, [V::Bool(value)]) => Ok(V::Bool(!value)),
        (O::Compare(relation, ordered), [left, right]) => return compare(relation, ordered, left, right, run),
        (O::InMap, [key, V::Map(map)]) => Ok(V::Bool(map.get(key).is_some())),
        (O::TypeOf, [value]) => Ok(V::Type(value.type_name())),
        (O::ToDyn, [value]) => Ok(value.clone()),
        (O::SizeString, [V::String(text)]) => run.charge(text.len()).map(|()| size(text.chars().count())),
        (O::SizeBytes, [V::Bytes(bytes)]) => Ok(size(bytes.len())),
        (O::SizeList, [V::List(list)]) => Ok(size(list.len())),
        (O::SizeMap, [V::Map(map)]) => Ok(size(map.len())),
        (O::AddList, [V::List(left), V::List(right)]) => {
            run.charge(left.len() + right.len()).map(|()| V::list([&***left, &***right].concat()))
        }
        (O::Base64Encode, [V::Bytes(bytes)]) => run.charge(bytes.len()).map(|()| V::from(base64(bytes))),
        (O::Base64Decode, [V::String(text)]) => run.charge(text.len()).and_then(|()| text::from_base64(text)),
        (O::TimestampPart(..) | O::DurationPart(_), args) => return moment::part(overload, args),
        (O::Format, [V::String(template), V::List(list)]) => format::format(template, list, run).map(V::from),
        (_, args) => {
            return numbers::call(overload, args)
                .or_else(|| math::call(overload, args, run))
                .or_else(|| moment::call(overload, args))
                .or_else(|| convert::call(overload, args, run))
                .or_else(|| text::call(overload, args, run))
                .or_else(|| optional::call(overload, args, run));
        }
    })
}

fn size(size: usize) -> Value {
    Value::Int(i64::try_from(size).unwrap_or(i64::MAX))
}

fn compare(relation: Relation, ordered: Ordered, left: &Value, right: &Value, run: &mut Run) -> Applied {
    use Value as V;
    let takes = match (left, right) {
        (V::Bool(_), V::Bool(_)) => Ordered::Bool,
        (V::Int(_), V::Int(_)) => Ordered::Int,
        (V::Int(_), V::Uint(_)) => Ordered::IntUint,
        (V::Int(_), V::Double(_)) => Ordered::IntDouble,
        (V::Uint(_), V::Uint(_)) => Ordered::Uint,
        (V::Uint(_), V::Int(_)) => Ordered::UintInt,
        (V::Uint(_), V::Double(_)) => Ordered::UintDouble,
        (V::Double(_), V::Double(_)) => Ordered::Double,
        (V::Double(_), V::Int(_)) => Ordered::DoubleInt,
        (V::Double(_), V::Uint(_)) => Ordered::DoubleUint,
        (V::String(_), V::String(_)) => Ordered::String,
        (V::Bytes(_), V::Bytes(_)) => Ordered::Bytes,
        (V::Timestamp { .. }, V::Timestamp { .. }) => Ordered::Timestamp,
        (V::Duration { .. }, V::Duration { .. }) => Ordered::Duration,
        _ => return None,
    };
    if takes != ordered {
        return None;
    }
    let cost = match (left, right) {
        (V::String(left), V::String(right)) => left.len().min(right.len()),
        (V::Bytes(left), V::Bytes(right)) => left.len().min(right.len()),
        _ => 0,
    };
    let numbers = run.numbers();
    Some(run.charge(cost).map(|()| V::Bool(holds(relation, order(left, right, numbers)))))
}

fn holds(relation: Relation, order: Option<Ordering>) -> bool {
    order.is_some_and(|order| match relation {
        Relation::Less => order.is_lt(),
        Relation::LessEqual => order.is_le(),
        Relation::Greater => order.is_gt(),
        Relation::GreaterEqual => order.is_ge(),
    })
}

/// Two texts as one, paid for.
fn joined(left: &str, right: &str, run: &mut Run) -> Result<Value, Fault> {
    run.charge(left.len() + right.len())?;
    Ok(Value::String(Arc::from([left, right].concat())))
}
