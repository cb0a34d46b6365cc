//! Planted bugs: small mistakes on purpose, so that it is known, and not believed, that the suite would catch them.
//!
//! What comes in: the name of one mutant, in the environment variable `EDGE_MUTANT`, read once when the process first asks.
//! What goes out: [`mutant!`], which is true at the one place where the active mutant is planted:
//!
//! ```
//! # let (ticket, committed) = (2, 1);
//! if ticket > committed && !edge_mutant::mutant!(ReceiptBeforeFsync) {
//!     // wait for the disk
//! }
//! ```
//!
//! Without the feature `planted`, which no default and no release build turns on, [`is`] is a constant `false`: the compiler
//! drops the mistake, and nothing of it is linked. The daemon asserts at compile time that it was built so.
//! Why it is done like this: `router/docs/decisions/0007-planted-bugs.md`. How each is caught: `cargo xtask mutants`, and the
//! table in `tests/edge-sim/MUTANTS.md`.
//!
//! Deliberately absent: any other way to be active; probabilities; more than one at a time.

/// Whether this build carries the mistakes.
pub const PLANTED: bool = cfg!(feature = "planted");

/// The environment variable that names the active mutant of a build that carries them.
#[cfg(feature = "planted")]
pub const VARIABLE: &str = "EDGE_MUTANT";

/// Declares each mutant once: its name in code, its name on the command line, what is wrong in it.
macro_rules! mutants {
    ($($(#[doc = $doc:literal])* $mutant:ident = $name:literal,)*) => {
        /// A mistake that can be made on purpose.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Mutant {
            $($(#[doc = $doc])* $mutant,)*
        }

        impl Mutant {
            /// All of them, in the order of an event's way.
            pub const ALL: &[Mutant] = &[$(Mutant::$mutant,)*];

            /// Its name on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Mutant::$mutant => $name,)* }
            }

            /// What is wrong in it.
            pub const fn summary(self) -> &'static str {
                match self { $(Mutant::$mutant => concat!($($doc,)*).trim_ascii_start(),)* }
            }
        }
    };
}

mutants! {
    /// A half-open connection may send whatever it likes.
    ClampOff = "clamp-off",
    /// Credit is given for two windows.
    CreditTwice = "credit-twice",
    /// A doorbell forgets that its shard has gone to sleep.
    LostWakeUp = "lost-wake-up",
    /// A deny list turns away who comes, and leaves alone who is there.
    DeniedStillServed = "denied-still-served",
    /// A client that sends again what is finished is closed.
    ResendIsAFault = "resend-is-a-fault",
    /// A class that is not to be read is read.
    PausedClassRead = "paused-class-read",
    /// A newer connection of a producer leaves the older one open.
    SupersededStillServed = "superseded-still-served",
    /// The event of the mark itself is taken for a new one.
    DedupeTooLow = "dedupe-too-low",
    /// The event after the mark is taken for a duplicate.
    DedupeTooHigh = "dedupe-too-high",
    /// Duplicates are counted where they come in and not where they end.
    LedgerOneSided = "ledger-one-sided",
    /// What a gate held back is counted as if no rule had matched.
    WrongPlaceCounted = "wrong-place-counted",
    /// What a datagram orders is counted and goes nowhere.
    DatagramForgotten = "datagram-forgotten",
    /// Rules are evaluated under the revision before, and the record names the new one.
    TwoRevisions = "two-revisions",
    /// A bundle that is older than the one that serves is let in.
    OlderBundleAccepted = "older-bundle-accepted",
    /// The next rule set begins with empty windows.
    WindowLostOnSwap = "window-lost-on-swap",
    /// A gate is used although its rule's command could not be made.
    GateUsedOnRefusal = "gate-used-on-refusal",
    /// A completion leaves while the record that it vouches for is on its way to disk.
    ReceiptBeforeFsync = "receipt-before-fsync",
    /// An event that a gate held back is receipted while the gate's use is on its way to disk.
    ReceiptOnOpenGate = "receipt-on-open-gate",
    /// A batch is committed when it is written.
    CommitWithoutFsync = "commit-without-fsync",
    /// A sync that failed is tried again on its file.
    FsyncRetried = "fsync-retried",
    /// The spool does not look again at a batch that waits for company.
    BatchForgotten = "batch-forgotten",
    /// The cursor tells of a batch that is on its way to disk.
    CursorBeforeData = "cursor-before-data",
    /// Segments are removed while the cursor that gives them up is on its way to disk.
    UnlinkBeforeCursor = "unlink-before-cursor",
    /// Recovery keeps what stands behind a torn batch.
    TornTailAccepted = "torn-tail-accepted",
    /// A start takes the number of the start before it.
    EpochReused = "epoch-reused",
    /// Gates that never expire are not given back to their owners.
    DurableGateForgotten = "durable-gate-forgotten",
    /// Marks are dealt as if there were two shards.
    MarkNotHandedOver = "mark-not-handed-over",
    /// An open command keeps alive all that was read from the spool with it.
    BodyKeepsItsChunk = "body-keeps-its-chunk",
    /// What a sink could not take goes back to its lane the wrong way round.
    OrderSwappedOnResend = "order-swapped-on-resend",
    /// The sink leaves the torn end of its file.
    SinkTailKept = "sink-tail-kept",
    /// The sink does not learn what its newest file holds.
    SinkForgets = "sink-forgets",
}

impl Mutant {
    /// The mutant of this name.
    pub fn named(name: &str) -> Option<Mutant> {
        Mutant::ALL.iter().copied().find(|mutant| mutant.name() == name)
    }
}

/// Whether the mutant of this name is active: false, for ever, in everything that ships.
#[macro_export]
macro_rules! mutant {
    ($mutant:ident) => {
        $crate::is($crate::Mutant::$mutant)
    };
}

/// Whether this mutant is the active one. For [`mutant!`].
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub const fn is(_: Mutant) -> bool {
    false
}

/// Whether this mutant is the active one. For [`mutant!`].
#[cfg(feature = "planted")]
#[inline]
pub fn is(mutant: Mutant) -> bool {
    active() == Some(mutant)
}

/// The active mutant.
#[cfg(not(feature = "planted"))]
pub const fn active() -> Option<Mutant> {
    None
}

/// The active mutant.
///
/// # Panics
/// `EDGE_MUTANT` names none.
#[cfg(feature = "planted")]
pub fn active() -> Option<Mutant> {
    static ACTIVE: std::sync::OnceLock<Option<Mutant>> = std::sync::OnceLock::new();
    *ACTIVE.get_or_init(|| {
        let name = std::env::var(VARIABLE).ok()?;
        Some(Mutant::named(&name).unwrap_or_else(|| panic!("{VARIABLE} is `{name}`, which is no mutant")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_lead_back() {
        for mutant in Mutant::ALL {
            assert_eq!(Mutant::named(mutant.name()), Some(*mutant));
            assert!(mutant.summary().ends_with('.'), "{mutant:?}");
        }
        assert_eq!(Mutant::named("none"), None);
    }
}
