//! The functions of `math`.

use super::Applied;
use super::numbers::int;
use crate::equal::order;
use crate::failure::Fault;
use crate::run::Run;
use crate::value::Value;
use rules_cel::Overload;
use std::cmp::Ordering;

pub(super) fn call(overload: Overload, args: &[Value], run: &mut Run) -> Applied {
    use Overload as O;
    use Value as V;
    #[expect(clippy::cast_precision_loss, reason = "the square root of the nearest double is what is asked for")]
    Some(Ok(match (overload, args) {
        (O::MathGreatest, args) => return Some(extreme(args, Ordering::Greater, run)),
        (O::MathLeast, args) => return Some(extreme(args, Ordering::Less, run)),
        (O::MathAbsInt, [V::Int(value)]) => return Some(int(value.checked_abs())),
        (O::MathAbsUint, [V::Uint(value)]) => V::Uint(*value),
        (O::MathAbsDouble, [V::Double(value)]) => V::Double(value.abs()),
        (O::MathSignInt, [V::Int(value)]) => V::Int(value.signum()),
        (O::MathSignUint, [V::Uint(value)]) => V::Uint((*value).min(1)),
        (O::MathSignDouble, [V::Double(value)]) if *value == 0.0 => V::Double(0.0),
        (O::MathSignDouble, [V::Double(value)]) => V::Double(value.signum()),
        (O::MathCeil, [V::Double(value)]) => V::Double(value.ceil()),
        (O::MathFloor, [V::Double(value)]) => V::Double(value.floor()),
        (O::MathRound, [V::Double(value)]) => V::Double(value.round()),
        (O::MathTrunc, [V::Double(value)]) => V::Double(value.trunc()),
        (O::MathSqrtInt, [V::Int(value)]) => V::Double((*value as f64).sqrt()),
        (O::MathSqrtUint, [V::Uint(value)]) => V::Double((*value as f64).sqrt()),
        (O::MathSqrtDouble, [V::Double(value)]) => V::Double(value.sqrt()),
        (O::MathIsNan, [V::Double(value)]) => V::Bool(value.is_nan()),
        (O::MathIsInf, [V::Double(value)]) => V::Bool(value.is_infinite()),
        (O::MathIsFinite, [V::Double(value)]) => V::Bool(value.is_finite()),
        (O::MathBitNotInt, [V::Int(value)]) => V::Int(!value),
        (O::MathBitNotUint, [V::Uint(value)]) => V::Uint(!value),
        (O::MathBitAndInt, [V::Int(left), V::Int(right)]) => V::Int(left & right),
        (O::MathBitAndUint, [V::Uint(left), V::Uint(right)]) => V::Uint(left & right),
        (O::MathBitOrInt, [V::Int(left), V::Int(right)]) => V::Int(left | right),
        (O::MathBitOrUint, [V::Uint(left), V::Uint(right)]) => V::Uint(left | right),
        (O::MathBitXorInt, [V::Int(left), V::Int(right)]) => V::Int(left ^ right),
        (O::MathBitXorUint, [V::Uint(left), V::Uint(right)]) => V::Uint(left ^ right),
        (O::MathShiftLeftInt, [V::Int(value), V::Int(by)]) => {
            return Some(shift(*by).map(|by| V::Int(value.cast_unsigned().checked_shl(by).unwrap_or(0).cast_signed())));
        }
        (O::MathShiftLeftUint, [V::Uint(value), V::Int(by)]) => {
            return Some(shift(*by).map(|by| V::Uint(value.checked_shl(by).unwrap_or(0))));
        }
        (O::MathShiftRightInt, [V::Int(value), V::Int(by)]) => {
            return Some(shift(*by).map(|by| V::Int(value.cast_unsigned().checked_shr(by).unwrap_or(0).cast_signed())));
        }
        (O::MathShiftRightUint, [V::Uint(value), V::Int(by)]) => {
            return Some(shift(*by).map(|by| V::Uint(value.checked_shr(by).unwrap_or(0))));
        }
        _ => return None,
    }))
}

/// How far to shift; all that is beyond the width of a number is one.
fn shift(by: i64) -> Result<u32, Fault> {
    if by < 0 {
        return Err(Fault::invalid("a shift by a negative number"));
    }
    Ok(u32::try_from(by).unwrap_or(u32::MAX))
}

/// The largest or smallest of some numbers, or of one list of them; of equal ones the first.
fn extreme(args: &[Value], wanted: Ordering, run: &mut Run) -> Result<Value, Fault> {
    let values = match args {
        [Value::List(list)] => &***list,
        args => args,
    };
    run.charge(values.len())?;
    if let Some(other) = values.iter().find(|value| !matches!(value, Value::Int(_) | Value::Uint(_) | Value::Double(_)))
    {
        return Err(Fault::no_overload(format!("numbers are needed here; this is {}", other.type_name())));
    }
    let numbers = run.numbers();
    let best =
        values.iter().reduce(|best, value| if order(value, best, numbers) == Some(wanted) { value } else { best });
    best.cloned().ok_or_else(|| Fault::invalid("the list of numbers is empty"))
}
