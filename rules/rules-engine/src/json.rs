//! Canonical JSON: sorted keys, no white space, one spelling for each value.
//!
//! Numbers: integers in full, also beyond 2^53; doubles as ECMAScript writes them (RFC 8785), with `"NaN"`, `"Infinity"` and
//! `"-Infinity"` as strings. Bytes are base64, timestamps RFC 3339, durations seconds with an `s`. Strings escape only what
//! RFC 8785 escapes.

use std::cmp::Ordering;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::expr::{EvalError, Value, write_duration, write_timestamp};

/// Appends `value`; fails where `out` grows past `limit` bytes.
pub(crate) fn write_value(value: Value<'_>, out: &mut String, limit: usize) -> Result<(), EvalError> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if b { "true" } else { "false" }),
        Value::Int(n) => write!(out, "{n}").map_err(|_| EvalError::TooLarge)?,
        Value::Uint(n) => write!(out, "{n}").map_err(|_| EvalError::TooLarge)?,
        Value::Double(d) if d.is_finite() => write_double(d, out),
        Value::Double(d) => quoted(out, |out| write_double(d, out)),
        Value::String(s) => {
            within(out.len() + s.len(), limit)?;
            write_string(s, out);
        }
        Value::Bytes(b) => {
            within(out.len() + b.len(), limit)?;
            quoted(out, |out| STANDARD.encode_string(b, out));
        }
        Value::Timestamp(t) => quoted(out, |out| write_timestamp(t, out).expect("strings take everything")),
        Value::Duration(n) => quoted(out, |out| write_duration(n, out).expect("strings take everything")),
        Value::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_value(*item, out, limit)?;
            }
            out.push(']');
        }
        Value::Map(pairs) => write_map(pairs, out, limit)?,
        Value::Message { .. } => return Err(EvalError::NoSuchOverload),
    }
    within(out.len(), limit)
}

fn within(len: usize, limit: usize) -> Result<(), EvalError> {
    if len > limit { Err(EvalError::TooLarge) } else { Ok(()) }
}

fn quoted(out: &mut String, write: impl FnOnce(&mut String)) {
    out.push('"');
    write(out);
    out.push('"');
}

/// Keys as text, sorted by their bytes. Keys of different types with one text are refused.
fn write_map(pairs: &[(Value<'_>, Value<'_>)], out: &mut String, limit: usize) -> Result<(), EvalError> {
    let mut keyed = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        keyed.push((key_text(*key)?, *value));
    }
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    if keyed.windows(2).any(|two| two[0].0.cmp(&two[1].0) == Ordering::Equal) {
        return Err(EvalError::DuplicateKey);
    }
    out.push('{');
    for (at, (key, value)) in keyed.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_string(key, out);
        out.push(':');
        write_value(*value, out, limit)?;
    }
    out.push('}');
    Ok(())
}

fn key_text(key: Value<'_>) -> Result<std::borrow::Cow<'_, str>, EvalError> {
    Ok(match key {
        Value::String(s) => s.into(),
        Value::Bool(b) => b.to_string().into(),
        Value::Int(n) => n.to_string().into(),
        Value::Uint(n) => n.to_string().into(),
        _ => return Err(EvalError::NoSuchOverload),
    })
}

/// A JSON string with its quotes.
pub(crate) fn write_string(s: &str, out: &mut String) {
    out.push('"');
    let mut clean = 0;
    for (at, b) in s.bytes().enumerate() {
        if b >= 0x20 && b != b'"' && b != b'\\' {
            continue;
        }
        out.push_str(&s[clean..at]);
        clean = at + 1;
        match b {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x08 => out.push_str("\\b"),
            0x09 => out.push_str("\\t"),
            0x0a => out.push_str("\\n"),
            0x0c => out.push_str("\\f"),
            0x0d => out.push_str("\\r"),
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.push_str("\\u00");
                out.push(char::from(HEX[usize::from(b >> 4)]));
                out.push(char::from(HEX[usize::from(b & 15)]));
            }
        }
    }
    out.push_str(&s[clean..]);
    out.push('"');
}

