//! Calls of functions: takes arguments apart and dispatches.

use super::convert;
use super::scope::Scope;
use super::strings;
use super::time::Civil;
use super::value::{EvalError, Value, compare, lookup};
use crate::ir::Function;

/// Most arguments that a function has, but for `greatest` and `least`.
pub(crate) const MAX_ARGS: usize = 16;

pub(crate) fn call<'a>(scope: &Scope<'a>, function: Function, args: &[Value<'a>]) -> Result<Value<'a>, EvalError> {
    use Function as F;
    // Work grows with the text.
    for arg in args {
        scope.spend(text_len(*arg) / 16)?;
    }
    match function {
        F::Contains | F::StartsWith | F::EndsWith => search(function, args),
        F::LowerAscii | F::UpperAscii | F::Trim | F::IndexOf | F::LastIndexOf | F::Substring | F::Replace => {
            string(scope, function, args)
        }
        F::CharAt | F::Split | F::Join => string(scope, function, args),
        F::Size => size(one(args)?),
        F::HasKey => match two(args)? {
            (Value::Map(pairs), key) => Ok(Value::Bool(lookup(pairs, key).is_some())),
            _ => Err(EvalError::NoSuchOverload),
        },
        F::ToInt => convert::to_int(one(args)?).map(Value::Int),
        F::ToUint => convert::to_uint(one(args)?).map(Value::Uint),
        F::ToDouble => convert::to_double(one(args)?).map(Value::Double),
        F::ToString => convert::to_string(scope, one(args)?).map(Value::String),
        F::ToBytes => convert::to_bytes(one(args)?).map(Value::Bytes),
        F::ToBool => convert::to_bool(one(args)?).map(Value::Bool),
        F::ToTimestamp => convert::to_timestamp(one(args)?).map(Value::Timestamp),
        F::ToDuration => convert::to_duration(one(args)?).map(Value::Duration),
        F::GetFullYear | F::GetMonth | F::GetDate | F::GetDayOfMonth | F::GetDayOfWeek | F::GetDayOfYear => {
            time_part(function, one(args)?)
        }
        F::GetHours | F::GetMinutes | F::GetSeconds | F::GetMilliseconds => time_part(function, one(args)?),
        F::Greatest | F::Least => extreme(function, args),
        F::Abs | F::Sign => absolute(function, one(args)?),
        F::Ceil => Ok(Value::Double(one(args)?.as_double()?.ceil())),
        F::Floor => Ok(Value::Double(one(args)?.as_double()?.floor())),
        F::Round => Ok(Value::Double(one(args)?.as_double()?.round())),
        F::Trunc => Ok(Value::Double(one(args)?.as_double()?.trunc())),
        F::IsNan => Ok(Value::Bool(one(args)?.as_double()?.is_nan())),
        F::IsInf => Ok(Value::Bool(one(args)?.as_double()?.is_infinite())),
        F::IsFinite => Ok(Value::Bool(one(args)?.as_double()?.is_finite())),
    }
}

fn text_len(value: Value<'_>) -> usize {
    match value {
        Value::String(s) => s.len(),
        Value::Bytes(b) => b.len(),
        Value::List(items) => items.len(),
        Value::Map(pairs) => pairs.len(),
        _ => 0,
    }
}

fn one<'a>(args: &[Value<'a>]) -> Result<Value<'a>, EvalError> {
    args.first().copied().ok_or(EvalError::NoSuchOverload)
}

fn two<'a>(args: &[Value<'a>]) -> Result<(Value<'a>, Value<'a>), EvalError> {
    match args {
        [a, b, ..] => Ok((*a, *b)),
        _ => Err(EvalError::NoSuchOverload),
    }
}

/// The third argument, where there is one.
fn third_int(args: &[Value<'_>], at: usize) -> Result<Option<i64>, EvalError> {
    args.get(at).map(|v| v.as_int()).transpose()
}

fn search<'a>(function: Function, args: &[Value<'a>]) -> Result<Value<'a>, EvalError> {
    let (s, t) = two(args)?;
    let (s, t) = (s.as_str()?, t.as_str()?);
    Ok(Value::Bool(match function {
        Function::StartsWith => s.starts_with(t),
        Function::EndsWith => s.ends_with(t),
        _ => s.contains(t),
    }))
}

