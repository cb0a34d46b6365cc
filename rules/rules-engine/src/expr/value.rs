//! Values of expressions and what can go wrong with them.
//!
//! A value borrows from the event, from the rule set or from the arena of the rule that is being evaluated; it is copied
//! freely and never owns memory. Equality and order are CEL's: numbers compare by exact mathematical value across types.

use std::cmp::Ordering;

use rules_catalogue::MessageIndex;

use crate::ir::ConstIr;

/// A value while an expression is evaluated.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(&'a str),
    Bytes(&'a [u8]),
    Timestamp(Timestamp),
    /// Nanoseconds.
    Duration(i64),
    List(&'a [Value<'a>]),
    /// Pairs in order of insertion; keys unique.
    Map(&'a [(Value<'a>, Value<'a>)]),
    Message {
        message: MessageIndex,
        bytes: &'a [u8],
    },
}

/// A moment; the order of the fields is the order of time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Timestamp {
    /// Since 1970-01-01T00:00:00Z.
    pub(crate) seconds: i64,
    /// `0..1_000_000_000`.
    pub(crate) nanos: u32,
}

/// Why an expression has no value. The rule does not fire; others are not affected.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum EvalError {
    /// A result that its type cannot hold.
    #[error("a number, timestamp or duration overflows")]
    Overflow,
    /// `/` or `%` by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A map has no such key.
    #[error("no such key")]
    NoSuchKey,
    /// A list or string has no such position.
    #[error("index out of range")]
    IndexOutOfRange,
    /// A text or number that cannot be converted.
    #[error("the value cannot be converted")]
    BadConversion,
    /// A value of a type that the operation does not take; only possible with values whose type is known at run time only.
    #[error("no such overload: an operand has another type than the operation takes")]
    NoSuchOverload,
    /// A key comes twice in a map literal.
    #[error("a map has a key twice")]
    DuplicateKey,
    /// The limit on computed strings, lists and command bodies.
    #[error("a computed value is too large")]
    TooLarge,
    /// The limit on steps.
    #[error("the expression takes too many steps")]
    TooCostly,
    /// A window that holds nothing has no such value.
    #[error("the window holds no event")]
    Empty,
    /// The window's value is not known for an event that came too late.
    #[error("the event came too late for this window")]
    Late,
    /// A payload that admission should have refused.
    #[error("the payload cannot be read")]
    Unreadable,
}

impl EvalError {
    /// Stable word for metrics and documents.
    pub const fn code(self) -> &'static str {
        match self {
            EvalError::Overflow => "OVERFLOW",
            EvalError::DivisionByZero => "DIVISION_BY_ZERO",
            EvalError::NoSuchKey => "NO_SUCH_KEY",
            EvalError::IndexOutOfRange => "INDEX_OUT_OF_RANGE",
            EvalError::BadConversion => "BAD_CONVERSION",
            EvalError::NoSuchOverload => "NO_SUCH_OVERLOAD",
            EvalError::DuplicateKey => "DUPLICATE_KEY",
            EvalError::TooLarge => "TOO_LARGE",
            EvalError::TooCostly => "TOO_COSTLY",
            EvalError::Empty => "EMPTY",
            EvalError::Late => "LATE",
            EvalError::Unreadable => "UNREADABLE",
        }
    }
}

impl<'a> Value<'a> {
    pub(crate) fn of_const(constant: &'a ConstIr) -> Value<'a> {
        match constant {
            ConstIr::Null => Value::Null,
            ConstIr::Bool(b) => Value::Bool(*b),
            ConstIr::Int(n) => Value::Int(*n),
            ConstIr::Uint(n) => Value::Uint(*n),
            ConstIr::Double(d) => Value::Double(*d),
            ConstIr::String(s) => Value::String(s),
            ConstIr::Bytes(b) => Value::Bytes(b),
            ConstIr::Timestamp { seconds, nanos } => Value::Timestamp(Timestamp { seconds: *seconds, nanos: *nanos }),
            ConstIr::Duration { nanos } => Value::Duration(*nanos),
        }
    }

    pub(crate) fn as_bool(self) -> Result<bool, EvalError> {
        match self {
            Value::Bool(b) => Ok(b),
            _ => Err(EvalError::NoSuchOverload),
        }
    }

    pub(crate) fn as_int(self) -> Result<i64, EvalError> {
        match self {
            Value::Int(n) => Ok(n),
            _ => Err(EvalError::NoSuchOverload),
        }
    }

    pub(crate) fn as_str(self) -> Result<&'a str, EvalError> {
        match self {
            Value::String(s) => Ok(s),
            _ => Err(EvalError::NoSuchOverload),
        }
    }

    pub(crate) fn as_double(self) -> Result<f64, EvalError> {
        match self {
            Value::Double(d) => Ok(d),
            _ => Err(EvalError::NoSuchOverload),
        }
    }
}

/// CEL `==`. Values of types that cannot be equal are unequal.
pub(crate) fn equal(a: Value<'_>, b: Value<'_>) -> bool {
    match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::List(x), Value::List(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| equal(*x, *y)),
        (Value::Map(x), Value::Map(y)) => {
            x.len() == y.len() && x.iter().all(|(k, v)| lookup(y, *k).is_some_and(|w| equal(*v, w)))
        }
        (Value::Message { message: m, bytes: x }, Value::Message { message: n, bytes: y }) => m == n && x == y,
        _ => compare(a, b) == Some(Ordering::Equal),
    }
}

