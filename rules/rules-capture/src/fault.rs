//! What can be wrong with a capture, by line. Each says what was found and what must stand there instead.

use rules_catalogue::EncodeError;

use crate::{LINE_BYTES_MAX, MATCHES_MAX, SENDERS_MAX};

/// The first line that is wrong.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct CaptureError {
    /// Its number in its file, from 1.
    pub line: u64,
    /// What is wrong.
    #[source]
    pub fault: Fault,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The bytes end or break off.
    #[error("cannot be read: {0}; is the file whole?")]
    Io(#[source] std::io::Error),
    /// Too long.
    #[error("longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// Not one of the forms.
    #[error(
        "{why}; an event reads {{\"match\":\"…\",\"t\":0.5,\"player\":\"…\",\"type\":\"…\",\"fields\":{{}}}}, or has `at` instead of `match` and `t`"
    )]
    Form {
        /// What is in the way.
        why: String,
    },
    /// `t` or `at` is no time.
    #[error("`{key}` is {value}; it must be {expected}")]
    Time {
        /// Which key.
        key: &'static str,
        /// What stands there.
        value: String,
        /// What must stand there.
        expected: &'static str,
    },
    /// Earlier than the line before.
    #[error("{by_ms} ms earlier than the line before; lines stand in the order of time")]
    Backwards {
        /// By how much.
        by_ms: i64,
    },
    /// A match goes on after another one began.
    #[error("match `{name}` comes again after another match; keep the lines of a match together")]
    MatchAgain {
        /// The match.
        name: String,
    },
    /// Too many matches.
    #[error("more than {MATCHES_MAX} matches; cut the capture")]
    TooManyMatches,
    /// A name or text of a sender that HELLO or a token could not carry.
    #[error("`{key}` must be {expected}")]
    Text {
        /// Which key.
        key: String,
        /// What must stand there.
        expected: String,
    },
    /// Too many senders.
    #[error("more than {SENDERS_MAX} senders; cut the capture")]
    TooManySenders,
    /// A session is described when it is too late or already done.
    #[error("the session of `{sub}` is described after its first event or twice; describe it once, before")]
    LateSession {
        /// Whose.
        sub: String,
    },
    /// The catalogue has no such type.
    #[error("`type` is `{name}`, which is neither the name of an event type of the catalogue {catalogue} nor one in lower_snake_case{}", did_you_mean(.nearest.as_deref()))]
    UnknownType {
        /// What stands there.
        name: String,
        /// The catalogue.
        catalogue: String,
        /// The most similar name.
        nearest: Option<String>,
    },
    /// The fields are no such event.
    #[error("`fields` of {name}: {source}")]
    Fields {
        /// The event type.
        name: String,
        /// Why.
        source: EncodeError,
    },
    /// `payload` is no base64.
    #[error("`payload` is no base64: {0}")]
    Payload(#[source] base64::DecodeError),
    /// `class` or `seq` is none.
    #[error("`{key}` is {value}; it must be {expected}")]
    Number {
        /// Which key.
        key: &'static str,
        /// What stands there.
        value: u64,
        /// What must stand there.
        expected: &'static str,
    },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}
