//! System calls and kernel structures behind safe functions and types.
//!
//! In: descriptors, slices, addresses. Out: `io::Result`s. Deliberately absent: any policy; retries other than [`retry`].

pub(crate) mod bufring;
pub(crate) mod cmsg;
pub(crate) mod message;
pub(crate) mod mmsg;
pub(crate) mod poll;
pub(crate) mod sockaddr;
pub(crate) mod socket;

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

pub(crate) use poll::poll_readable;

/// Makes an error of a call that failed with -1.
pub(crate) fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Makes an error of a call that failed with -1 and gives a count otherwise.
pub(crate) fn check_count(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Repeats a call that a signal interrupted.
pub(crate) fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

pub(crate) fn getrandom(out: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the pointer and the length are those of a live mutable slice.
    check_count(unsafe { libc::getrandom(out.as_mut_ptr().cast(), out.len(), 0) })
}

pub(crate) fn eventfd() -> io::Result<OwnedFd> {
    // SAFETY: a call without pointers.
    let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
    // SAFETY: the kernel has just given this descriptor to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Makes an eventfd readable. It cannot fail: a full counter is emptied first, and is readable anyway.
pub(crate) fn eventfd_write(event: BorrowedFd<'_>) {
    let one = 1u64.to_ne_bytes();
    loop {
        // SAFETY: the pointer and the length are those of a live array.
        let end = check_count(unsafe { libc::write(event.as_raw_fd(), one.as_ptr().cast(), one.len()) });
        match end {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => eventfd_drain(event),
            _ => return,
        }
    }
}

/// Makes an eventfd unreadable.
pub(crate) fn eventfd_drain(event: BorrowedFd<'_>) {
    let mut count = [0u8; 8];
    // SAFETY: the pointer and the length are those of a live array. A failure means that it was empty already.
    let _ = unsafe { libc::read(event.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
}

pub(crate) fn set_affinity(core: usize) -> io::Result<()> {
    if core >= libc::CPU_SETSIZE as usize {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: an all-zero cpu_set_t is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `core` is below CPU_SETSIZE.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: the pointer and the size are those of a live cpu_set_t; 0 is the calling thread.
    check(unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) }).map(drop)
}

pub(crate) fn get_affinity() -> io::Result<Vec<usize>> {
    // SAFETY: an all-zero cpu_set_t is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer and the size are those of a live cpu_set_t; 0 is the calling thread.
    check(unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) })?;
    // SAFETY: every index is below CPU_SETSIZE.
    Ok((0..libc::CPU_SETSIZE as usize).filter(|core| unsafe { libc::CPU_ISSET(*core, &set) }).collect())
}

#[cfg(target_env = "gnu")]
pub(crate) type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
pub(crate) type Resource = libc::c_int;

/// The soft and the hard limit; `u64::MAX`: none.
pub(crate) fn get_limit(resource: Resource) -> io::Result<(u64, u64)> {
    let mut limit = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is that of a live rlimit64.
    check(unsafe { libc::getrlimit64(resource, &raw mut limit) })?;
    Ok((limit.rlim_cur, limit.rlim_max))
}

pub(crate) fn set_limit(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let limit = libc::rlimit64 { rlim_cur: soft, rlim_max: hard };
    // SAFETY: the pointer is that of a live rlimit64.
    check(unsafe { libc::setrlimit64(resource, &raw const limit) }).map(drop)
}

/// Sets `len` bytes aside from the start of a file, so that writing them needs no more room.
pub(crate) fn fallocate(file: &File, len: u64) -> io::Result<()> {
    let len = libc::off_t::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
    // SAFETY: a call without pointers.
    retry(|| check(unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, len) }).map(drop))
}
