//! The reason phrase of a close: an optional `retry_after_ms=N`, then text for a person.
//!
//! What comes in: a code with its wish, or a phrase from the peer. What goes out: the other. Any bytes parse.

use std::fmt::Write as _;

use super::CloseCode;
use crate::limits::{CLOSE_REASON_BYTES_MAX, DURATION_MS_MAX};

const RETRY_AFTER: &str = "retry_after_ms=";

/// A close with everything that it says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CloseReason {
    /// Why.
    pub code: CloseCode,
    /// When to come back, in milliseconds; `None`: the client's own back-off.
    pub retry_after_ms: Option<u64>,
    /// For a person; may be empty.
    pub detail: String,
}

impl CloseReason {
    /// Without retry_after.
    pub fn new(code: CloseCode, detail: impl Into<String>) -> CloseReason {
        CloseReason { code, retry_after_ms: None, detail: detail.into() }
    }

    //= protocol.md#close-2
    /// The reason phrase, cut at a character's border to [`CLOSE_REASON_BYTES_MAX`].
    pub fn phrase(&self) -> Vec<u8> {
        let mut text = String::new();
        if let Some(ms) = self.retry_after_ms {
            let separator = if self.detail.is_empty() { "" } else { "; " };
            let _ = write!(text, "{RETRY_AFTER}{}{separator}", ms.min(DURATION_MS_MAX));
        }
        text.push_str(&self.detail);
        text.truncate(text.floor_char_boundary(CLOSE_REASON_BYTES_MAX));
        text.into_bytes()
    }

    /// Reads a peer's close; `None` where the code is of a later version.
    pub fn parse(code: u64, phrase: &[u8]) -> Option<CloseReason> {
        let code = CloseCode::from_number(u32::try_from(code).ok()?)?;
        let text = String::from_utf8_lossy(&phrase[..phrase.len().min(CLOSE_REASON_BYTES_MAX)]);
        let told = text.strip_prefix(RETRY_AFTER).and_then(|rest| {
            let (ms, detail) = rest.split_once("; ").unwrap_or((rest, ""));
            ms.parse::<u64>().ok().filter(|ms| *ms <= DURATION_MS_MAX).map(|ms| (ms, detail.to_owned()))
        });
        Some(match told {
            Some((ms, detail)) => CloseReason { code, retry_after_ms: Some(ms), detail },
            None => CloseReason::new(code, text.into_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for (retry_after_ms, detail) in
            [(None, ""), (None, "why"), (Some(0), ""), (Some(1500), "budget of events; slow down")]
        {
            let reason = CloseReason { code: CloseCode::BudgetExceeded, retry_after_ms, detail: detail.into() };
            assert_eq!(CloseReason::parse(0x202, &reason.phrase()), Some(reason));
        }
    }

    #[test]
    fn long_and_odd_phrases() {
        let long = CloseReason::new(CloseCode::Internal, "ü".repeat(400)).phrase();
        assert_eq!(long.len(), CLOSE_REASON_BYTES_MAX);
        assert!(String::from_utf8(long).is_ok());
        let odd = CloseReason::parse(0, b"retry_after_ms=x\xff").map(|reason| reason.retry_after_ms);
        assert_eq!(odd, Some(None));
        assert_eq!(CloseReason::parse(1 << 40, b""), None);
    }
}
