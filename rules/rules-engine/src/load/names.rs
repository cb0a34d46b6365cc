//! Small checks that every part of loading needs.

use super::error::LoadError;
use crate::ir::limits;

pub(super) fn check_count(place: &str, what: &str, found: usize, limit: usize) -> Result<(), LoadError> {
    if found > limit { Err(LoadError::limit(place, what, found, limit)) } else { Ok(()) }
}

/// Names end in logs, metrics and command ids: they are short and have no control characters.
pub(super) fn check_name(place: &str, what: &str, name: &str) -> Result<(), LoadError> {
    check_count(place, &format!("bytes of {what}"), name.len(), limits::MAX_NAME_BYTES)?;
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(LoadError::invalid(place, &format!("{what} is empty or has control characters")));
    }
    Ok(())
}

/// Spans of time: windows, cooldowns, periods, deadlines.
pub(super) fn check_span(place: &str, what: &str, span_ms: u64) -> Result<(), LoadError> {
    if (1..=limits::MAX_SPAN_MS).contains(&span_ms) {
        return Ok(());
    }
    Err(LoadError::invalid(place, &format!("{what} is {span_ms} ms, possible are 1 to {}", limits::MAX_SPAN_MS)))
}
