//! Finding and reading rule files and catalogues.
//!
//! In: paths of the command line. Out: a [`Compilation`]. Directories are searched for `*.rules.yaml`, `*.params.yaml` and
//! `*.overlay.yaml`; files of parameters that a rule file names are read though nobody asked for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use rules::{Compilation, Identity, InputFile, named_params};
use rules_catalogue::{Catalogue, compile};
use rules_engine::RuleSet;

use crate::args::{RulesPath, Sources};
use crate::captures::is_bundle;
use crate::failure::Failure;
use crate::output::Output;
use crate::rules_commands::say_report;

/// Ends of names that are searched for.
const NAMES: [&str; 3] = [".rules.yaml", ".params.yaml", ".overlay.yaml"];

/// How deep directories are searched.
const MAX_DEPTH: usize = 32;

/// Largest file that is read; the compiler's own limit is lower and tells more.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Reads everything and compiles it.
pub(crate) fn compile_rules(sources: &Sources, revision: u64) -> anyhow::Result<Compilation> {
    let files = read_all(sources)?;
    let catalogue = catalogue(sources)?;
    let inputs = files.into_iter().map(|(path, bytes)| InputFile { path, bytes }).collect();
    let identity = Identity { tenant: sources.tenant.clone(), revision };
    let compilation = Compilation::for_region(inputs, catalogue, identity, sources.region.as_deref());
    let regions = compilation.regions();
    match &sources.region {
        Some(region) if !regions.contains(region) => {
            let known = if regions.is_empty() { "none has".to_owned() } else { regions.join(", ") };
            bail!(
                "no overlay is for region `{region}` (those that have one: {known}); without overlays leave --region out"
            )
        }
        _ => Ok(compilation),
    }
}

/// Every file of rules and parameters, by the path that is shown.
pub(crate) fn read_all(sources: &Sources) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for path in &sources.paths {
        let found = if path.is_dir() { search(path)? } else { vec![path.clone()] };
        for file in found {
            take_in(&file, &mut files)?;
        }
    }
    if files.is_empty() {
        bail!("no *.rules.yaml below the given paths; give a file, or a directory that has some");
    }
    Ok(files)
}

/// Reads and compiles the rules of one path and loads them, for commands that show the author's own words; prints the report.
pub(crate) fn load_rules(rules: &RulesPath, out: &mut Output) -> Result<(Compilation, Arc<RuleSet>), Failure> {
    if is_bundle(&rules.rules)? {
        let path = rules.rules.display();
        return Err(
            anyhow::anyhow!("{path} is a bundle, which has no text of rules to show; give the rule files").into()
        );
    }
    let RulesPath { rules: path, catalogue, tenant, region } = rules.clone();
    let compilation = compile_rules(&Sources { paths: vec![path], catalogue, tenant, region }, 0)?;
    say_report(&compilation, out)?;
    let set = compilation.loaded().context("INVARIANT: rules without errors are a rule set")?;
    Ok((compilation, set))
}

/// Reads a file, and the file of parameters that it names.
fn take_in(path: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> anyhow::Result<()> {
    let shown = path.display().to_string();
    if files.contains_key(&shown) {
        return Ok(());
    }
    let bytes = read(path)?;
    let named = std::str::from_utf8(&bytes).map(|text| named_params(&shown, text)).unwrap_or_default();
    files.insert(shown, bytes);
    for params in named {
        // One that is not there is the compiler's to tell, at the place where it is named.
        if Path::new(&params).is_file() {
            take_in(Path::new(&params), files)?;
        }
    }
    Ok(())
}

/// Reads a file of bounded size.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    read_up_to(path, MAX_FILE_BYTES)
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read_up_to(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let about = || format!("cannot read {}", path.display());
    let length = std::fs::metadata(path).with_context(about)?.len();
    if length > limit {
        bail!("{} has {length} bytes; limit {limit}", path.display());
    }
    std::fs::read(path).with_context(about)
}

fn search(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![(root.to_owned(), 0)];
    while let Some((directory, depth)) = open.pop() {
        let about = || format!("cannot read directory {}", directory.display());
        for entry in std::fs::read_dir(&directory).with_context(about)? {
            let entry = entry.with_context(about)?;
            let path = entry.path();
            let kind = entry.file_type().with_context(about)?;
            if kind.is_dir() && depth < MAX_DEPTH {
                open.push((path, depth + 1));
            } else if path.to_str().is_some_and(|path| NAMES.iter().any(|name| path.ends_with(name))) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn catalogue(sources: &Sources) -> anyhow::Result<Arc<Catalogue>> {
    catalogue_in(&catalogue_directory(sources)?)
}

/// Where the catalogue's `.proto` files are.
pub(crate) fn catalogue_directory(sources: &Sources) -> anyhow::Result<PathBuf> {
    match &sources.catalogue {
        Some(directory) => Ok(directory.clone()),
        None => nearest_catalogue(&sources.paths[0])
            .context("no directory `catalogue` beside or above the first path; say where it is with `--catalogue DIR`"),
    }
}

/// The `.proto` files of a directory.
pub(crate) fn proto_files(directory: &Path) -> anyhow::Result<compile::Sources> {
    compile::Sources::read_dir(directory).with_context(|| format!("cannot read the catalogue {}", directory.display()))
}

/// Compiles the catalogue of a directory.
pub(crate) fn catalogue_in(directory: &Path) -> anyhow::Result<Arc<Catalogue>> {
    let texts = proto_files(directory)?;
    match compile::compile(&texts) {
        Ok(compiled) => Ok(Arc::new(compiled.catalogue)),
        Err(diagnostics) => {
            let all: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
            bail!("the catalogue {} has errors\n\n{}", directory.display(), all.join("\n\n"))
        }
    }
}

fn nearest_catalogue(path: &Path) -> Option<PathBuf> {
    let start = std::path::absolute(path).ok()?;
    start.ancestors().map(|above| above.join("catalogue")).find(|candidate| candidate.is_dir())
}
