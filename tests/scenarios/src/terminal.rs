//! A terminal of its own for a program: a pseudo-terminal whose other side is read as a screen.
//!
//! What comes in: a command, a size, keys, new sizes, signals. What goes out: the [`Screen`] that a person would see, every byte
//! that was written, and the terminal's settings, so that one can tell whether they were put back. Deliberately absent: what a
//! screen should show.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize};

use crate::wait::until;

/// A terminal's size; neither side is zero.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Characters in a row.
    pub columns: NonZeroU16,
    /// Rows.
    pub rows: NonZeroU16,
}

impl Size {
    /// A size, written where it is used.
    ///
    /// # Panics
    /// Where a side is zero.
    pub const fn new(columns: u16, rows: u16) -> Size {
        match (NonZeroU16::new(columns), NonZeroU16::new(rows)) {
            (Some(columns), Some(rows)) => Size { columns, rows },
            _ => panic!("a terminal has rows and columns"),
        }
    }
}

/// A program on a terminal of its own; it is killed when this is dropped.
pub struct Terminal {
    child: Child,
    /// Our side: what a keyboard writes and a screen reads.
    ours: File,
    /// The program's side, kept open so that its settings can be read when the program is gone.
    theirs: OwnedFd,
    seen: Arc<Mutex<Seen>>,
}

/// What the program wrote so far.
struct Seen {
    parser: vt100::Parser,
    bytes: Vec<u8>,
}

/// What a person sees at one moment.
pub struct Screen {
    /// A line of text for each row, as wide as the terminal.
    pub rows: Vec<String>,
    /// The program has taken the whole screen.
    pub is_whole: bool,
    /// The cursor is shown.
    pub has_cursor: bool,
    /// For pictures: the cells with their colours.
    pub cells: vt100::Screen,
}

impl Terminal {
    /// Starts `program` on a terminal of this size, which is its controlling terminal: it hears of new sizes.
    ///
    /// # Panics
    /// Where the kernel has no pseudo-terminals, or the program does not start.
    pub fn start(program: &Path, arguments: &[&str], folder: &Path, size: Size) -> Terminal {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("its other side");
        let name = ptsname(&ours, Vec::new()).expect("its name");
        let theirs = rustix::fs::open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("it opens");
        tcsetwinsize(&ours, winsize(size)).expect("it takes a size");
        let side = || theirs.try_clone().expect("a descriptor");
        // A session of its own, with this terminal: what a login does.
        let child = Command::new("setsid")
            .args(["--ctty", "--wait"])
            .arg(program)
            .args(arguments)
            .env("TERM", "xterm-256color")
            .env("TMPDIR", folder)
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .expect("setsid, of util-linux, starts it");
        let seen =
            Arc::new(Mutex::new(Seen { parser: vt100::Parser::new(size.rows, size.columns, 0), bytes: Vec::new() }));
        let ours = File::from(ours);
        let reader = ours.try_clone().expect("a descriptor");
        let to = seen.clone();
        std::thread::spawn(move || read(reader, &to));
        Terminal { child, ours, theirs, seen }
    }

    /// What is on the screen now.
    pub fn screen(&self) -> Screen {
        let seen = self.seen();
        let cells = seen.parser.screen().clone();
        let columns = cells.size().1.get();
        Screen {
            rows: cells.rows(0, columns).map(|row| pad(&row, usize::from(columns))).collect(),
            is_whole: cells.alternate_screen(),
            has_cursor: !cells.hide_cursor(),
            cells,
        }
    }

    /// Waits until the screen is as `is_so` wants it, and gives it.
    ///
    /// # Panics
    /// After `limit`, showing the screen.
    pub fn await_screen(&self, what: &str, limit: Duration, is_so: impl Fn(&Screen) -> bool) -> Screen {
        let begun = std::time::Instant::now();
        until(what, limit + Duration::from_secs(1), || {
            let screen = self.screen();
            let found = is_so(&screen);
            assert!(found || begun.elapsed() < limit, "{what} did not come within {limit:?}:\n{}", screen.text());
            found.then_some(screen)
        })
    }

    /// Presses keys.
    ///
    /// # Panics
    /// Where the terminal is gone.
    pub fn press(&mut self, keys: &str) {
        self.ours.write_all(keys.as_bytes()).expect("the terminal is there");
    }

    /// Gives the terminal another size; the kernel tells the program.
    ///
    /// # Panics
    /// Where the terminal is gone.
    pub fn resize(&self, size: Size) {
        self.seen().parser.screen_mut().set_size(size.rows, size.columns);
        tcsetwinsize(&self.ours, winsize(size)).expect("the terminal is there");
    }

    /// Sends a signal to the program, as `kill` does: not through the keyboard.
    ///
    /// # Panics
    /// Where it has ended.
    pub fn signal(&self, signal: Signal) {
        // `setsid --wait` stays as the parent only where it had to fork; where it did not, it became the program.
        let id = i32::try_from(self.child.id()).expect("a process id");
        let target = children_of(id).first().copied().unwrap_or(id);
        rustix::process::kill_process(Pid::from_raw(target).expect("not zero"), signal).expect("it runs");
    }

    /// Waits for the program's end, and until everything that it wrote is read.
    ///
    /// # Panics
    /// After `limit`.
    pub fn await_end(&mut self, limit: Duration) -> ExitStatus {
        let child = &mut self.child;
        let status = until("the program's end", limit, || child.try_wait().expect("a child"));
        // What lies in the terminal still: nothing tells us when the last byte is read, so a lull does.
        let mut before = usize::MAX;
        until("the end of what it wrote", limit, || {
            let now = self.seen().bytes.len();
            std::thread::sleep(Duration::from_millis(30));
            (std::mem::replace(&mut before, now) == now).then_some(())
        });
        status
    }

    /// Every byte that the program wrote.
    pub fn bytes(&self) -> Vec<u8> {
        self.seen().bytes.clone()
    }

    /// The terminal's settings, as a shell would find them.
    ///
    /// # Panics
    /// Where the kernel does not tell them.
    pub fn settings(&self) -> Termios {
        tcgetattr(&self.theirs).expect("a terminal has settings")
    }

    /// Whether keys come one by one and are not shown, as a view wants them and a shell does not.
    pub fn is_raw(&self) -> bool {
        !self.settings().local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        for id in children_of(i32::try_from(self.child.id()).unwrap_or_default()) {
            let _ = Pid::from_raw(id).map(|pid| rustix::process::kill_process(pid, Signal::KILL));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Screen {
    /// All rows, one a line.
    pub fn text(&self) -> String {
        self.rows.join("\n")
    }

    /// Whether the text stands somewhere.
    pub fn shows(&self, text: &str) -> bool {
        self.rows.iter().any(|row| row.contains(text))
    }
}

fn read(mut from: File, to: &Mutex<Seen>) {
    let mut buffer = [0; 4096];
    // The kernel answers with an error once the other side is closed.
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        let mut seen = to.lock().unwrap_or_else(PoisonError::into_inner);
        seen.parser.process(&buffer[..n]);
        seen.bytes.extend_from_slice(&buffer[..n]);
    }
}

fn winsize(size: Size) -> Winsize {
    Winsize { ws_col: size.columns.get(), ws_row: size.rows.get(), ws_xpixel: 0, ws_ypixel: 0 }
}

/// Pads to a width in characters: rows come without what is blank at their end.
fn pad(row: &str, width: usize) -> String {
    format!("{row}{}", " ".repeat(width.saturating_sub(row.chars().count())))
}

fn children_of(id: i32) -> Vec<i32> {
    let text = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}
