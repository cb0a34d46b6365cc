//! Numbers as ordinals: a `u64` for each value of a type, in the order of the values, so that one kind of row serves all.
//!
//! Comes in: values of a field, and comparisons of them with constants of any numeric type. Goes out: ordinals, and the
//! ordinals for which a comparison holds, exactly: `event.force >= 9007199254740993` leaves out the double 9007199254740992.
//! NaN, which is in no order to anything, has the ordinal behind all others.

use std::cmp::Ordering;

use rules_catalogue::{FieldValue, Kind};

use super::interval::Intervals;
use crate::expr::{Value, compare};
use crate::ir::BinaryOp;

/// How the values of a field are numbered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Family {
    /// 0 and 1.
    Bool,
    /// `i64`, enums included.
    Signed,
    /// `u64`.
    Unsigned,
    Double,
}

impl Family {
    pub(super) const fn of(kind: Kind) -> Option<Family> {
        match kind {
            Kind::Bool => Some(Family::Bool),
            Kind::Int32 | Kind::Int64 | Kind::Sint32 | Kind::Sint64 | Kind::Sfixed32 | Kind::Sfixed64 => {
                Some(Family::Signed)
            }
            Kind::Enum(_) => Some(Family::Signed),
            Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => Some(Family::Unsigned),
            Kind::Float | Kind::Double => Some(Family::Double),
            Kind::String | Kind::Bytes | Kind::Message(_) | Kind::Timestamp | Kind::Duration => None,
        }
    }

    /// The ordinal of what an unset field reads as.
    pub(super) const fn zero(self) -> u64 {
        match self {
            Family::Bool | Family::Unsigned => 0,
            Family::Signed => signed(0),
            Family::Double => SIGN,
        }
    }

    /// The ordinal that equals a constant, where there is one.
    pub(super) fn of_constant(self, constant: Value<'_>) -> Option<u64> {
        let (at_most, at_least) = self.around(constant)?;
        (at_most == at_least).then_some(at_most?)
    }

    /// The ordinals of values that stand in an order relation to a constant; `None` where it is no number.
    pub(super) fn related(self, op: BinaryOp, constant: Value<'_>) -> Option<Intervals<u64>> {
        if matches!(constant, Value::Double(d) if d.is_nan()) {
            return Some(Intervals::none());
        }
        let (at_most, at_least) = self.around(constant)?;
        // Behind all numbers; for whole ones there is nothing behind.
        let end = (self == Family::Double).then_some(NAN);
        let after = |last: u64| last.checked_add(1);
        Some(match op {
            BinaryOp::Less => Intervals::one(None, at_least.or(end)),
            BinaryOp::GreaterOrEqual => at_least.map_or_else(Intervals::none, |first| Intervals::one(Some(first), end)),
            BinaryOp::LessOrEqual => at_most.map_or_else(Intervals::none, |last| Intervals::one(None, after(last))),
            BinaryOp::Greater => match at_most {
                None => Intervals::one(None, end),
                Some(last) => after(last).map_or_else(Intervals::none, |first| Intervals::one(Some(first), end)),
            },
            _ => return None,
        })
    }

    /// The greatest ordinal whose value is at most the constant, and the least whose value is at least the constant.
    fn around(self, constant: Value<'_>) -> Option<(Option<u64>, Option<u64>)> {
        match self {
            Family::Bool => match constant {
                Value::Bool(b) => Some((Some(u64::from(b)), Some(u64::from(b)))),
                _ => None,
            },
            Family::Signed => {
                let (floor, ceil) = whole(constant)?;
                let number = |n: i128| signed(n as i64);
                Some(within(floor, ceil, i128::from(i64::MIN), i128::from(i64::MAX), number))
            }
            Family::Unsigned => {
                let (floor, ceil) = whole(constant)?;
                Some(within(floor, ceil, 0, i128::from(u64::MAX), |n| n as u64))
            }
            Family::Double => {
                let near = match constant {
                    Value::Double(d) => d,
                    Value::Int(n) => n as f64,
                    Value::Uint(n) => n as f64,
                    _ => return None,
                };
                let at = double(near);
                Some(match compare(Value::Double(near), constant)? {
                    Ordering::Equal => (Some(at), Some(at)),
                    // A whole number has doubles on both sides.
                    Ordering::Less => (Some(at), Some(at + 1)),
                    Ordering::Greater => (Some(at - 1), Some(at)),
                })
            }
        }
    }
}

/// The ordinal of a field's value; `None` for what is no number.
#[inline]
pub(super) fn ordinal_of(value: &FieldValue<'_>) -> Option<u64> {
    Some(match value {
        FieldValue::Bool(b) => u64::from(*b),
        FieldValue::Int(n) => signed(*n),
        FieldValue::Enum(n) => signed(i64::from(*n)),
        FieldValue::Uint(n) => *n,
        FieldValue::Double(d) => double(*d),
        _ => return None,
    })
}

