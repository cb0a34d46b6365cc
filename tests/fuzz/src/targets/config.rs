//! The config file: TOML of an operator.
//!
//! The bytes are its text. What must hold: a resolved config whose parts pass their own checks, or problems, each with
//! words and a line that the file has; the same twice.

use std::path::Path;

use edge_config::{Config, FILE_BYTES_MAX, Problems, reference};

pub(super) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return;
    }
    let read = || Config::from_text(text, "edge.toml", Path::new("/etc/edge"));
    match read() {
        Ok(config) => {
            config.session.check().expect("a resolved session config passes its check");
            assert!(!format!("{config:?}").is_empty());
        }
        Err(problems) => {
            shown(&problems, text);
            assert_eq!(read().err().as_ref(), Some(&problems));
        }
    }
}

fn shown(problems: &Problems, text: &str) {
    assert!(!problems.list.is_empty() && !problems.to_string().is_empty());
    let lines = text.split('\n').count();
    for problem in &problems.list {
        assert!(!problem.what.is_empty() && problem.line <= lines, "{problem:?} of {lines} lines");
    }
}

/// The reference as it is and with everything in it switched on, and small files.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let reference = reference();
    let switched_on =
        |line: &str| line.strip_prefix("# ").filter(|l| l.contains(" = ")).unwrap_or(line).to_owned() + "\n";
    let all: String = reference.lines().map(switched_on).collect();
    let bare: String =
        reference.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    let small = "[node]\nid = 7\n[tls]\ncertificate = \"c\"\nkey = \"k\"\n[rules]\nbundle = \"b\"\nkeys = \"k\"\n\
                 [spool]\ndirectory = \"/v\"\n[sink.file]\ndirectory = \"out\"\n[[tokens.issuers]]\nname = \"p\"\n\
                 provenance = \"client\"\naudience = \"edge\"\njwks = \"p.json\"\n";
    let wrong = "[session]\nidle_timout = \"5s\"\nidle_timeout = 5\n[listen]\naddress = \"x\"\nshards = -1\n";
    [reference, all, bare, small.to_owned(), wrong.to_owned()].map(String::into_bytes).to_vec()
}
