//! What to do after a connection or an attempt has ended.
//!
//! What comes in: why it ended. What goes out: try again (when, where) or give up. The published tables of codes decide.

use std::time::Duration;

use edge_wire::codes::CodeInfo;
use edge_wire::{CloseCode, CloseReason, Refuse, RefuseCode, Retry};

use crate::error::{LinkError, StopReason};

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Retry {
        /// Not before; `None`: the back-off decides.
        after: Option<Duration>,
        /// Another endpoint first.
        elsewhere: bool,
    },
    Stop(StopReason),
}

pub(crate) fn verdict(error: &LinkError) -> Verdict {
    match error {
        LinkError::Refused(refuse) => refused(refuse),
        LinkError::Connection(quinn::ConnectionError::ApplicationClosed(close)) => {
            closed(close.error_code.into_inner(), &close.reason)
        }
        _ => Verdict::Retry { after: None, elsewhere: false },
    }
}

fn refused(refuse: &Refuse) -> Verdict {
    let code = refuse.known().unwrap_or(match refuse.code {
        ..64 => RefuseCode::HelloInvalid,
        _ => RefuseCode::Overloaded,
    });
    let stop = || StopReason::refused(code, refuse.detail.clone());
    by_table(&code.info(), refuse.retry_after_ms, stop)
}

//= protocol.md#close-3
fn closed(number: u64, phrase: &[u8]) -> Verdict {
    let stand_in = match number {
        0x100..=0x1ff => CloseCode::ProtocolViolation,
        0x200..=0x2ff => CloseCode::BudgetExceeded,
        0x300..=0x3ff => CloseCode::Revoked,
        _ => CloseCode::Internal,
    };
    let reason = CloseReason::parse(number, phrase)
        .or_else(|| CloseReason::parse(u64::from(stand_in.number()), phrase))
        .expect("the stand-in is a code of this version");
    if reason.code == CloseCode::NoError {
        return Verdict::Retry { after: reason.retry_after_ms.map(Duration::from_millis), elsewhere: false };
    }
    let stop = || StopReason::Closed { code: reason.code, detail: reason.detail.clone() };
    by_table(&reason.code.info(), reason.retry_after_ms, stop)
}

fn by_table(info: &CodeInfo, retry_after_ms: Option<u64>, stop: impl FnOnce() -> StopReason) -> Verdict {
    let after = retry_after_ms.map(Duration::from_millis);
    match info.retry {
        Retry::No => Verdict::Stop(stop()),
        Retry::FreshToken | Retry::Later => Verdict::Retry { after, elsewhere: false },
        Retry::Elsewhere => Verdict::Retry { after, elsewhere: true },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(after_ms: Option<u64>, elsewhere: bool) -> Verdict {
        Verdict::Retry { after: after_ms.map(Duration::from_millis), elsewhere }
    }

    #[test]
    fn closes() {
        assert_eq!(closed(0, b""), retry(None, false), "a server that ends politely is asked again");
        assert_eq!(closed(0x400, b""), retry(None, true));
        assert_eq!(closed(0x202, b"retry_after_ms=700; slow down"), retry(Some(700), false));
        assert_eq!(closed(0x2ff, b"retry_after_ms=700"), retry(Some(700), false), "unknown, by range");
        assert!(matches!(closed(0x301, b""), Verdict::Stop(StopReason::Closed { code: CloseCode::Superseded, .. })));
        assert!(matches!(
            closed(0x1ff, b"x"),
            Verdict::Stop(StopReason::Closed { code: CloseCode::ProtocolViolation, .. })
        ));
        assert_eq!(closed(1 << 40, b""), retry(None, false), "unknown: INTERNAL");
    }

    #[test]
    fn refusals() {
        let refuse = |code: u32, retry_after_ms| Refuse { code, detail: "why".into(), retry_after_ms };
        assert_eq!(refused(&refuse(64, Some(2_000))), retry(Some(2_000), false));
        assert_eq!(refused(&refuse(65, None)), retry(None, true));
        assert_eq!(refused(&refuse(5, None)), retry(None, false));
        assert_eq!(refused(&refuse(99, None)), retry(None, false));
        assert!(matches!(refused(&refuse(63, None)), Verdict::Stop(StopReason::Refused { code: 32, .. })));
        assert!(matches!(
            refused(&refuse(33, None)),
            Verdict::Stop(StopReason::Refused { name: "CATALOGUE_UNKNOWN", .. })
        ));
    }
}
