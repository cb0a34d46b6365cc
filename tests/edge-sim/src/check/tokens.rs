//! Checker of what tokens may rely on: each is judged by the wall of the node at its HELLO, within the leeway.
//!
//! In: a HELLO's true time, the answer, and the node's [`Chronicle`]. Out: violations. Clients sign their tokens by true time,
//! so a node whose wall is right takes them, whatever its wall was before. Deliberately absent: what else a token can be, and
//! when a session ends (see [`pass`](crate::pass)).

use std::time::Duration;

use edge_wire::RefuseCode;

use crate::chronicle::Chronicle;
use crate::pass::Papers;
use crate::scribe::{Promise, Scribe};

/// A token is signed in whole seconds, for the HELLO that carries it.
const SLACK_MS: i64 = 2_000;

/// What is known of a HELLO that is answered now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hello {
    /// The node that was asked.
    pub(crate) node: usize,
    /// When its connection began: the token was signed later.
    pub(crate) since: Duration,
    pub(crate) now: Duration,
    /// How tokens are in this story.
    pub(crate) papers: Papers,
}

impl Hello {
    /// From when the wall may show to when the token's time is over, in milliseconds after the truth.
    fn bounds(&self) -> (i64, i64) {
        let (life, leeway) = (self.papers.life.as_millis() as i64, self.papers.leeway.as_millis() as i64);
        (-leeway, life + leeway)
    }

    fn waited_ms(&self) -> i64 {
        self.now.saturating_sub(self.since).as_millis() as i64 + SLACK_MS
    }
}

/// A session was refused.
pub(crate) fn on_refused(code: Option<RefuseCode>, hello: Hello, chronicle: &Chronicle, scribe: &mut Scribe<'_>) {
    let (least, most) = chronicle.skews(hello.since, hello.now);
    let (too_early, too_late) = hello.bounds();
    let is_wrong = match code {
        Some(RefuseCode::TokenNotYetValid) => least > too_early + SLACK_MS,
        Some(RefuseCode::TokenExpired) => most + hello.waited_ms() < too_late,
        _ => return,
    };
    scribe.mix.refused_by_clock += u64::from(chronicle.has_stepped());
    if is_wrong {
        let what = format!("a good token is refused with {code:?} while the wall is {least} to {most} ms ahead");
        scribe.broken(Promise::Protocol, what);
    }
}

/// A session was let in.
pub(crate) fn on_welcomed(hello: Hello, chronicle: &Chronicle, scribe: &mut Scribe<'_>) {
    let (least, most) = chronicle.skews(hello.since, hello.now);
    let (too_early, too_late) = hello.bounds();
    if most + hello.waited_ms() < too_early || least > too_late {
        let what = format!("a token is taken while the wall is {least} to {most} ms ahead of who signed it");
        scribe.broken(Promise::Protocol, what);
    }
}
