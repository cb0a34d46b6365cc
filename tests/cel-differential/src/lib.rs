//! Drawn CEL expressions: asked of our parser, checker and interpreter, and of the C++ runtime of CEL.
//!
//! What comes in: a seed. What goes out: how often both sides said the same of how much, and each expression, made small, of which
//! they did not. [`draw`] serves others, too, who want expressions of every form that CEL has.
//!
//! An expression is asked for in two ways: checked, where acceptance, type and value are compared, and without a check. The other
//! side gets it as our unparser writes it. Deliberately absent: messages of errors, which no definition gives; whoever fails,
//! fails.

#![allow(clippy::print_stdout)]

mod answer;
pub mod cli;
pub mod dice;
mod form;
mod known;
mod leaf;
mod notation;
mod ours;
mod run;
mod seen;
mod tally;
mod theirs;
mod tree;

pub use form::Grammar;
pub use leaf::variables;
pub use tree::{Manner, Tree, draw};
