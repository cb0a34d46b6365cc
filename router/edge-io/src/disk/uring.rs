//! The disk on tokio-uring: writes, syncs and room set aside go through the thread's ring and overlap.
//!
//! In and out: the calls of [`Disk`], in the context of a tokio-uring runtime; [`UringDisk::ended`] wakes the task that
//! owns it. Names and lengths are changed by plain system calls, when submitted. Each operation is a task of the
//! runtime; tokio-uring hands all that were submitted in one turn to the kernel when the thread next parks.
//!
//! Deliberately absent: any order between operations that are in flight together.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use bytes::Bytes;
use edge_door::{Disk, DiskOp, FileName, OpId};
use tokio_uring::fs::File;

use super::Directory;
use super::plain::OpenFiles;

/// Files kept open for the ring at most; the one whose name sorts first gives way.
const OPEN_MAX: usize = 32;

/// A directory through io_uring.
pub struct UringDisk {
    directory: Arc<Directory>,
    /// For what is done by plain system calls.
    plain: OpenFiles,
    files: BTreeMap<FileName, Rc<File>>,
    ends: Rc<RefCell<Ends>>,
}

#[derive(Default)]
struct Ends {
    ready: VecDeque<(OpId, io::Result<()>)>,
    in_flight: usize,
    waiting: Option<Waker>,
}

impl UringDisk {
    /// A disk on a directory. To be used in the context of a tokio-uring runtime, on its thread.
    pub fn new(directory: Arc<Directory>) -> Self {
        Self { directory, plain: OpenFiles::default(), files: BTreeMap::new(), ends: Rc::default() }
    }

    /// Waits until the end of some operation can be polled. May be dropped at any point and called again.
    pub async fn ended(&self) {
        poll_fn(|context| {
            let mut ends = self.ends.borrow_mut();
            if !ends.ready.is_empty() {
                return Poll::Ready(());
            }
            ends.waiting = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Whether some operation has ended and was not polled for.
    pub(super) fn has_ends(&self) -> bool {
        !self.ends.borrow().ready.is_empty()
    }

    /// Operations that were submitted and have not ended.
    pub fn in_flight(&self) -> usize {
        self.ends.borrow().in_flight
    }

    fn file(&mut self, name: &FileName) -> io::Result<Rc<File>> {
        self.directory.may_change()?;
        if let Some(file) = self.files.get(name) {
            return Ok(file.clone());
        }
        let file = Rc::new(File::from_std(self.directory.file(name)?));
        if self.files.len() >= OPEN_MAX {
            self.files.pop_first();
        }
        self.files.insert(name.clone(), file.clone());
        Ok(file)
    }

    /// Lets go of the descriptors whose names an operation changes.
    fn forget(&mut self, change: &DiskOp) {
        match change {
            DiskOp::Rename { from, to } => {
                self.files.remove(from);
                self.files.remove(to);
            }
            DiskOp::Unlink { file } => {
                self.files.remove(file);
            }
            _ => {}
        }
    }

    fn start(&self, id: OpId, work: impl Future<Output = io::Result<()>> + 'static) {
        self.ends.borrow_mut().in_flight += 1;
        let ends = self.ends.clone();
        tokio_uring::spawn(async move {
            let end = work.await;
            let mut ends = ends.borrow_mut();
            ends.in_flight -= 1;
            ends.finish(id, end);
        });
    }

    fn finish(&self, id: OpId, end: io::Result<()>) {
        self.ends.borrow_mut().finish(id, end);
    }
}

impl Ends {
    fn finish(&mut self, id: OpId, end: io::Result<()>) {
        self.ready.push_back((id, end));
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }
}

impl Disk for UringDisk {
    fn submit(&mut self, id: OpId, op: DiskOp) {
        match op {
            DiskOp::Write { file, offset, data } => match self.file(&file) {
                Ok(file) => self.start(id, write(file, offset, data)),
                Err(error) => self.finish(id, Err(error)),
            },
            DiskOp::Sync { file } => match self.file(&file) {
                Ok(file) => self.start(id, async move { file.sync_data().await }),
                Err(error) => self.finish(id, Err(error)),
            },
            DiskOp::SyncDir => match self.directory.handle() {
                Ok(handle) => self.start(id, async move { File::from_std(handle).sync_all().await }),
                Err(error) => self.finish(id, Err(error)),
            },
            change => {
                let end = self.blocking(change);
                self.finish(id, end);
            }
        }
    }

    fn poll(&mut self) -> Option<(OpId, io::Result<()>)> {
        self.ends.borrow_mut().ready.pop_front()
    }

    fn blocking(&mut self, op: DiskOp) -> io::Result<()> {
        match op {
            DiskOp::Write { file, offset, data } => {
                use std::os::unix::fs::FileExt;
                self.directory.may_change()?;
                self.plain.get(&self.directory, &file)?.write_all_at(&data, offset)
            }
            DiskOp::Sync { file } => {
                self.directory.may_change()?;
                self.plain.get(&self.directory, &file)?.sync_data()
            }
            DiskOp::SyncDir => self.directory.sync(),
            change => {
                self.forget(&change);
                self.plain.change(&self.directory, change)
            }
        }
    }

    fn list(&mut self) -> io::Result<Vec<(FileName, u64)>> {
        self.directory.list()
    }

    fn read(&mut self, file: &FileName, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        self.plain.read(&self.directory, file, offset, out)
    }
}

async fn write(file: Rc<File>, offset: u64, data: Bytes) -> io::Result<()> {
    file.write_all_at(data, offset).await.0
}
