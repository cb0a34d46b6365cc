//! Text functions. Positions count code points; what is made is paid for before it is made.

use super::{Applied, joined};
use crate::failure::Fault;
use crate::run::Run;
use crate::value::Value;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use rules_cel::Overload;
use std::sync::Arc;

pub(super) fn call(overload: Overload, args: &[Value], run: &mut Run) -> Applied {
    use Value as V;
    let cost: usize = args.iter().map(|arg| if let V::String(text) = arg { text.len() } else { 0 }).sum();
    if let Err(fault) = run.charge(cost) {
        return Some(Err(fault));
    }
    match args {
        [V::String(text)] => of_text(overload, text),
        [V::String(text), V::String(other)] => of_two(overload, text, other, run),
        [V::String(text), V::Int(at)] => Some(match overload {
            Overload::CharAt => char_at(text, *at),
            Overload::SubstringFrom => substring(text, *at, None),
            _ => return None,
        }),
        [V::String(text), V::Int(from), V::Int(to)] if overload == Overload::SubstringFromTo => {
            Some(substring(text, *from, Some(*to)))
        }
        [V::String(text), V::String(other), V::Int(number)] => Some(match overload {
            Overload::IndexOfFrom => index_of(text, other, Some(*number)),
            Overload::LastIndexOfFrom => last_index_of(text, other, Some(*number)),
            Overload::SplitLimit => split(text, other, Some(*number), run),
            _ => return None,
        }),
        [V::String(text), V::String(old), V::String(new)] if overload == Overload::Replace => {
            Some(replace(text, old, new, -1, run))
        }
        [V::String(text), V::String(old), V::String(new), V::Int(limit)] if overload == Overload::ReplaceLimit => {
            Some(replace(text, old, new, *limit, run))
        }
        [V::List(list)] if overload == Overload::Join => Some(join(list, "", run)),
        [V::List(list), V::String(separator)] if overload == Overload::JoinSeparator => {
            Some(join(list, separator, run))
        }
        [V::Bytes(left), V::Bytes(right)] if overload == Overload::AddBytes => {
            let whole = run.charge(left.len() + right.len());
            Some(whole.map(|()| V::Bytes(Arc::from([&**left, &**right].concat()))))
        }
        _ => None,
    }
}

fn of_text(overload: Overload, text: &str) -> Applied {
    Some(Ok(Value::from(match overload {
        Overload::LowerAscii => text.to_ascii_lowercase(),
        Overload::UpperAscii => text.to_ascii_uppercase(),
        Overload::Reverse => text.chars().rev().collect(),
        Overload::Trim => text.trim().to_owned(),
        Overload::Quote => quote(text),
        _ => return None,
    })))
}

fn of_two(overload: Overload, text: &str, other: &Arc<str>, run: &mut Run) -> Applied {
    Some(match overload {
        Overload::AddString => joined(text, other, run),
        Overload::Contains => Ok(Value::Bool(text.contains(&**other))),
        Overload::StartsWith => Ok(Value::Bool(text.starts_with(&**other))),
        Overload::EndsWith => Ok(Value::Bool(text.ends_with(&**other))),
        Overload::Matches => run.is_match(other, text).map(Value::Bool),
        Overload::IndexOf => index_of(text, other, None),
        Overload::LastIndexOf => last_index_of(text, other, None),
        Overload::Split => split(text, other, None, run),
        _ => return None,
    })
}

fn outside(at: i64) -> Fault {
    Fault::range(format!("there is no position {at} in the text"))
}

/// The offset in bytes of a position in code points, the end included.
fn offset(text: &str, at: i64) -> Result<usize, Fault> {
    let ends = text.char_indices().map(|(offset, _)| offset).chain([text.len()]);
    usize::try_from(at).ok().and_then(|at| ends.into_iter().nth(at)).ok_or_else(|| outside(at))
}

/// The position in code points of an offset in bytes.
fn position(text: &str, offset: usize) -> Value {
    super::size(text[..offset].chars().count())
}

fn char_at(text: &str, at: i64) -> Result<Value, Fault> {
    let found = text[offset(text, at)?..].chars().next();
    Ok(found.map_or_else(|| Value::from(""), |c| Value::from(c.to_string())))
}

fn substring(text: &str, from: i64, to: Option<i64>) -> Result<Value, Fault> {
    let start = offset(text, from)?;
    let end = to.map_or(Ok(text.len()), |to| offset(text, to))?;
    if start > end {
        return Err(Fault::range("the end lies before the start"));
    }
    Ok(Value::from(&text[start..end]))
}

fn index_of(text: &str, sought: &str, from: Option<i64>) -> Result<Value, Fault> {
    let start = from.map_or(Ok(0), |from| offset(text, from))?;
    Ok(text[start..].find(sought).map_or(Value::Int(-1), |at| position(text, start + at)))
}

/// The last place that begins at `upto` or before.
fn last_index_of(text: &str, sought: &str, upto: Option<i64>) -> Result<Value, Fault> {
    let last = upto.map_or(Ok(text.len()), |upto| offset(text, upto))?;
    let mut end = last.saturating_add(sought.len()).min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Ok(text[..end].rfind(sought).map_or(Value::Int(-1), |at| position(text, at)))
}

fn split(text: &str, separator: &str, limit: Option<i64>, run: &mut Run) -> Result<Value, Fault> {
    // Every piece is a value of its own, also an empty one.
    run.charge(text.len())?;
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    if limit == 0 {
        return Ok(Value::list(Vec::new()));
    }
    let mut pieces = Vec::new();
    let mut rest = text;
    if separator.is_empty() {
        while pieces.len() + 1 < limit && rest.chars().nth(1).is_some() {
            let (piece, after) = rest.split_at(rest.chars().next().map_or(0, char::len_utf8));
            pieces.push(Value::from(piece));
            rest = after;
        }
        pieces.extend((!rest.is_empty()).then(|| Value::from(rest)));
    } else {
        pieces.extend(text.splitn(limit, separator).map(Value::from));
    }
    Ok(Value::list(pieces))
}

/// Replaces the first `limit` places; all where it is negative.
fn replace(text: &str, old: &str, new: &str, limit: i64, run: &mut Run) -> Result<Value, Fault> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let places = text.matches(old).take(limit).count();
    run.charge(places.saturating_mul(new.len()))?;
    Ok(Value::from(text.replacen(old, new, limit)))
}

fn join(list: &[Value], separator: &str, run: &mut Run) -> Result<Value, Fault> {
    let mut out = String::new();
    for (number, value) in list.iter().enumerate() {
        let Value::String(text) = value else {
            return Err(Fault::no_overload(format!("texts are needed here; this is {}", value.type_name())));
        };
        run.charge(separator.len() + text.len() + 1)?;
        if number > 0 {
            out.push_str(separator);
        }
        out.push_str(text);
    }
    Ok(Value::from(out))
}

fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            '\\' | '"' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// With its padding or without; bits beyond the last whole byte are not looked at.
pub(super) fn from_base64(text: &str) -> Result<Value, Fault> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const READER: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    let bytes = READER.decode(text);
    bytes.map(|bytes| Value::bytes(&bytes)).map_err(|_| Fault::invalid("the text is not base64"))
}
