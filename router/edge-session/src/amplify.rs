//! The strict limit on what an unvalidated address can make us send: never more than three times what came from it (RFC
//! 9000 §8.1).
//!
//! In: sizes of datagrams from and to the address of a half-open connection. Out: whether one more datagram may leave.
//! The library stops only when the limit has been reached, so its last datagram can overshoot; here the datagram must
//! fit whole. Deliberately absent: validated addresses.

use std::net::SocketAddr;

use edge_wire::varint;

/// Bytes from and to one address that has not proved that it is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct AmplificationGuard {
    remote: SocketAddr,
    validated: bool,
    received_bytes: u64,
    sent_bytes: u64,
}

impl AmplificationGuard {
    pub(crate) fn new(remote: SocketAddr, validated: bool) -> AmplificationGuard {
        AmplificationGuard { remote, validated, received_bytes: 0, sent_bytes: 0 }
    }

    /// A Handshake packet was understood, or the handshake is complete: its sender received our packets (RFC 9000
    /// §8.1).
    pub(crate) fn on_validated(&mut self) {
        self.validated = true;
    }

    pub(crate) fn is_validated(&self) -> bool {
        self.validated
    }

    /// What comes from elsewhere says nothing about this address.
    pub(crate) fn on_received(&mut self, remote: SocketAddr, bytes: usize) {
        if remote == self.remote {
            self.received_bytes += bytes as u64;
        }
    }

    pub(crate) fn on_sent(&mut self, bytes: usize) {
        self.sent_bytes += bytes as u64;
    }

    /// Whether a datagram of at most `bytes` may leave.
    pub(crate) fn allows(&self, bytes: usize) -> bool {
        self.validated || self.sent_bytes + bytes as u64 <= 3 * self.received_bytes
    }
}

/// Whether a datagram is one Handshake packet and nothing else (RFC 9000 §17.2.4).
///
/// Where the connection then understood a frame, the sender holds handshake keys. In other company it proves nothing:
/// keys of Initials are known to everybody.
pub(crate) fn is_lone_handshake_packet(datagram: &[u8]) -> bool {
    const LONG_HEADER_HANDSHAKE: u8 = 0b1110;
    fn rest_after_header(datagram: &[u8]) -> Option<(u64, usize)> {
        let rest = datagram.get(5..)?;
        let rest = rest.get(1 + usize::from(*rest.first()?)..)?;
        let rest = rest.get(1 + usize::from(*rest.first()?)..)?;
        let (length, length_bytes) = varint::read(rest)?;
        Some((length, rest.len() - length_bytes))
    }
    datagram.first().is_some_and(|first| first >> 4 == LONG_HEADER_HANDSHAKE)
        && rest_after_header(datagram).is_some_and(|(length, rest)| length == rest as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_handshake_packet_is_told_from_company() {
        let packet = [&[0xe1, 0, 0, 0, 1, 2, 7, 7, 1, 9, 5][..], &[0; 5]].concat();
        assert!(is_lone_handshake_packet(&packet));
        assert!(!is_lone_handshake_packet(&[&packet[..], &[0xc0]].concat()), "a packet follows");
        assert!(!is_lone_handshake_packet(&[&[0xc1][..], &packet[1..]].concat()), "an Initial");
        for len in 0..packet.len() {
            assert!(!is_lone_handshake_packet(&packet[..len]), "cut at {len}");
        }
    }

    #[test]
    fn a_datagram_fits_whole_or_waits() {
        let remote = "192.0.2.1:4433".parse().unwrap();
        let mut guard = AmplificationGuard::new(remote, false);
        assert!(!guard.allows(1));
        guard.on_received(remote, 1200);
        guard.on_received("192.0.2.2:4433".parse().unwrap(), 100_000);
        assert!(guard.allows(3600) && !guard.allows(3601));
        guard.on_sent(2500);
        assert!(guard.allows(1100) && !guard.allows(1101));
        guard.on_validated();
        assert!(guard.allows(1_000_000));
    }
}
