//! How the text of one value becomes a value.
//!
//! What comes in: a TOML value and the kind its key has. What goes out: a [`Value`], or what is wrong with it. Deliberately
//! absent: keys and tables.

use std::time::Duration;

use toml::de::DeValue;

use crate::fields::Kind;

/// A value of the kind that its key demands.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Text(String),
    Duration(Duration),
    Size(u64),
    Int(i64),
    Bool(bool),
    Texts(Vec<String>),
    Ints(Vec<i64>),
    Rate { a_second: u32, burst: u32 },
}

/// The longest duration, so that sums never overflow.
const DURATION_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

const DURATIONS: &[(&str, u64)] =
    &[("us", 1), ("ms", 1_000), ("s", 1_000_000), ("min", 60_000_000), ("h", 3_600_000_000), ("d", 86_400_000_000)];

const SIZES: &[(&str, u64)] = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// Reads `value` as `kind`, or says what was expected instead.
pub(crate) fn read(kind: Kind, value: &DeValue<'_>) -> Result<Value, String> {
    match kind {
        Kind::Text(max) => text(value, max).map(Value::Text),
        Kind::Path => match text(value, 4096)? {
            path if path.is_empty() => Err("is empty; a path was expected".into()),
            path => Ok(Value::Text(path)),
        },
        Kind::Word(words) => {
            let word = text(value, 64)?;
            if words.contains(&word.as_str()) {
                return Ok(Value::Text(word));
            }
            let list: Vec<String> = words.iter().map(|w| format!("\"{w}\"")).collect();
            Err(format!("is \"{word}\"; expected one of {}", list.join(", ")))
        }
        Kind::Duration => {
            let micros = quantity(value, DURATIONS, "a duration such as \"25ms\", \"15s\", \"30min\" or \"7d\"")?;
            let duration = Duration::from_micros(micros);
            if duration > DURATION_MAX {
                return Err("is longer than a year".into());
            }
            Ok(Value::Duration(duration))
        }
        Kind::Size => quantity(value, SIZES, "a size such as \"16KiB\" or \"64MiB\"").map(Value::Size),
        Kind::Int(least, most) => int(value, least, most).map(Value::Int),
        Kind::Bool => value.as_bool().map(Value::Bool).ok_or_else(|| expected("`true` or `false`", value)),
        Kind::Texts => list(value, |v| text(v, 256)).map(Value::Texts),
        Kind::Ints(least, most) => list(value, |v| int(v, least, most)).map(Value::Ints),
        Kind::Rate => rate(value),
    }
}

fn expected(what: &str, value: &DeValue<'_>) -> String {
    format!("is of type {}; expected {what}", value.type_str())
}

fn text(value: &DeValue<'_>, max: usize) -> Result<String, String> {
    let text = value.as_str().ok_or_else(|| expected("text in quotes", value))?;
    if text.len() > max {
        return Err(format!("has {} bytes; at most {max} are allowed", text.len()));
    }
    if text.contains('\0') {
        return Err("contains a zero byte".into());
    }
    Ok(text.to_owned())
}

fn int(value: &DeValue<'_>, least: i64, most: i64) -> Result<i64, String> {
    let written = value.as_integer().ok_or_else(|| expected("a whole number", value))?;
    let number = i64::from_str_radix(&written.as_str().replace('_', ""), written.radix()).ok();
    match number {
        Some(n) if (least..=most).contains(&n) => Ok(n),
        _ => Err(format!("is {}; expected {least} to {most}", written.as_str())),
    }
}

/// A whole number with a unit behind it.
fn quantity(value: &DeValue<'_>, units: &[(&str, u64)], example: &str) -> Result<u64, String> {
    let text = value.as_str().ok_or_else(|| expected(example, value))?;
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = units.iter().find(|(name, _)| *name == unit.trim_start()).map(|(_, factor)| *factor);
    match (number.parse::<u64>().ok(), factor) {
        (Some(number), Some(factor)) => number.checked_mul(factor).ok_or_else(|| format!("\"{text}\" is too large")),
        _ => Err(format!("is \"{text}\"; expected {example}")),
    }
}

fn list<T>(value: &DeValue<'_>, item: impl Fn(&DeValue<'_>) -> Result<T, String>) -> Result<Vec<T>, String> {
    let array = value.as_array().ok_or_else(|| expected("a list in brackets", value))?;
    if array.len() > 1024 {
        return Err(format!("has {} entries; at most 1024 are allowed", array.len()));
    }
    array.iter().enumerate().map(|(i, v)| item(v.get_ref()).map_err(|e| format!("entry {}: {e}", i + 1))).collect()
}

fn rate(value: &DeValue<'_>) -> Result<Value, String> {
    const EXAMPLE: &str = "a rate such as { a_second = 500, burst = 2000 }";
    let table = value.as_table().ok_or_else(|| expected(EXAMPLE, value))?;
    let part = |name: &str| {
        let value = table.get(name).ok_or_else(|| format!("lacks `{name}`; expected {EXAMPLE}"))?;
        int(value.get_ref(), 1, 1_000_000_000).map(|n| n as u32).map_err(|e| format!("{name}: {e}"))
    };
    if let Some(other) = table.keys().map(|k| k.get_ref()).find(|k| !["a_second", "burst"].contains(&k.as_ref())) {
        return Err(format!("has an unknown part `{other}`; expected {EXAMPLE}"));
    }
    Ok(Value::Rate { a_second: part("a_second")?, burst: part("burst")? })
}
