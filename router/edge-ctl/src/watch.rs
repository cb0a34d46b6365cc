//! `edgectl rules test --watch`: the tests again whenever a file changes.
//!
//! In: the paths of the command line. Out: what `edgectl rules test` prints, once for each change. Ctrl-C ends it, as nothing here
//! asks for the signal. Whatever is wrong with the files is told, and the watch goes on. Absent: the kernel's notices: the files are
//! few, and looking at their times twice a second works on every file system.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::args::Sources;
use crate::failure::Failure;
use crate::files;
use crate::output::Output;
use crate::rules_commands;

/// Between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// When each file was changed last, and its length.
type Seen = BTreeMap<PathBuf, Option<(SystemTime, u64)>>;

pub(crate) fn test(sources: &Sources, out: &mut Output) -> Result<(), Failure> {
    loop {
        // Looked at before they are read, so that a change in between is seen the next time.
        let seen = look(sources);
        if let Err(failure) = rules_commands::test(sources, out) {
            let words = failure.to_string();
            if !words.is_empty() {
                // Where nobody listens nothing is lost.
                let _ = writeln!(std::io::stderr(), "edgectl: {words}");
            }
        }
        let changed = next_change(sources, &seen);
        out.text(&format!("\n{} changed\n\n", changed.display()))?;
    }
}

/// Waits until a file is other than it was.
fn next_change(sources: &Sources, seen: &Seen) -> PathBuf {
    loop {
        std::thread::sleep(LOOK_EVERY);
        let now = look(sources);
        let other = |(path, about): (&PathBuf, &Option<(SystemTime, u64)>)| {
            (seen.get(path) != Some(about)).then(|| path.clone())
        };
        let gone = || seen.keys().find(|path| !now.contains_key(*path)).cloned();
        if let Some(path) = now.iter().find_map(other).or_else(gone) {
            return path;
        }
    }
}

/// All files that decide how the tests end. What cannot be read has no time, and gets one when it can.
fn look(sources: &Sources) -> Seen {
    let named = sources.paths.iter().cloned();
    let rules = files::read_all(sources).unwrap_or_default().into_keys().map(PathBuf::from);
    let all = named.chain(rules).chain(protos(sources)).filter(|path| !path.is_dir());
    all.map(|path| (path.clone(), about(&path))).collect()
}

fn protos(sources: &Sources) -> Vec<PathBuf> {
    let Ok(directory) = files::catalogue_directory(sources) else { return Vec::new() };
    let Ok(texts) = files::proto_files(&directory) else { return vec![directory] };
    texts.names().map(|name| directory.join(name)).collect()
}

fn about(path: &Path) -> Option<(SystemTime, u64)> {
    let about = std::fs::metadata(path).ok()?;
    Some((about.modified().ok()?, about.len()))
}
