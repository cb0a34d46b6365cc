//! Control messages of UDP: ECN bits, local address, segment size, the kernel's count of drops (cmsg(3), udp(7)).
//!
//! Read and written byte by byte in the kernel's layout (`size_t len, int level, int type`, each message padded to eight
//! bytes), so that unaligned and truncated buffers are only shorter, never wrong.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::sockaddr::canonical;

/// Room for every control message that a socket of ours gets or sends, in bytes.
pub(crate) const CONTROL_BYTES: usize = 192;

const HEADER_BYTES: usize = 16;

/// What the kernel said about a received run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Arrival {
    pub(crate) ecn: u8,
    pub(crate) local_ip: Option<IpAddr>,
    /// Length of each datagram but the last, where several were joined (GRO).
    pub(crate) segment_size: Option<usize>,
    /// Datagrams this socket lost so far for want of receive buffer, where the kernel says so.
    pub(crate) dropped: Option<u32>,
}

/// Reads what is known and skips the rest.
pub(crate) fn read(mut control: &[u8]) -> Arrival {
    let mut arrival = Arrival::default();
    while let Some((header, _)) = control.split_first_chunk::<HEADER_BYTES>() {
        let len = usize::from_ne_bytes(header[..8].try_into().expect("eight bytes"));
        if len < HEADER_BYTES || len > control.len() {
            break;
        }
        let level = i32::from_ne_bytes(header[8..12].try_into().expect("four bytes"));
        let kind = i32::from_ne_bytes(header[12..].try_into().expect("four bytes"));
        take(&mut arrival, level, kind, &control[HEADER_BYTES..len]);
        control = control.get(len.next_multiple_of(8)..).unwrap_or_default();
    }
    arrival
}

fn take(arrival: &mut Arrival, level: i32, kind: i32, data: &[u8]) {
    match (level, kind) {
        (libc::IPPROTO_IP, libc::IP_TOS) | (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
            // One byte or an int, by level; the bits are in the low byte.
            let low = if cfg!(target_endian = "little") { data.first() } else { data.last() };
            arrival.ecn = low.copied().unwrap_or(0) & 3;
        }
        (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
            // int ifindex, in_addr spec_dst, in_addr addr: the last is where the datagram was sent to.
            if let Some(ip) = data.get(8..12).and_then(|b| <[u8; 4]>::try_from(b).ok()) {
                arrival.local_ip = Some(Ipv4Addr::from(ip).into());
            }
        }
        (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
            if let Some(ip) = data.first_chunk::<16>() {
                arrival.local_ip = Some(canonical(Ipv6Addr::from(*ip)));
            }
        }
        (libc::SOL_UDP, libc::UDP_GRO) => {
            let size = data.first_chunk::<4>().map_or(0, |b| i32::from_ne_bytes(*b));
            arrival.segment_size = usize::try_from(size).ok().filter(|s| *s > 0);
        }
        (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => {
            arrival.dropped = data.first_chunk::<4>().map(|b| u32::from_ne_bytes(*b));
        }
        _ => {}
    }
}

/// Writes control messages one after the other.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    out: &'a mut [u8; CONTROL_BYTES],
    len: usize,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(out: &'a mut [u8; CONTROL_BYTES]) -> Self {
        Self { out, len: 0 }
    }

    /// The ECN bits; by the family of the packet, not of the socket.
    pub(crate) fn ecn(&mut self, bits: u8, v4_packet: bool) {
        let (level, kind) = match v4_packet {
            true => (libc::IPPROTO_IP, libc::IP_TOS),
            false => (libc::IPPROTO_IPV6, libc::IPV6_TCLASS),
        };
        self.put(level, kind, &i32::from(bits).to_ne_bytes());
    }

    /// The local address to send from.
    pub(crate) fn source(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => {
                let mut info = [0; 12];
                info[4..8].copy_from_slice(&ip.octets());
                self.put(libc::IPPROTO_IP, libc::IP_PKTINFO, &info);
            }
            IpAddr::V6(ip) => {
                let mut info = [0; 20];
                info[..16].copy_from_slice(&ip.octets());
                self.put(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info);
            }
        }
    }

    /// How the kernel cuts the payload (GSO).
    pub(crate) fn segment_size(&mut self, bytes: u16) {
        self.put(libc::SOL_UDP, libc::UDP_SEGMENT, &bytes.to_ne_bytes());
    }

    /// Bytes written.
    pub(crate) fn finish(self) -> usize {
        self.len
    }

    fn put(&mut self, level: i32, kind: i32, data: &[u8]) {
        let end = HEADER_BYTES + data.len();
        let next = self.len + end.next_multiple_of(8);
        assert!(next <= CONTROL_BYTES, "the control messages of one datagram fit the buffer");
        let message = &mut self.out[self.len..next];
        message.fill(0);
        message[..8].copy_from_slice(&end.to_ne_bytes());
        message[8..12].copy_from_slice(&level.to_ne_bytes());
        message[12..16].copy_from_slice(&kind.to_ne_bytes());
        message[HEADER_BYTES..end].copy_from_slice(data);
        self.len = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = [0; CONTROL_BYTES];
        let mut out = Writer::new(&mut bytes);
        out.ecn(2, false);
        out.source("2001:db8::1".parse().unwrap());
        out.put(libc::SOL_UDP, libc::UDP_GRO, &1200i32.to_ne_bytes());
        out.put(libc::SOL_SOCKET, libc::SO_RXQ_OVFL, &7u32.to_ne_bytes());
        out.put(12_345, 1, b"unknown");
        let len = out.finish();
        let whole = Arrival {
            ecn: 2,
            local_ip: Some("2001:db8::1".parse().unwrap()),
            segment_size: Some(1200),
            dropped: Some(7),
        };
        assert_eq!(read(&bytes[..len]), whole);
        for cut in 0..len {
            read(&bytes[..cut]);
        }
        assert_eq!(read(&[0xff; 64]), Arrival::default());
    }

    #[test]
    fn mapped_local_addresses_are_ipv4() {
        let mut bytes = [0; CONTROL_BYTES];
        let mut out = Writer::new(&mut bytes);
        out.source("::ffff:10.0.0.1".parse().unwrap());
        let len = out.finish();
        assert_eq!(read(&bytes[..len]).local_ip, Some("10.0.0.1".parse().unwrap()));
    }
}
