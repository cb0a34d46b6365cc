//! The network's door on the simulated network: sockets, their inboxes, and groups that share a port.
//!
//! In: the calls of [`Udp`]. Out: what the kernel would do, on a virtual clock. A wait with a limit moves the clock to
//! the next arrival or to the limit; a wait without one, when nothing is in flight, blocks for a waker on another thread.
//!
//! Deliberately absent: wildcard addresses (bind to what peers send to) and ICMP.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::sim::{NetFaults, Packet, Rng, SimClock, SimNet};
use crate::{Clock, RecvMeta, SendMeta, Udp, Wake};

/// Runs that one [`Udp::recv`] gives at most.
const RUNS_MAX: usize = 64;
/// Datagrams that arrive as one run at most, as with the kernel's GRO.
const RUN_SEGMENTS_MAX: usize = 64;
/// Bytes that arrive as one run at most.
const RUN_BYTES_MAX: usize = 65_535;
/// Where ports are taken from when a socket asks for any.
const FIRST_FREE_PORT: u16 = 49_152;

/// A network and the sockets bound to it; clones are the same hub.
#[derive(Clone, Debug)]
pub struct SimHub {
    inner: Arc<Mutex<Hub>>,
    clock: SimClock,
}

#[derive(Debug)]
struct Hub {
    net: SimNet,
    sockets: BTreeMap<SocketAddr, Vec<Inbox>>,
    next_socket: u64,
    /// Datagrams for addresses where nobody is bound.
    unreachable: u64,
}

#[derive(Debug)]
struct Inbox {
    socket: u64,
    packets: VecDeque<Packet>,
}

impl SimHub {
    /// A hub over a network, on a clock.
    pub fn new(net: SimNet, clock: SimClock) -> Self {
        let hub = Hub { net, sockets: BTreeMap::new(), next_socket: 0, unreachable: 0 };
        Self { inner: Arc::new(Mutex::new(hub)), clock }
    }

    /// Binds a socket. Port 0 takes a free one; `share_port` lets several sockets of the same wish share an address, over
    /// which senders are spread by a hash, as SO_REUSEPORT does.
    ///
    /// # Errors
    /// `AddrInUse` where somebody is bound and `share_port` is not set.
    pub fn bind(&self, mut addr: SocketAddr, share_port: bool) -> io::Result<SimUdp> {
        let mut hub = self.hub();
        if addr.port() == 0 {
            let port = (FIRST_FREE_PORT..=u16::MAX)
                .find(|p| !hub.sockets.contains_key(&SocketAddr::new(addr.ip(), *p)))
                .ok_or(io::ErrorKind::AddrNotAvailable)?;
            addr.set_port(port);
        }
        if hub.sockets.contains_key(&addr) && !share_port {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let socket = hub.next_socket;
        hub.next_socket += 1;
        hub.sockets.entry(addr).or_default().push(Inbox { socket, packets: VecDeque::new() });
        drop(hub);
        Ok(SimUdp { hub: self.clone(), addr, socket, queue: Vec::new(), pool: Vec::new(), waker: Arc::default() })
    }

    /// Speaks to the network itself: links, cuts.
    pub fn with_net<T>(&self, f: impl FnOnce(&mut SimNet) -> T) -> T {
        f(&mut self.hub().net)
    }

    /// What fired so far, and how many datagrams found nobody bound.
    pub fn faults(&self) -> (NetFaults, u64) {
        let hub = self.hub();
        (hub.net.faults(), hub.unreachable)
    }

    fn hub(&self) -> MutexGuard<'_, Hub> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hub {
    /// Moves what has arrived into the inboxes.
    fn sort(&mut self, clock: &SimClock) {
        let now = clock.now();
        while let Some(packet) = self.net.deliver(now) {
            let Some(group) = self.sockets.get_mut(&packet.to) else {
                self.unreachable += 1;
                continue;
            };
            let member = Rng::new(address_number(packet.from)).index(group.len());
            group[member].packets.push_back(packet);
        }
    }

    fn inbox(&mut self, addr: SocketAddr, socket: u64) -> &mut VecDeque<Packet> {
        let group = self.sockets.get_mut(&addr).expect("a live socket is in the hub");
        let inbox = group.iter_mut().find(|i| i.socket == socket).expect("a live socket has an inbox");
        &mut inbox.packets
    }
}

fn address_number(addr: SocketAddr) -> u64 {
    let ip = match addr.ip() {
        std::net::IpAddr::V4(ip) => u64::from(u32::from(ip)),
        std::net::IpAddr::V6(ip) => (u128::from(ip) >> 64) as u64 ^ u128::from(ip) as u64,
    };
    (ip << 16) ^ u64::from(addr.port())
}

/// One simulated socket.
#[derive(Debug)]
pub struct SimUdp {
    hub: SimHub,
    addr: SocketAddr,
    socket: u64,
    queue: Vec<(SendMeta, Vec<u8>)>,
    pool: Vec<Vec<u8>>,
    waker: Arc<Waker>,
}

#[derive(Debug, Default)]
struct Waker {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Wake for Waker {
    fn wake(&self) {
        *self.flag() = true;
        self.changed.notify_one();
    }
}

impl Waker {
    fn flag(&self) -> MutexGuard<'_, bool> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> bool {
        std::mem::take(&mut *self.flag())
    }

