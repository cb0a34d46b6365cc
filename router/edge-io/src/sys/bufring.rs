//! A ring of buffers that the kernel takes for receives (io_uring_register_buf_ring(3)).
//!
//! In: how many, how long. Out: slices of the buffers that the kernel has given back, and only of those. Deliberately
//! absent: incremental consumption, which does not go together with recvmsg.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

/// Anonymous memory, page-aligned and zeroed; pages cost nothing until they are touched.
#[derive(Debug)]
struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

impl Mapping {
    fn new(len: usize) -> io::Result<Self> {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_ANONYMOUS | libc::MAP_PRIVATE);
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { start: NonNull::new(start.cast()).expect("a mapping is not at 0"), len })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the very mapping that `new` made; nobody borrows from it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// Equal buffers and the ring over which they are lent to the kernel.
///
/// It must outlive every request that may take one of its buffers.
#[derive(Debug)]
pub(crate) struct BufRing {
    ring: Mapping,
    data: Mapping,
    buffer_bytes: usize,
    /// By buffer: the kernel has it.
    lent: Vec<bool>,
    tail: u16,
}

impl BufRing {
    /// `count` buffers (a power of two, at most 32,768), all with us.
    pub(crate) fn new(count: u16, buffer_bytes: usize) -> io::Result<Self> {
        assert!(count.is_power_of_two(), "the kernel wants a power of two");
        let entries = usize::from(count);
        Ok(Self {
            ring: Mapping::new(entries * size_of::<BufRingEntry>())?,
            data: Mapping::new(entries * buffer_bytes)?,
            buffer_bytes,
            lent: vec![false; entries],
            tail: 0,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.lent.len()
    }

    /// Makes it the group `group` of a ring and lends it all buffers.
    pub(crate) fn register(&mut self, submitter: &Submitter<'_>, group: u16) -> io::Result<()> {
        let (address, entries) = (self.ring.start.as_ptr() as u64, self.len() as u16);
        // SAFETY: the mapping holds that many entries and lives as long as `self`, which outlives the requests.
        unsafe { submitter.register_buf_ring_with_flags(address, entries, group, 0) }?;
        for id in 0..entries {
            self.lend(id);
        }
        self.publish();
        Ok(())
    }

    /// Lends a buffer to the kernel, which sees it after the next [`publish`](BufRing::publish).
    pub(crate) fn lend(&mut self, id: u16) {
        let at = usize::from(id);
        assert!(!std::mem::replace(&mut self.lent[at], true), "buffer {id} is with the kernel already");
        let slot = usize::from(self.tail) & (self.len() - 1);
        // SAFETY: `slot` is below the number of entries; the kernel reads only entries before the published tail, and
        // this one is not yet. `at` is below the number of buffers.
        unsafe {
            let entry = &mut *self.ring.start.as_ptr().cast::<BufRingEntry>().add(slot);
            entry.set_addr(self.data.start.as_ptr().add(at * self.buffer_bytes) as u64);
            entry.set_len(self.buffer_bytes as u32);
            entry.set_bid(id);
        }
        self.tail = self.tail.wrapping_add(1);
    }

    /// Lets the kernel see what was lent.
    pub(crate) fn publish(&self) {
        // SAFETY: the start of the ring is its first entry, initialised to zeros; the tail lies in it and is an aligned
        // u16 that the kernel only reads.
        unsafe {
            let tail = BufRingEntry::tail(self.ring.start.as_ptr().cast()).cast::<AtomicU16>();
            (*tail).store(self.tail, Ordering::Release);
        }
    }

    /// Takes back a buffer that a completion names, with the bytes that it says are there.
    pub(crate) fn take_back(&mut self, id: u16, len: usize) -> &[u8] {
        let at = usize::from(id);
        assert!(std::mem::replace(&mut self.lent[at], false), "buffer {id} was not with the kernel");
        let len = len.min(self.buffer_bytes);
        // SAFETY: the buffer is ours again (the kernel wrote its completion after the bytes), inside the mapping and
        // initialised; it cannot be lent while the slice borrows `self`.
        unsafe { std::slice::from_raw_parts(self.data.start.as_ptr().add(at * self.buffer_bytes), len) }
    }
}
