//! One shard's UDP socket: bound on any thread, served on the shard's own.
//!
//! In: an address and [`UdpOptions`]. Out: a [`UdpOpener`], which may be sent to the shard's thread, and there a
//! [`UdpDoor`]. All shards bind before any serves, so that the kernel spreads the first packets over the whole group.
//!
//! Both doors keep one behaviour: runs joined by the kernel (GRO) and cut by it (GSO), ECN, local addresses, the
//! don't-fragment bit always set, refusals by peers and routers swallowed and counted. Deliberately absent: steering
//! programs, which attach to [`UdpOpener::as_fd`](std::os::fd::AsFd).

mod cut;
mod epoll;
mod socket;
mod uring;

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use edge_door::{Udp, Wake};

use crate::choice::refusal;
use crate::{Choice, Chosen};

use epoll::EpollUdp;
use socket::Socket;
use uring::UringUdp;

/// How a socket is set.
///
/// # Defaults
/// Shared port, 4 MiB of buffer each way, GRO and GSO on, 256 receive buffers, IPv6 sockets take IPv6 alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UdpOptions {
    /// Several sockets share the port (SO_REUSEPORT), one for each shard.
    pub share_port: bool,
    /// Kernel's receive buffer, in bytes; past the system's limit where we may, else up to it.
    pub receive_buffer_bytes: usize,
    /// Kernel's send buffer, in bytes; likewise.
    pub send_buffer_bytes: usize,
    /// Let the kernel join datagrams on receive.
    pub gro: bool,
    /// Let the kernel cut datagrams on send.
    pub gso: bool,
    /// Buffers of 64 KiB lent to io_uring's receive; rounded up to a power of two, 8 to 4,096. Fewer where memory is refused.
    pub receive_buffers: u16,
    /// An IPv6 socket takes IPv6 alone. Where false, IPv4 peers are served too and shown as IPv4.
    pub only_v6: bool,
}

impl Default for UdpOptions {
    fn default() -> Self {
        Self {
            share_port: true,
            receive_buffer_bytes: 4 << 20,
            send_buffer_bytes: 4 << 20,
            gro: true,
            gso: true,
            receive_buffers: 256,
            only_v6: true,
        }
    }
}

/// What a door counts, for metrics; read from any thread.
#[derive(Debug, Default)]
pub struct UdpCounts {
    runs_received: AtomicU64,
    runs_sent: AtomicU64,
    sends_refused: AtomicU64,
    sends_overflowed: AtomicU64,
    receive_errors: AtomicU64,
    receive_starved: AtomicU64,
    kernel_dropped: AtomicU64,
    gso_refused: AtomicU64,
    system_calls: AtomicU64,
}

macro_rules! counters {
    ($($name:ident, $meaning:literal;)*) => {
        impl UdpCounts {
            $(#[doc = $meaning] pub fn $name(&self) -> u64 { self.$name.load(Ordering::Relaxed) })*
        }
    };
}

counters! {
    runs_received, "Runs of datagrams received.";
    runs_sent, "Runs of datagrams that the kernel took.";
    sends_refused, "Runs that the kernel refused: unreachable, too long for the path, forbidden. Lost.";
    sends_overflowed, "Runs given up because the kernel took none for too long. Lost.";
    receive_errors, "Errors of receives, swallowed.";
    receive_starved, "Times the receive stopped for want of buffers (io_uring alone).";
    kernel_dropped, "Datagrams that the kernel dropped because the socket's receive buffer was full.";
    gso_refused, "Runs that had to be cut here because the kernel would not.";
    system_calls, "System calls on the packet path.";
}

impl UdpCounts {
    /// One writer, the door: no read-modify-write is needed.
    fn add(counter: &AtomicU64, n: u64) {
        counter.store(counter.load(Ordering::Relaxed) + n, Ordering::Relaxed);
    }
}

/// Binds a socket.
///
/// # Errors
/// The kernel's own, naming the address: taken, not ours, forbidden.
pub fn open_udp(bind: SocketAddr, options: &UdpOptions) -> io::Result<UdpOpener> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot bind UDP {bind}: {error}"));
    Ok(UdpOpener { socket: Socket::bind(bind, options).map_err(named)? })
}

/// A bound socket on its way to the thread that serves it.
#[derive(Debug)]
pub struct UdpOpener {
    socket: Socket,
}

impl UdpOpener {
    /// Takes a bound UDP socket that somebody else made, and sets it.
    ///
    /// # Errors
    /// The kernel's own: it is no UDP socket.
    pub fn adopt(fd: OwnedFd, options: &UdpOptions) -> io::Result<Self> {
        Ok(Self { socket: Socket::adopt(fd, options)? })
    }

    /// Where it is bound.
    pub fn local_addr(&self) -> SocketAddr {
        self.socket.local
    }

    /// What wakes the door that this will be, so that shards can be joined before they run.
    pub fn waker(&self) -> Arc<dyn Wake> {
        self.socket.waker.clone()
    }

    /// What the door that this will be counts.
    pub fn counts(&self) -> Arc<UdpCounts> {
        self.socket.counts.clone()
    }

    /// The size of the kernel's receive buffer as it became, in bytes, with the kernel's own overhead.
    ///
    /// # Errors
    /// The kernel's own.
    pub fn receive_buffer_bytes(&self) -> io::Result<usize> {
        self.socket.receive_buffer_bytes()
    }

    /// Becomes a door. Call it on the thread that will use the door: io_uring serves the thread that made it, alone.
    ///
    /// # Errors
    /// [`Choice::Uring`] where io_uring is refused; otherwise the kernel's own.
    pub fn into_door(self, choice: Choice) -> io::Result<UdpDoor> {
        let counts = self.counts();
        let (socket, why) = match choice {
            Choice::Plain => (self.socket, "as configured".to_owned()),
            Choice::Auto | Choice::Uring => match UringUdp::new(self.socket) {
                Ok((door, why)) => {
                    let chosen = Chosen { door: "io_uring", why };
                    return Ok(UdpDoor { udp: Box::new(door), chosen, counts });
                }
                Err((_, error)) if choice == Choice::Uring => {
                    return Err(io::Error::new(error.kind(), refusal(&error)));
                }
                Err((socket, error)) => (socket, refusal(&error)),
            },
        };
        let udp = Box::new(EpollUdp::new(socket)?);
        Ok(UdpDoor { udp, chosen: Chosen { door: "epoll", why }, counts })
    }
}

impl AsFd for UdpOpener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.fd.as_fd()
    }
}

/// A door that serves, on the thread that made it.
pub struct UdpDoor {
    /// The door.
    pub udp: Box<dyn Udp>,
    /// Which kernel interface it is on, and why.
    pub chosen: Chosen,
    /// What it counts.
    pub counts: Arc<UdpCounts>,
}
