//! What every disk door does.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};

use bytes::Bytes;
use edge_door::{Disk, DiskOp, FileName, OpId};

/// A disk of one kind, and how to wait for the end of what is in flight.
pub(crate) trait Rig {
    fn disk(&mut self) -> &mut dyn Disk;
    /// Another door to the same directory.
    fn other(&mut self) -> Box<dyn Disk>;
    async fn ended(&mut self);

    /// Submits one operation and waits for its end.
    async fn run(&mut self, op: DiskOp) -> io::Result<()> {
        self.disk().submit(OpId(77), op);
        loop {
            if let Some((id, end)) = self.disk().poll() {
                assert_eq!(id, OpId(77));
                return end;
            }
            self.ended().await;
        }
    }
}

fn name(text: &str) -> FileName {
    text.into()
}

pub(crate) fn create(file: &str, len: u64) -> DiskOp {
    DiskOp::Create { file: name(file), len }
}

pub(crate) fn write(file: &str, offset: u64, data: &[u8]) -> DiskOp {
    DiskOp::Write { file: name(file), offset, data: Bytes::copy_from_slice(data) }
}

pub(crate) fn sync(file: &str) -> DiskOp {
    DiskOp::Sync { file: name(file) }
}

fn truncate(file: &str, len: u64) -> DiskOp {
    DiskOp::Truncate { file: name(file), len }
}

fn rename(from: &str, to: &str) -> DiskOp {
    DiskOp::Rename { from: name(from), to: name(to) }
}

fn unlink(file: &str) -> DiskOp {
    DiskOp::Unlink { file: name(file) }
}

fn contents(disk: &mut dyn Disk, file: &str) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut part = [0; 1_000];
    loop {
        let n = disk.read(&name(file), out.len() as u64, &mut part)?;
        out.extend_from_slice(&part[..n]);
        if n == 0 {
            return Ok(out);
        }
    }
}

fn listed(disk: &mut dyn Disk) -> Vec<(String, u64)> {
    disk.list().unwrap().into_iter().map(|(name, len)| (name.to_string(), len)).collect()
}

/// The whole body, one case after the other in one directory.
pub(crate) async fn all(rig: &mut impl Rig) {
    contents_come_back(rig).await;
    lengths_change(rig).await;
    names_change(rig).await;
    errors_are_told(rig).await;
    many_at_once(rig).await;
    two_doors(rig).await;
    blocking(rig);
}

async fn contents_come_back(rig: &mut impl Rig) {
    assert_eq!(listed(rig.disk()), []);
    rig.run(create("b.log", 4_096)).await.unwrap();
    rig.run(create("a_1-2.log", 0)).await.unwrap();
    rig.run(DiskOp::SyncDir).await.unwrap();
    assert_eq!(listed(rig.disk()), [("a_1-2.log".to_owned(), 0), ("b.log".to_owned(), 4_096)], "sorted");
    assert_eq!(contents(rig.disk(), "b.log").unwrap(), [0; 4_096]);
    rig.run(write("b.log", 10, b"hello")).await.unwrap();
    rig.run(write("b.log", 12, b"y")).await.unwrap();
    rig.run(write("b.log", 12, b"")).await.unwrap();
    rig.run(sync("b.log")).await.unwrap();
    let mut out = [9; 7];
    assert_eq!(rig.disk().read(&name("b.log"), 9, &mut out).unwrap(), 7);
    assert_eq!(&out, b"\0heylo\0");
    assert_eq!(rig.disk().read(&name("b.log"), 4_090, &mut out).unwrap(), 6, "short at the end");
    assert_eq!(rig.disk().read(&name("b.log"), 4_096, &mut out).unwrap(), 0);
    assert_eq!(rig.disk().read(&name("b.log"), 1 << 40, &mut out).unwrap(), 0);
}

async fn lengths_change(rig: &mut impl Rig) {
    rig.run(write("a_1-2.log", 3, b"xyz")).await.unwrap();
    assert_eq!(contents(rig.disk(), "a_1-2.log").unwrap(), b"\0\0\0xyz", "a write beyond the end fills with zeros");
    rig.run(truncate("a_1-2.log", 4)).await.unwrap();
    rig.run(truncate("a_1-2.log", 6)).await.unwrap();
    assert_eq!(contents(rig.disk(), "a_1-2.log").unwrap(), b"\0\0\0x\0\0", "what was cut does not come back");
    let large: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
    rig.run(write("a_1-2.log", 0, &large)).await.unwrap();
    rig.run(sync("a_1-2.log")).await.unwrap();
    assert!(contents(rig.disk(), "a_1-2.log").unwrap() == large);
}

