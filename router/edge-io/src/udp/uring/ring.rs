//! The io_uring under the door: requests in, ends out, and nothing freed that the kernel may still touch.
//!
//! In: runs to send, wishes to receive or to sleep. Out: [`End`]s, and received runs in the order of their completion.
//! It owns whatever a request points to (messages, the receive template, lent buffers) until the request has ended;
//! when dropped it cancels all requests, waits for their ends, and only then frees. INVARIANT: `requests` is the number of
//! requests that the kernel has or will get and whose last completion was not seen.

use std::collections::VecDeque;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::time::Duration;

use edge_door::SendMeta;
use io_uring::types::{CancelBuilder, Fixed, RecvMsgOut, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};

use super::super::Socket;
use crate::sys::bufring::BufRing;
use crate::sys::cmsg::CONTROL_BYTES;
use crate::sys::message::Message;
use crate::sys::mmsg::RUN_BYTES;
use crate::sys::sockaddr::ADDRESS_BYTES;

/// Submissions that fit before they must be handed over.
const SUBMISSIONS: u32 = 256;
/// Completions that fit; the kernel keeps more than that aside.
const COMPLETIONS: u32 = 8_192;
/// Room in a receive buffer before the run: the kernel's header, the address, the control messages. In bytes.
const HEAD_BYTES: usize = 16 + ADDRESS_BYTES + CONTROL_BYTES;
/// Fewest receive buffers that are worth having.
const BUFFERS_MIN: u16 = 8;
/// How often a drop asks the kernel for the ends of what it cancelled, a millisecond apart.
const DROP_ROUNDS: usize = 1_000;

const RECEIVE: u64 = u64::MAX;
const WAKE: u64 = u64::MAX - 1;
/// The only group of lent buffers.
const GROUP: u16 = 0;
/// Registered descriptors.
const SOCKET: Fixed = Fixed(0);
const EVENT: Fixed = Fixed(1);

const ENTER_GETEVENTS: u32 = 1;

/// What ended, but for received runs.
pub(super) enum End {
    /// A send.
    Sent { meta: SendMeta, buffer: Vec<u8>, end: io::Result<()> },
    /// The receive stopped because all buffers were in use.
    Starved,
    /// The receive stopped for another reason.
    ReceiveFailed(io::Error),
}

pub(super) struct Ring {
    ring: ManuallyDrop<IoUring>,
    buffers: ManuallyDrop<BufRing>,
    /// Lengths that the multishot receive lays its buffers out by; the kernel reads it until the request ends.
    template: ManuallyDrop<Box<libc::msghdr>>,
    messages: ManuallyDrop<Vec<Pin<Box<Message>>>>,
    /// Messages that no request uses.
    free: Vec<u32>,
    /// Messages whose submission is yet to be pushed.
    queued: VecDeque<u32>,
    /// Received and not yet taken: buffer and length.
    arrivals: VecDeque<(u16, usize)>,
    /// Seen and not yet handled.
    completions: VecDeque<(u64, i32, u32)>,
    requests: usize,
    receiving: bool,
    watching: bool,
}

impl Ring {
    /// Sets everything up and proves that the kernel knows each part of it.
    pub(super) fn new(socket: &Socket) -> io::Result<Self> {
        let mut ring: IoUring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_submit_all()
            .setup_cqsize(COMPLETIONS)
            .build(SUBMISSIONS)?;
        if !ring.params().is_feature_ext_arg() || !ring.params().is_feature_nodrop() {
            return Err(io::Error::from_raw_os_error(libc::ENOSYS));
        }
        ring.submitter().register_files(&[socket.fd.as_raw_fd(), socket.waker.as_raw_fd()])?;
        // Saves a look-up each time; where the kernel will not, nothing is lost but that.
        let _ = ring.submitter().register_ring_fd();
        let buffers = lend_buffers(&ring, socket.receive_buffers)?;
        // SAFETY: an all-zero msghdr is an empty one with null pointers; the receive reads only its lengths.
        let mut template: Box<libc::msghdr> = Box::new(unsafe { std::mem::zeroed() });
        template.msg_namelen = ADDRESS_BYTES as libc::socklen_t;
        template.msg_controllen = CONTROL_BYTES as _;
        ring.completion().sync();
        let mut this = Self {
            ring: ManuallyDrop::new(ring),
            buffers: ManuallyDrop::new(buffers),
            template: ManuallyDrop::new(template),
            messages: ManuallyDrop::new(Vec::new()),
            free: Vec::new(),
            queued: VecDeque::new(),
            arrivals: VecDeque::new(),
            completions: VecDeque::new(),
            requests: 0,
            receiving: false,
            watching: false,
        };
        this.rearm();
        this.enter()?;
        this.prove()?;
        Ok(this)
    }

