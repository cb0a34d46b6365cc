//! What one connection sends, within what its addresses may be sent.
//!
//! In: a connection that has something to say. Out: datagrams, one after the other, none of which makes an unvalidated
//! address receive more than three times what it sent. What does not fit whole waits, or is lost as packets are lost.
//! Deliberately absent: the account of each address (`amplify.rs`), and what is said.

use quinn_proto::{Connection, Transmit};

use crate::context::Context;
use crate::session::Session;

/// What tells whether the library still looks for a proof that the path is real: it challenges with every packet until
/// it has one.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Probes {
    challenges: u64,
    mtu: u64,
}

impl Probes {
    fn of(conn: &Connection) -> Probes {
        let stats = conn.stats();
        Probes { challenges: stats.frame_tx.path_challenge, mtu: stats.path.sent_plpmtud_probes }
    }
}

impl Session {
    /// The next datagram, or a run of equally long ones for one destination.
    pub(crate) fn poll_transmit(&mut self, context: &mut Context, out: &mut Vec<u8>) -> Option<Transmit> {
        loop {
            let is_validated = self.guard.is_validated();
            if !is_validated && !self.may_ask() {
                context.stats.amplification_held += 1;
                return None;
            }
            let probes = (!is_validated).then(|| Probes::of(&self.conn));
            let segments = if is_validated { context.config.transport.segments_max } else { 1 };
            let transmit = self.conn.poll_transmit(context.now, segments, out)?;
            self.ask_once = false;
            if let Some(before) = probes
                && self.shows_validation(&transmit, before)
            {
                self.guard.on_validated();
            }
            if self.guard.charge(transmit.destination, transmit.size) {
                return Some(transmit);
            }
            context.stats.amplification_dropped += 1;
            out.clear();
        }
    }

    /// Whether a full datagram would fit, or there is a sign that something else than a full datagram is wanted.
    fn may_ask(&self) -> bool {
        self.ask_once || self.guard.allows_here(usize::from(self.conn.current_mtu()))
    }

    /// Whether a packet of the current path left without a challenge: the library has its proof then. A close and a
    /// probe of the path's size carry none, proof or not.
    fn shows_validation(&self, transmit: &Transmit, before: Probes) -> bool {
        !self.conn.is_handshaking()
            && !self.conn.is_closed()
            && transmit.destination == self.conn.remote_address()
            && Probes::of(&self.conn) == before
    }

    /// Where the connection is may have changed: by a packet, or by the end of a validation that failed.
    pub(crate) fn follow_address(&mut self, context: &mut Context) {
        let remote = self.conn.remote_address();
        if remote == self.guard.current() {
            return;
        }
        context.stats.address_changes += 1;
        self.guard.on_moved(remote);
        self.charge_move(context);
        // The address before is asked whether it is still there.
        self.ask_once = true;
    }
}
