//! What the daemon links of the rules: typed programs, state cells, evaluation.

pub mod ir;

mod identity;
mod outcome;

pub use identity::stable_id;
pub use outcome::{Outputs, REASONS, Reason, RuleIndex, Verdict, WorstCase};