const SIGN: u64 = 1 << 63;
const NAN: u64 = u64::MAX;

const fn signed(n: i64) -> u64 {
    n as u64 ^ SIGN
}

/// The order of their bits, the negative ones turned round; the two zeros are one value.
fn double(d: f64) -> u64 {
    if d.is_nan() {
        return NAN;
    }
    let bits = if d == 0.0 { 0 } else { d.to_bits() };
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// The whole numbers around a constant.
fn whole(constant: Value<'_>) -> Option<(i128, i128)> {
    match constant {
        Value::Int(n) => Some((i128::from(n), i128::from(n))),
        Value::Uint(n) => Some((i128::from(n), i128::from(n))),
        // Casting stops at the ends of `i128`, far outside of both integer types.
        Value::Double(d) if !d.is_nan() => Some((d.floor() as i128, d.ceil() as i128)),
        _ => None,
    }
}

fn within(
    floor: i128,
    ceil: i128,
    lowest: i128,
    highest: i128,
    number: impl Fn(i128) -> u64,
) -> (Option<u64>, Option<u64>) {
    let at_most = (floor >= lowest).then(|| number(floor.min(highest)));
    let at_least = (ceil <= highest).then(|| number(ceil.max(lowest)));
    (at_most, at_least)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::expr::holds;

    const OPS: [BinaryOp; 4] = [BinaryOp::Less, BinaryOp::LessOrEqual, BinaryOp::Greater, BinaryOp::GreaterOrEqual];

    /// Numbers on the edges of types, and a few between.
    fn doubles() -> impl Strategy<Value = f64> {
        let edges = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.5,
            -0.5,
            9_007_199_254_740_992.0,
            -9_007_199_254_740_992.0,
            9_223_372_036_854_775_808.0,
            -9_223_372_036_854_775_808.0,
            18_446_744_073_709_551_616.0,
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
        ];
        prop_oneof![prop::sample::select(edges.to_vec()), any::<f64>(), (-20_i8..20).prop_map(|n| f64::from(n) / 4.0)]
    }

    fn ints() -> impl Strategy<Value = i64> {
        let edges = [0, 1, -1, i64::MAX, i64::MIN, (1 << 53) - 1, 1 << 53, (1 << 53) + 1, -(1 << 53) - 1];
        prop_oneof![prop::sample::select(edges.to_vec()), any::<i64>(), -6_i64..6]
    }

    fn uints() -> impl Strategy<Value = u64> {
        let edges = [0, 1, u64::MAX, i64::MAX as u64, i64::MAX as u64 + 1, (1 << 53) + 1];
        prop_oneof![prop::sample::select(edges.to_vec()), any::<u64>(), 0_u64..6]
    }

    fn constants() -> impl Strategy<Value = Value<'static>> {
        prop_oneof![doubles().prop_map(Value::Double), ints().prop_map(Value::Int), uints().prop_map(Value::Uint)]
    }

    /// Each relation holds for a value exactly if its ordinal lies in the relation's intervals.
    fn check(family: Family, field: FieldValue<'_>, value: Value<'_>, constant: Value<'_>) {
        let order = compare(value, constant);
        let ordinal = ordinal_of(&field).expect("a number");
        for op in OPS {
            let wanted = order.is_some_and(|order| holds(op, order));
            let intervals = family.related(op, constant).expect("a number");
            assert_eq!(intervals.contains(&ordinal), wanted, "{value:?} {op:?} {constant:?}");
            assert_eq!(intervals.complement().contains(&ordinal), !wanted, "not {value:?} {op:?} {constant:?}");
        }
        let equals = family.of_constant(constant) == Some(ordinal);
        assert_eq!(equals, order == Some(Ordering::Equal), "{value:?} == {constant:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn doubles_are_related_as_cel_says(d in doubles(), constant in constants()) {
            check(Family::Double, FieldValue::Double(d), Value::Double(d), constant);
        }

        #[test]
        fn whole_numbers_are_related_as_cel_says(i in ints(), u in uints(), constant in constants()) {
            check(Family::Signed, FieldValue::Int(i), Value::Int(i), constant);
            check(Family::Unsigned, FieldValue::Uint(u), Value::Uint(u), constant);
        }
    }

    #[test]
    fn bools_are_related_as_cel_says() {
        for (value, constant) in [(false, false), (false, true), (true, false), (true, true)] {
            check(Family::Bool, FieldValue::Bool(value), Value::Bool(value), Value::Bool(constant));
        }
    }

    #[test]
    fn unset_fields_read_as_zero() {
        for kind in [Kind::Bool, Kind::Int64, Kind::Uint64, Kind::Double] {
            let zero = ordinal_of(&FieldValue::default_of(kind));
            assert_eq!(Family::of(kind).map(Family::zero), zero, "{kind:?}");
        }
    }
}
