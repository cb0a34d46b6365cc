//! One outgoing run of datagrams with everything that the kernel reads while it is sent.
//!
//! In: a [`SendMeta`] and an owned buffer. Out: a `msghdr` whose pointers lead into the same, pinned message. It owns
//! what it points to, so that io_uring may read it until its completion. Deliberately absent: the sending.

use std::marker::PhantomPinned;
use std::pin::Pin;

use edge_door::SendMeta;

use super::cmsg::{self, CONTROL_BYTES};
use super::sockaddr::{self, ADDRESS_BYTES};

/// A message to send. It stays where it is on the heap, for its header points into it.
#[derive(Debug)]
pub(crate) struct Message {
    header: libc::msghdr,
    part: libc::iovec,
    address: [u8; ADDRESS_BYTES],
    control: [u8; CONTROL_BYTES],
    pub(crate) meta: Option<SendMeta>,
    pub(crate) buffer: Vec<u8>,
    _pinned: PhantomPinned,
}

impl Message {
    pub(crate) fn new() -> Pin<Box<Self>> {
        Box::pin(Self {
            // SAFETY: an all-zero msghdr is an empty one with null pointers.
            header: unsafe { std::mem::zeroed() },
            part: libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 },
            address: [0; ADDRESS_BYTES],
            control: [0; CONTROL_BYTES],
            meta: None,
            buffer: Vec::new(),
            _pinned: PhantomPinned,
        })
    }

    /// Takes a run in, and makes the header lead to it.
    pub(crate) fn fill(self: Pin<&mut Self>, meta: &SendMeta, buffer: Vec<u8>, v6_socket: bool) {
        // SAFETY: nothing is moved out of the message; its parts are only written in place.
        let this = unsafe { self.get_unchecked_mut() };
        this.meta = Some(*meta);
        this.buffer = buffer;
        let address_len = sockaddr::write(meta.destination, v6_socket, &mut this.address);
        let mut control = cmsg::Writer::new(&mut this.control);
        if meta.ecn & 3 != 0 {
            control.ecn(meta.ecn & 3, meta.destination.is_ipv4());
        }
        if let Some(ip) = meta.source_ip {
            control.source(ip);
        }
        if let Some(size) = meta.segment_size.filter(|s| *s < this.buffer.len()) {
            control.segment_size(u16::try_from(size).expect("segments are cut below 64 KiB"));
        }
        let control_len = control.finish();
        this.part = libc::iovec { iov_base: this.buffer.as_mut_ptr().cast(), iov_len: this.buffer.len() };
        this.header.msg_name = this.address.as_mut_ptr().cast();
        this.header.msg_namelen = address_len as libc::socklen_t;
        this.header.msg_iov = &raw mut this.part;
        this.header.msg_iovlen = 1;
        this.header.msg_control = match control_len {
            0 => std::ptr::null_mut(),
            _ => this.control.as_mut_ptr().cast(),
        };
        this.header.msg_controllen = control_len as _;
    }

    /// The header, valid until the next [`fill`](Message::fill) or [`take_buffer`](Message::take_buffer).
    pub(crate) fn header(&self) -> *const libc::msghdr {
        &raw const self.header
    }

    /// Empties the message and gives its buffer back.
    pub(crate) fn take_buffer(self: Pin<&mut Self>) -> Vec<u8> {
        // SAFETY: the buffer is not what is pinned; the header is cleared so that nothing leads to it any more.
        let this = unsafe { self.get_unchecked_mut() };
        this.header.msg_iovlen = 0;
        this.meta = None;
        std::mem::take(&mut this.buffer)
    }
}
