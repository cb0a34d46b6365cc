//! What reading a client's packets costs us: how many there are, and which frames are in them.
//!
//! In: datagrams of a connection, and the library's counts of frames. Out: whether one more is read, and which limit was
//! passed. A packet costs by its frames, so tiny frames are how a peer buys our time cheaply. Packets that could not be
//! decrypted may come from anybody who saw the connection id: too many of them are left unread, but nobody is closed for
//! them. Deliberately absent: events and their budgets (`admission.rs`).

use quinn_proto::FrameStats;

use crate::budget::{Gcra, Limit, Rate};
use crate::context::Context;
use crate::session::Session;

/// Counting frames copies half a kilobyte, so it is done every so many datagrams or bytes, whichever come first.
const COUNT_EVERY_DATAGRAMS: u32 = 16;
const COUNT_EVERY_BYTES: usize = 4 * 1024;

/// What a connection's packets cost so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    /// Datagrams since the shard last worked off this connection.
    turn_datagrams: u32,
    uncounted_datagrams: u32,
    uncounted_bytes: usize,
    counted: FrameCounts,
    /// The first limit that was passed. The connection is closed when it is worked off; until then nothing is read.
    spent: Option<Limit>,
}

impl Load {
    pub(crate) fn spent(&self) -> Option<Limit> {
        self.spent
    }

    pub(crate) fn end_turn(&mut self) {
        self.turn_datagrams = 0;
    }
}

/// Frames of a connection so far.
#[derive(Clone, Copy, Debug, Default)]
struct FrameCounts {
    all: u64,
    /// Streams reset or stopped.
    resets: u64,
    /// Our connection ids that the client retired.
    retirements: u64,
    /// Connection ids that the client announced.
    new_ids: u64,
    /// Questions whether a path works, each answered with a full datagram.
    challenges: u64,
}

impl From<FrameStats> for FrameCounts {
    fn from(frames: FrameStats) -> FrameCounts {
        FrameCounts {
            all: all_frames(&frames),
            resets: frames.reset_stream + frames.stop_sending,
            retirements: frames.retire_connection_id,
            new_ids: frames.new_connection_id,
            challenges: frames.path_challenge,
        }
    }
}

/// Frames of every kind but padding.
pub(crate) fn all_frames(frames: &FrameStats) -> u64 {
    [
        frames.acks,
        frames.ack_frequency,
        frames.connection_close,
        frames.crypto,
        frames.data_blocked,
        frames.datagram,
        u64::from(frames.handshake_done),
        frames.immediate_ack,
        frames.max_data,
        frames.max_stream_data,
        frames.max_streams_bidi,
        frames.max_streams_uni,
        frames.new_connection_id,
        frames.new_token,
        frames.path_challenge,
        frames.path_response,
        frames.ping,
        frames.reset_stream,
        frames.retire_connection_id,
        frames.stop_sending,
        frames.stream,
        frames.stream_data_blocked,
        frames.streams_blocked_bidi,
        frames.streams_blocked_uni,
    ]
    .into_iter()
    .sum()
}

impl Session {
    /// Whether a datagram is read at all. What is not read is lost, as packets are.
    pub(crate) fn may_take(&mut self, context: &mut Context) -> bool {
        let (budget, now_ns) = (self.budget(context), context.now_ns());
        self.load.turn_datagrams += 1;
        let is_read = self.load.spent.is_none()
            && self.load.turn_datagrams <= budget.packets_a_turn
            && self.meters.packets.charge(budget.packets, now_ns, 1).is_ok();
        context.stats.datagrams_unread += u64::from(!is_read);
        is_read
    }

    /// A datagram was read.
    pub(crate) fn count_datagram(&mut self, bytes: usize, context: &Context) {
        self.load.uncounted_datagrams += 1;
        self.load.uncounted_bytes += bytes;
        if self.load.uncounted_datagrams >= COUNT_EVERY_DATAGRAMS || self.load.uncounted_bytes >= COUNT_EVERY_BYTES {
            self.charge_frames(context);
        }
    }

    fn charge_frames(&mut self, context: &Context) {
        let (budget, now_ns) = (self.budget(context), context.now_ns());
        let now = FrameCounts::from(self.conn.stats().frame_rx);
        let before = std::mem::replace(&mut self.load.counted, now);
        (self.load.uncounted_datagrams, self.load.uncounted_bytes) = (0, 0);
        let meters = &mut self.meters;
        let mut charge = |limit: Limit, meter: &mut Gcra, rate: Rate, count: u64| {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            if meter.owe(rate, now_ns, count).is_some() {
                self.load.spent.get_or_insert(limit);
            }
        };
        charge(Limit::Resets, &mut meters.resets, budget.resets, now.resets - before.resets);
        let retirements = now.retirements - before.retirements;
        charge(Limit::RetiredIds, &mut meters.retirements, budget.retirements, retirements);
        charge(Limit::NewIds, &mut meters.new_ids, budget.new_ids, now.new_ids - before.new_ids);
        charge(Limit::Paths, &mut meters.paths, budget.paths, now.challenges - before.challenges);
        charge(Limit::Frames, &mut meters.frames, budget.frames, now.all - before.all);
    }

    /// The connection came to another address. That costs a path of its own.
    pub(crate) fn charge_move(&mut self, context: &Context) {
        let (rate, now_ns) = (self.budget(context).paths, context.now_ns());
        if self.meters.paths.owe(rate, now_ns, 1).is_some() {
            self.load.spent.get_or_insert(Limit::Paths);
        }
    }
}
