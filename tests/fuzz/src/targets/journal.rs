//! The client's queue on disk: what a crash, or somebody, left in a game's folder.
//!
//! The first byte says how many files there are, then each comes with its length and how much of it is made right: 0
//! the bytes as they are, 1 a good header before them, 2 that and each piece of them a record with a good checksum.
//! What must hold: never a panic; a refusal with words that leaves the files alone, or a client; opening what opening
//! left cuts nothing more and finds the same events.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use edge_client::{Client, Stats};
use tempfile::TempDir;

use crate::input::Input;

pub(super) fn run(bytes: &[u8]) {
    let folder = scratch();
    let mut input = Input(bytes);
    let count = input.u8() % 4;
    let mut written = Vec::new();
    for number in 0..u64::from(count) {
        let index = number + u64::from(input.u8() % 2);
        let file = content(&mut input);
        let path = folder.path().join(format!("queue-{index:08}.log"));
        std::fs::write(&path, &file).expect("the scratch folder can be written");
        written.push((path, file));
    }
    match opened(folder.path()) {
        Ok(first) => {
            let again = opened(folder.path()).expect("what opening left opens");
            assert_eq!(
                (again.recovered, again.cut_bytes),
                (first.recovered, 0),
                "the same events, and nothing more to cut"
            );
        }
        Err(words) => {
            assert!(!words.is_empty());
            let is_there = |(path, _): &(PathBuf, Vec<u8>)| path.exists();
            assert!(written.is_empty() || written.iter().any(is_there), "what is refused is not removed");
        }
    }
}

fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("a scratch folder can be made")
}

/// A client that never sends: nobody runs its tasks.
fn opened(folder: &Path) -> Result<Stats, String> {
    static LOCAL: &str = "127.0.0.1:9";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    let _inside = runtime.enter();
    let client = Client::builder().endpoint(LOCAL).token("t").state_dir(folder).start().map_err(|e| e.to_string())?;
    Ok(client.stats())
}

const HEADER_BYTES: usize = 76;

/// One file.
fn content(input: &mut Input<'_>) -> Vec<u8> {
    let how = input.u8() % 3;
    if how == 0 {
        return input.long().to_vec();
    }
    let mut out = b"EDGEQUE1".to_vec();
    out.extend_from_slice(&[9; 16]);
    out.extend_from_slice(&1_000_u64.to_le_bytes());
    out.extend_from_slice(&77_u64.to_le_bytes());
    (0..4).for_each(|_| out.extend_from_slice(&u64::from(input.u8()).to_le_bytes()));
    out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
    assert_eq!(out.len(), HEADER_BYTES);
    if how == 1 {
        out.extend_from_slice(input.long());
        return out;
    }
    for _ in 0..1 + input.u8() % 8 {
        let body = input.short();
        out.extend_from_slice(&(body.len() as u32).to_le_bytes());
        out.extend_from_slice(&crc32c::crc32c(body).to_le_bytes());
        out.extend_from_slice(body);
    }
    out
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let event = |class: u8, seq: u8| {
        let mut body = vec![24, 1, class, seq, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 77, 0, 0, 0, 0, 0, 0, 0];
        body.extend_from_slice(b"hi");
        body
    };
    let receipt = |class: u8, seq: u8| vec![10, 2, class, seq, 0, 0, 0, 0, 0, 0, 0];
    static EMPTY: LazyLock<Vec<u8>> = LazyLock::new(|| vec![2, 0, 0, 0, 0]);
    let file = |records: &[Vec<u8>]| [&EMPTY[..], &[records.len() as u8 - 1], &records.concat()].concat();
    let good = file(&[event(0, 1), event(0, 2), event(1, 1), receipt(0, 1)]);
    let gap = file(&[event(0, 1), event(0, 3), receipt(0, 9)]);
    let next = [&[0, 2, 2, 1, 0, 0][..], &[0], &event(0, 3)].concat();
    vec![
        vec![0],
        [&[1, 0][..], &good].concat(),
        [&[1, 1][..], &gap].concat(),
        [&[2, 0][..], &good, &next].concat(),
        vec![1, 0, 0, 5, 0, b'E', b'D', b'G', b'E', b'Q'],
        vec![1, 0, 0, 8, 0, b's', b'o', b'm', b'e', b'b', b'o', b'd', b'y'],
        [&[1, 0, 1, 0, 0, 0, 0, 40, 0][..], &[7; 40]].concat(),
        vec![2, 0, 0, 0, 0, 0, 0, 4, 0, 1, 2, 3, 4],
    ]
}
