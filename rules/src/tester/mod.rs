//! The files' own tests: what they say is checked with the rules, and they run on the real engine.
//!
//! In: `tests:` of all files. Out: while compiling, diagnostics for tests that cannot be meant ([`prepare`]); afterwards a
//! [`TestRun`] with what passed, and for each failed expectation a diagnostic that shows what happened instead and
//! why. Time is the test's own: nothing waits, and each test begins with empty state.

mod difference;
mod judge;
mod payload;
mod prepare;
mod run;

pub use difference::{Difference, DifferenceLine, Side};
pub(crate) use judge::{describe, held_back_because};
pub(crate) use payload::payload_of;
pub(crate) use prepare::prepare;
pub use run::{TestOutcome, TestRun};
