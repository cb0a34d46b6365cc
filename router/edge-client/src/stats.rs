//! Counters of one client's life.

/// What a client has done so far. Counts begin at 0 with each start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Whether a session is open now.
    pub connected: bool,
    /// Reliable events without a receipt, sent or not.
    pub outstanding_events: usize,
    /// Bytes of the payloads that are kept: those without a receipt, and those that a connection still has to send.
    pub kept_bytes: usize,
    /// Reliable events taken by `send`.
    pub queued: u64,
    /// Reliable events given to a connection, resends included.
    pub sent: u64,
    /// Of those, resends on a later connection.
    pub resent: u64,
    /// Reliable events with a receipt.
    pub receipted: u64,
    /// Of those taken, rejected ones as far as the server told; an event may be rejected again on a resend.
    pub rejected: u64,
    /// Datagram events given to a connection.
    pub unreliable_sent: u64,
    /// Datagrams that carried them.
    pub datagrams_sent: u64,
    /// Datagram events that were taken and then could not be sent.
    pub unreliable_dropped: u64,
    /// Replies, without duplicates.
    pub replies: u64,
    /// Sessions opened.
    pub sessions: u64,
    /// Of those, after another one: `sessions - 1`, or 0.
    pub reconnects: u64,
    /// Attempts that did not open a session.
    pub failed_attempts: u64,
    /// Queued events found in the directory at the start.
    pub recovered: u64,
    /// Bytes of a torn tail cut from the queue at the start.
    pub cut_bytes: u64,
}
