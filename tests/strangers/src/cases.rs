//! What strangers show, as data: the items of the table of what each stack covers, and the cases of the two tables of
//! refusals. The page `router/docs/strangers.md` and the tests read the same lists.

use serde_json::Value;

/// Something that a foreign stack can show.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Its name in reports.
    pub key: &'static str,
    /// A sentence.
    pub what: &'static str,
    /// The clauses of `protocol.md` behind it, or the sections of an RFC.
    pub clauses: &'static str,
}

const fn item(key: &'static str, what: &'static str, clauses: &'static str) -> Item {
    Item { key, what, clauses }
}

/// In the order of the table.
pub const ITEMS: &[Item] = &[
    item("hello", "HELLO is answered by WELCOME with limits, credit, node, revision, digest", "hello-1 to welcome-3"),
    item("classes", "reliable events in all four classes, each evaluated once and in order", "reliable-1, reliable-2"),
    item("receipts", "every class is receipted", "receipt-1, receipt-2"),
    item("datagrams", "events in datagrams, several in one", "datagram-1"),
    item("reply", "a rule's reply arrives", "command-1"),
    item("reject", "an event of an unknown type is rejected and receipted; the session goes on", "reject-1"),
    item("extensions", "frames of the extension range are skipped on every stream", "frame-5"),
    item("close", "the client closes with `NO_ERROR`; the daemon counts no violation", "close-1"),
    item("resume", "a reconnect of the same producer resumes, WELCOME brings the receipts", "hello-6, welcome-2"),
    item("resend", "what is sent again orders nothing again", "reliable-4"),
    item("superseded", "the older connection of a producer is closed with `SUPERSEDED`", "hello-3"),
    item("reauth", "REAUTH prolongs; without it `TOKEN_EXPIRED`; a wrong one `TOKEN_INVALID`", "reauth-1"),
    item("move", "MOVE names another node, where the session goes on", "move-1, move-2"),
    item("draining", "who stays is served until its time is over, then closed with `DRAINING`", "move-2"),
    item("key-update", "the client updates its keys again and again", "RFC 9001 §6"),
    item("address-change", "the client's port changes again and again, also to another shard's", "RFC 9000 §9"),
    item("migration", "the client migrates with path validation", "RFC 9000 §9"),
    item("retry", "the handshake succeeds through Retry", "RFC 9000 §8.1"),
    item("loss", "the handshake succeeds while packets are lost in both directions", "RFC 9002 §6"),
    item("refuse", "HELLO with a token that has expired is answered by REFUSE, then `REFUSED`", "refuse-1"),
    item("alpn", "another ALPN, or none, ends the handshake with `no_application_protocol`", "transport-1"),
    item("version", "an unknown version is answered with Version Negotiation", "RFC 9000 §6"),
    item("hello-timeout", "who never says HELLO is closed with `HELLO_TIMEOUT`", "hello-1"),
    item("every-code", "every fault of our protocol, one at a time, brings its code (below)", "all"),
    item("violations", "every packet that breaks QUIC brings its code (below)", "RFC 9000"),
    item("foreign-stream", "a stream of another protocol is closed with its code", "stream-1, frame-5"),
];

/// One case of a table of refusals.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// Its name in reports.
    pub name: String,
    /// What the client does.
    pub does: String,
    /// The clause that it breaks.
    pub clause: String,
    /// The code that must come back.
    pub expects: String,
}

/// Packets that break RFC 9000, and the codes of CONNECTION_CLOSE.
pub fn violations() -> Vec<Case> {
    read(include_str!("../cases/violations.json"))
}

/// What our protocol refuses, and its codes.
pub fn refusals() -> Vec<Case> {
    read(include_str!("../cases/refusals.json"))
}

fn read(json: &str) -> Vec<Case> {
    let parsed: Value = serde_json::from_str(json).expect("a table of cases is JSON");
    let text =
        |case: &Value, key: &str| case[key].as_str().unwrap_or_else(|| panic!("no `{key}` in {case}")).to_owned();
    let rows = parsed.as_array().expect("a table of cases is an array").iter();
    rows.map(|case| Case {
        name: text(case, "name"),
        does: text(case, "does"),
        clause: text(case, "clause"),
        expects: text(case, "expects"),
    })
    .collect()
}
