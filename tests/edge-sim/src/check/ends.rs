//! Checker of how sessions end: nobody who keeps to the protocol is closed without a cause that the protocol names.
//!
//! In: a connection that is lost, with what was heard of it. Out: a violation where the server closed it for a reason that is none: all
//! clients of a story keep to the protocol, but for their papers (see [`pass`](crate::pass)). Deliberately absent: whether a
//! session ends in time.

use edge_wire::CloseCode;

use crate::pop::Pop;
use crate::scribe::{Promise, Scribe};

/// A connection is lost.
pub(crate) struct End<'a> {
    /// The client's name.
    pub(crate) who: &'a str,
    /// What the server said, where it closed the connection by the protocol.
    pub(crate) code: Option<CloseCode>,
    /// The QUIC library's words.
    pub(crate) why: &'a str,
    /// The client has begun another one, whose HELLO may have come later.
    pub(crate) has_other: bool,
    /// The network kept something of it back not long ago.
    pub(crate) was_cut_off: bool,
}

/// A shard that has as many connections as it may, or a daemon that is leaving.
const NO_ROOM: &str = "aborted by peer: the server refused to accept a new connection";

/// What QUIC itself ends a connection for: silence, a daemon that forgot it, a first packet with a flipped bit (in its token, its
/// kind or its version) or from another address than the Retry went to.
const BY_QUIC: [&str; 5] = [
    "timed out",
    "reset by peer",
    "peer doesn't implement any supported version",
    "aborted by peer: received an invalid Retry Token in a client Initial",
    "aborted by peer: detected an error with protocol compliance that was not covered by more specific error codes: client sent Retry",
];

/// Judges it.
pub(crate) fn on_lost(end: &End<'_>, pop: &Pop, scribe: &mut Scribe<'_>) {
    let is_right = match end.code {
        Some(CloseCode::Superseded) => end.has_other,
        Some(CloseCode::Draining) => pop.was_drained(),
        // What was wrong was said in REFUSE, and what is wrong with papers is judged where they are known.
        Some(CloseCode::Refused | CloseCode::TokenExpired | CloseCode::TokenInvalid | CloseCode::Revoked) => true,
        // Nothing was heard of it for long: the network was cut, or loses much.
        Some(CloseCode::HelloTimeout | CloseCode::IdleTimeout) => true,
        // A frame whose rest the network swallowed.
        Some(CloseCode::StreamTimeout) => end.was_cut_off,
        Some(_) => false,
        None if end.why == NO_ROOM => {
            scribe.mix.refused_at_the_ceiling += u64::from(pop.has_low_ceiling());
            pop.was_drained() || pop.has_low_ceiling()
        }
        None => BY_QUIC.contains(&end.why),
    };
    if !is_right {
        let what = format!("{} lost a connection: {:?}, {}", end.who, end.code, end.why);
        scribe.broken(Promise::Protocol, what);
    }
}
