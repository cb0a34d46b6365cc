//! `string.format(list)`: a template with clauses `%s`, `%d`, `%f`, `%e`, `%b`, `%o`, `%x`, `%X` and `%%`.
//!
//! `%.2f` has two digits after the point; without a number it has six. What is made is paid for as it grows.

use super::convert::double_text;
use super::{duration_text, timestamp_text};
use crate::failure::Fault;
use crate::run::Run;
use crate::value::Value;
use std::fmt::Write as _;

/// The most digits after the point.
const MAX_PRECISION: usize = 1_000;

pub(super) fn format(template: &str, args: &[Value], run: &mut Run) -> Result<String, Fault> {
    run.charge(template.len())?;
    let mut out = Out { text: String::new(), run };
    let mut args = args.iter().enumerate();
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        out.push(&rest[..at])?;
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push("%")?;
            rest = after;
            continue;
        }
        let (precision, after) = precision(rest)?;
        let clause = after.chars().next().ok_or_else(|| Fault::invalid("the template ends within a clause"))?;
        rest = &after[clause.len_utf8()..];
        if !matches!(clause, 's' | 'd' | 'f' | 'e' | 'b' | 'o' | 'x' | 'X') {
            return Err(Fault::invalid(format!("there is no clause `%{clause}`")));
        }
        let (_, value) = args.next().ok_or_else(|| Fault::invalid("there are fewer values than clauses"))?;
        out.clause(clause, precision, value)?;
    }
    out.push(rest)?;
    Ok(out.text)
}

/// The digits after the point that a clause asks for, and what follows.
fn precision(clause: &str) -> Result<(usize, &str), Fault> {
    let Some(rest) = clause.strip_prefix('.') else { return Ok((6, clause)) };
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    match rest[..end].parse() {
        Ok(precision) if precision <= MAX_PRECISION => Ok((precision, &rest[end..])),
        _ => Err(Fault::invalid(format!("between 0 and {MAX_PRECISION} digits may follow the point"))),
    }
}

struct Out<'b> {
    text: String,
    run: &'b mut Run,
}

impl Out<'_> {
    fn push(&mut self, text: &str) -> Result<(), Fault> {
        self.run.charge(text.len())?;
        self.text.push_str(text);
        Ok(())
    }

    fn clause(&mut self, clause: char, precision: usize, value: &Value) -> Result<(), Fault> {
        use Value as V;
        if let (V::Double(number), 'd' | 'f' | 'e') = (value, clause)
            && !number.is_finite()
        {
            return self.push(&double_text(*number));
        }
        let text = match (clause, value) {
            ('s', value) => return self.value(value),
            ('d', V::Int(value)) => value.to_string(),
            ('d', V::Uint(value)) => value.to_string(),
            ('d', V::Double(value)) => double_text(*value),
            ('f' | 'e', V::Int(_) | V::Uint(_) | V::Double(_)) => {
                let number = as_double(value);
                if clause == 'f' { format!("{number:.precision$}") } else { scientific(number, precision) }
            }
            ('b', V::Bool(value)) => u8::from(*value).to_string(),
            ('b', V::Int(value)) => signed(*value, |magnitude| format!("{magnitude:b}")),
            ('b', V::Uint(value)) => format!("{value:b}"),
            ('o', V::Int(value)) => signed(*value, |magnitude| format!("{magnitude:o}")),
            ('o', V::Uint(value)) => format!("{value:o}"),
            ('x' | 'X', V::Int(value)) => cased(clause, signed(*value, |magnitude| format!("{magnitude:x}"))),
            ('x' | 'X', V::Uint(value)) => cased(clause, format!("{value:x}")),
            ('x' | 'X', V::String(text)) => self.hex(clause, text.as_bytes())?,
            ('x' | 'X', V::Bytes(bytes)) => self.hex(clause, bytes)?,
            (clause, value) => return Err(not_shown(clause, value)),
        };
        self.push(&text)
    }

    fn hex(&mut self, clause: char, bytes: &[u8]) -> Result<String, Fault> {
        self.run.charge(bytes.len())?;
        let digits = bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        });
        Ok(cased(clause, digits))
    }

    /// A value as `%s` has it.
    fn value(&mut self, value: &Value) -> Result<(), Fault> {
        use Value as V;
        match value {
            V::Null => self.push("null"),
            V::Bool(value) => self.push(&value.to_string()),
            V::Int(value) => self.push(&value.to_string()),
            V::Uint(value) => self.push(&value.to_string()),
            V::Double(value) => self.push(&double_text(*value)),
            V::String(text) | V::Type(text) => self.push(text),
            V::Bytes(bytes) => self.push(&String::from_utf8_lossy(bytes)),
            V::Timestamp { seconds, nanos } => self.push(&timestamp_text(*seconds, *nanos)),
            V::Duration { nanos } => self.push(&duration_text(*nanos)),
            V::List(list) => {
                self.push("[")?;
                for (number, value) in list.iter().enumerate() {
                    self.push(if number > 0 { ", " } else { "" })?;
                    self.value(value)?;
                }
                self.push("]")
            }
            V::Map(map) => {
                let mut entries = Vec::with_capacity(map.len());
                for (key, value) in map.entries() {
                    let mut name = Out { text: String::new(), run: self.run };
                    name.value(key)?;
                    entries.push((name.text, value));
                }
                entries.sort_by(|(left, _), (right, _)| left.cmp(right));
                self.push("{")?;
                for (number, (key, value)) in entries.into_iter().enumerate() {
                    self.push(if number > 0 { ", " } else { "" })?;
                    self.push(&key)?;
                    self.push(": ")?;
                    self.value(value)?;
                }
                self.push("}")
            }
            V::Message(_) | V::Enum { .. } | V::Optional(_) => Err(not_shown('s', value)),
        }
    }
}

fn not_shown(clause: char, value: &Value) -> Fault {
    Fault::invalid(format!("`%{clause}` does not show {}", value.type_name()))
}

#[expect(clippy::cast_precision_loss, reason = "the nearest double is what is shown")]
fn as_double(value: &Value) -> f64 {
    match value {
        Value::Int(value) => *value as f64,
        Value::Uint(value) => *value as f64,
        Value::Double(value) => *value,
        _ => f64::NAN,
    }
}

/// With an exponent of at least two digits and its sign.
fn scientific(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

fn signed(value: i64, show: impl Fn(u64) -> String) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}", show(value.unsigned_abs()))
}

fn cased(clause: char, digits: String) -> String {
    if clause == 'X' { digits.to_uppercase() } else { digits }
}
