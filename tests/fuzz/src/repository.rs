//! The repository's own files, as seeds.
//!
//! What comes in: paths from the repository's root. What goes out: their bytes. Deliberately absent: the committed
//! corpora.
#![allow(dead_code, reason = "a build with one target alone uses a part of it")]

use std::path::{Path, PathBuf};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file's bytes.
pub(crate) fn read(path: &str) -> Vec<u8> {
    let path = root().join(path);
    std::fs::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// A file's text.
pub(crate) fn text(path: &str) -> String {
    String::from_utf8(read(path)).expect("the file is text")
}

/// Names and texts of the files of a folder that end so, in order.
pub(crate) fn texts(folder: &str, end: &str) -> Vec<(String, String)> {
    let path = root().join(folder);
    let entries = std::fs::read_dir(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
    let mut names: Vec<String> = entries.filter_map(name).filter(|name| name.ends_with(end)).collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), text(&format!("{folder}/{name}")))).collect()
}

/// Bytes out of hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
