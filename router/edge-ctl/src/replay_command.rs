//! `edgectl rules replay`: captures through rules, offline.
//!
//! In: a bundle or rule files, captures. Out: a summary, and with `--out` a file with the commands. What replaying means is told in
//! `rules/docs/replay.md` and done by `rules`; this file reads, writes and says how far it is.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use edge_event::UnixMillis;
use rules_bundle::{LoadedBundle, MAX_BUNDLE_BYTES, TrustedKeys, VerifiedBundle};
use rules_capture::Decoder;
use rules_engine::RuleSet;

use crate::args::{self, Sources};
use crate::captures::{self, is_bundle};
use crate::failure::Failure;
use crate::files;
use crate::output::Output;
use crate::rules_commands::say_report;

/// `edgectl rules replay`
pub(crate) fn replay(args: &args::Replay, out: &mut Output) -> Result<(), Failure> {
    let first = rule_set(&args.rules, args, out)?;
    let mut decoder = Decoder::new(first.catalogue().clone());
    let mut replay = rules::Replay::new(first);
    let mut latest_ms = i64::MIN;
    for swap in &args.swaps {
        if std::mem::replace(&mut latest_ms, swap.from_ms) > swap.from_ms {
            return Err(anyhow::anyhow!("`--swap` must be given in the order of time").into());
        }
        replay.swap_at(UnixMillis(swap.from_ms), rule_set(&swap.rules, args, out)?);
    }
    let mut commands = args.out.as_deref().map(Commands::create).transpose()?;
    let mut lines = Vec::new();
    captures::each(&args.captures, &mut decoder, |_, captured| {
        replay.take(captured, &mut lines);
        if let Some(commands) = &mut commands {
            commands.write(&lines)?;
        }
        lines.clear();
        Ok(true)
    })?;
    let summary = replay.summary();
    if summary.events == 0 {
        return Err(anyhow::anyhow!("no event in the given captures").into());
    }
    if let Some(commands) = commands {
        commands.finish()?;
    }
    let value = serde_json::to_value(&summary).context("INVARIANT: counts always serialise")?;
    out.done(&value, summary.to_text().trim_end())?;
    Ok(())
}

/// A bundle's rules, or those of rule files.
fn rule_set(path: &Path, args: &args::Replay, out: &mut Output) -> Result<Arc<RuleSet>, Failure> {
    if is_bundle(path)? {
        return Ok(bundle(path, args.keys.as_deref())?);
    }
    let (catalogue, tenant, region) = (args.catalogue.clone(), args.tenant.clone(), args.region.clone());
    let compilation = files::compile_rules(&Sources { paths: vec![path.to_owned()], catalogue, tenant, region }, 0)?;
    say_report(&compilation, out)?;
    Ok(compilation.loaded().context("INVARIANT: rules without errors are a rule set")?)
}

/// The rules of a bundle, verified where there are keys.
pub(crate) fn bundle(path: &Path, keys: Option<&Path>) -> anyhow::Result<Arc<RuleSet>> {
    let bytes = files::read_up_to(path, MAX_BUNDLE_BYTES as u64)?;
    let about = || path.display().to_string();
    let loaded = match keys {
        None => LoadedBundle::unverified(&bytes).with_context(about)?,
        Some(keys) => {
            let text =
                String::from_utf8(files::read(keys)?).with_context(|| format!("{} is no text", keys.display()))?;
            let trusted = TrustedKeys::parse(&text).with_context(|| keys.display().to_string())?;
            VerifiedBundle::verify(bytes, &trusted).and_then(|verified| verified.load()).with_context(about)?
        }
    };
    Ok(loaded.rule_set)
}

/// The file of commands; whoever reads it sees the old one or the new one, never a part.
struct Commands {
    path: PathBuf,
    beside: PathBuf,
    file: BufWriter<File>,
}

impl Commands {
    fn create(path: &Path) -> anyhow::Result<Commands> {
        if path.is_dir() {
            bail!("{} is a directory; name a file", path.display());
        }
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let file = File::create(&beside).with_context(|| format!("cannot write {}", beside.display()))?;
        Ok(Commands { path: path.to_owned(), beside, file: BufWriter::new(file) })
    }

    fn write(&mut self, lines: &[u8]) -> anyhow::Result<()> {
        self.file.write_all(lines).with_context(|| format!("cannot write {}", self.beside.display()))
    }

    fn finish(mut self) -> anyhow::Result<()> {
        let about = || format!("cannot write {}", self.path.display());
        self.file.flush().with_context(about)?;
        std::fs::rename(&self.beside, &self.path).with_context(about)
    }
}

impl Drop for Commands {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove.
        let _ = std::fs::remove_file(&self.beside);
    }
}
