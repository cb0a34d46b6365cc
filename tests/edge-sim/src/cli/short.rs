//! What a run does with its first finding: makes the story short, keeps it as a file, and tells it.
//!
//! In: a script and what it breaks. Out: lines for the reader, and `NAME.story`. Deliberately absent: how a story is made short
//! (see `shrink.rs`).

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{hush, say};
use crate::{Script, retell, shrink};

/// A trace of more lines is told with a hole in its midst.
const LINES_MAX: usize = 600;
/// Of them, so many before the hole.
const LINES_FIRST: usize = 150;

/// Makes a story short, writes it to `folder`, and tells it.
pub(super) fn shorten(script: &Script, finding: &str, retellings: u32, folder: &Path) -> Result<PathBuf> {
    let shrunk = hush(|| shrink(script.clone(), finding, retellings, &mut |line| say(line)));
    let (seed, script) = (script.seed(), shrunk.script);
    let path = folder.join(format!("seed-{seed}.story"));
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let text =
        format!("# Breaks {finding}; from seed {seed}, after {} retellings.\n{}", shrunk.retellings, script.to_text());
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    aloud(&script);
    say(&format!("the short story is {}; again: cargo xtask sim --trace --story {}", path.display(), path.display()));
    Ok(path)
}

/// Tells a story with all its lines, or as many as a reader bears.
fn aloud(script: &Script) {
    let mut lines = Vec::new();
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        retell(script, Some(&mut |line| lines.push(line.to_owned())));
    }));
    if lines.len() <= LINES_MAX {
        lines.iter().for_each(|line| say(line));
        return;
    }
    let last = lines.len() - (LINES_MAX - LINES_FIRST);
    lines[..LINES_FIRST].iter().for_each(|line| say(line));
    say(&format!("… {} lines …", last - LINES_FIRST));
    lines[last..].iter().for_each(|line| say(line));
}