async fn names_change(rig: &mut impl Rig) {
    rig.run(create("new", 0)).await.unwrap();
    rig.run(write("new", 0, b"new")).await.unwrap();
    rig.run(rename("new", "b.log")).await.unwrap();
    rig.run(DiskOp::SyncDir).await.unwrap();
    assert_eq!(contents(rig.disk(), "b.log").unwrap(), b"new", "a rename replaces");
    assert_eq!(contents(rig.disk(), "new").unwrap_err().kind(), ErrorKind::NotFound);
    rig.run(write("b.log", 3, b"er")).await.unwrap();
    assert_eq!(contents(rig.disk(), "b.log").unwrap(), b"newer", "writes follow the name");
    rig.run(unlink("b.log")).await.unwrap();
    assert_eq!(rig.run(write("b.log", 0, b"gone")).await.unwrap_err().kind(), ErrorKind::NotFound);
    rig.run(create("b.log", 0)).await.unwrap();
    assert_eq!(contents(rig.disk(), "b.log").unwrap(), b"", "a new file under an old name is empty");
    rig.run(write("b.log", 0, b"second life")).await.unwrap();
    rig.run(sync("b.log")).await.unwrap();
    assert_eq!(contents(rig.disk(), "b.log").unwrap(), b"second life");
}

async fn errors_are_told(rig: &mut impl Rig) {
    let before = listed(rig.disk());
    let cases = [
        (create("b.log", 0), ErrorKind::AlreadyExists),
        (sync("missing"), ErrorKind::NotFound),
        (write("missing", 0, b"x"), ErrorKind::NotFound),
        (truncate("missing", 0), ErrorKind::NotFound),
        (rename("missing", "other"), ErrorKind::NotFound),
        (unlink("missing"), ErrorKind::NotFound),
        (create("../escape", 0), ErrorKind::InvalidInput),
        (create("", 0), ErrorKind::InvalidInput),
        (create(".hidden", 0), ErrorKind::InvalidInput),
        (write("UPPER", 0, b"x"), ErrorKind::InvalidInput),
        (rename("b.log", "a/b"), ErrorKind::InvalidInput),
        (unlink(".."), ErrorKind::InvalidInput),
    ];
    for (op, expected) in cases {
        assert_eq!(rig.run(op.clone()).await.unwrap_err().kind(), expected, "{op:?}");
        assert_eq!(rig.disk().blocking(op.clone()).unwrap_err().kind(), expected, "{op:?}");
    }
    let mut out = [0; 4];
    assert_eq!(rig.disk().read(&name("missing"), 0, &mut out).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(rig.disk().read(&name("../x"), 0, &mut out).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(listed(rig.disk()), before, "nothing of it left a trace");
}

/// Every operation ends once, under its id, whatever else is in flight.
async fn many_at_once(rig: &mut impl Rig) {
    rig.run(create("many", 0)).await.unwrap();
    let mut waiting: BTreeSet<u64> = (0..400).collect();
    for id in 0..400 {
        let op = match id % 4 {
            0 => sync("many"),
            1 => write("missing", 0, b"x"),
            _ => write("many", id * 100, &[id as u8; 100]),
        };
        rig.disk().submit(OpId(id), op);
    }
    while !waiting.is_empty() {
        while let Some((id, end)) = rig.disk().poll() {
            assert!(waiting.remove(&id.0), "{id:?} ended twice");
            assert_eq!(end.is_err(), id.0 % 4 == 1, "{id:?}: {end:?}");
        }
        if !waiting.is_empty() {
            rig.ended().await;
        }
    }
    rig.run(sync("many")).await.unwrap();
    let bytes = contents(rig.disk(), "many").unwrap();
    for (id, chunk) in bytes.chunks(100).enumerate() {
        let expected = if id % 4 < 2 { 0 } else { id as u8 };
        assert!(chunk.iter().all(|b| *b == expected), "{id}");
    }
}

async fn two_doors(rig: &mut impl Rig) {
    let mut other = rig.other();
    rig.run(create("shared", 0)).await.unwrap();
    rig.run(write("shared", 0, b"one")).await.unwrap();
    assert_eq!(contents(&mut *other, "shared").unwrap(), b"one");
    rig.run(create("next", 0)).await.unwrap();
    rig.run(write("next", 0, b"two")).await.unwrap();
    rig.run(rename("next", "shared")).await.unwrap();
    assert_eq!(contents(&mut *other, "shared").unwrap(), b"two", "a reader follows names, not old files");
    rig.run(unlink("shared")).await.unwrap();
    assert_eq!(contents(&mut *other, "shared").unwrap_err().kind(), ErrorKind::NotFound);
}

fn blocking(rig: &mut impl Rig) {
    let disk = rig.disk();
    disk.blocking(create("now", 8)).unwrap();
    disk.blocking(write("now", 4, b"here")).unwrap();
    disk.blocking(sync("now")).unwrap();
    disk.blocking(DiskOp::SyncDir).unwrap();
    assert_eq!(contents(disk, "now").unwrap(), b"\0\0\0\0here");
    disk.blocking(truncate("now", 5)).unwrap();
    disk.blocking(rename("now", "then")).unwrap();
    assert_eq!(contents(disk, "then").unwrap(), b"\0\0\0\0h");
    disk.blocking(unlink("then")).unwrap();
    assert!(listed(disk).iter().all(|(name, _)| name != "then"));
    assert!(disk.poll().is_none(), "nothing of it is polled for");
}
