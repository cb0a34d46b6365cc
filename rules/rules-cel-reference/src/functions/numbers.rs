//! Arithmetic of int, uint and double. What does not fit its type is an error; doubles follow IEEE 754. Deliberately absent:
//! operands of two types; the language has no such arithmetic.

use super::Applied;
use crate::failure::{Fault, Kind};
use crate::value::Value;
use rules_cel::Overload;

pub(super) fn call(overload: Overload, args: &[Value]) -> Applied {
    use Overload as O;
    match (overload, args) {
        (O::NegateInt, [Value::Int(value)]) => Some(int(value.checked_neg())),
        (O::NegateDouble, [Value::Double(value)]) => Some(Ok(Value::Double(-value))),
        (_, [Value::Int(left), Value::Int(right)]) => ints(overload, *left, *right),
        (_, [Value::Uint(left), Value::Uint(right)]) => uints(overload, *left, *right),
        (_, [Value::Double(left), Value::Double(right)]) => doubles(overload, *left, *right).map(Ok),
        _ => None,
    }
}

fn ints(overload: Overload, left: i64, right: i64) -> Applied {
    Some(match overload {
        Overload::AddInt => int(left.checked_add(right)),
        Overload::SubtractInt => int(left.checked_sub(right)),
        Overload::MultiplyInt => int(left.checked_mul(right)),
        Overload::DivideInt | Overload::ModuloInt if right == 0 => Err(by_zero()),
        Overload::DivideInt => int(left.checked_div(right)),
        Overload::ModuloInt => int(left.checked_rem(right)),
        _ => return None,
    })
}

fn uints(overload: Overload, left: u64, right: u64) -> Applied {
    Some(match overload {
        Overload::AddUint => uint(left.checked_add(right)),
        Overload::SubtractUint => uint(left.checked_sub(right)),
        Overload::MultiplyUint => uint(left.checked_mul(right)),
        Overload::DivideUint | Overload::ModuloUint if right == 0 => Err(by_zero()),
        Overload::DivideUint => uint(left.checked_div(right)),
        Overload::ModuloUint => uint(left.checked_rem(right)),
        _ => return None,
    })
}

fn doubles(overload: Overload, left: f64, right: f64) -> Option<Value> {
    Some(Value::Double(match overload {
        Overload::AddDouble => left + right,
        Overload::SubtractDouble => left - right,
        Overload::MultiplyDouble => left * right,
        Overload::DivideDouble => left / right,
        _ => return None,
    }))
}

pub(super) fn int(value: Option<i64>) -> Result<Value, Fault> {
    value.map(Value::Int).ok_or_else(|| Fault::range("the result overflows an int"))
}

pub(super) fn uint(value: Option<u64>) -> Result<Value, Fault> {
    value.map(Value::Uint).ok_or_else(|| Fault::range("the result overflows a uint"))
}

fn by_zero() -> Fault {
    Fault::new(Kind::DivideByZero, "division by zero")
}
