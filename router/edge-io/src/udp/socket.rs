//! The socket that both doors share: how it is set, what it knows of the kernel's abilities, its buffers.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use edge_door::RecvMeta;

use super::{UdpCounts, UdpOptions};
use crate::sys::{cmsg, sockaddr, socket as call};
use crate::wake::Waker;

/// Send buffers kept for reuse.
const POOL_MAX: usize = 1_024;
/// A pooled buffer that grew beyond this is freed, in bytes.
const POOLED_BYTES_MAX: usize = 64 << 10;
/// A new send buffer, in bytes: one datagram of any path.
const BUFFER_BYTES: usize = 2_048;

/// A bound UDP socket.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) fd: OwnedFd,
    pub(super) local: SocketAddr,
    pub(super) waker: Arc<Waker>,
    pub(super) counts: Arc<UdpCounts>,
    pub(super) receive_buffers: u16,
    /// The kernel cuts runs; false once it refused.
    pub(super) gso: bool,
    pool: Vec<Vec<u8>>,
    kernel_dropped: u32,
}

impl Socket {
    pub(super) fn bind(address: SocketAddr, options: &UdpOptions) -> io::Result<Self> {
        let fd = call::udp(address.is_ipv6())?;
        if options.share_port {
            call::set(fd.as_fd(), libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
        }
        if address.is_ipv6() {
            call::set(fd.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, i32::from(options.only_v6))?;
        }
        // Before the bind, so that not one datagram arrives without what the doors want to know of it.
        prepare(&fd, address.is_ipv6(), options)?;
        call::bind(fd.as_fd(), address)?;
        Self::bound(fd, options)
    }

    pub(super) fn adopt(fd: OwnedFd, options: &UdpOptions) -> io::Result<Self> {
        if call::get(fd.as_fd(), libc::SOL_SOCKET, libc::SO_PROTOCOL)? != libc::IPPROTO_UDP {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the given socket is not a UDP socket"));
        }
        let v6 = call::local_address(fd.as_fd())?.is_ipv6();
        prepare(&fd, v6, options)?;
        Self::bound(fd, options)
    }

    fn bound(fd: OwnedFd, options: &UdpOptions) -> io::Result<Self> {
        let local = call::local_address(fd.as_fd())?;
        // Kernels that can cut runs know the option.
        let gso = options.gso && call::get(fd.as_fd(), libc::SOL_UDP, libc::UDP_SEGMENT).is_ok();
        Ok(Self {
            fd,
            local,
            waker: Waker::new()?,
            counts: Arc::default(),
            receive_buffers: options.receive_buffers.clamp(8, 4_096).next_power_of_two(),
            gso,
            pool: Vec::new(),
            kernel_dropped: 0,
        })
    }

    pub(super) fn v6(&self) -> bool {
        self.local.is_ipv6()
    }

    pub(super) fn receive_buffer_bytes(&self) -> io::Result<usize> {
        let bytes = call::get(self.fd.as_fd(), libc::SOL_SOCKET, libc::SO_RCVBUF)?;
        Ok(usize::try_from(bytes).unwrap_or(0))
    }

    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.pool.pop().unwrap_or_else(|| Vec::with_capacity(BUFFER_BYTES))
    }

    pub(super) fn give_back(&mut self, mut buffer: Vec<u8>) {
        if self.pool.len() < POOL_MAX && buffer.capacity() <= POOLED_BYTES_MAX {
            buffer.clear();
            self.pool.push(buffer);
        }
    }

    /// Gives a received run to its taker; one without an address is no run.
    pub(super) fn arrived(
        &mut self,
        address: &[u8],
        control: &[u8],
        payload: &[u8],
        on_run: &mut dyn FnMut(&RecvMeta, &[u8]),
    ) {
        let Some(remote) = sockaddr::read(address) else {
            UdpCounts::add(&self.counts.receive_errors, 1);
            return;
        };
        let arrival = cmsg::read(control);
        if let Some(dropped) = arrival.dropped {
            // A counter of 32 bits that wraps.
            let more = dropped.wrapping_sub(std::mem::replace(&mut self.kernel_dropped, dropped));
            UdpCounts::add(&self.counts.kernel_dropped, u64::from(more));
        }
        let stride = arrival.segment_size.unwrap_or(payload.len()).clamp(1, payload.len().max(1));
        UdpCounts::add(&self.counts.runs_received, 1);
        on_run(&RecvMeta { remote, local_ip: arrival.local_ip, ecn: arrival.ecn, stride }, payload);
    }
}

/// Sets what is the same for every socket of ours.
fn prepare(fd: &OwnedFd, v6: bool, options: &UdpOptions) -> io::Result<()> {
    let fd = fd.as_fd();
    // What the daemon can do without is set where the kernel has it; what QUIC depends on must be there.
    let _ = call::set_buffer(fd, libc::SO_RCVBUFFORCE, libc::SO_RCVBUF, options.receive_buffer_bytes);
    let _ = call::set_buffer(fd, libc::SO_SNDBUFFORCE, libc::SO_SNDBUF, options.send_buffer_bytes);
    let _ = call::set(fd, libc::SOL_SOCKET, libc::SO_RXQ_OVFL, 1);
    let _ = call::set(fd, libc::SOL_UDP, libc::UDP_GRO, i32::from(options.gro));
    if v6 {
        call::set(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?;
        call::set(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS, 1)?;
        // Don't fragment, and don't believe what routers say of the path's MTU: QUIC probes it (RFC 9000 §14).
        call::set(fd, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_PROBE)?;
    }
    if !v6 || !options.only_v6 {
        call::set(fd, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?;
        call::set(fd, libc::IPPROTO_IP, libc::IP_RECVTOS, 1)?;
        call::set(fd, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE)?;
    }
    Ok(())
}

/// Errors of a receive or a wait that do not end the socket: what routers and peers say, and shortages that pass.
pub(super) fn passes(error: &io::Error) -> bool {
    !matches!(error.raw_os_error(), Some(libc::EBADF | libc::ENOTSOCK | libc::EFAULT | libc::EINVAL | libc::EOPNOTSUPP))
}