fn string<'a>(scope: &Scope<'a>, function: Function, args: &[Value<'a>]) -> Result<Value<'a>, EvalError> {
    if function == Function::Join {
        let Value::List(items) = one(args)? else { return Err(EvalError::NoSuchOverload) };
        let separator = args.get(1).map_or(Ok(""), |s| s.as_str())?;
        return strings::join(scope, items, separator).map(Value::String);
    }
    let s = one(args)?.as_str()?;
    match function {
        Function::LowerAscii => strings::ascii_case(scope, s, false).map(Value::String),
        Function::UpperAscii => strings::ascii_case(scope, s, true).map(Value::String),
        Function::Trim => Ok(Value::String(strings::trim(s))),
        Function::IndexOf => strings::index_of(s, two(args)?.1.as_str()?, third_int(args, 2)?).map(Value::Int),
        Function::LastIndexOf => strings::last_index_of(s, two(args)?.1.as_str()?, third_int(args, 2)?).map(Value::Int),
        Function::Substring => strings::substring(s, two(args)?.1.as_int()?, third_int(args, 2)?).map(Value::String),
        Function::CharAt => strings::char_at(s, two(args)?.1.as_int()?).map(Value::String),
        Function::Split => strings::split(scope, s, two(args)?.1.as_str()?, third_int(args, 2)?.unwrap_or(-1)),
        Function::Replace => {
            let new = args.get(2).ok_or(EvalError::NoSuchOverload)?.as_str()?;
            let limit = third_int(args, 3)?.unwrap_or(-1);
            strings::replace(scope, s, (two(args)?.1.as_str()?, new), limit).map(Value::String)
        }
        _ => Err(EvalError::NoSuchOverload),
    }
}

fn size(value: Value<'_>) -> Result<Value<'_>, EvalError> {
    let size = match value {
        Value::String(s) => s.chars().count(),
        Value::Bytes(b) => b.len(),
        Value::List(items) => items.len(),
        Value::Map(pairs) => pairs.len(),
        _ => return Err(EvalError::NoSuchOverload),
    };
    Ok(Value::Int(size as i64))
}

fn extreme<'a>(function: Function, args: &[Value<'a>]) -> Result<Value<'a>, EvalError> {
    let items = match args {
        [Value::List(items)] => items,
        args => args,
    };
    let mut best = one(items).map_err(|_| EvalError::BadConversion)?;
    for item in items {
        let order = compare(*item, best);
        if order.is_none() && !(is_nan(*item) || is_nan(best)) {
            return Err(EvalError::NoSuchOverload);
        }
        let better = match function {
            Function::Greatest => order.is_some_and(|o| o.is_gt()),
            _ => order.is_some_and(|o| o.is_lt()),
        };
        if better {
            best = *item;
        }
    }
    match best {
        Value::Int(_) | Value::Uint(_) | Value::Double(_) => Ok(best),
        _ => Err(EvalError::NoSuchOverload),
    }
}

fn is_nan(value: Value<'_>) -> bool {
    matches!(value, Value::Double(d) if d.is_nan())
}

fn absolute(function: Function, value: Value<'_>) -> Result<Value<'_>, EvalError> {
    Ok(match (function, value) {
        (Function::Abs, Value::Int(n)) => Value::Int(n.checked_abs().ok_or(EvalError::Overflow)?),
        (Function::Abs, Value::Uint(n)) => Value::Uint(n),
        (Function::Abs, Value::Double(d)) => Value::Double(d.abs()),
        (_, Value::Int(n)) => Value::Int(n.signum()),
        (_, Value::Uint(n)) => Value::Uint(n.min(1)),
        (_, Value::Double(0.0)) => Value::Double(0.0),
        (_, Value::Double(d)) => Value::Double(d.signum()),
        _ => return Err(EvalError::NoSuchOverload),
    })
}

fn time_part(function: Function, value: Value<'_>) -> Result<Value<'_>, EvalError> {
    use Function as F;
    const SECOND: i64 = 1_000_000_000;
    let part = match (function, value) {
        (F::GetHours, Value::Duration(n)) => n / (3_600 * SECOND),
        (F::GetMinutes, Value::Duration(n)) => n / (60 * SECOND),
        (F::GetSeconds, Value::Duration(n)) => n / SECOND,
        (F::GetMilliseconds, Value::Duration(n)) => n / 1_000_000 % 1_000,
        (F::GetMilliseconds, Value::Timestamp(t)) => i64::from(t.nanos / 1_000_000),
        (_, Value::Timestamp(t)) => civil_part(function, &t.civil()),
        _ => return Err(EvalError::NoSuchOverload),
    };
    Ok(Value::Int(part))
}

fn civil_part(function: Function, c: &Civil) -> i64 {
    match function {
        Function::GetFullYear => c.year,
        Function::GetMonth => i64::from(c.month) - 1,
        Function::GetDate => i64::from(c.day),
        Function::GetDayOfMonth => i64::from(c.day) - 1,
        Function::GetDayOfWeek => i64::from(c.weekday),
        Function::GetDayOfYear => i64::from(c.day_of_year),
        Function::GetHours => i64::from(c.hour),
        Function::GetMinutes => i64::from(c.minute),
        _ => i64::from(c.second),
    }
}
