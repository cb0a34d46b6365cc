//! Making and setting a UDP socket (udp(7), ip(7), ipv6(7), socket(7)).

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::sockaddr::{self, ADDRESS_BYTES};
use super::{check, retry};

/// A UDP socket for addresses of one family.
pub(crate) fn udp(v6: bool) -> io::Result<OwnedFd> {
    let family = if v6 { libc::AF_INET6 } else { libc::AF_INET };
    // SAFETY: a call without pointers.
    let fd = check(unsafe { libc::socket(family, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, 0) })?;
    // SAFETY: the kernel has just given this descriptor to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub(crate) fn bind(socket: BorrowedFd<'_>, address: SocketAddr) -> io::Result<()> {
    let mut bytes = [0; ADDRESS_BYTES];
    let len = sockaddr::write(address, address.is_ipv6(), &mut bytes);
    // SAFETY: the pointer and the length are those of a live array that holds a whole address.
    check(unsafe { libc::bind(socket.as_raw_fd(), bytes.as_ptr().cast(), len as libc::socklen_t) }).map(drop)
}

pub(crate) fn local_address(socket: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    let mut bytes = [0u8; ADDRESS_BYTES];
    let mut len = ADDRESS_BYTES as libc::socklen_t;
    // SAFETY: the pointer and the length are those of a live array.
    check(unsafe { libc::getsockname(socket.as_raw_fd(), bytes.as_mut_ptr().cast(), &raw mut len) })?;
    sockaddr::read(&bytes[..ADDRESS_BYTES.min(len as usize)])
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the socket is not one of IPv4 or IPv6"))
}

/// Sets an option whose value is an int.
pub(crate) fn set(socket: BorrowedFd<'_>, level: i32, name: i32, value: i32) -> io::Result<()> {
    let size = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the pointer and the size are those of a live int.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), size) }).map(drop)
}

/// Reads an option whose value is an int.
pub(crate) fn get(socket: BorrowedFd<'_>, level: i32, name: i32) -> io::Result<i32> {
    let mut value = 0i32;
    let mut size = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the pointers are those of a live int and of its size.
    check(unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut size) })?;
    Ok(value)
}

/// Sets a buffer's size, past the system's limit where we may, else up to it.
pub(crate) fn set_buffer(socket: BorrowedFd<'_>, force: i32, plain: i32, bytes: usize) -> io::Result<()> {
    let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
    retry(|| set(socket, libc::SOL_SOCKET, force, bytes).or_else(|_| set(socket, libc::SOL_SOCKET, plain, bytes)))
}
