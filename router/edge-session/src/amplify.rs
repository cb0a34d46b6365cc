//! The strict limit on what an unvalidated address can make us send: never more than three times what came from it (RFC
//! 9000 §8).
//!
//! In: sizes of datagrams from and to the addresses of one connection, and which of them proved to be real. Out:
//! whether one more datagram may leave. The library stops only when the limit has been reached, so its last datagram
//! can overshoot, and it does not count what it sends beside its path; here every datagram must fit whole, wherever it
//! goes. Deliberately absent: how an address proves to be real (see `departures.rs`), stateless answers (see
//! `endpoint.rs`).

use std::net::SocketAddr;

use edge_mutant::mutant;
use edge_wire::varint;

/// Addresses beside the current one that a connection's packets may come from, each with bytes of its own. What is
/// forgotten first is the oldest; with it goes only what it might still have been sent.
const OTHERS_MAX: usize = 4;

/// Bytes from and to the addresses of one connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct AmplificationGuard {
    /// Where the connection is.
    current: Address,
    /// Where else packets came from, and where it was before; the oldest first.
    others: Vec<Address>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Address {
    remote: SocketAddr,
    validated: bool,
    received_bytes: u64,
    sent_bytes: u64,
}

impl Address {
    fn new(remote: SocketAddr, validated: bool) -> Address {
        Address { remote, validated, received_bytes: 0, sent_bytes: 0 }
    }

    /// Bytes that it may still be sent.
    fn room(&self) -> usize {
        if self.validated || mutant!(ClampOff) {
            return usize::MAX;
        }
        usize::try_from((3 * self.received_bytes).saturating_sub(self.sent_bytes)).unwrap_or(usize::MAX)
    }
}

impl AmplificationGuard {
    pub(crate) fn new(remote: SocketAddr, validated: bool) -> AmplificationGuard {
        AmplificationGuard { current: Address::new(remote, validated), others: Vec::new() }
    }

    /// Where the connection is.
    pub(crate) fn current(&self) -> SocketAddr {
        self.current.remote
    }

    /// The current address proved to be real: what we sent there was read (RFC 9000 §8.1, §8.2).
    pub(crate) fn on_validated(&mut self) {
        self.current.validated = true;
    }

    pub(crate) fn is_validated(&self) -> bool {
        self.current.validated
    }

    /// Every byte of a datagram counts, understood or not (RFC 9000 §8.1), and says nothing about another address.
    pub(crate) fn on_received(&mut self, remote: SocketAddr, bytes: usize) {
        let address = if remote == self.current.remote { &mut self.current } else { self.other(remote) };
        address.received_bytes += bytes as u64;
    }

    /// The connection is elsewhere from now on. An address that it had validated before is trusted again.
    pub(crate) fn on_moved(&mut self, remote: SocketAddr) {
        let to = *self.other(remote);
        self.others.retain(|other| other.remote != remote);
        let from = std::mem::replace(&mut self.current, to);
        if from.validated {
            // Only the latest real address is of use to come back to.
            self.others.retain(|other| !other.validated);
        }
        self.remember(from);
    }

    /// The largest datagram that may leave for the current address.
    pub(crate) fn room_here(&self) -> usize {
        self.current.room()
    }

    /// Whether the connection came from an address that was real.
    pub(crate) fn is_away(&self) -> bool {
        self.others.iter().any(|other| other.validated)
    }

    /// Whether a datagram of `bytes` may leave for `destination`. If so, it is counted.
    pub(crate) fn charge(&mut self, destination: SocketAddr, bytes: usize) -> bool {
        let address = if destination == self.current.remote {
            Some(&mut self.current)
        } else {
            self.others.iter_mut().find(|other| other.remote == destination)
        };
        let Some(address) = address.filter(|address| bytes <= address.room()) else { return false };
        address.sent_bytes += bytes as u64;
        true
    }

    fn other(&mut self, remote: SocketAddr) -> &mut Address {
        let at = match self.others.iter().position(|other| other.remote == remote) {
            Some(at) => at,
            None => self.remember(Address::new(remote, false)),
        };
        &mut self.others[at]
    }

    fn remember(&mut self, address: Address) -> usize {
        if self.others.len() == OTHERS_MAX {
            // The one real address among them is where a failed move ends.
            let oldest = self.others.iter().position(|other| !other.validated).unwrap_or(0);
            self.others.remove(oldest);
        }
        self.others.push(address);
        self.others.len() - 1
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
    use proptest::prelude::*;

    use super::*;

    fn address(n: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, n], 4433))
    }

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
        let mut guard = AmplificationGuard::new(address(1), false);
        assert_eq!(guard.room_here(), 0);
        guard.on_received(address(1), 1200);
        guard.on_received(address(2), 100_000);
        assert_eq!(guard.room_here(), 3600);
        assert!(guard.charge(address(1), 2500));
        assert_eq!(guard.room_here(), 1100);
        assert!(!guard.charge(address(1), 1101) && guard.charge(address(1), 1100), "a refusal costs nothing");
        guard.on_validated();
        assert!(guard.charge(address(1), 1_000_000));
    }

    #[test]
    fn nobody_moves_the_trust_in_one_address_to_another() {
        let mut guard = AmplificationGuard::new(address(1), true);
        assert!(!guard.charge(address(2), 1), "nothing came from there");
        guard.on_received(address(2), 40);
        assert!(guard.charge(address(2), 100) && !guard.charge(address(2), 21));
        guard.on_moved(address(2));
        assert!(!guard.is_validated() && guard.is_away());
        assert_eq!(guard.room_here(), 20, "what was sent counts on");
        assert!(guard.charge(address(1), 5000), "where it was before is real");
        guard.on_moved(address(1));
        assert!(guard.is_validated());
    }

    #[test]
    fn many_addresses_take_no_memory_and_push_no_real_one_out() {
        let mut guard = AmplificationGuard::new(address(1), true);
        guard.on_moved(address(2));
        for n in 3..200 {
            guard.on_received(address(n), 10);
            assert!(!guard.charge(address(n), 31) && guard.charge(address(n), 30));
        }
        assert_eq!(guard.others.len(), OTHERS_MAX);
        assert!(guard.charge(address(1), 5000));
    }

    proptest! {
        /// Whatever moves and whoever sends: no address that is not real gets more than three times what it sent.
        #[test]
        fn never_more_than_three_times(steps in prop::collection::vec((0u8..7, 0u8..4, 1usize..3000), 1..400)) {
            let mut guard = AmplificationGuard::new(address(0), false);
            let mut accounts = [(0usize, 0usize, false); 7];
            for (n, verb, bytes) in steps {
                let at = usize::from(n);
                match verb {
                    0 => {
                        guard.on_received(address(n), bytes);
                        accounts[at].0 += bytes;
                    }
                    1 if guard.current() != address(n) => guard.on_moved(address(n)),
                    2 if guard.current() == address(n) && bytes < 100 => {
                        guard.on_validated();
                        accounts[at].2 = true;
                    }
                    _ if guard.charge(address(n), bytes) => accounts[at].1 += bytes,
                    _ => {}
                }
                for (received, sent, is_real) in accounts {
                    prop_assert!(is_real || sent <= 3 * received, "{sent} for {received}");
                }
            }
        }
    }
}
