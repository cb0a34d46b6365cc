//! Conversions between types, each by its overload.

use super::Applied;
use super::moment::{duration_text, timestamp_text};
use super::numbers::{int, uint};
use crate::failure::Fault;
use crate::run::Run;
use crate::value::Value;
use rules_cel::{Overload, time};

pub(super) fn call(overload: Overload, args: &[Value], run: &mut Run) -> Applied {
    use Overload as O;
    use Value as V;
    let [value] = args else { return None };
    let cost = match value {
        V::String(text) => text.len(),
        V::Bytes(bytes) => bytes.len(),
        _ => 0,
    };
    if let Err(fault) = run.charge(cost) {
        return Some(Err(fault));
    }
    #[expect(clippy::cast_precision_loss, reason = "the nearest double is what is asked for")]
    Some(match (overload, value) {
        (O::BoolToBool, V::Bool(_))
        | (O::BytesToBytes, V::Bytes(_))
        | (O::DoubleToDouble, V::Double(_))
        | (O::DurationToDuration, V::Duration { .. })
        | (O::IntToInt, V::Int(_))
        | (O::StringToString, V::String(_))
        | (O::TimestampToTimestamp, V::Timestamp { .. })
        | (O::UintToUint, V::Uint(_)) => Ok(value.clone()),
        (O::StringToBool, V::String(text)) => match &**text {
            "1" | "t" | "true" | "TRUE" | "True" => Ok(V::Bool(true)),
            "0" | "f" | "false" | "FALSE" | "False" => Ok(V::Bool(false)),
            text => Err(not_a("bool", text)),
        },
        (O::StringToBytes, V::String(text)) => Ok(V::bytes(text.as_bytes())),
        (O::IntToDouble, V::Int(value)) => Ok(V::Double(*value as f64)),
        (O::UintToDouble, V::Uint(value)) => Ok(V::Double(*value as f64)),
        (O::StringToDouble, V::String(text)) => text.parse().map(V::Double).map_err(|_| not_a("double", text)),
        (O::IntToDuration, V::Int(seconds)) => match seconds.checked_mul(1_000_000_000) {
            Some(nanos) => Ok(V::Duration { nanos }),
            None => Err(Fault::range("the length of time is out of range")),
        },
        (O::StringToDuration, V::String(text)) => match time::parse_duration(text) {
            Some(nanos) => Ok(V::Duration { nanos }),
            None => Err(not_a("length of time in range", text)),
        },
        (O::UintToInt, V::Uint(value)) => int(i64::try_from(*value).ok()),
        (O::DoubleToInt, V::Double(value)) => int(truncated(*value, -TWO_63, TWO_63)),
        (O::StringToInt, V::String(text)) => text.parse().map(V::Int).map_err(|_| not_a("int", text)),
        (O::TimestampToInt, V::Timestamp { seconds, .. }) => Ok(V::Int(*seconds)),
        (O::DurationToInt, V::Duration { nanos }) => Ok(V::Int(nanos / 1_000_000_000)),
        (O::BoolToString, V::Bool(value)) => Ok(V::from(value.to_string())),
        (O::IntToString, V::Int(value)) => Ok(V::from(value.to_string())),
        (O::UintToString, V::Uint(value)) => Ok(V::from(value.to_string())),
        (O::DoubleToString, V::Double(value)) => Ok(V::from(double_text(*value))),
        (O::BytesToString, V::Bytes(bytes)) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(V::from(text)),
            Err(_) => Err(Fault::invalid("the bytes are not UTF-8")),
        },
        (O::TimestampToString, V::Timestamp { seconds, nanos }) => Ok(V::from(timestamp_text(*seconds, *nanos))),
        (O::DurationToString, V::Duration { nanos }) => Ok(V::from(duration_text(*nanos))),
        (O::IntToTimestamp, V::Int(seconds)) => match time::timestamp(*seconds, 0) {
            Some(moment) => Ok(V::from(&moment)),
            None => Err(Fault::range("the moment is out of range")),
        },
        (O::StringToTimestamp, V::String(text)) => match time::parse_timestamp(text) {
            Some(moment) => Ok(V::from(&moment)),
            None => Err(not_a("moment in range", text)),
        },
        (O::IntToUint, V::Int(value)) => uint(u64::try_from(*value).ok()),
        (O::DoubleToUint, V::Double(value)) => uint((*value >= 0.0).then(|| truncated(*value, -1.0, TWO_64)).flatten()),
        (O::StringToUint, V::String(text)) => text.parse().map(V::Uint).map_err(|_| not_a("uint", text)),
        _ => return None,
    })
}

const TWO_63: f64 = 9_223_372_036_854_775_808.0;
const TWO_64: f64 = 18_446_744_073_709_551_616.0;

/// A double without its fraction, strictly between the bounds.
fn truncated<T: TryFrom<i128>>(value: f64, above: f64, below: f64) -> Option<T> {
    #[expect(clippy::cast_possible_truncation, reason = "the magnitude was bounded")]
    let whole = (value > above && value < below).then(|| value.trunc() as i128)?;
    T::try_from(whole).ok()
}

fn not_a(what: &str, text: &str) -> Fault {
    let shown: String = text.chars().take(40).collect();
    Fault::invalid(format!("'{shown}' is no {what}"))
}

/// The shortest text that reads as the same double, laid out as ECMAScript does: with an exponent below -6 or above 20.
/// The zero that is negative keeps its sign.
pub(super) fn double_text(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let parts = scientific.split_once('e').and_then(|(digits, exponent)| Some((digits, exponent.parse::<i32>().ok()?)));
    match parts {
        Some((digits, exponent @ 21..)) => format!("{digits}e+{exponent}"),
        Some((digits, exponent @ ..-6)) => format!("{digits}e{exponent}"),
        _ => value.to_string(),
    }
}
