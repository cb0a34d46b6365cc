//! Installs the tools that the test command needs, through the ordinary package clients, once.
//!
//! What comes in: a machine with Rust, a C compiler and Python. What goes out: the tools under `target/tools/bin` or on
//! the path. Deliberately absent: versions that float: each tool is pinned here.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// A tool from crates.io.
struct CargoTool {
    name: &'static str,
    version: &'static str,
}

const NEXTEST: CargoTool = CargoTool { name: "cargo-nextest", version: "0.9.143" };
const DENY: CargoTool = CargoTool { name: "cargo-deny", version: "0.20.2" };

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("xtask lives in the workspace")
}

/// Where our own copies of tools live.
fn tools_bin() -> PathBuf {
    target_dir().join("tools/bin")
}

/// Cargo's target folder, as cargo sees it.
pub(crate) fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// `cargo`, or a program that calls it, started as from a shell. What `cargo run` says of the program that it runs would make
/// build scripts that ask for it run again, and with them half the workspace, whenever one builds once here and once by hand.
pub(crate) fn cargo(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let said = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(|about| said.starts_with(about)) {
            command.env_remove(&name);
        }
    }
    command
}

/// `cargo-nextest`, whichever is there, else installed.
pub(crate) fn nextest() -> Result<PathBuf> {
    find_or_install(&NEXTEST)
}

/// `cargo-deny`, whichever is there, else installed.
pub(crate) fn deny() -> Result<PathBuf> {
    find_or_install(&DENY)
}

/// `strace`, from Debian's packages where it is missing.
pub(crate) fn strace() -> Result<()> {
    let answers = Command::new("strace").arg("-V").output().is_ok_and(|o| o.status.success());
    debian("strace", answers)
}

/// What the scenarios mistreat daemons with, beside strace: other clocks, and disks of their own.
pub(crate) fn for_scenarios() -> Result<()> {
    strace()?;
    for (package, program, flag) in [("faketime", "faketime", "--version"), ("e2fsprogs", "mkfs.ext4", "-V")] {
        let answers = Command::new(program).arg(flag).output().is_ok_and(|o| o.status.success());
        debian(package, answers)?;
    }
    Ok(())
}

pub(crate) fn install_all() -> Result<()> {
    nextest()?;
    deny()?;
    for_scenarios()?;
    crate::cel_spec::install()?;
    crate::cel_differential::install()?;
    crate::strangers::install()
}

fn find_or_install(tool: &CargoTool) -> Result<PathBuf> {
    let own = tools_bin().join(tool.name);
    for candidate in [own.clone(), PathBuf::from(tool.name)] {
        if Command::new(&candidate).arg("--version").output().is_ok_and(|o| o.status.success()) {
            return Ok(candidate);
        }
    }
    println!("installing {} {} (once; takes some minutes)", tool.name, tool.version);
    let status = cargo("cargo")
        .args(["install", tool.name, "--version", tool.version, "--locked", "--root"])
        .arg(target_dir().join("tools"))
        .env("CARGO_TARGET_DIR", target_dir().join("tools/build"))
        .status()
        .context("cargo does not start")?;
    if !status.success() {
        bail!("`cargo install {}` failed; see above", tool.name);
    }
    Ok(own)
}

/// Python's packages in an environment of their own in `folder`, every file by its hash; `pins` lists them.
pub(crate) fn python(what: &str, folder: &Path, pins: &Path) -> Result<()> {
    once(folder, pins, |pins| {
        run("an environment for Python", Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"])
            .arg(pins);
        run(what, &mut pip)
    })
}

/// Does it where `pins` has changed since it was done.
pub(crate) fn once(folder: &Path, pins: &Path, install: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let (mark, wanted) = (folder.join("installed"), fs::read(pins)?);
    if fs::read(&mark).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    install(pins)?;
    Ok(fs::write(mark, wanted)?)
}

/// Runs an installing command, and tells what it installs.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<()> {
    println!("installing {what} (once)");
    let status =
        command.status().with_context(|| format!("{what}: {} does not start", command.get_program().display()))?;
    if !status.success() {
        bail!("{what} could not be installed: {} ended with {status}", command.get_program().display());
    }
    Ok(())
}

/// A package of Debian's, where it is missing.
pub(crate) fn debian(package: &str, is_there: bool) -> Result<()> {
    if is_there {
        return Ok(());
    }
    println!("installing {package} from Debian's packages");
    for arguments in [&["update", "-q"][..], &["install", "-y", "-q", package][..]] {
        let status = Command::new("apt-get").args(arguments).status();
        if !status.is_ok_and(|s| s.success()) {
            bail!("`{package}` is missing and `apt-get {}` failed: install it by hand", arguments.join(" "));
        }
    }
    Ok(())
}
