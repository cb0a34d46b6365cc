//! What the daemon links of the rules: typed programs, state cells, evaluation.
//!
//! ```text
//! RuleSetIr --load--> RuleSet (immutable, shared)        State (one a shard, survives swaps)
//!                        \                                /
//!   Event --------------- Evaluator::evaluate (one a shard) ---------> Outputs + Verdict
//! ```
//!
//! # The order of calls
//! 1. [`RuleSet::load`] off the hot path; share it by `Arc`, replace it whole.
//! 2. [`State::restore`] for each durable cell out of the spool, once, after a start.
//! 3. For each event of the shard's players: reserve [`RuleSet::worst_case`], then [`Evaluator::evaluate`], then take the
//!    [`Outputs`]. A swap is nothing but another rule set in the next call.
//! 4. [`State::tick`] now and then, where no event comes.
//!
//! Deliberately absent: clocks, randomness, input and output, rule text and its parser, signatures. The same events, times
//! and rule sets give the same commands, byte for byte.

pub mod ir;

mod compact;
mod evaluator;
mod expr;
mod identity;
mod json;
mod load;
mod outcome;
mod rule_set;
mod schedule;
mod state;
pub mod zone;

pub use evaluator::{Evaluator, EvaluatorCounters, Explanation, GateAnswer, RuleCounters, explain};
pub use expr::EvalError;
pub use identity::{bucket, stable_id};
pub use load::LoadError;
pub use outcome::{Outputs, REASONS, Reason, RuleIndex, Verdict, WorstCase};
pub use rule_set::{RuleInfo, RuleSet};
pub use state::{RestoreError, State, StateLimits, TableStats};
