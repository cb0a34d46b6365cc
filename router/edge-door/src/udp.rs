//! The network's door: one UDP socket of one shard.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// How a run of datagrams arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecvMeta {
    /// Who sent it.
    pub remote: SocketAddr,
    /// The local address it was sent to, where the kernel says so.
    pub local_ip: Option<IpAddr>,
    /// The two ECN bits.
    pub ecn: u8,
    /// Length of each datagram of the run but the last (GRO). Equal to the run's length where there is one. Never 0.
    pub stride: usize,
}

/// How a run of datagrams leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SendMeta {
    /// To whom.
    pub destination: SocketAddr,
    /// From which local address, where the connection cares.
    pub source_ip: Option<IpAddr>,
    /// The two ECN bits.
    pub ecn: u8,
    /// Where the buffer holds several datagrams (GSO): the length of each but the last.
    pub segment_size: Option<usize>,
}

/// Wakes a door that sleeps in [`Udp::wait`], from any thread. Waking one that is awake makes its next wait return at once.
pub trait Wake: Send + Sync {
    /// Never blocks; many wakes may count as one.
    fn wake(&self);
}

/// One shard's UDP socket. The order of calls of a loop body: `recv` (until 0 or enough), work, `send`*, `flush`, `wait`.
pub trait Udp {
    /// Where it is bound.
    fn local_addr(&self) -> SocketAddr;

    /// Gives at most a bounded batch of what has arrived to `on_run`, without blocking, and says how many runs that were.
    ///
    /// # Errors
    /// Only what ends the socket; a peer's ICMP errors are swallowed.
    fn recv(&mut self, on_run: &mut dyn FnMut(&RecvMeta, &[u8])) -> io::Result<usize>;

    /// An empty buffer to fill and pass to [`send`](Udp::send); pooled.
    fn buffer(&mut self) -> Vec<u8>;

    /// Takes back a buffer that was not needed.
    fn give_back(&mut self, buffer: Vec<u8>);

    /// Queues one run. A datagram that the kernel refuses is lost and counted, as UDP allows.
    fn send(&mut self, meta: &SendMeta, buffer: Vec<u8>);

    /// Hands what is queued to the kernel.
    ///
    /// # Errors
    /// Only what ends the socket.
    fn flush(&mut self) -> io::Result<()>;

    /// Sleeps until something arrived, a waker was used, or `timeout` passed (`None`: no limit).
    ///
    /// # Errors
    /// Only what ends the socket.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// A handle with which other threads wake this door.
    fn waker(&self) -> Arc<dyn Wake>;
}