    fn block(&self) {
        let mut woken = self.flag();
        while !*woken {
            woken = self.changed.wait(woken).unwrap_or_else(PoisonError::into_inner);
        }
        *woken = false;
    }
}

impl Udp for SimUdp {
    fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    fn recv(&mut self, on_run: &mut dyn FnMut(&RecvMeta, &[u8])) -> io::Result<usize> {
        let mut runs = 0;
        while runs < RUNS_MAX {
            let run = {
                let mut hub = self.hub.hub();
                hub.sort(&self.hub.clock);
                take_run(hub.inbox(self.addr, self.socket))
            };
            let Some((first, bytes)) = run else { break };
            let meta = RecvMeta {
                remote: first.from,
                local_ip: Some(self.addr.ip()),
                ecn: first.ecn,
                stride: first.bytes.len().max(1),
            };
            on_run(&meta, &bytes);
            runs += 1;
        }
        Ok(runs)
    }

    fn buffer(&mut self) -> Vec<u8> {
        self.pool.pop().unwrap_or_default()
    }

    fn give_back(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.pool.push(buffer);
    }

    fn send(&mut self, meta: &SendMeta, buffer: Vec<u8>) {
        self.queue.push((*meta, buffer));
    }

    fn flush(&mut self) -> io::Result<()> {
        let now = self.hub.clock.now();
        let mut hub = self.hub.inner.lock().unwrap_or_else(PoisonError::into_inner);
        for (meta, mut buffer) in self.queue.drain(..) {
            let source = SocketAddr::new(meta.source_ip.unwrap_or(self.addr.ip()), self.addr.port());
            let segment = meta.segment_size.unwrap_or(buffer.len()).max(1);
            for datagram in buffer.chunks(segment) {
                hub.net.send(source, meta.destination, meta.ecn & 3, datagram, now);
            }
            if buffer.is_empty() {
                hub.net.send(source, meta.destination, meta.ecn & 3, &[], now);
            }
            buffer.clear();
            self.pool.push(buffer);
        }
        Ok(())
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        if self.waker.take() {
            return Ok(());
        }
        let clock = self.hub.clock.clone();
        let limit = timeout.map(|t| clock.now() + t);
        loop {
            let due = {
                let mut hub = self.hub.hub();
                hub.sort(&clock);
                if !hub.inbox(self.addr, self.socket).is_empty() {
                    return Ok(());
                }
                hub.net.next_due()
            };
            match (due, limit) {
                (Some(due), limit) if limit.is_none_or(|l| due <= l) => clock.advance_to(due),
                (_, Some(limit)) => {
                    clock.advance_to(limit);
                    return Ok(());
                }
                (_, None) => {
                    self.waker.block();
                    return Ok(());
                }
            }
        }
    }

    fn waker(&self) -> Arc<dyn Wake> {
        self.waker.clone()
    }
}

/// Joins the datagrams at the head that one sender sent in a row, all of one length but the last: what GRO does.
fn take_run(inbox: &mut VecDeque<Packet>) -> Option<(Packet, Vec<u8>)> {
    let first = inbox.pop_front()?;
    let stride = first.bytes.len();
    let mut bytes = first.bytes.to_vec();
    let mut segments = 1;
    while let Some(next) = inbox.front() {
        let fits = next.from == first.from
            && next.ecn == first.ecn
            && (1..=stride).contains(&next.bytes.len())
            && bytes.len() + next.bytes.len() <= RUN_BYTES_MAX
            && segments < RUN_SEGMENTS_MAX;
        if !fits {
            break;
        }
        let last = next.bytes.len() < stride;
        bytes.extend_from_slice(&next.bytes);
        inbox.pop_front();
        segments += 1;
        if last {
            break;
        }
    }
    Some((first, bytes))
}

impl Drop for SimUdp {
    fn drop(&mut self) {
        let mut hub = self.hub.hub();
        if let Some(group) = hub.sockets.get_mut(&self.addr) {
            group.retain(|i| i.socket != self.socket);
            if group.is_empty() {
                hub.sockets.remove(&self.addr);
            }
        }
    }
}
