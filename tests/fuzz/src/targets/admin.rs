//! The control socket: a line that a client sends the daemon, and a line that the daemon answers with.
//!
//! The first byte says who speaks, the rest is the line. What must hold: not understood with words and a way out, or a
//! message that is one line again and reads back as the same.

use edge_admin::{Request, Response, from_line, to_line};

pub(super) fn run(bytes: &[u8]) {
    let Some((&who, line)) = bytes.split_first() else { return };
    let Ok(line) = std::str::from_utf8(line) else { return };
    if who & 1 == 0 {
        again::<Request>(line);
    } else {
        again::<Response>(line);
    }
}

fn again<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(line: &str) {
    match from_line::<T>(line) {
        Ok(message) => {
            let written = to_line(&message);
            assert_eq!(written.matches('\n').count(), 1, "one line: {written}");
            assert_eq!(from_line::<T>(written.trim_end()).as_ref(), Ok(&message));
        }
        Err(refusal) => {
            assert!(!refusal.code.is_empty() && !refusal.what.is_empty() && !refusal.help.is_empty());
            again_refused(refusal);
        }
    }
}

/// A refusal is sent back: it has to be a line, too.
fn again_refused(refusal: edge_admin::Refusal) {
    let response = Response::Refused(refusal);
    let written = to_line(&response);
    assert_eq!(written.matches('\n').count(), 1, "one line: {written}");
    assert_eq!(from_line::<Response>(written.trim_end()), Ok(response));
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let requests = [
        Request::Status,
        Request::Reload,
        Request::Drain,
        Request::LoadBundle { bundle: "AA==".into(), by: "ops".into() },
    ];
    let status = edge_admin::Status { shards: vec![Default::default(); 2], ..Default::default() };
    let refusal = edge_admin::Refusal { code: "c".into(), what: "w\n\"".into(), help: "h".into() };
    let loaded =
        edge_admin::Loaded { revision: 7, replaced: 6, rules: 3, live_after_ms: 1.5, warnings: vec!["w".into()] };
    let responses =
        [Response::Status(Box::new(status)), Response::Loaded(loaded), Response::Draining, Response::Refused(refusal)];
    let asked = requests.iter().map(|message| (0, to_line(message)));
    let told = responses.iter().map(|message| (1, to_line(message)));
    asked.chain(told).map(|(who, line)| [&[who], line.trim_end().as_bytes()].concat()).collect()
}
