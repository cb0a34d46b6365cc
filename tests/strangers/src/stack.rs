//! The foreign stacks: where their programs lie, and how to tell that one is not installed here.
//!
//! `cargo xtask strangers` installs them under `target/strangers`; ngtcp2's client comes from Debian's packages.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A QUIC stack that shares no line with the daemon's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stack {
    /// aioquic, Python with its own TLS.
    Aioquic,
    /// quiche with BoringSSL, from Node.
    Quiche,
    /// s2n-quic, with rustls on AWS-LC.
    S2n,
    /// ngtcp2 with GnuTLS: its own client, which speaks HTTP/3 and nothing of our protocol.
    Ngtcp2,
}

impl Stack {
    /// In the order of the table's columns.
    pub const ALL: [Stack; 4] = [Stack::Aioquic, Stack::Quiche, Stack::S2n, Stack::Ngtcp2];

    /// As people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Stack::Aioquic => "aioquic",
            Stack::Quiche => "quiche",
            Stack::S2n => "s2n-quic",
            Stack::Ngtcp2 => "ngtcp2",
        }
    }

    /// The command that plays a story, up to the story's own arguments; `None` where it is not installed.
    pub fn command(self) -> Option<Command> {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
        let installed = installed();
        let (program, script) = match self {
            Stack::Aioquic => (installed.join("python/bin/python"), Some(sources.join("python/play.py"))),
            // Node looks for packages beside the script, so that the script lies where the packages are.
            Stack::Quiche => (PathBuf::from("node"), Some(installed.join("node/play.mjs"))),
            Stack::S2n => (installed.join("s2n/debug/stranger"), None),
            Stack::Ngtcp2 => (PathBuf::from("/usr/bin/gtlsclient"), None),
        };
        let needed = script.as_ref().filter(|_| self == Stack::Quiche).unwrap_or(&program);
        if !needed.exists() {
            return None;
        }
        let mut command = Command::new(program);
        if self == Stack::Quiche {
            command.args(["--preserve-symlinks", "--preserve-symlinks-main"]);
        }
        // The sources stay as they are.
        command.args(script).env("PYTHONDONTWRITEBYTECODE", "1");
        Some(command)
    }
}

/// Test binaries lie in `target/<profile>/deps`.
fn installed() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    test.ancestors().nth(3).expect("test binaries lie in target/<profile>/deps").join("strangers")
}
