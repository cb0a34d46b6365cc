//! Compiles the example catalogue and the example rules into what the demo embeds.
//!
//! What comes in: `rules/catalogue` and `rules/examples`. What goes out, in `OUT_DIR`: the catalogue's and the rule set's
//! canonical bytes, and `embedded.rs` with the texts they were made of. A mistake in a rule stops the build with the
//! diagnostics that its author would see. Deliberately absent: keys; the demo signs with one made on the spot.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rules::{Compilation, Identity, InputFile, named_params};
use rules_catalogue::Catalogue;
use rules_catalogue::compile::{Sources, compile};

/// Whose rules the demo's are.
const TENANT: &str = "demo";
/// The first bundle of a fresh machine.
const REVISION: u64 = 1;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    match build(&out) {
        Ok(()) => {}
        Err(why) => {
            for line in why.lines() {
                println!("cargo::error={line}");
            }
        }
    }
}

fn build(out: &Path) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
    let (catalogue_root, examples_root) = (root.join("catalogue"), root.join("examples"));
    for watched in [&catalogue_root, &examples_root] {
        println!("cargo::rerun-if-changed={}", watched.display());
    }
    let sources = Sources::read_dir(&catalogue_root).map_err(|why| why.to_string())?;
    let catalogue = catalogue(&sources)?;
    let files = rule_files(&examples_root)?;
    let compilation =
        Compilation::new(files.clone(), catalogue.clone(), Identity { tenant: TENANT.into(), revision: REVISION });
    let rules = compilation.rule_set().ok_or_else(|| compilation.to_text(false))?;
    write(&out.join("catalogue.bin"), &catalogue.to_bytes())?;
    write(&out.join("rules.bin"), &rules.to_bytes())?;

    let mut text = String::new();
    list(&mut text, "CATALOGUE_FILES", sources.names().filter_map(|name| Some((name, sources.text(name)?))));
    let texts = files.iter().map(|f| (f.path.as_str(), std::str::from_utf8(&f.bytes).unwrap_or_default()));
    list(&mut text, "RULE_FILES", texts);
    write(&out.join("embedded.rs"), text.as_bytes())
}

fn catalogue(sources: &Sources) -> Result<Arc<Catalogue>, String> {
    match compile(sources) {
        Ok(compiled) => Ok(Arc::new(compiled.catalogue)),
        Err(diagnostics) => Err(diagnostics.iter().map(|d| format!("{d}\n")).collect()),
    }
}

/// The rule files of a folder, and the files of parameters that they name, by their path in it.
fn rule_files(root: &Path) -> Result<Vec<InputFile>, String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root).map_err(|why| format!("{}: {why}", root.display()))? {
        let name = entry.map_err(|why| format!("{}: {why}", root.display()))?.file_name();
        names.extend(name.into_string().ok().filter(|name| name.ends_with(".rules.yaml")));
    }
    names.sort();
    let mut files = Vec::new();
    for name in names {
        let text = read(root, &name)?;
        for params in named_params(&name, &text) {
            if files.iter().any(|f: &InputFile| f.path == params) {
                continue;
            }
            files.push(InputFile::new(params.clone(), read(root, &params)?));
        }
        files.push(InputFile::new(name, text));
    }
    if files.is_empty() {
        return Err(format!("{} holds no *.rules.yaml", root.display()));
    }
    Ok(files)
}

fn read(root: &Path, name: &str) -> Result<String, String> {
    let path = root.join(name);
    std::fs::read_to_string(&path).map_err(|why| format!("{}: {why}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|why| format!("{}: {why}", path.display()))
}

/// One table of names and texts, as Rust.
fn list<'a>(out: &mut String, name: &str, files: impl Iterator<Item = (&'a str, &'a str)>) {
    writeln!(out, "pub(crate) const {name}: &[(&str, &str)] = &[").expect("a `String` takes everything");
    for (name, text) in files {
        writeln!(out, "    ({name:?}, {text:?}),").expect("a `String` takes everything");
    }
    writeln!(out, "];").expect("a `String` takes everything");
}
