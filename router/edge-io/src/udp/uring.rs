//! The fast door: multishot receive into lent buffers, sends as submissions, one system call a turn when busy.
//!
//! In and out: the calls of [`Udp`]. One `recv` enters the kernel up to [`ROUNDS`] times, for it runs at most 32
//! receives of a multishot each time. Completions of sends give their buffers back whenever they are met. The eventfd is
//! watched by a multishot poll, so that a wake costs the sleeper nothing more.
//!
//! Deliberately absent: threads (the ring serves the thread that made it, alone) and incremental buffers, which do not
//! go together with recvmsg.

mod ring;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use edge_door::{RecvMeta, SendMeta, Udp, Wake};

use super::socket::{Socket, passes};
use super::{UdpCounts, cut};

use ring::{End, Ring};

/// Times that one `recv` enters the kernel at most, so that egress is not starved.
const ROUNDS: usize = 8;
/// Receives that the kernel runs for one multishot request each time it is entered.
const ROUND_RUNS: usize = 32;
/// Runs that one `recv` gives at most.
const RUNS_MAX: usize = ROUNDS * ROUND_RUNS;
/// Runs that the kernel holds at most.
const IN_FLIGHT_MAX: usize = 4_096;

pub(super) struct UringUdp {
    // Before the socket: what is in flight ends first, and then the socket closes.
    ring: Ring,
    socket: Socket,
    /// An error of the socket that `recv` has yet to tell.
    broken: Option<io::Error>,
}

impl UringUdp {
    /// Tries; says in words what was cut back, or gives the socket back with what refused.
    pub(super) fn new(socket: Socket) -> Result<(Self, String), (Socket, io::Error)> {
        match Ring::new(&socket) {
            Ok(ring) => {
                let (wanted, got) = (usize::from(socket.receive_buffers), ring.buffers());
                let why = match got < wanted {
                    true => format!("works; {got} receive buffers instead of {wanted}: memory was refused"),
                    false => format!("works; {got} receive buffers"),
                };
                Ok((Self { ring, socket, broken: None }, why))
            }
            Err(error) => Err((socket, error)),
        }
    }

    fn submit_run(&mut self, meta: &SendMeta, buffer: Vec<u8>) {
        if self.ring.in_flight() >= IN_FLIGHT_MAX {
            UdpCounts::add(&self.socket.counts.sends_overflowed, 1);
            self.socket.give_back(buffer);
        } else {
            let v6_socket = self.socket.v6();
            self.ring.send(meta, buffer, v6_socket);
        }
    }

    /// Copies a run into messages that the kernel takes one by one.
    fn cut(&mut self, meta: &SendMeta, buffer: Vec<u8>, gso: bool) {
        for part in cut::parts(buffer.len(), meta.segment_size.unwrap_or(buffer.len()), gso) {
            let mut piece = self.socket.buffer();
            piece.extend_from_slice(&buffer[part]);
            self.submit_run(meta, piece);
        }
        self.socket.give_back(buffer);
    }

    /// Settles what the kernel has ended; received runs stay with the ring until `recv` asks.
    fn reap(&mut self) {
        while let Some(end) = self.ring.next_end() {
            match end {
                End::Sent { meta, buffer, end } => self.sent(&meta, buffer, end),
                End::Starved => UdpCounts::add(&self.socket.counts.receive_starved, 1),
                End::ReceiveFailed(error) if passes(&error) => {
                    UdpCounts::add(&self.socket.counts.receive_errors, 1);
                }
                End::ReceiveFailed(error) => self.broken = Some(error),
            }
        }
    }

    fn sent(&mut self, meta: &SendMeta, buffer: Vec<u8>, end: io::Result<()>) {
        let Err(error) = end else {
            UdpCounts::add(&self.socket.counts.runs_sent, 1);
            self.socket.give_back(buffer);
            return;
        };
        let joined = meta.segment_size.filter(|size| *size < buffer.len());
        match joined.and_then(|size| cut::blames_gso(&error, size)) {
            Some(cut::Forever(forever)) => {
                self.socket.gso &= !forever;
                UdpCounts::add(&self.socket.counts.gso_refused, 1);
                self.cut(meta, buffer, false);
            }
            None => {
                UdpCounts::add(&self.socket.counts.sends_refused, 1);
                self.socket.give_back(buffer);
            }
        }
    }

    /// Submits what is queued and runs the kernel's pending work for us.
    fn enter(&mut self) -> io::Result<()> {
        UdpCounts::add(&self.socket.counts.system_calls, 1);
        self.ring.enter()?;
        self.reap();
        Ok(())
    }
}

impl Udp for UringUdp {
    fn local_addr(&self) -> SocketAddr {
        self.socket.local
    }

    fn recv(&mut self, on_run: &mut dyn FnMut(&RecvMeta, &[u8])) -> io::Result<usize> {
        let mut runs = 0;
        for round in 0..ROUNDS {
            // After a wait the first round's work is here already.
            if round > 0 || !self.ring.has_arrivals() {
                self.ring.rearm();
                self.enter()?;
            }
            let mut got = 0;
            while runs + got < RUNS_MAX {
                let socket = &mut self.socket;
                if !self.ring.take_arrival(|address, control, run| socket.arrived(address, control, run, on_run)) {
                    break;
                }
                got += 1;
            }
            self.ring.publish();
            runs += got;
            if got < ROUND_RUNS && self.ring.is_armed() {
                break;
            }
        }
        match self.broken.take() {
            Some(error) if runs == 0 => Err(error),
            broken => {
                self.broken = broken;
                Ok(runs)
            }
        }
    }

    fn buffer(&mut self) -> Vec<u8> {
        self.socket.buffer()
    }

    fn give_back(&mut self, buffer: Vec<u8>) {
        self.socket.give_back(buffer);
    }

    fn send(&mut self, meta: &SendMeta, buffer: Vec<u8>) {
        if cut::whole(buffer.len(), meta.segment_size, self.socket.gso) {
            self.submit_run(meta, buffer);
        } else {
            let gso = self.socket.gso;
            self.cut(meta, buffer, gso);
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        // A refused run is cut when its end is met, and what was cut goes out here too.
        while self.ring.has_queued() {
            UdpCounts::add(&self.socket.counts.system_calls, 1);
            self.ring.submit()?;
            self.reap();
        }
        Ok(())
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        if self.ring.has_arrivals() || self.broken.is_some() {
            return Ok(());
        }
        if !self.socket.waker.begin_sleep() {
            return Ok(());
        }
        let limit = timeout.map(|t| Instant::now() + t);
        let mut rest = timeout;
        let end = loop {
            self.ring.rearm();
            UdpCounts::add(&self.socket.counts.system_calls, 1);
            if let Err(error) = self.ring.wait(rest) {
                break Err(error);
            }
            self.reap();
            if self.ring.has_arrivals() || self.broken.is_some() || self.socket.waker.woken() {
                break Ok(());
            }
            // The limit, the end of a send, or a late write of an earlier wake: the clock decides.
            rest = limit.map(|l| l.saturating_duration_since(Instant::now()));
            if rest.is_some_and(|r| r.is_zero()) {
                break Ok(());
            }
        };
        self.socket.waker.end_sleep();
        end
    }

    fn waker(&self) -> Arc<dyn Wake> {
        self.socket.waker.clone()
    }
}
