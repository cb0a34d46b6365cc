//! Receiving and sending many messages with one system call (recvmmsg(2), sendmmsg(2)).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::pin::Pin;

use super::check;
use super::cmsg::CONTROL_BYTES;
use super::message::Message;
use super::sockaddr::ADDRESS_BYTES;

/// Messages that one call takes or gives at most.
pub(crate) const BATCH: usize = 32;

/// Longest run of datagrams that the kernel joins (GRO), in bytes.
pub(crate) const RUN_BYTES: usize = 65_536;

/// Room for one batch of received runs.
pub(crate) struct Inbox {
    payloads: Vec<u8>,
    addresses: Box<[[u8; ADDRESS_BYTES]; BATCH]>,
    controls: Box<[[u8; CONTROL_BYTES]; BATCH]>,
    /// Payload, address and control length of each received run.
    lengths: Vec<(usize, usize, usize)>,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self {
            payloads: vec![0; BATCH * RUN_BYTES],
            addresses: Box::new([[0; ADDRESS_BYTES]; BATCH]),
            controls: Box::new([[0; CONTROL_BYTES]; BATCH]),
            lengths: Vec::with_capacity(BATCH),
        }
    }

    /// Receives what is there, without blocking, and says how many runs that is.
    pub(crate) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        self.lengths.clear();
        // SAFETY: all-zero headers are empty ones with null pointers.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
        // SAFETY: as above.
        let mut parts: [libc::iovec; BATCH] = unsafe { std::mem::zeroed() };
        for (i, payload) in self.payloads.chunks_mut(RUN_BYTES).enumerate() {
            parts[i] = libc::iovec { iov_base: payload.as_mut_ptr().cast(), iov_len: RUN_BYTES };
            let header = &mut headers[i].msg_hdr;
            header.msg_name = self.addresses[i].as_mut_ptr().cast();
            header.msg_namelen = ADDRESS_BYTES as libc::socklen_t;
            header.msg_iov = &raw mut parts[i];
            header.msg_iovlen = 1;
            header.msg_control = self.controls[i].as_mut_ptr().cast();
            header.msg_controllen = CONTROL_BYTES as _;
        }
        // SAFETY: every header leads to live, distinct buffers with their lengths; none outlives the call.
        let n = check(unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        })?;
        for header in &headers[..n as usize] {
            let (message, len) = (&header.msg_hdr, header.msg_len as usize);
            let address = (message.msg_namelen as usize).min(ADDRESS_BYTES);
            let control = message.msg_controllen.min(CONTROL_BYTES);
            self.lengths.push((len.min(RUN_BYTES), address, control));
        }
        Ok(n as usize)
    }

    /// Address, control messages and payload of the received run `i`.
    pub(crate) fn run(&self, i: usize) -> (&[u8], &[u8], &[u8]) {
        let (payload, address, control) = self.lengths[i];
        let start = i * RUN_BYTES;
        (&self.addresses[i][..address], &self.controls[i][..control], &self.payloads[start..start + payload])
    }
}

/// Sends the first of `messages`, without blocking, and says how many went. An error is that of the very first.
pub(crate) fn send<'a>(
    socket: BorrowedFd<'_>,
    messages: impl Iterator<Item = &'a Pin<Box<Message>>>,
) -> io::Result<usize> {
    // SAFETY: all-zero headers are empty ones with null pointers.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
    let mut count = 0;
    for message in messages.take(BATCH) {
        // SAFETY: the header is live and initialised; a copy of it leads to the same pinned message.
        headers[count].msg_hdr = unsafe { message.header().read() };
        count += 1;
    }
    // SAFETY: the headers lead to pinned messages that are borrowed for the length of the call.
    let n = check(unsafe {
        libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count as libc::c_uint, libc::MSG_DONTWAIT as _)
    })?;
    Ok(n as usize)
}
