//! The rule's way from text to machine: compiler, checker, tester. Never linked into the daemon.
//!
//! ```text
//! *.rules.yaml --yaml--> tree --syntax--> declarations --expr + set--> rule set --rules-bundle--> signed bytes
//! ```
//!
//! Comes in: the bytes of rule files and a compiled catalogue. Goes out: a [`Compilation`] with a [`Report`] of everything that
//! is wrong, all files and all rules together; where nothing is, the [rule set](rules_engine::ir::RuleSetIr), a bundle,
//! the outcome of the files' own tests, what the rules may cost ([`Costs`]), or an offline run over recorded events: replayed,
//! [covered](Coverage), [explained](Compilation::why).
//!
//! # The order of calls
//! 1. [`Compilation::new`] with all files of all packages that go into one bundle.
//! 2. [`Compilation::report`]; with errors, stop here and show it.
//! 3. [`Compilation::rule_set`].
//!
//! Deliberately absent: files and sockets (callers read and write), signing keys, and everything that runs in the daemon.

mod bundle;
pub mod compilation;
mod conditions;
mod cost;
mod coverage;
pub mod diagnostic;
mod expr;
mod offline;
mod replay;
mod set;
pub mod source;
pub mod suggest;
pub mod syntax;
mod tester;
mod why;
mod words;
pub mod yaml;
pub mod zones;

pub use bundle::{BuildError, BuildInfo};
pub use compilation::{Compilation, InputFile, named_params};
pub use conditions::{WrittenCondition, WrittenConditions};
pub use cost::{Costs, FeedCost, PartCost, RuleCost, TypeCost};
pub use coverage::{Blocked, Coverage, Covered, Reach, RuleCovered};
pub use diagnostic::{Code, Diagnostic, Report, Severity};
pub use offline::{FeedError, Observed, Offline};
pub use replay::{Outcome, Rejected, Replay, RuleTally, Summary};
pub use set::Identity;
pub use tester::{Difference, DifferenceLine, Side, TestOutcome, TestRun};
pub use why::{Condition, End, FindRuleError, GateSaid, Why};