/// The value of a key.
pub(crate) fn lookup<'a>(map: &[(Value<'a>, Value<'a>)], key: Value<'_>) -> Option<Value<'a>> {
    map.iter().find(|(k, _)| equal(*k, key)).map(|(_, v)| *v)
}

/// The order of two scalars; `None` where there is none (NaN, other types).
pub(crate) fn compare(a: Value<'_>, b: Value<'_>) -> Option<Ordering> {
    use Value::{Bool, Bytes, Double, Duration, Int, String, Timestamp, Uint};
    match (a, b) {
        (Bool(x), Bool(y)) => Some(x.cmp(&y)),
        (Int(x), Int(y)) => Some(x.cmp(&y)),
        (Uint(x), Uint(y)) => Some(x.cmp(&y)),
        (Double(x), Double(y)) => x.partial_cmp(&y),
        (Int(x), Uint(y)) => Some(u64::try_from(x).map_or(Ordering::Less, |x| x.cmp(&y))),
        (Uint(x), Int(y)) => Some(u64::try_from(y).map_or(Ordering::Greater, |y| x.cmp(&y))),
        (Int(x), Double(y)) => compare_int_double(i128::from(x), y),
        (Uint(x), Double(y)) => compare_int_double(i128::from(x), y),
        (Double(x), Int(y)) => compare_int_double(i128::from(y), x).map(Ordering::reverse),
        (Double(x), Uint(y)) => compare_int_double(i128::from(y), x).map(Ordering::reverse),
        (String(x), String(y)) => Some(x.cmp(y)),
        (Bytes(x), Bytes(y)) => Some(x.cmp(y)),
        (Timestamp(x), Timestamp(y)) => Some(x.cmp(&y)),
        (Duration(x), Duration(y)) => Some(x.cmp(&y)),
        _ => None,
    }
}

/// Exact: neither side is rounded to the other's type.
fn compare_int_double(a: i128, b: f64) -> Option<Ordering> {
    // Every i64 and u64 lies strictly inside.
    const BEYOND: f64 = 36_893_488_147_419_103_232.0;
    if b.is_nan() {
        return None;
    }
    if b >= BEYOND {
        return Some(Ordering::Less);
    }
    if b <= -BEYOND {
        return Some(Ordering::Greater);
    }
    let whole = b.trunc();
    let by_whole = a.cmp(&(whole as i128));
    let by_fraction = || 0.0_f64.partial_cmp(&(b - whole)).unwrap_or(Ordering::Equal);
    Some(by_whole.then_with(by_fraction))
}

/// A total order over constants in which CEL-equal ones are neighbours: for look-ups in constant sets.
/// Numbers of all types are one kind; NaN, equal to nothing, must not be in a set.
pub(crate) fn set_order(a: Value<'_>, b: Value<'_>) -> Ordering {
    compare(a, b).unwrap_or_else(|| rank(a).cmp(&rank(b)))
}

fn rank(v: Value<'_>) -> u8 {
    match v {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int(_) | Value::Uint(_) | Value::Double(_) => 2,
        Value::String(_) => 3,
        Value::Bytes(_) => 4,
        Value::Timestamp(_) => 5,
        Value::Duration(_) => 6,
        Value::List(_) => 7,
        Value::Map(_) => 8,
        Value::Message { .. } => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_exactly_across_types() {
        let big = 9_007_199_254_740_993_i64; // 2^53 + 1: no double holds it.
        assert_eq!(compare(Value::Int(big), Value::Double(9_007_199_254_740_992.0)), Some(Ordering::Greater));
        assert_eq!(compare(Value::Int(i64::MAX), Value::Double(i64::MAX as f64)), Some(Ordering::Less));
        assert_eq!(compare(Value::Uint(u64::MAX), Value::Double(f64::INFINITY)), Some(Ordering::Less));
        assert_eq!(compare(Value::Int(i64::MIN), Value::Double(f64::NEG_INFINITY)), Some(Ordering::Greater));
        assert_eq!(compare(Value::Int(-1), Value::Uint(0)), Some(Ordering::Less));
        assert_eq!(compare(Value::Uint(u64::MAX), Value::Int(-1)), Some(Ordering::Greater));
        assert_eq!(compare(Value::Int(-1), Value::Double(-1.5)), Some(Ordering::Greater));
        assert_eq!(compare(Value::Int(1), Value::Double(1.5)), Some(Ordering::Less));
        assert_eq!(compare(Value::Double(f64::NAN), Value::Int(0)), None);
        assert!(equal(Value::Int(1), Value::Double(1.0)));
        assert!(!equal(Value::Double(f64::NAN), Value::Double(f64::NAN)));
        assert!(equal(Value::Double(0.0), Value::Double(-0.0)));
    }

    #[test]
    fn lists_and_maps_compare_by_elements() {
        let a = [Value::Int(1), Value::Double(2.0)];
        let b = [Value::Uint(1), Value::Int(2)];
        assert!(equal(Value::List(&a), Value::List(&b)));
        assert!(!equal(Value::List(&a), Value::List(&b[..1])));
        let m = [(Value::String("a"), Value::Int(1)), (Value::String("b"), Value::Int(2))];
        let n = [(Value::String("b"), Value::Uint(2)), (Value::String("a"), Value::Uint(1))];
        assert!(equal(Value::Map(&m), Value::Map(&n)));
        assert!(!equal(Value::String("1"), Value::Int(1)));
        assert!(!equal(Value::Null, Value::Int(0)));
    }
}
