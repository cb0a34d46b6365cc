//! One directory of flat files with one writer.
//!
//! In: a path and names. Out: open files, changes of names, lengths, all by plain system calls. The lock (flock(2) on
//! the directory itself) goes with the descriptor, so a killed writer leaves none behind.
//!
//! Deliberately absent: contents; the disks write and read them.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use edge_door::FileName;
use edge_door::disk::check_name;

use crate::sys;

/// Zeros that are written at a time where the file system cannot set room aside, in bytes.
const ZEROS_BYTES: usize = 1 << 20;

/// Why a directory was not opened. Always the operator's to mend.
#[derive(Debug)]
pub enum OpenError {
    /// Another process writes there. Stable code `dir_locked`.
    Locked {
        /// The directory.
        path: PathBuf,
        /// The process that holds the lock, where the kernel says so.
        holder: Option<u32>,
    },
    /// It is not there, is no directory, or is forbidden. Stable code `dir_unusable`.
    Unusable {
        /// The directory.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

impl OpenError {
    /// A word for metrics and documents that never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "dir_locked",
            Self::Unusable { .. } => "dir_unusable",
        }
    }
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Locked { path, holder: Some(pid) } => {
                let path = path.display();
                write!(f, "`{path}` is in use by process {pid}: stop it, or give this one a directory of its own")
            }
            Self::Locked { path, holder: None } => {
                let path = path.display();
                write!(f, "`{path}` is in use by another process: stop it, or give this one a directory of its own")
            }
            Self::Unusable { path, source } => {
                let path = path.display();
                write!(f, "cannot use `{path}`: {source}; it must be a directory that this user may read and write")
            }
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Locked { .. } => None,
            Self::Unusable { source, .. } => Some(source),
        }
    }
}

/// A directory, held open; locked where it may be written.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    handle: File,
    writable: bool,
}

impl Directory {
    /// Makes the directory where it is missing, and takes its lock for writing.
    ///
    /// # Errors
    /// Another process holds the lock (and which, where the kernel says so); it is no directory; it is forbidden.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::Unusable { path: path.into(), source };
        fs::create_dir_all(path).map_err(unusable)?;
        let handle = open_directory(path).map_err(unusable)?;
        match handle.try_lock() {
            Ok(()) => Ok(Self { path: path.into(), handle, writable: true }),
            Err(TryLockError::WouldBlock) => {
                let holder = fs::read_to_string("/proc/locks").ok().and_then(|locks| holder_of(&handle, &locks));
                Err(OpenError::Locked { path: path.into(), holder })
            }
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }

    /// Opens it for reading beside its writer; every change is refused.
    ///
    /// # Errors
    /// It is not there, is no directory, or is forbidden.
    pub fn open_to_read(path: &Path) -> Result<Self, OpenError> {
        let handle = open_directory(path).map_err(|source| OpenError::Unusable { path: path.into(), source })?;
        Ok(Self { path: path.into(), handle, writable: false })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a file that is there.
    pub(super) fn file(&self, name: &FileName) -> io::Result<File> {
        let path = self.at(name)?;
        fs::OpenOptions::new().read(true).write(self.writable).open(path)
    }

    /// Makes a file of `len` zeros whose room is set aside.
    pub(super) fn create(&self, name: &FileName, len: u64) -> io::Result<File> {
        let path = self.change(name)?;
        let file = fs::OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        if len > 0
            && let Err(error) = set_aside(&file, len)
        {
            // A file half made would pass for a whole one.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        Ok(file)
    }

    pub(super) fn rename(&self, from: &FileName, to: &FileName) -> io::Result<()> {
        fs::rename(self.change(from)?, self.change(to)?)
    }

    pub(super) fn unlink(&self, name: &FileName) -> io::Result<()> {
        fs::remove_file(self.change(name)?)
    }

    /// Makes the names durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.may_change()?;
        self.handle.sync_all()
    }

    /// Another descriptor of the directory, for a sync elsewhere than here.
    pub(super) fn handle(&self) -> io::Result<File> {
        self.may_change()?;
        self.handle.try_clone()
    }

    /// The flat files with their lengths, sorted; what has a foreign name or is no file is not ours.
    pub(super) fn list(&self) -> io::Result<Vec<(FileName, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| check_name(name).is_ok()) else { continue };
            match entry.metadata() {
                Ok(about) if about.is_file() => files.push((FileName::from(name), about.len())),
                Ok(_) => {}
                // Removed since it was read: then it is not there.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        files.sort();
        Ok(files)
    }

    pub(super) fn may_change(&self) -> io::Result<()> {
        if self.writable {
            return Ok(());
        }
        let why = format!("`{}` was opened for reading alone", self.path.display());
        Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
    }

    fn at(&self, name: &FileName) -> io::Result<PathBuf> {
        check_name(name)?;
        Ok(self.path.join(&**name))
    }

    fn change(&self, name: &FileName) -> io::Result<PathBuf> {
        self.may_change()?;
        self.at(name)
    }
}

fn open_directory(path: &Path) -> io::Result<File> {
    let handle = File::open(path)?;
    if handle.metadata()?.is_dir() {
        return Ok(handle);
    }
    Err(io::ErrorKind::NotADirectory.into())
}

/// Sets room aside, by writing zeros where the file system knows no other way.
fn set_aside(file: &File, len: u64) -> io::Result<()> {
    match sys::fallocate(file, len) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EPERM)) => {
            write_zeros(file, len)
        }
        other => other,
    }
}

fn write_zeros(file: &File, len: u64) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    let zeros = vec![0; ZEROS_BYTES.min(usize::try_from(len).unwrap_or(ZEROS_BYTES))];
    let mut at = 0;
    while at < len {
        let n = usize::try_from(len - at).map_or(zeros.len(), |rest| rest.min(zeros.len()));
        file.write_all_at(&zeros[..n], at)?;
        at += n as u64;
    }
    Ok(())
}

/// The process that proc(5) names as the holder of a whole-file lock: `1: FLOCK ADVISORY WRITE pid maj:min:inode …`.
fn holder_of(handle: &File, locks: &str) -> Option<u32> {
    let inode = handle.metadata().ok()?.ino().to_string();
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (kind, _, _, pid, place) = (words.next()?, words.next(), words.next(), words.next()?, words.next()?);
        (kind == "FLOCK" && place.rsplit(':').next() == Some(&inode)).then(|| pid.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_writer_and_the_second_is_told_who() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er");
        let first = Directory::open(&path).unwrap();
        let refused = Directory::open(&path).unwrap_err();
        assert_eq!(refused.code(), "dir_locked");
        let text = refused.to_string();
        assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
        let reader = Directory::open_to_read(&path).unwrap();
        let forbidden = reader.create(&"a".into(), 0).unwrap_err();
        assert_eq!(forbidden.kind(), io::ErrorKind::PermissionDenied);
        drop(first);
        Directory::open(&path).unwrap();
    }

    #[test]
    fn what_is_no_directory_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, b"").unwrap();
        for refused in [Directory::open(&path).unwrap_err(), Directory::open_to_read(&path).unwrap_err()] {
            assert_eq!(refused.code(), "dir_unusable");
            assert!(refused.to_string().contains("must be a directory"), "{refused}");
        }
        assert!(Directory::open_to_read(&dir.path().join("missing")).is_err());
    }

    #[test]
    fn zeros_are_written_where_room_cannot_be_set_aside() {
        let file = tempfile::tempfile().unwrap();
        write_zeros(&file, ZEROS_BYTES as u64 + 7).unwrap();
        assert_eq!(file.metadata().unwrap().len(), ZEROS_BYTES as u64 + 7);
    }
}
