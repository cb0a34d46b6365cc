//! Counts of the QUIC frames that a client sent, for its budgets.
//!
//! In: a connection. Out: three numbers that only rise. Deliberately absent: budgets.

use quinn_proto::Connection;

/// Frames of a connection so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FrameCounts {
    /// All kinds but padding.
    pub(crate) all: u64,
    /// Streams reset or stopped.
    pub(crate) resets: u64,
    /// Our connection ids that the client retired.
    pub(crate) retirements: u64,
}

impl FrameCounts {
    pub(crate) fn of(conn: &Connection) -> FrameCounts {
        let frames = conn.stats().frame_rx;
        FrameCounts {
            all: frames.acks
                + frames.crypto
                + frames.data_blocked
                + frames.datagram
                + frames.max_data
                + frames.max_stream_data
                + frames.new_connection_id
                + frames.path_challenge
                + frames.path_response
                + frames.ping
                + frames.reset_stream
                + frames.retire_connection_id
                + frames.stop_sending
                + frames.stream
                + frames.stream_data_blocked
                + frames.streams_blocked_bidi
                + frames.streams_blocked_uni,
            resets: frames.reset_stream + frames.stop_sending,
            retirements: frames.retire_connection_id,
        }
    }
}
