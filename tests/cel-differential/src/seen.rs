//! Values as both sides can show them, to be compared exactly.
//!
//! What comes in: our values, and what the C++ runtime's side writes of its own. What goes out: [`Seen`]: doubles by their bits (all
//! NaN are one), maps without an order, types by their names. Optionals cannot be seen from Python: [`observed`] asks of an
//! expression what is in them.

use anyhow::{Context, Result, bail};
use rules_cel::{Constant, Type, time};
use rules_cel_reference::Value;
use serde_json::Value as Json;

/// A value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Seen {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(u64),
    Text(String),
    Bytes(Vec<u8>),
    Timestamp(i64, u32),
    Duration(i64),
    Type(String),
    List(Vec<Seen>),
    /// Sorted.
    Map(Vec<(Seen, Seen)>),
    /// What one side cannot show.
    Unseen(String),
}

impl Seen {
    /// A value of ours.
    pub(crate) fn ours(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::Int(*value),
            Value::Uint(value) => Self::Uint(*value),
            Value::Double(value) => Self::double(*value),
            Value::String(text) => Self::Text((**text).to_owned()),
            Value::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
            Value::Timestamp { seconds, nanos } => Self::Timestamp(*seconds, *nanos),
            Value::Duration { nanos } => Self::Duration(*nanos),
            Value::Type(name) => Self::Type((**name).to_owned()),
            Value::List(list) => Self::List(list.iter().map(Self::ours).collect()),
            Value::Map(map) => {
                Self::map(map.entries().iter().map(|(key, value)| (Self::ours(key), Self::ours(value))).collect())
            }
            other => Self::Unseen(format!("{other:?}")),
        }
    }

    /// A value of theirs; see `theirs.py`.
    pub(crate) fn theirs(json: &Json) -> Result<Self> {
        let [kind, rest @ ..] = json.as_array().context("a value is a list")?.as_slice() else {
            bail!("a value has a type");
        };
        let text = || rest.first().and_then(Json::as_str).with_context(|| format!("{json} has a text"));
        Ok(match kind.as_str().context("a type is a text")? {
            "null" => Self::Null,
            "bool" => Self::Bool(rest.first().and_then(Json::as_bool).context("a bool is one")?),
            "int" => Self::Int(text()?.parse()?),
            "uint" => Self::Uint(text()?.parse()?),
            "double" => Self::double(f64::from_bits(u64::from_str_radix(text()?, 16)?)),
            "string" => Self::Text(text()?.to_owned()),
            "bytes" => Self::Bytes(bytes(text()?)?),
            "timestamp" => moment(text()?)?,
            "duration" => match time::parse_duration(text()?) {
                Some(nanos) => Self::Duration(nanos),
                None => Self::Unseen(format!("the duration {}", text()?)),
            },
            "type" => Self::Type(text()?.split('<').next().unwrap_or_default().to_owned()),
            "list" => Self::List(rest.iter().map(Self::theirs).collect::<Result<_>>()?),
            "map" => {
                let entry =
                    |entry: &Json| Ok((shown_key(entry[0].as_str().unwrap_or_default())?, Self::theirs(&entry[1])?));
                Self::map(rest.iter().map(entry).collect::<Result<_>>()?)
            }
            "unseen" => Self::Unseen(text()?.to_owned()),
            other => Self::Unseen(format!("{other} {}", text().unwrap_or_default())),
        })
    }

    fn double(value: f64) -> Self {
        Self::Double(if value.is_nan() { f64::NAN } else { value }.to_bits())
    }

    fn map(mut entries: Vec<(Self, Self)>) -> Self {
        entries.sort();
        Self::Map(entries)
    }

    /// The value with the elements of each list in it sorted.
    pub(crate) fn sorted(&self) -> Self {
        match self {
            Self::List(values) => {
                let mut values: Vec<Self> = values.iter().map(Self::sorted).collect();
                values.sort();
                Self::List(values)
            }
            Self::Map(entries) => Self::map(entries.iter().map(|(key, value)| (key.clone(), value.sorted())).collect()),
            other => other.clone(),
        }
    }

    /// Whether one side cannot show it, or a part of it.
    pub(crate) fn is_unseen(&self) -> bool {
        match self {
            Self::Unseen(_) => true,
            Self::List(values) => values.iter().any(Self::is_unseen),
            Self::Map(entries) => entries.iter().any(|(key, value)| key.is_unseen() || value.is_unseen()),
            _ => false,
        }
    }
}

/// A key as the C++ runtime shows it, which is how the language writes it.
fn shown_key(text: &str) -> Result<Seen> {
    let checked = rules_cel::compile(text, &rules_cel::Env::new(&rules_cel::NoTypes));
    let checked = checked.ok().with_context(|| format!("{text} is a key"))?;
    let constant = rules_cel::fold::fold(&checked).value(checked.root()).cloned();
    Ok(match constant {
        Some(Constant::Bool(value)) => Seen::Bool(value),
        Some(Constant::Int(value)) => Seen::Int(value),
        Some(Constant::Uint(value)) => Seen::Uint(value),
        Some(Constant::String(text)) => Seen::Text(text),
        _ => bail!("{text} is a key"),
    })
}

fn bytes(hex: &str) -> Result<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?));
    pairs.collect()
}

/// A moment as the C++ runtime shows it: RFC 3339, but years are as short as they can be.
fn moment(text: &str) -> Result<Seen> {
    let padded = match text.split_once('-') {
        Some((year, rest)) if !year.is_empty() => format!("{year:0>4}-{rest}"),
        _ => text.to_owned(),
    };
    Ok(match time::parse_timestamp(&padded) {
        Some(Constant::Timestamp { seconds, nanos }) => Seen::Timestamp(seconds, nanos),
        _ => Seen::Unseen(format!("the moment {text}")),
    })
}

/// An expression that is worth what the text is, with lists in place of optionals.
pub(crate) fn observed(ty: &Type, text: &str) -> String {
    match ty {
        Type::Optional(value) => {
            let inside = observed(value, "o.value()");
            format!("cel.bind(o, {text}, o.hasValue() ? [{inside}] : [])")
        }
        Type::List(element) if has_optional(element) => format!("{text}.map(e, {})", observed(element, "e")),
        _ => text.to_owned(),
    }
}

fn has_optional(ty: &Type) -> bool {
    match ty {
        Type::Optional(_) => true,
        Type::List(element) => has_optional(element),
        _ => false,
    }
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Uint(value) => write!(f, "{value}u"),
            Self::Double(bits) => write!(f, "{:?}", f64::from_bits(*bits)),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Bytes(bytes) => write!(f, "b\"{}\"", bytes.escape_ascii()),
            Self::Timestamp(seconds, nanos) => write!(f, "timestamp({seconds}.{nanos:09})"),
            Self::Duration(nanos) => write!(f, "duration({nanos}ns)"),
            Self::Type(name) => write!(f, "type({name})"),
            Self::List(values) => f.debug_list().entries(values).finish(),
            Self::Map(entries) => f.debug_map().entries(entries.iter().map(|(key, value)| (key, value))).finish(),
            Self::Unseen(text) => write!(f, "({text})"),
        }
    }
}