    /// A kernel without multishot receives or polls has ended them by now, with the reason.
    fn prove(&mut self) -> io::Result<()> {
        self.collect();
        let unknown = |(user_data, result, flags): &&(u64, i32, u32)| {
            !cqueue::more(*flags)
                && match *user_data {
                    RECEIVE => matches!(-result, libc::EINVAL | libc::EOPNOTSUPP | libc::ENOSYS | libc::EPERM),
                    WAKE => *result < 0,
                    _ => false,
                }
        };
        let refused = self.completions.iter().find(unknown).map(|(_, result, _)| -result);
        refused.map_or(Ok(()), |error| Err(io::Error::from_raw_os_error(error)))
    }

    pub(super) fn buffers(&self) -> usize {
        self.buffers.len()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.messages.len() - self.free.len()
    }

    pub(super) fn has_arrivals(&self) -> bool {
        !self.arrivals.is_empty()
    }

    pub(super) fn has_queued(&self) -> bool {
        !self.queued.is_empty()
    }

    pub(super) fn is_armed(&self) -> bool {
        self.receiving
    }

    /// Queues the receive and the watch on the eventfd where they have ended.
    pub(super) fn rearm(&mut self) {
        if !self.receiving {
            let receive = opcode::RecvMsgMulti::new(SOCKET, &raw const **self.template, GROUP).build();
            // SAFETY: the template is pinned on the heap and freed only after the request has ended.
            self.receiving = unsafe { self.push(&receive.user_data(RECEIVE)) };
        }
        if !self.watching {
            let watch = opcode::PollAdd::new(EVENT, libc::POLLIN as u32).multi(true).build();
            // SAFETY: the request points to nothing.
            self.watching = unsafe { self.push(&watch.user_data(WAKE)) };
        }
    }

