//! The fallback door: recvmmsg and sendmmsg on a socket, epoll to sleep on it.
//!
//! In and out: the calls of [`Udp`]. Sends that the kernel has no room for wait in order, up to a limit, and the sleep
//! also ends when there is room again. Deliberately absent: threads; one shard owns it.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use edge_door::{RecvMeta, SendMeta, Udp, Wake};

use super::socket::{Socket, passes};
use super::{UdpCounts, cut};
use crate::sys::message::Message;
use crate::sys::mmsg::{self, Inbox};
use crate::sys::poll::Poller;

/// Batches that one `recv` takes at most, so that egress is not starved.
const ROUNDS: usize = 8;
/// Runs that wait for the kernel at most.
const QUEUE_MAX: usize = 4_096;

pub(super) struct EpollUdp {
    socket: Socket,
    poller: Poller,
    inbox: Inbox,
    queue: VecDeque<Pin<Box<Message>>>,
    spare: Vec<Pin<Box<Message>>>,
}

impl EpollUdp {
    pub(super) fn new(socket: Socket) -> io::Result<Self> {
        let poller = Poller::new(socket.fd.as_fd(), socket.waker.as_fd())?;
        Ok(Self { socket, poller, inbox: Inbox::new(), queue: VecDeque::new(), spare: Vec::new() })
    }

    fn enqueue(&mut self, meta: &SendMeta, buffer: Vec<u8>) {
        let mut message = self.spare.pop().unwrap_or_else(Message::new);
        message.as_mut().fill(meta, buffer, self.socket.v6());
        self.queue.push_back(message);
    }

    /// Copies a run into messages that the kernel takes one by one, before or behind what waits already.
    fn cut(&mut self, meta: &SendMeta, buffer: Vec<u8>, in_front: bool) {
        let before = self.queue.len();
        let size = meta.segment_size.unwrap_or(buffer.len());
        for part in cut::parts(buffer.len(), size, self.socket.gso && !in_front) {
            let mut piece = self.socket.buffer();
            piece.extend_from_slice(&buffer[part]);
            self.enqueue(meta, piece);
        }
        if in_front {
            let added = self.queue.len() - before;
            self.queue.rotate_right(added);
        }
        self.socket.give_back(buffer);
    }

    fn settle_front(&mut self) -> Option<(SendMeta, Vec<u8>)> {
        let mut message = self.queue.pop_front()?;
        let meta = message.meta.expect("a queued message is filled");
        let buffer = message.as_mut().take_buffer();
        self.spare.push(message);
        Some((meta, buffer))
    }

    /// The kernel refused the first message: cut it where the cutting was refused, lose it where the sending was.
    fn refused(&mut self, error: &io::Error) {
        let Some((meta, buffer)) = self.settle_front() else { return };
        let joined = meta.segment_size.filter(|size| *size < buffer.len());
        match joined.and_then(|size| cut::blames_gso(error, size)) {
            Some(cut::Forever(forever)) => {
                self.socket.gso &= !forever;
                UdpCounts::add(&self.socket.counts.gso_refused, 1);
                self.cut(&meta, buffer, true);
            }
            None => {
                UdpCounts::add(&self.socket.counts.sends_refused, 1);
                self.socket.give_back(buffer);
            }
        }
    }
}

impl Udp for EpollUdp {
    fn local_addr(&self) -> SocketAddr {
        self.socket.local
    }

    fn recv(&mut self, on_run: &mut dyn FnMut(&RecvMeta, &[u8])) -> io::Result<usize> {
        let mut runs = 0;
        for _ in 0..ROUNDS {
            UdpCounts::add(&self.socket.counts.system_calls, 1);
            let n = match self.inbox.receive(self.socket.fd.as_fd()) {
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if passes(&error) => {
                    UdpCounts::add(&self.socket.counts.receive_errors, 1);
                    continue;
                }
                Err(error) => return Err(error),
            };
            for i in 0..n {
                let (address, control, payload) = self.inbox.run(i);
                self.socket.arrived(address, control, payload, on_run);
            }
            runs += n;
            if n < mmsg::BATCH {
                break;
            }
        }
        Ok(runs)
    }

    fn buffer(&mut self) -> Vec<u8> {
        self.socket.buffer()
    }

    fn give_back(&mut self, buffer: Vec<u8>) {
        self.socket.give_back(buffer);
    }

    fn send(&mut self, meta: &SendMeta, buffer: Vec<u8>) {
        if self.queue.len() >= QUEUE_MAX {
            UdpCounts::add(&self.socket.counts.sends_overflowed, 1);
            self.socket.give_back(buffer);
        } else if cut::whole(buffer.len(), meta.segment_size, self.socket.gso) {
            self.enqueue(meta, buffer);
        } else {
            self.cut(meta, buffer, false);
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.queue.is_empty() {
            UdpCounts::add(&self.socket.counts.system_calls, 1);
            match mmsg::send(self.socket.fd.as_fd(), self.queue.iter()) {
                Ok(sent) => {
                    UdpCounts::add(&self.socket.counts.runs_sent, sent as u64);
                    for _ in 0..sent {
                        if let Some((_, buffer)) = self.settle_front() {
                            self.socket.give_back(buffer);
                        }
                    }
                }
                // No room: what is left waits, in order, for a later flush.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if matches!(error.raw_os_error(), Some(libc::EBADF | libc::ENOTSOCK)) => return Err(error),
                Err(error) => self.refused(&error),
            }
        }
        Ok(())
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        if !self.socket.waker.begin_sleep() {
            return Ok(());
        }
        let limit = timeout.map(|t| Instant::now() + t);
        let mut rest = timeout;
        let end = loop {
            if let Err(error) = self.poller.want_writable(self.socket.fd.as_fd(), !self.queue.is_empty()) {
                break Err(error);
            }
            UdpCounts::add(&self.socket.counts.system_calls, 1);
            match self.poller.wait(rest) {
                Ok(ready) if ready.socket || self.socket.waker.woken() => break Ok(()),
                // The limit, or a late write of an earlier wake: the clock decides.
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
            rest = limit.map(|l| l.saturating_duration_since(Instant::now()));
            if rest.is_some_and(|r| r.is_zero()) {
                break Ok(());
            }
        };
        self.socket.waker.end_sleep();
        if !self.queue.is_empty() {
            self.flush()?;
        }
        end
    }

    fn waker(&self) -> Arc<dyn Wake> {
        self.socket.waker.clone()
    }
}
