//! A run's corpus: where it begins, and what of it is worth committing.
//!
//! What comes in: the target's seeds, the committed corpus, what runs found. What goes out: a folder for libFuzzer; or
//! a small committed corpus that reaches what the seeds do not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Run;
use crate::tools;

/// Files whose name begins so are findings of the past: they stay.
const FOUND: &str = "found-";
/// Most files and bytes of a committed corpus; the test `ways_in` allows a little more.
const FILES_MAX: usize = 280;
const BYTES_MAX: u64 = 180_000;

/// Fills the folder of a run with seeds and the committed corpus; what earlier runs found stays there.
pub(super) fn begin(run: &Run) -> Result<()> {
    fs::create_dir_all(run.corpus())?;
    fs::create_dir_all(run.findings())?;
    seeds(run, &run.corpus())?;
    for file in files(&committed(run))? {
        fs::copy(&file, run.corpus().join(file.file_name().context("a file has a name")?))?;
    }
    Ok(())
}

/// Replaces the committed corpus by what adds something to the seeds.
pub(super) fn minimise(run: &Run) -> Result<()> {
    begin(run)?;
    let merged = run.folder.join("merged");
    let _ = fs::remove_dir_all(&merged);
    seeds(run, &merged)?;
    let seeds: Vec<_> = files(&merged)?;
    let status = Command::new(&run.program)
        .args([&run.target, "-merge=1", "-use_counters=0", "-timeout=120", "-verbosity=0"])
        .args([&merged, &run.corpus()])
        .status()
        .context("edge-fuzz does not start")?;
    ensure!(status.success(), "the corpora do not merge: run the target for a while to see why");
    let mut added: Vec<(u64, PathBuf)> = Vec::new();
    for file in files(&merged)?.into_iter().filter(|file| !seeds.contains(file)) {
        added.push((fs::metadata(&file)?.len(), file));
    }
    added.sort();
    let folder = committed(run);
    fs::create_dir_all(&folder)?;
    let (mut bytes, mut count) = (0, 0);
    for file in files(&folder)? {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(FOUND) {
            bytes += fs::metadata(&file)?.len();
            count += 1;
        } else {
            fs::remove_file(&file)?;
        }
    }
    for (len, file) in added.into_iter().take(FILES_MAX.saturating_sub(count)) {
        bytes += len;
        if bytes > BYTES_MAX {
            break;
        }
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        fs::copy(&file, folder.join(&name[..name.len().min(16)]))?;
    }
    println!("{}: {} files in {}", run.target, files(&folder)?.len(), folder.display());
    Ok(())
}

fn seeds(run: &Run, folder: &Path) -> Result<()> {
    let status = Command::new(&run.program).args(["--seeds", &run.target]).arg(folder).status();
    ensure!(status.context("edge-fuzz does not start")?.success(), "the seeds cannot be written");
    Ok(())
}

fn committed(run: &Run) -> PathBuf {
    tools::root().join("tests/fuzz/corpus").join(&run.target)
}

/// The files of a folder, in order; none where there is no folder.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}