    /// Queues a run.
    pub(super) fn send(&mut self, meta: &SendMeta, buffer: Vec<u8>, v6_socket: bool) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.messages.push(Message::new());
            (self.messages.len() - 1) as u32
        });
        self.messages[slot as usize].as_mut().fill(meta, buffer, v6_socket);
        self.queued.push_back(slot);
    }

    /// Hands the queue over, as far as the submission ring takes it at once.
    pub(super) fn submit(&mut self) -> io::Result<()> {
        self.push_queued();
        tolerate(self.ring.submit())
    }

    /// Hands the queue over and runs the work that the kernel has put aside for this thread, without waiting.
    pub(super) fn enter(&mut self) -> io::Result<()> {
        self.push_queued();
        let submissions = self.ring.submission().len() as u32;
        // SAFETY: no argument is passed, and what was pushed is kept alive until its completion.
        let end = unsafe { self.ring.submitter().enter::<libc::sigset_t>(submissions, 0, ENTER_GETEVENTS, None) };
        tolerate(end)
    }

    /// Hands the queue over and sleeps until something ends or the limit is over.
    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.push_queued();
        match timeout {
            None => tolerate(self.ring.submit_and_wait(1)),
            Some(timeout) => {
                let limit = Timespec::from(timeout);
                tolerate(self.ring.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&limit)))
            }
        }
    }

    /// The next end. Received runs go to [`take_arrival`](Ring::take_arrival) instead.
    pub(super) fn next_end(&mut self) -> Option<End> {
        loop {
            if self.completions.is_empty() {
                self.collect();
            }
            let (user_data, result, flags) = self.completions.pop_front()?;
            let last = !cqueue::more(flags);
            self.requests -= usize::from(last);
            match user_data {
                RECEIVE => {
                    self.receiving &= !last;
                    if let Some(end) = self.received(result, flags) {
                        return Some(end);
                    }
                }
                WAKE => self.watching &= !last,
                slot => return Some(self.sent(slot as u32, result)),
            }
        }
    }

    /// Gives address, control messages and payload of the oldest received run to `take`. False where there is none.
    pub(super) fn take_arrival(&mut self, take: impl FnOnce(&[u8], &[u8], &[u8])) -> bool {
        let Some((id, len)) = self.arrivals.pop_front() else { return false };
        let bytes = self.buffers.take_back(id, len);
        if let Ok(run) = RecvMsgOut::parse(bytes, &self.template) {
            take(run.name_data(), run.control_data(), run.payload_data());
        }
        self.buffers.lend(id);
        true
    }

    /// Lets the kernel have the buffers of the runs that were taken.
    pub(super) fn publish(&mut self) {
        self.buffers.publish();
    }

    fn received(&mut self, result: i32, flags: u32) -> Option<End> {
        let buffer = cqueue::buffer_select(flags);
        match (usize::try_from(result), buffer) {
            (Ok(len), Some(id)) => {
                self.arrivals.push_back((id, len));
                None
            }
            (Err(_), Some(id)) => {
                self.buffers.take_back(id, 0);
                self.buffers.lend(id);
                self.buffers.publish();
                Some(End::ReceiveFailed(io::Error::from_raw_os_error(-result)))
            }
            (Err(_), None) if -result == libc::ENOBUFS => Some(End::Starved),
            (Err(_), None) => Some(End::ReceiveFailed(io::Error::from_raw_os_error(-result))),
            (Ok(_), None) => None,
        }
    }

    fn sent(&mut self, slot: u32, result: i32) -> End {
        let mut message = self.messages[slot as usize].as_mut();
        let meta = message.meta.expect("a message in flight is filled");
        let buffer = message.as_mut().take_buffer();
        self.free.push(slot);
        let end = if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(()) };
        End::Sent { meta, buffer, end }
    }

    fn push_queued(&mut self) {
        while let Some(slot) = self.queued.front().copied() {
            let header = self.messages[slot as usize].header();
            let send = opcode::SendMsg::new(SOCKET, header).build().user_data(u64::from(slot));
            // SAFETY: the message is pinned on the heap and not touched until the request has ended.
            if !unsafe { self.push(&send) } {
                return;
            }
            self.queued.pop_front();
        }
    }

    /// Pushes a request, handing older ones over first where the ring is full. False where it still is.
    ///
    /// # Safety
    /// What the request points to lives until its last completion.
    unsafe fn push(&mut self, request: &squeue::Entry) -> bool {
        for _ in 0..2 {
            // SAFETY: by the caller.
            if unsafe { self.ring.submission().push(request) }.is_ok() {
                self.requests += 1;
                return true;
            }
            if self.ring.submit().is_err() {
                return false;
            }
        }
        false
    }

    fn collect(&mut self) {
        self.completions.extend(self.ring.completion().map(|c| (c.user_data(), c.result(), c.flags())));
    }
}

impl Drop for Ring {
    /// Cancels and waits; were a request to refuse to end, its memory would be left to it rather than freed.
    fn drop(&mut self) {
        for _ in 0..DROP_ROUNDS {
            let _ = self.enter();
            let _ = self.ring.submitter().register_sync_cancel(Some(Timespec::new()), CancelBuilder::any());
            let _ = self.enter();
            while self.next_end().is_some() {}
            if self.requests == 0 {
                break;
            }
            let _ = self.wait(Some(Duration::from_millis(1)));
        }
        let quiet = self.requests == 0;
        if quiet {
            let _ = self.ring.submitter().unregister_buf_ring(GROUP);
        }
        // The registration holds the socket open: without this its port would be taken until the kernel got round to it.
        let _ = self.ring.submitter().unregister_files();
        let _ = self.ring.submitter().unregister_ring_fd();
        // SAFETY: each is dropped once, here, and not used again; the ring first. Where a request is still in flight, the
        // memory that it may touch is not freed at all.
        unsafe {
            ManuallyDrop::drop(&mut self.ring);
            if quiet {
                ManuallyDrop::drop(&mut self.buffers);
                ManuallyDrop::drop(&mut self.template);
                ManuallyDrop::drop(&mut self.messages);
            }
        }
    }
}

/// As many buffers as memory allows, half as many each time it does not.
fn lend_buffers(ring: &IoUring, wanted: u16) -> io::Result<BufRing> {
    let mut count = wanted;
    loop {
        let lent = BufRing::new(count, HEAD_BYTES + RUN_BYTES).and_then(|mut buffers| {
            buffers.register(&ring.submitter(), GROUP)?;
            Ok(buffers)
        });
        match lent {
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) && count > BUFFERS_MIN => count /= 2,
            other => return other,
        }
    }
}

/// What a busy or interrupted ring says is no error: the next call goes on.
fn tolerate(end: io::Result<usize>) -> io::Result<()> {
    match end {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN)) => {
            Ok(())
        }
        other => other.map(drop),
    }
}
