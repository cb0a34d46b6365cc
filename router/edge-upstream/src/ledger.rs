//! Where every command ended: delivery's end of the ledger.

/// Commands counted once on their way in and once where they ended. Never reset.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ledger {
    /// Taken from the spool.
    pub taken: u64,
    /// The upstream has them.
    pub delivered: u64,
    /// Their deadline passed before they were sent.
    pub expired: u64,
    /// In the quarantine, durably.
    pub quarantined: u64,
    /// Best-effort ones dropped under pressure.
    pub shed: u64,
    /// Still open.
    pub pending: u64,
    /// Sent again after a `Retry`; not a place where commands end.
    pub resent: u64,
}

impl Ledger {
    /// What is not accounted for. Anything but 0 is a bug of ours.
    pub fn residual(&self) -> i64 {
        let ended = self.delivered + self.expired + self.quarantined + self.shed + self.pending;
        self.taken as i64 - ended as i64
    }
}
