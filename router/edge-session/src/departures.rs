//! What one connection sends, within what its addresses may be sent.
//!
//! In: a connection that has something to say. Out: datagrams, one after the other, none of which makes an unvalidated
//! address receive more than three times what it sent. A datagram that does not fit whole is kept until it does; one
//! for another address than the current, and a probe of the path's size, are lost as packets are lost. Deliberately
//! absent: the account of each address (`amplify.rs`), how a question is made to fit (`shears.rs`), what is said.

use quinn_proto::{Connection, Transmit};

use crate::context::Context;
use crate::session::Session;

/// Where a connection has moved, it is asked for a packet from here on: an acknowledgement, a question, a header with
/// the longest id and a tag fit. Less than that comes from no client.
const ANSWER_BYTES: usize = 64;

/// What the sending of a connection remembers.
#[derive(Default)]
pub(crate) struct Departures {
    /// The library may have its proof, whose sign is the next packet, although no packet fits.
    pub(crate) ask_once: bool,
    /// The next packet asks the real address before whether it is still there.
    asks_before: bool,
    /// What waits until the current address may be sent it; the library thinks that it is under way.
    kept: Option<Box<Kept>>,
}

struct Kept {
    transmit: Transmit,
    bytes: Vec<u8>,
}

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
        if let Some(kept) = self.take_kept(context) {
            return self.send_or_keep(kept, context, out);
        }
        loop {
            if self.guard.is_validated() {
                let transmit = self.conn.poll_transmit(context.now, context.config.transport.segments_max, out)?;
                if self.guard.charge(transmit.destination, transmit.size) {
                    return Some(transmit);
                }
            } else {
                if !self.may_ask() {
                    context.stats.amplification_held += 1;
                    return None;
                }
                let before = Probes::of(&self.conn);
                let transmit = self.ask(context, out)?;
                if self.shows_validation(&transmit, before) {
                    self.guard.on_validated();
                }
                if self.guard.charge(transmit.destination, transmit.size) {
                    return Some(transmit);
                }
                if self.is_worth_keeping(&transmit, before) {
                    self.departures.kept = Some(Box::new(Kept { transmit, bytes: out.clone() }));
                    out.clear();
                    context.stats.amplification_held += 1;
                    return None;
                }
            }
            context.stats.amplification_dropped += 1;
            out.clear();
        }
    }

    /// One datagram, cut to what may be sent where it can be cut.
    fn ask(&mut self, context: &mut Context, out: &mut Vec<u8>) -> Option<Transmit> {
        // An address that is real is asked with all of the padding.
        let room = if self.departures.asks_before { usize::MAX } else { self.guard.room_here() };
        let (transmit, cut) = context.shears.cutting_above(room, || self.conn.poll_transmit(context.now, 1, out));
        self.departures.asks_before = false;
        let mut transmit = transmit?;
        self.departures.ask_once = false;
        transmit.size -= cut;
        out.truncate(transmit.size);
        Some(transmit)
    }

    /// Whether what is wanted may fit, or there is a sign that something goes elsewhere.
    fn may_ask(&self) -> bool {
        // Whose address was never real keeps nothing here: what it is sent are the full datagrams of a handshake.
        let wanted = if self.guard.is_away() { ANSWER_BYTES } else { usize::from(self.conn.current_mtu()) };
        self.departures.ask_once || self.departures.asks_before || self.guard.room_here() >= wanted
    }

    /// Whether a packet of the current path left without a challenge: the library has its proof then. A close and a
    /// probe of the path's size carry none, proof or not.
    fn shows_validation(&self, transmit: &Transmit, before: Probes) -> bool {
        !self.conn.is_handshaking()
            && !self.conn.is_closed()
            && transmit.destination == self.conn.remote_address()
            && Probes::of(&self.conn) == before
    }

    /// A close is made again when it is asked for; a probe that is late says something wrong about the path.
    fn is_worth_keeping(&self, transmit: &Transmit, before: Probes) -> bool {
        self.guard.is_away()
            && !self.conn.is_closed()
            && transmit.destination == self.conn.remote_address()
            && Probes::of(&self.conn).mtu == before.mtu
    }

    /// What waits, where it still matters: not once the connection is elsewhere, or closed.
    fn take_kept(&mut self, context: &mut Context) -> Option<Box<Kept>> {
        let kept = self.departures.kept.take()?;
        if kept.transmit.destination == self.conn.remote_address() && !self.conn.is_closed() {
            return Some(kept);
        }
        context.stats.amplification_dropped += 1;
        None
    }

    fn send_or_keep(&mut self, kept: Box<Kept>, context: &mut Context, out: &mut Vec<u8>) -> Option<Transmit> {
        if !self.guard.charge(kept.transmit.destination, kept.transmit.size) {
            self.departures.kept = Some(kept);
            context.stats.amplification_held += 1;
            return None;
        }
        out.extend_from_slice(&kept.bytes);
        Some(kept.transmit)
    }

    /// Where the connection is may have changed: by a packet, or by the end of a validation that failed.
    pub(crate) fn follow_address(&mut self, context: &mut Context) {
        let remote = self.conn.remote_address();
        if remote == self.guard.current() {
            return;
        }
        context.stats.address_changes += 1;
        let was_real = self.guard.is_validated();
        self.guard.on_moved(remote);
        self.charge_move(context);
        self.departures.asks_before = was_real;
    }
}
