//! The disk on plain system calls: what was submitted is carried out, in order, when its end is polled for.
//!
//! In and out: the calls of [`Disk`]. It blocks in `poll`, so it belongs on a thread of its own. Deliberately absent:
//! concurrency; the order of ends is the order of submission, which is one of those that the door allows.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use edge_door::{Disk, DiskOp, FileName, OpId};

use super::Directory;

/// Files kept open at most; the one whose name sorts first, most often the oldest, gives way.
const OPEN_MAX: usize = 32;

/// A directory by plain system calls.
#[derive(Debug)]
pub struct PlainDisk {
    directory: Arc<Directory>,
    open: OpenFiles,
    submitted: VecDeque<(OpId, DiskOp)>,
}

impl PlainDisk {
    /// A disk on a directory; several may be on one, with ids of their own.
    pub fn new(directory: Arc<Directory>) -> Self {
        Self { directory, open: OpenFiles::default(), submitted: VecDeque::new() }
    }

    /// Whether there is anything that `poll` would carry out.
    pub(super) fn has_submitted(&self) -> bool {
        !self.submitted.is_empty()
    }
}

impl Disk for PlainDisk {
    fn submit(&mut self, id: OpId, op: DiskOp) {
        self.submitted.push_back((id, op));
    }

    fn poll(&mut self) -> Option<(OpId, io::Result<()>)> {
        let (id, op) = self.submitted.pop_front()?;
        Some((id, self.blocking(op)))
    }

    fn blocking(&mut self, op: DiskOp) -> io::Result<()> {
        let (directory, open) = (&self.directory, &mut self.open);
        match op {
            DiskOp::Write { file, offset, data } => {
                directory.may_change()?;
                open.get(directory, &file)?.write_all_at(&data, offset)
            }
            DiskOp::Sync { file } => {
                directory.may_change()?;
                open.get(directory, &file)?.sync_data()
            }
            DiskOp::SyncDir => directory.sync(),
            other => open.change(directory, other),
        }
    }

    fn list(&mut self) -> io::Result<Vec<(FileName, u64)>> {
        self.directory.list()
    }

    fn read(&mut self, file: &FileName, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        self.open.read(&self.directory, file, offset, out)
    }
}

/// Descriptors by name, so that the steady state opens nothing.
#[derive(Debug, Default)]
pub(super) struct OpenFiles {
    files: BTreeMap<FileName, Arc<File>>,
}

impl OpenFiles {
    pub(super) fn get(&mut self, directory: &Directory, name: &FileName) -> io::Result<Arc<File>> {
        if let Some(file) = self.files.get(name) {
            return Ok(file.clone());
        }
        let file = Arc::new(directory.file(name)?);
        self.keep(name, file.clone());
        Ok(file)
    }

    /// Creates, cuts, renames and removes.
    pub(super) fn change(&mut self, directory: &Directory, op: DiskOp) -> io::Result<()> {
        match op {
            DiskOp::Create { file, len } => {
                let made = directory.create(&file, len)?;
                self.keep(&file, Arc::new(made));
            }
            DiskOp::Truncate { file, len } => {
                directory.may_change()?;
                self.get(directory, &file)?.set_len(len)?;
            }
            DiskOp::Rename { from, to } => {
                directory.rename(&from, &to)?;
                self.files.remove(&to);
                if let Some(file) = self.files.remove(&from) {
                    self.files.insert(to, file);
                }
            }
            DiskOp::Unlink { file } => {
                directory.unlink(&file)?;
                self.files.remove(&file);
            }
            DiskOp::Write { .. } | DiskOp::Sync { .. } | DiskOp::SyncDir => {
                unreachable!("contents and syncs are the disk's own, not the directory's")
            }
        }
        Ok(())
    }

    /// A reader may be another disk than the one that renames and removes, so it keeps nothing open for long.
    pub(super) fn read(
        &mut self,
        directory: &Directory,
        name: &FileName,
        offset: u64,
        out: &mut [u8],
    ) -> io::Result<usize> {
        let file = match self.files.get(name) {
            Some(file) => file.clone(),
            None => Arc::new(directory.file(name)?),
        };
        crate::sys::retry(|| file.read_at(out, offset))
    }

    fn keep(&mut self, name: &FileName, file: Arc<File>) {
        if self.files.len() >= OPEN_MAX {
            self.files.pop_first();
        }
        self.files.insert(name.clone(), file);
    }
}
