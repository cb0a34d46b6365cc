//! The demo on a terminal: what a person sees at three sizes and through a resize, and what is left of it afterwards.
//!
//! Figures differ from run to run, so what is held against the golden files under `golden/` is the frame without them: panels,
//! their places, their words. `UPDATE_EXPECT=1` writes the files anew.

use std::path::PathBuf;
use std::process::Command;

use expect_test::expect_file;
use rustix::process::Signal;
use scenarios::frame::skeleton;
use scenarios::terminal::{Screen, Size, Terminal};
use scenarios::{binaries, picture};
use serde_json::Value;
use tempfile::TempDir;

use crate::play::PATIENCE;

const SMALL: Size = Size::new(80, 24);
const MIDDLE: Size = Size::new(120, 36);
const LARGE: Size = Size::new(200, 50);

/// Players enough that some rule has fired when a frame is looked at.
const PLAYERS: [&str; 5] = ["demo", "--seed", "7", "--players", "24"];

fn demo(more: &[&str], size: Size) -> (Terminal, TempDir) {
    let folder = tempfile::tempdir().expect("a directory");
    let terminal = Terminal::start(binaries::edge_router(), &[&PLAYERS, more].concat(), folder.path(), size);
    (terminal, folder)
}

/// A frame with everything on it: players and game servers are there, and the first rule has fired.
fn full_frame(terminal: &Terminal, size: Size) -> Screen {
    terminal.await_screen("a frame with figures", PATIENCE, |screen| {
        let is_drawn = screen.rows[0].contains("q ends")
            && screen.rows[0].trim_end().chars().count() + 1 >= usize::from(size.columns.get());
        is_drawn && screen.shows("residual        0") && screen.shows("█") && screen.shows("connections     26")
    })
}

fn check(screen: &Screen, golden: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(golden);
    expect_file![path].assert_eq(&skeleton(&screen.rows));
}

#[test]
fn it_fills_a_small_terminal_and_ends_at_q() {
    let (mut terminal, _folder) = demo(&[], SMALL);
    check(&full_frame(&terminal, SMALL), "view-80x24.txt");
    assert!(terminal.is_raw(), "keys come one by one");
    terminal.press("q");
    assert!(terminal.await_end(PATIENCE).success());
    assert_restored(&terminal);
    assert!(terminal.screen().shows("The commands are in"), "{}", terminal.screen().text());
}

#[test]
fn it_follows_the_terminal_through_a_resize() {
    let (mut terminal, _folder) = demo(&[], MIDDLE);
    check(&full_frame(&terminal, MIDDLE), "view-120x36.txt");
    terminal.resize(LARGE);
    check(&full_frame(&terminal, LARGE), "view-200x50.txt");
    terminal.resize(SMALL);
    check(&full_frame(&terminal, SMALL), "view-80x24.txt");
    // Too small for anything useful is no reason to fail.
    terminal.resize(Size::new(10, 3));
    terminal.resize(MIDDLE);
    check(&full_frame(&terminal, MIDDLE), "view-120x36.txt");
    terminal.press("\u{3}");
    assert!(terminal.await_end(PATIENCE).success(), "Ctrl-C ends the play in order");
    assert_restored(&terminal);
}

#[test]
fn a_signal_ends_it_in_order_and_the_terminal_is_as_before() {
    for signal in [Signal::INT, Signal::TERM] {
        let (mut terminal, _folder) = demo(&[], SMALL);
        full_frame(&terminal, SMALL);
        terminal.signal(signal);
        assert!(terminal.await_end(PATIENCE).success(), "{signal:?}: receipts were awaited, the ledger closed");
        assert_restored(&terminal);
        assert!(terminal.screen().shows("residual 0 events, 0 commands"), "{}", terminal.screen().text());
    }
}

/// The screen that was there before is back, with its cursor, and keys are lines again.
fn assert_restored(terminal: &Terminal) {
    let screen = terminal.screen();
    assert!(!screen.is_whole && screen.has_cursor, "{}", screen.text());
    let fresh = Terminal::start("true".as_ref(), &[], std::env::temp_dir().as_path(), SMALL);
    let (now, before) = (terminal.settings(), fresh.settings());
    assert!(!terminal.is_raw());
    assert_eq!(
        (now.local_modes, now.input_modes, now.output_modes),
        (before.local_modes, before.input_modes, before.output_modes)
    );
}

#[test]
fn without_a_view_it_writes_lines_even_on_a_terminal() {
    let (mut terminal, _folder) = demo(&["--no-tui", "--for", "3s"], LARGE);
    assert!(terminal.await_end(PATIENCE).success());
    let text = text_without_escapes(&terminal);
    let looks = text.lines().filter(|line| line.contains(" events/s ") && line.contains("residual 0")).count();
    assert!(looks >= 2, "a line a second: {text}");
    assert!(text.contains("ledger      residual 0 events, 0 commands"), "{text}");
}

#[test]
fn json_is_one_object_on_standard_output_even_on_a_terminal() {
    let (mut terminal, _folder) = demo(&["--json", "--for", "2s"], LARGE);
    assert!(terminal.await_end(PATIENCE).success());
    let text = text_without_escapes(&terminal);
    let objects: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(objects.len(), 1, "{text}");
    assert_eq!(objects[0]["ledger"]["residual_events"], 0);
    assert_eq!(objects[0]["seed"], 7);
}

#[test]
fn through_a_pipe_it_writes_lines() {
    let folder = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(binaries::edge_router());
    let ended = command.args(PLAYERS).args(["--for", "2s"]).env("TMPDIR", folder.path()).output().expect("it starts");
    let text = String::from_utf8(ended.stdout).expect("text");
    assert!(ended.status.success() && text.contains(" events/s ") && !text.contains('\u{1b}'), "{text}");
}

fn text_without_escapes(terminal: &Terminal) -> String {
    let text = String::from_utf8(terminal.bytes()).expect("text");
    assert!(!text.contains('\u{1b}'), "a program that has no view leaves the terminal alone: {text:?}");
    text
}

/// The README's picture was rendered from a real run by `cargo xtask picture`; it must show the view as it is now.
#[test]
fn the_picture_in_the_readme_is_of_this_view() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap_or_else(|why| panic!("{name}: {why}"));
    assert!(read("README.md").contains(picture::PLACE), "the README shows {}", picture::PLACE);
    let svg = read(picture::PLACE);
    let (terminal, _folder) = demo(&[], MIDDLE);
    let screen = full_frame(&terminal, MIDDLE);
    let skeleton = skeleton(&screen.rows);
    let (frame, _) = skeleton.split_once("\npanel:").expect("a frame has panels");
    let words = frame.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| word.len() > 1);
    for word in words.filter(|word| !["RULE", "DOOR"].contains(word)) {
        assert!(svg.contains(word), "`{word}` is not in {}: make it anew with `cargo xtask picture`", picture::PLACE);
    }
    assert!(screen.is_whole);
}
