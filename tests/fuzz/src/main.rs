//! `edge-fuzz TARGET [FILE or FOLDER or libFuzzer argument ...]`
//!
//! In the plain build it hands each named file, and each file of each named folder, to the target once: that is how a
//! finding is looked at. Built by `cargo xtask fuzz` it is libFuzzer, and takes libFuzzer's arguments. `edge-fuzz`
//! alone lists the targets; `edge-fuzz --seeds TARGET FOLDER` writes the target's seeds.

#![allow(clippy::print_stdout, clippy::print_stderr)]

#[cfg(feature = "libfuzzer")]
mod engine;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use edge_fuzz::{TARGETS, Target};

/// Tells libFuzzer's own children which target they are.
const TARGET_VARIABLE: &str = "EDGE_FUZZ_TARGET";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Ok(name) = std::env::var(TARGET_VARIABLE) {
        return run(&name, &arguments);
    }
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--seeds", name, folder] => write_seeds(name, Path::new(folder)),
        [name, ..] if !name.starts_with('-') => run(name, &arguments[1..]),
        _ => {
            TARGETS.iter().for_each(|target| println!("{:10} {}", target.name, target.about));
            ExitCode::from(2)
        }
    }
}

fn run(name: &str, arguments: &[String]) -> ExitCode {
    let Some(target) = Target::named(name) else {
        eprintln!("no target `{name}` in this build; `edge-fuzz` lists them");
        return ExitCode::from(2);
    };
    #[cfg(feature = "libfuzzer")]
    return engine::run(target, arguments);
    #[cfg(not(feature = "libfuzzer"))]
    replay(target, arguments)
}

/// Hands each file in once.
#[cfg_attr(feature = "libfuzzer", allow(dead_code))]
fn replay(target: &Target, paths: &[String]) -> ExitCode {
    target.warm_up();
    let mut count = 0;
    for path in paths.iter().flat_map(|path| files(Path::new(path))) {
        match std::fs::read(&path) {
            Ok(bytes) => {
                println!("{}", path.display());
                target.check(&bytes);
                count += 1;
            }
            Err(why) => {
                eprintln!("{}: {why}", path.display());
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{}: {count} inputs", target.name);
    ExitCode::SUCCESS
}

fn files(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else { return vec![path.to_owned()] };
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    files
}

fn write_seeds(name: &str, folder: &Path) -> ExitCode {
    let Some(target) = Target::named(name) else {
        eprintln!("no target `{name}` in this build; `edge-fuzz` lists them");
        return ExitCode::from(2);
    };
    let seeds = target.seeds();
    for (number, seed) in seeds.iter().enumerate() {
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(folder.join(format!("seed-{number:04}")), seed));
        if let Err(why) = written {
            eprintln!("{}: {why}", folder.display());
            return ExitCode::FAILURE;
        }
    }
    println!("{}: {} seeds", target.name, seeds.len());
    ExitCode::SUCCESS
}
