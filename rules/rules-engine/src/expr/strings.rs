//! String functions. Positions and lengths count code points, as CEL's do.

use super::scope::Scope;
use super::value::{EvalError, Value};

const OUT: EvalError = EvalError::IndexOutOfRange;

/// Byte position of the n-th code point; the end counts as one.
fn byte_at(s: &str, at: i64) -> Result<usize, EvalError> {
    let at = usize::try_from(at).map_err(|_| OUT)?;
    if s.is_ascii() {
        return if at <= s.len() { Ok(at) } else { Err(OUT) };
    }
    s.char_indices().map(|(i, _)| i).chain([s.len()]).nth(at).ok_or(OUT)
}

fn chars_before(s: &str, byte: usize) -> i64 {
    s[..byte].chars().count() as i64
}

pub(crate) fn index_of(s: &str, wanted: &str, from: Option<i64>) -> Result<i64, EvalError> {
    let start = byte_at(s, from.unwrap_or(0))?;
    Ok(s[start..].find(wanted).map_or(-1, |at| chars_before(s, start + at)))
}

pub(crate) fn last_index_of(s: &str, wanted: &str, from: Option<i64>) -> Result<i64, EvalError> {
    let end = match from {
        None => s.len(),
        // The match may start at `from`, so it may reach beyond it.
        Some(from) => {
            let mut end = (byte_at(s, from)? + wanted.len()).min(s.len());
            while !s.is_char_boundary(end) {
                end -= 1;
            }
            end
        }
    };
    Ok(s[..end].rfind(wanted).map_or(-1, |at| chars_before(s, at)))
}

pub(crate) fn substring(s: &str, from: i64, to: Option<i64>) -> Result<&str, EvalError> {
    let start = byte_at(s, from)?;
    let end = to.map_or(Ok(s.len()), |to| byte_at(s, to))?;
    s.get(start..end).ok_or(OUT)
}

/// The end of the string gives the empty string.
pub(crate) fn char_at(s: &str, at: i64) -> Result<&str, EvalError> {
    let start = byte_at(s, at)?;
    let len = s[start..].chars().next().map_or(0, char::len_utf8);
    Ok(&s[start..start + len])
}

pub(crate) fn trim(s: &str) -> &str {
    s.trim()
}

pub(crate) fn ascii_case<'a>(scope: &Scope<'a>, s: &'a str, upper: bool) -> Result<&'a str, EvalError> {
    let changes = |c: u8| if upper { c.is_ascii_lowercase() } else { c.is_ascii_uppercase() };
    if !s.bytes().any(changes) {
        return Ok(s);
    }
    scope.affords(s.len())?;
    scope.text(|out| {
        out.push_str(s);
        if upper {
            out.make_ascii_uppercase();
        } else {
            out.make_ascii_lowercase();
        }
        Ok(())
    })
}

/// A negative limit means all.
pub(crate) fn replace<'a>(
    scope: &Scope<'a>,
    s: &'a str,
    (old, new): (&str, &str),
    limit: i64,
) -> Result<&'a str, EvalError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let count = s.matches(old).take(limit).count();
    if count == 0 {
        return Ok(s);
    }
    scope.affords(s.len().saturating_add(count.saturating_mul(new.len())))?;
    scope.text(|out| {
        let mut done = 0;
        for (at, _) in s.match_indices(old).take(limit) {
            out.push_str(&s[done..at]);
            out.push_str(new);
            done = at + old.len();
        }
        out.push_str(&s[done..]);
        Ok(())
    })
}

/// A negative limit means all; the last piece keeps the rest.
pub(crate) fn split<'a>(scope: &Scope<'a>, s: &'a str, at: &str, limit: i64) -> Result<Value<'a>, EvalError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if at.is_empty() {
        return split_chars(scope, s, limit);
    }
    let items = scope.values(s.splitn(limit, at).count())?;
    for (item, piece) in items.iter_mut().zip(s.splitn(limit, at)) {
        *item = Value::String(piece);
    }
    Ok(Value::List(items))
}

/// An empty separator splits between all code points.
fn split_chars<'a>(scope: &Scope<'a>, s: &'a str, limit: usize) -> Result<Value<'a>, EvalError> {
    let count = s.chars().count().min(limit);
    let items = scope.values(count)?;
    let mut rest = s;
    for (at, item) in items.iter_mut().enumerate() {
        let len = if at + 1 == count { rest.len() } else { rest.chars().next().map_or(0, char::len_utf8) };
        let (piece, after) =
            rest.split_at(if count < limit { rest.chars().next().map_or(0, char::len_utf8) } else { len });
        *item = Value::String(piece);
        rest = after;
    }
    Ok(Value::List(items))
}

pub(crate) fn join<'a>(scope: &Scope<'a>, items: &[Value<'a>], separator: &str) -> Result<&'a str, EvalError> {
    let mut len = separator.len().saturating_mul(items.len());
    for item in items {
        len = len.saturating_add(item.as_str()?.len());
    }
    scope.affords(len)?;
    scope.text(|out| {
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push_str(separator);
            }
            out.push_str(item.as_str()?);
        }
        Ok(())
    })
}
