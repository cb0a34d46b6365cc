//! The names of the files.

use edge_door::FileName;

/// Commands.
pub(crate) fn lines(prefix: &str, number: u64) -> FileName {
    format!("{prefix}-{number:08}.jsonl").into()
}

/// What the files before `number` hold.
pub(crate) fn marks(prefix: &str, number: u64) -> FileName {
    format!("{prefix}-{number:08}.marks").into()
}

/// The number of a file with commands.
pub(crate) fn lines_number(prefix: &str, name: &str) -> Option<u64> {
    number(prefix, name, ".jsonl")
}

/// The number of a file with marks.
pub(crate) fn marks_number(prefix: &str, name: &str) -> Option<u64> {
    number(prefix, name, ".marks")
}

fn number(prefix: &str, name: &str, tail: &str) -> Option<u64> {
    let digits = name.strip_prefix(prefix)?.strip_prefix('-')?.strip_suffix(tail)?;
    let is_ours = digits.len() >= 8 && digits.bytes().all(|b| b.is_ascii_digit());
    if is_ours { digits.parse().ok() } else { None }
}
