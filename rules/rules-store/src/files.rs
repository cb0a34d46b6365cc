//! Files that a crash leaves old or new, never half.
//!
//! In: paths and bytes. Out: nothing but errors of the disk. Deliberately absent: what the bytes mean.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

/// Writes a file whole beside the old one, syncs it, and puts it in its place.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let mut file = File::create(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    sync_folder(path)
}

/// Appends to a file, which may not be there yet, and syncs it.
pub(crate) fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let is_new = !path.exists();
    let mut file = File::options().append(true).create(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    if is_new { sync_folder(path) } else { Ok(()) }
}

/// Cuts a file to its first `len` bytes.
pub(crate) fn cut(path: &Path, len: u64) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    file.set_len(len)?;
    file.sync_all()
}

/// A whole file of at most `most` bytes; `None` where there is none.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(why),
    };
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("at most {most} bytes are read")));
    }
    Ok(Some(bytes))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
