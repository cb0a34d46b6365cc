//! Renders the README's picture of the demo from a real run: `cargo xtask picture`.
//!
//! In: nothing. Out: the view on a real terminal after twenty seconds of play, as SVG. Absent: figures made up for it.

#![allow(clippy::print_stdout, reason = "a console program")]

use std::path::Path;
use std::time::Duration;

use scenarios::terminal::{Size, Terminal};
use scenarios::{binaries, picture};

/// As wide as a README shows without scrolling.
const SIZE: Size = Size::new(112, 32);

fn main() {
    let folder = tempfile::tempdir().expect("a directory");
    println!("playing the demo for 20 seconds");
    let terminal = Terminal::start(binaries::edge_router(), &["demo"], folder.path(), SIZE);
    let screen = terminal.await_screen("twenty seconds of play", Duration::from_secs(60), |s| s.shows("00:20"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(picture::PLACE);
    std::fs::write(&path, picture::svg(&screen.cells, picture::TITLE)).expect("a file");
    println!("wrote {}", picture::PLACE);
}
