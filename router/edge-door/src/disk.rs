//! The disk's door: one directory of flat files.
//!
//! The data path submits operations and polls for their ends; ends may come in any order, and two operations whose
//! order matters are submitted one after the other's end. Bytes are durable only after a [`DiskOp::Sync`] of their file
//! that was submitted after their write had ended; a file's name only after a [`DiskOp::SyncDir`].

use std::io;

use bytes::Bytes;

/// A flat file name inside the directory: `[a-z0-9._-]`, 1 to 64 bytes, not beginning with a dot (see [`check_name`]).
pub type FileName = std::sync::Arc<str>;

/// Longest file name, in bytes.
pub const NAME_BYTES_MAX: usize = 64;

/// Refuses what is not a flat file name: `[a-z0-9._-]`, 1 to 64 bytes, not beginning with a dot.
///
/// # Errors
/// `InvalidInput`, naming the name.
pub fn check_name(name: &str) -> io::Result<()> {
    let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('.') {
        return Ok(());
    }
    let why = format!("`{}` is no file name here: 1 to 64 of a-z 0-9 . _ -, no leading dot", name.escape_debug());
    Err(io::Error::new(io::ErrorKind::InvalidInput, why))
}

/// Chosen by the submitter to recognise the end of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct OpId(pub u64);

/// What can be asked of a disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DiskOp {
    /// Makes an empty file with `len` bytes of zeros set aside. Fails where the name exists.
    Create {
        /// Its name.
        file: FileName,
        /// Bytes to set aside.
        len: u64,
    },
    /// Writes all of `data` at `offset`.
    Write {
        /// Which file.
        file: FileName,
        /// Where.
        offset: u64,
        /// What.
        data: Bytes,
    },
    /// Makes the file's data durable (fdatasync). Never repeated after a failure: the second would succeed and lie.
    Sync {
        /// Which file.
        file: FileName,
    },
    /// Makes creations, renames and removals durable.
    SyncDir,
    /// Cuts or extends a file.
    Truncate {
        /// Which file.
        file: FileName,
        /// New length.
        len: u64,
    },
    /// Gives a file another name, replacing what had it.
    Rename {
        /// Old name.
        from: FileName,
        /// New name.
        to: FileName,
    },
    /// Removes a file.
    Unlink {
        /// Which file.
        file: FileName,
    },
}

/// One directory. Reading and [`blocking`](Disk::blocking) are for start-up, recovery and readers behind the writer.
pub trait Disk {
    /// Starts an operation. Its end is told by [`poll`](Disk::poll) under the same id.
    fn submit(&mut self, id: OpId, op: DiskOp);

    /// The next ended operation. Its error is the operation's own.
    fn poll(&mut self) -> Option<(OpId, io::Result<()>)>;

    /// Carries out an operation before it returns.
    ///
    /// # Errors
    /// The operation's own.
    fn blocking(&mut self, op: DiskOp) -> io::Result<()>;

    /// The files of the directory with their lengths, sorted by name.
    ///
    /// # Errors
    /// The directory cannot be read.
    fn list(&mut self) -> io::Result<Vec<(FileName, u64)>>;

    /// Reads at most `out.len()` bytes at `offset` and says how many there were (0 at the end).
    ///
    /// # Errors
    /// The file is not there or cannot be read.
    fn read(&mut self, file: &FileName, offset: u64, out: &mut [u8]) -> io::Result<usize>;
}