/// The shortest digits that read back as `d`, laid out as ECMAScript's `Number::toString` does.
pub(crate) fn write_double(d: f64, out: &mut String) {
    if d.is_nan() {
        return out.push_str("NaN");
    }
    if d.is_infinite() {
        return out.push_str(if d > 0.0 { "Infinity" } else { "-Infinity" });
    }
    if d == 0.0 {
        return out.push('0');
    }
    if d < 0.0 {
        out.push('-');
    }
    // "d.ddde±x": Rust gives the shortest digits, too. At most 17 digits, a dot, and an exponent of four characters.
    let mut buffer = Text::default();
    write!(buffer, "{:e}", d.abs()).expect("the longest double fits");
    let text = buffer.as_str();
    let (mantissa, exponent) = text.split_once('e').expect("scientific notation has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a number");
    let digits = mantissa.bytes().filter(|b| *b != b'.').map(char::from);
    let count = mantissa.len() as i32 - i32::from(mantissa.len() > 1);
    // The decimal point stands after this many digits.
    let point = exponent + 1;
    if (-5..=0).contains(&point) {
        out.push_str("0.");
        out.extend((point..0).map(|_| '0'));
        out.extend(digits);
    } else if (1..=21).contains(&point) {
        for (at, digit) in (0..).zip(digits) {
            if at == point {
                out.push('.');
            }
            out.push(digit);
        }
        out.extend((count..point).map(|_| '0'));
    } else {
        out.push_str(mantissa);
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(out, "e{sign}{}", exponent.unsigned_abs()).expect("strings take everything");
    }
}

/// A short text on the stack.
#[derive(Default)]
struct Text {
    bytes: [u8; 32],
    len: usize,
}

impl Text {
    fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.len]).expect("only whole strings were written")
    }
}

impl Write for Text {
    fn write_str(&mut self, s: &str) -> std::fmt::Result {
        let room = self.bytes.get_mut(self.len..self.len + s.len()).ok_or(std::fmt::Error)?;
        room.copy_from_slice(s.as_bytes());
        self.len += s.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn double(d: f64) -> String {
        let mut s = String::new();
        write_double(d, &mut s);
        s
    }

    #[test]
    fn doubles_look_as_in_ecmascript() {
        for (d, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (1.5e-7, "1.5e-7"),
            (123_456_789.0, "123456789"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.25e22, "1.25e+22"),
            (333_333_333.333_333_3, "333333333.3333333"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(double(d), text);
        }
    }

    #[test]
    fn strings_escape_what_must_be() {
        let mut s = String::new();
        write_string("a\"b\\c\n\u{1}é\u{2028}", &mut s);
        assert_eq!(s, "\"a\\\"b\\\\c\\n\\u0001é\u{2028}\"");
    }

    #[test]
    fn maps_are_sorted_and_values_have_one_spelling() {
        let list = [Value::Uint(u64::MAX), Value::Null, Value::Bytes(&[0xff, 0xfe]), Value::Double(f64::NAN)];
        let pairs = [(Value::String("b"), Value::List(&list)), (Value::Int(7), Value::Duration(1_500_000_000))];
        let mut s = String::new();
        write_value(Value::Map(&pairs), &mut s, 1_000).expect("fits");
        assert_eq!(s, r#"{"7":"1.5s","b":[18446744073709551615,null,"//4=","NaN"]}"#);
        let twice = [(Value::String("7"), Value::Null), (Value::Int(7), Value::Null)];
        assert_eq!(write_value(Value::Map(&twice), &mut String::new(), 99), Err(EvalError::DuplicateKey));
        assert_eq!(write_value(Value::String("four"), &mut String::new(), 5), Err(EvalError::TooLarge));
    }

    proptest! {
        #[test]
        fn doubles_read_back(bits: u64) {
            let d = f64::from_bits(bits);
            if d.is_finite() {
                let back: f64 = double(d).parse().expect("a number");
                prop_assert_eq!(back, d);
            }
        }
    }
}
