//! Conversions between types: `int(x)`, `string(x)` and their kin.

use std::fmt::Write;

use super::scope::Scope;
use super::time::{parse_duration, parse_timestamp, write_duration, write_timestamp};
use super::value::{EvalError, Timestamp, Value};

const BAD: EvalError = EvalError::BadConversion;

pub(crate) fn to_int(value: Value<'_>) -> Result<i64, EvalError> {
    match value {
        Value::Int(n) => Ok(n),
        Value::Uint(n) => i64::try_from(n).map_err(|_| EvalError::Overflow),
        // The bounds themselves are refused: near them a double cannot tell what was meant.
        Value::Double(d) if d > -9_223_372_036_854_775_808.0 && d < 9_223_372_036_854_775_808.0 => Ok(d as i64),
        Value::Double(_) => Err(EvalError::Overflow),
        Value::String(s) => s.parse().map_err(|_| BAD),
        Value::Timestamp(t) => Ok(t.seconds),
        Value::Duration(n) => Ok(n / 1_000_000_000),
        _ => Err(EvalError::NoSuchOverload),
    }
}

pub(crate) fn to_uint(value: Value<'_>) -> Result<u64, EvalError> {
    match value {
        Value::Uint(n) => Ok(n),
        Value::Int(n) => u64::try_from(n).map_err(|_| EvalError::Overflow),
        Value::Double(d) if (0.0..18_446_744_073_709_551_616.0).contains(&d) => Ok(d as u64),
        Value::Double(_) => Err(EvalError::Overflow),
        Value::String(s) => s.parse().map_err(|_| BAD),
        _ => Err(EvalError::NoSuchOverload),
    }
}

pub(crate) fn to_double(value: Value<'_>) -> Result<f64, EvalError> {
    match value {
        Value::Double(d) => Ok(d),
        Value::Int(n) => Ok(n as f64),
        Value::Uint(n) => Ok(n as f64),
        Value::String(s) => s.parse().map_err(|_| BAD),
        _ => Err(EvalError::NoSuchOverload),
    }
}

pub(crate) fn to_bool(value: Value<'_>) -> Result<bool, EvalError> {
    match value {
        Value::Bool(b) => Ok(b),
        Value::String("1" | "t" | "true" | "TRUE" | "True") => Ok(true),
        Value::String("0" | "f" | "false" | "FALSE" | "False") => Ok(false),
        Value::String(_) => Err(BAD),
        _ => Err(EvalError::NoSuchOverload),
    }
}

pub(crate) fn to_bytes(value: Value<'_>) -> Result<&[u8], EvalError> {
    match value {
        Value::Bytes(b) => Ok(b),
        Value::String(s) => Ok(s.as_bytes()),
        _ => Err(EvalError::NoSuchOverload),
    }
}

pub(crate) fn to_timestamp(value: Value<'_>) -> Result<Timestamp, EvalError> {
    match value {
        Value::Timestamp(t) => Ok(t),
        Value::Int(seconds) => Timestamp::new(seconds, 0),
        Value::String(s) => parse_timestamp(s).ok_or(BAD),
        _ => Err(EvalError::NoSuchOverload),
    }
}

/// Nanoseconds.
pub(crate) fn to_duration(value: Value<'_>) -> Result<i64, EvalError> {
    match value {
        Value::Duration(n) => Ok(n),
        Value::Int(seconds) => seconds.checked_mul(1_000_000_000).ok_or(EvalError::Overflow),
        Value::String(s) => parse_duration(s).ok_or(BAD),
        _ => Err(EvalError::NoSuchOverload),
    }
}

pub(crate) fn to_string<'a>(scope: &Scope<'a>, value: Value<'a>) -> Result<&'a str, EvalError> {
    match value {
        Value::String(s) => Ok(s),
        Value::Bytes(b) => str::from_utf8(b).map_err(|_| BAD),
        Value::Bool(b) => Ok(if b { "true" } else { "false" }),
        _ => scope.text(|out| {
            let written = match value {
                Value::Int(n) => write!(out, "{n}"),
                Value::Uint(n) => write!(out, "{n}"),
                // JSON has no negative zero, and text keeps what its reader can read back.
                Value::Double(d) if d == 0.0 && d.is_sign_negative() => write!(out, "-0"),
                Value::Double(d) => {
                    crate::json::write_double(d, out);
                    Ok(())
                }
                Value::Timestamp(t) => write_timestamp(t, out),
                Value::Duration(n) => write_duration(n, out),
                _ => return Err(EvalError::NoSuchOverload),
            };
            written.map_err(|_| EvalError::TooLarge)
        }),
    }
}
