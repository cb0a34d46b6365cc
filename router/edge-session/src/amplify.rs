//! The strict limit on what an unvalidated address can make us send: never more than three times what came from it (RFC 9000 §8.1).
//!
//! In: sizes of datagrams from and to the address of a half-open connection. Out: whether one more datagram may leave. The library stops
//! only when the limit has been reached, so its last datagram can overshoot; here the datagram must fit whole. Deliberately absent: validated addresses.

use std::net::SocketAddr;

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

    /// The handshake is complete (RFC 9000 §8.1: whoever completed it received our packets).
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

#[cfg(test)]
mod tests {
    use super::*;

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
