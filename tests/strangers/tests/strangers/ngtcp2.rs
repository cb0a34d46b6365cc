//! What ngtcp2's own client shows. It speaks HTTP/3 and nothing of our protocol, so it meets a daemon that agrees to `h3` as
//! well (`listen.alpn_for_tests`) and takes its streams for what they are: none of ours. What it proves lies below them.
//!
//! The client writes every packet and frame that it sees to standard error; that is what is read here.

use std::collections::BTreeSet;
use std::process::Stdio;

use scenarios::wait::until_true;
use scenarios::{Node, Settings, World};
use strangers::stage::missing;
use strangers::{Report, Stack};

/// What the client wrote.
struct Trace(String);

impl Trace {
    /// Lets the client talk to a node; `None` where it is not installed.
    fn of(node: &Node, options: &[&str], uri: &[&str]) -> Option<Trace> {
        let mut command = Stack::Ngtcp2.command().or_else(|| missing(Stack::Ngtcp2))?;
        let address = node.address();
        command.args(["--no-quic-dump", "--no-http-dump", "--timeout=8s"]).args(options);
        command.arg(address.ip().to_string()).arg(address.port().to_string()).args(uri);
        let output = command.stdin(Stdio::null()).stdout(Stdio::null()).output().expect("gtlsclient starts");
        Some(Trace(String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    fn lines<'a>(&'a self, with: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
        self.0.lines().filter(move |line| with.iter().all(|part| line.contains(part)))
    }

    fn has(&self, with: &[&str]) -> bool {
        self.lines(with).next().is_some()
    }

    /// What must be there, or the whole trace is shown.
    fn must(&self, with: &[&str]) {
        assert!(self.has(with), "no line with {with:?} in\n{}", self.0);
    }

    /// The data of frames of a kind, sent (`frm tx`) or received (`frm rx`).
    fn data(&self, way: &str, frame: &str) -> BTreeSet<&str> {
        let of_kind = self.0.lines().filter(|line| line.contains(way) && line.contains(frame));
        of_kind.filter_map(|line| line.split_once("data=").map(|(_, data)| data.trim())).collect()
    }
}

fn node(settings: Settings) -> Node {
    let settings = settings.with("listen.alpn_for_tests", "h3").with("session.hello_deadline", "1s");
    Node::start(&World::new(), settings)
}

/// Every code of our protocol is the application's, `CONNECTION_CLOSE(0x1d)`.
fn closed(trace: &Trace, code: &str) {
    trace.must(&["frm rx", "CONNECTION_CLOSE(0x1d)", code]);
}

fn report(proved: &[&str]) -> Report {
    Report { proved: proved.iter().map(|&item| item.to_owned()).collect(), cases: Vec::new() }
}

/// Migrates just after the handshake, and updates its keys on the new path.
pub(crate) fn migrates(_: Stack, _: &str) -> Option<Report> {
    let node = node(Settings::default());
    let (mut has_migrated, mut has_updated) = (false, false);
    // The client does both when it next has something to say. That is so while both ends look for a larger MTU; on a machine
    // that is slow just then, another moment is tried.
    for (moment, later) in
        [("1ms", "20ms"), ("1us", "5ms"), ("5ms", "50ms"), ("300us", "100ms"), ("10ms", "1ms"), ("2ms", "10ms")]
    {
        let trace =
            Trace::of(&node, &[&format!("--change-local-addr={moment}"), &format!("--key-update={later}")], &[])?;
        trace.must(&["QUIC handshake has been confirmed"]);
        closed(&trace, "(0x200)");
        let answered =
            |by: &str, to: &str| !trace.data(by, "PATH_CHALLENGE").is_disjoint(&trace.data(to, "PATH_RESPONSE"));
        has_migrated |= answered("frm rx", "frm tx") && answered("frm tx", "frm rx");
        // Our packets under the next keys.
        has_updated |= trace.has(&["Initiate key update"]) && trace.has(&["pkt rx", "type=1RTT k=1"]);
        if has_migrated && has_updated {
            return Some(report(&["migration", "key-update", "hello-timeout"]));
        }
    }
    panic!("both ends validated a new path: {has_migrated}; both ends updated their keys: {has_updated}");
}

/// A fifth of all packets is lost in each direction.
pub(crate) fn loses_packets(_: Stack, _: &str) -> Option<Report> {
    const CLIENTS: usize = 6;
    let node = Node::start(
        &World::new(),
        Settings::default()
            .with("listen.alpn_for_tests", "h3")
            .with("session.handshake_deadline", "20s")
            .with("session.hello_deadline", "2s"),
    );
    Stack::Ngtcp2.command().or_else(|| missing(Stack::Ngtcp2))?;
    let options = ["--tx-loss=0.2", "--rx-loss=0.2", "--initial-rtt=50ms", "--handshake-timeout=20s"];
    let traces: Vec<Trace> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| Trace::of(&node, &options, &[]))).collect();
        clients.into_iter().filter_map(|client| client.join().expect("it ends")).collect()
    });
    assert_eq!(traces.len(), CLIENTS);
    let mut lost = 0;
    for trace in &traces {
        trace.must(&["QUIC handshake has completed"]);
        let shaken = trace.0.find("QUIC handshake has been confirmed").unwrap_or(trace.0.len());
        lost += trace.0[..shaken].matches("packet loss **").count();
    }
    assert!(lost > 0, "no packet of any handshake was lost");
    until_true("figures of them", || node.metrics().total("edge_handshakes_total") == CLIENTS as f64);
    Some(report(&["loss"]))
}

/// Proves its address first, opens its own streams, and asks for a page.
pub(crate) fn asks_for_a_page(_: Stack, _: &str) -> Option<Report> {
    let node = node(Settings::default().with_toml("session.retry_above", "0"));
    let trace = Trace::of(&node, &[], &["https://127.0.0.1/a/path/of/some/length"])?;
    trace.must(&["pkt rx", "type=Retry"]);
    trace.must(&["Negotiated ALPN is h3"]);
    // HEADERS looks like our control stream, and its length like a frame that nobody knows.
    closed(&trace, "(0x102)");
    Some(report(&["retry", "foreign-stream"]))
}

/// An ordinary daemon does not speak HTTP/3, nor any other version of QUIC.
pub(crate) fn is_refused(_: Stack, _: &str) -> Option<Report> {
    let node = Node::start(&World::new(), Settings::default());
    let trace = Trace::of(&node, &[], &[])?;
    // RFC 9001 §4.8: TLS's alert 120 at 0x100.
    trace.must(&["frm rx", "CONNECTION_CLOSE(0x1c)", "(0x178)"]);
    let trace = Trace::of(&node, &["--version=0x1a2a3a4a"], &[])?;
    let offered =
        trace.lines(&["pkt rx", "VN v=0x"]).filter_map(|line| line.rsplit_once("v=0x")).map(|(_, v)| v.trim());
    // RFC 9000 §15: 0x?a?a?a?a is reserved, and offered so that clients learn to pass over it.
    let real: Vec<&str> = offered.filter(|v| !v.bytes().skip(1).step_by(2).all(|nibble| nibble == b'a')).collect();
    assert_eq!(real, ["00000001"], "{}", trace.0);
    assert_eq!(node.metrics().total("edge_handshakes_total"), 0.0);
    Some(report(&["alpn", "version"]))
}
