//! Captures as files: opening them, going through their events, and saying now and then how far that is.
//!
//! In: paths of the command line, `-` for standard input. Out: events in the order of the lines; the first line that is wrong
//! ends it, told with its file. Absent: what becomes of the events.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rules_bundle::MAGIC;
use rules_capture::{Captured, Decoder, unpacked};

/// How often progress is told, and how many events may pass between two looks at the clock.
const TELL_EVERY: Duration = Duration::from_secs(2);
const LOOK_EVERY: u64 = 4_096;
/// What is read of a file at once. Bytes.
const READ_BYTES: usize = 256 * 1024;

/// Gives every event of the captures to `take`, with the index of its capture; `false` of it ends it early.
pub(crate) fn each(
    captures: &[PathBuf],
    decoder: &mut Decoder,
    mut take: impl FnMut(usize, Captured) -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let mut pace = Pace::new();
    for (at, path) in captures.iter().enumerate() {
        let about = || path.display().to_string();
        for captured in decoder.events(open(path)?) {
            if !take(at, captured.with_context(about)?)? {
                return Ok(());
            }
            pace.event();
        }
    }
    Ok(())
}

/// Whether a file begins as bundles do.
pub(crate) fn is_bundle(path: &Path) -> anyhow::Result<bool> {
    if path.is_dir() {
        return Ok(false);
    }
    let mut head = Vec::new();
    let about = || format!("cannot read {}", path.display());
    File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut head)).with_context(about)?;
    Ok(head == MAGIC)
}

fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    let about = || format!("cannot read {}", path.display());
    if path.as_os_str() == "-" {
        return unpacked(BufReader::with_capacity(READ_BYTES, std::io::stdin())).with_context(about);
    }
    let file = File::open(path).with_context(about)?;
    unpacked(BufReader::with_capacity(READ_BYTES, file)).with_context(about)
}

/// Says now and then how far it is.
struct Pace {
    events: u64,
    began: Instant,
    told: Instant,
}

impl Pace {
    fn new() -> Pace {
        let now = Instant::now();
        Pace { events: 0, began: now, told: now }
    }

    fn event(&mut self) {
        self.events += 1;
        if !self.events.is_multiple_of(LOOK_EVERY) || self.told.elapsed() < TELL_EVERY {
            return;
        }
        self.told = Instant::now();
        let (events, seconds) = (self.events, self.began.elapsed().as_secs());
        // Where nobody listens nothing is lost.
        let _ = writeln!(std::io::stderr(), "edgectl: {events} events in {seconds} s");
    }
}
