//! Strangers talk to the real daemon: each story is played by a program on a foreign QUIC stack, and looked at from both ends.
//!
//! What comes in: the programs that `cargo xtask strangers` installs. What goes out: that the client saw what it must, that
//! the daemon did what the events ordered, and that `router/docs/strangers.md` says so and no more. Nothing here sends a
//! packet of its own.

mod ngtcp2;
mod refusals;
mod session;
mod table;

use strangers::{Report, Stack};

/// A story that a stack plays.
pub(crate) struct Told {
    pub(crate) stack: Stack,
    pub(crate) story: &'static str,
    /// Keys of the table's items.
    pub(crate) proves: &'static [&'static str],
}

/// Makes a test of each story, and the list from which the table is made: nothing can stand in it that is not told.
macro_rules! stories {
    ($($test:ident: $stack:ident $story:literal by $play:path, proves $proves:expr;)*) => {
        $(
            #[test]
            fn $test() {
                told(Stack::$stack, $play, $story, $proves);
            }
        )*
        pub(crate) const STORIES: &[Told] =
            &[$(Told { stack: Stack::$stack, story: $story, proves: $proves }),*];
    };
}

/// Plays it and compares what was proved with what the table says.
fn told(stack: Stack, play: fn(Stack, &str) -> Option<Report>, story: &str, proves: &[&str]) {
    if let Some(report) = play(stack, story) {
        assert_eq!(report.proved, proves, "{}: {story}", stack.name());
    }
}

const WHOLE: &[&str] = &["hello", "classes", "receipts", "datagrams", "reply", "reject", "extensions", "close"];
const RESUME: &[&str] = &["resume", "resend", "superseded"];

stories! {
    aioquic_says_everything: Aioquic "session" by session::whole, proves WHOLE;
    aioquic_resumes: Aioquic "resume" by session::resume, proves RESUME;
    aioquic_updates_its_keys: Aioquic "keys" by session::keys, proves &["key-update"];
    aioquic_changes_its_address: Aioquic "rebind" by session::rebind, proves &["address-change"];
    aioquic_shows_a_fresh_token: Aioquic "reauth" by session::reauth, proves &["reauth"];
    aioquic_proves_its_address: Aioquic "retry" by session::whole_after_retry, proves &["retry"];
    aioquic_is_moved: Aioquic "move" by session::moved, proves &["move", "draining"];
    aioquic_breaks_quic: Aioquic "violations" by refusals::of_quic, proves &["violations"];
    aioquic_is_refused: Aioquic "refusals" by refusals::of_ours, proves &["refuse", "alpn", "hello-timeout", "every-code"];
    quiche_says_everything: Quiche "session" by session::whole, proves WHOLE;
    quiche_resumes: Quiche "resume" by session::resume, proves RESUME;
    quiche_is_refused: Quiche "refused" by session::refused, proves &["refuse", "alpn"];
    s2n_says_everything: S2n "session" by session::whole, proves WHOLE;
    s2n_resumes: S2n "resume" by session::resume, proves RESUME;
    s2n_shows_a_fresh_token: S2n "reauth" by session::reauth, proves &["reauth"];
    s2n_is_moved: S2n "move" by session::moved, proves &["move", "draining"];
    s2n_is_refused: S2n "refused" by session::refused, proves &["refuse", "alpn"];
    ngtcp2_migrates: Ngtcp2 "migrates" by ngtcp2::migrates, proves &["migration", "key-update", "hello-timeout"];
    ngtcp2_loses_packets: Ngtcp2 "loses packets" by ngtcp2::loses_packets, proves &["loss"];
    ngtcp2_asks_for_a_page: Ngtcp2 "asks for a page" by ngtcp2::asks_for_a_page, proves &["retry", "foreign-stream"];
    ngtcp2_is_refused: Ngtcp2 "is refused" by ngtcp2::is_refused, proves &["alpn", "version"];
}
