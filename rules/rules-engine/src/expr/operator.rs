//! Operators on values. Integers overflow to an error, doubles follow IEEE 754.

use std::cmp::Ordering;

use super::scope::Scope;
use super::value::{EvalError, Value, compare, equal, lookup};
use crate::ir::{BinaryOp, UnaryOp};

pub(crate) fn unary(op: UnaryOp, value: Value<'_>) -> Result<Value<'_>, EvalError> {
    match (op, value) {
        (UnaryOp::Not, Value::Bool(b)) => Ok(Value::Bool(!b)),
        (UnaryOp::Negate, Value::Int(n)) => n.checked_neg().map(Value::Int).ok_or(EvalError::Overflow),
        (UnaryOp::Negate, Value::Double(d)) => Ok(Value::Double(-d)),
        (UnaryOp::Negate, Value::Duration(n)) => n.checked_neg().map(Value::Duration).ok_or(EvalError::Overflow),
        _ => Err(EvalError::NoSuchOverload),
    }
}

pub(crate) fn binary<'a>(
    scope: &Scope<'a>,
    op: BinaryOp,
    left: Value<'a>,
    right: Value<'a>,
) -> Result<Value<'a>, EvalError> {
    match op {
        BinaryOp::Add => add(scope, left, right),
        BinaryOp::Subtract => subtract(left, right),
        BinaryOp::Multiply => arithmetic(left, right, i64::checked_mul, u64::checked_mul, |a, b| a * b),
        BinaryOp::Divide => {
            refuse_zero(right)?;
            arithmetic(left, right, i64::checked_div, u64::checked_div, |a, b| a / b)
        }
        BinaryOp::Modulo => modulo(left, right),
        BinaryOp::Equal => spend_comparison(scope, left).map(|()| Value::Bool(equal(left, right))),
        BinaryOp::NotEqual => spend_comparison(scope, left).map(|()| Value::Bool(!equal(left, right))),
        BinaryOp::Less | BinaryOp::LessOrEqual | BinaryOp::Greater | BinaryOp::GreaterOrEqual => {
            order(op, left, right).map(Value::Bool)
        }
        BinaryOp::In => contains(scope, left, right).map(Value::Bool),
        BinaryOp::Index => index(left, right),
    }
}

/// Comparing lists and maps is work that grows with them.
fn spend_comparison(scope: &Scope<'_>, value: Value<'_>) -> Result<(), EvalError> {
    match value {
        Value::List(items) => scope.spend(items.len()),
        Value::Map(pairs) => scope.spend(pairs.len().saturating_mul(pairs.len())),
        _ => Ok(()),
    }
}

fn order(op: BinaryOp, left: Value<'_>, right: Value<'_>) -> Result<bool, EvalError> {
    let order = match compare(left, right) {
        Some(order) => order,
        // NaN is neither less nor greater; anything else has no order at all.
        None if is_number(left) && is_number(right) => return Ok(false),
        None => return Err(EvalError::NoSuchOverload),
    };
    Ok(holds(op, order))
}

/// Whether an order satisfies a relation.
pub(crate) fn holds(op: BinaryOp, order: Ordering) -> bool {
    match op {
        BinaryOp::Less => order.is_lt(),
        BinaryOp::LessOrEqual => order.is_le(),
        BinaryOp::Greater => order.is_gt(),
        BinaryOp::GreaterOrEqual => order.is_ge(),
        BinaryOp::Equal => order.is_eq(),
        BinaryOp::NotEqual => order.is_ne(),
        _ => false,
    }
}

fn is_number(value: Value<'_>) -> bool {
    matches!(value, Value::Int(_) | Value::Uint(_) | Value::Double(_))
}

fn add<'a>(scope: &Scope<'a>, left: Value<'a>, right: Value<'a>) -> Result<Value<'a>, EvalError> {
    match (left, right) {
        (Value::String(a), Value::String(b)) => scope.concat_str(a, b).map(Value::String),
        (Value::Bytes(a), Value::Bytes(b)) => scope.concat(a, b).map(Value::Bytes),
        (Value::List(a), Value::List(b)) => {
            let items = scope.values(a.len() + b.len())?;
            items[..a.len()].copy_from_slice(a);
            items[a.len()..].copy_from_slice(b);
            Ok(Value::List(items))
        }
        (Value::Timestamp(t), Value::Duration(d)) | (Value::Duration(d), Value::Timestamp(t)) => {
            t.plus(d).map(Value::Timestamp)
        }
        (Value::Duration(a), Value::Duration(b)) => a.checked_add(b).map(Value::Duration).ok_or(EvalError::Overflow),
        _ => arithmetic(left, right, i64::checked_add, u64::checked_add, |a, b| a + b),
    }
}

fn subtract<'a>(left: Value<'a>, right: Value<'a>) -> Result<Value<'a>, EvalError> {
    match (left, right) {
        (Value::Timestamp(a), Value::Timestamp(b)) => a.since(b).map(Value::Duration),
        (Value::Timestamp(t), Value::Duration(d)) => {
            t.plus(d.checked_neg().ok_or(EvalError::Overflow)?).map(Value::Timestamp)
        }
        (Value::Duration(a), Value::Duration(b)) => a.checked_sub(b).map(Value::Duration).ok_or(EvalError::Overflow),
        _ => arithmetic(left, right, i64::checked_sub, u64::checked_sub, |a, b| a - b),
    }
}

fn modulo<'a>(left: Value<'a>, right: Value<'a>) -> Result<Value<'a>, EvalError> {
    refuse_zero(right)?;
    match (left, right) {
        (Value::Double(_), _) => Err(EvalError::NoSuchOverload),
        _ => arithmetic(left, right, i64::checked_rem, u64::checked_rem, |a, _| a),
    }
}

fn refuse_zero(value: Value<'_>) -> Result<(), EvalError> {
    match value {
        Value::Int(0) | Value::Uint(0) => Err(EvalError::DivisionByZero),
        _ => Ok(()),
    }
}

fn arithmetic<'a>(
    left: Value<'a>,
    right: Value<'a>,
    ints: fn(i64, i64) -> Option<i64>,
    uints: fn(u64, u64) -> Option<u64>,
    doubles: fn(f64, f64) -> f64,
) -> Result<Value<'a>, EvalError> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => ints(a, b).map(Value::Int).ok_or(EvalError::Overflow),
        (Value::Uint(a), Value::Uint(b)) => uints(a, b).map(Value::Uint).ok_or(EvalError::Overflow),
        (Value::Double(a), Value::Double(b)) => Ok(Value::Double(doubles(a, b))),
        _ => Err(EvalError::NoSuchOverload),
    }
}

fn contains(scope: &Scope<'_>, element: Value<'_>, container: Value<'_>) -> Result<bool, EvalError> {
    match container {
        Value::List(items) => {
            scope.spend(items.len())?;
            Ok(items.iter().any(|item| equal(*item, element)))
        }
        Value::Map(pairs) => {
            scope.spend(pairs.len())?;
            Ok(lookup(pairs, element).is_some())
        }
        _ => Err(EvalError::NoSuchOverload),
    }
}

fn index<'a>(container: Value<'a>, index: Value<'a>) -> Result<Value<'a>, EvalError> {
    match container {
        Value::List(items) => {
            let at = usize::try_from(index.as_int()?).map_err(|_| EvalError::IndexOutOfRange)?;
            items.get(at).copied().ok_or(EvalError::IndexOutOfRange)
        }
        Value::Map(pairs) => lookup(pairs, index).ok_or(EvalError::NoSuchKey),
        _ => Err(EvalError::NoSuchOverload),
    }
}
