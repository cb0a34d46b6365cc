//! The rule's way from text to machine: compiler, checker, tester.
pub mod diagnostic;
pub mod source;
pub mod suggest;
pub mod syntax;
pub mod yaml;
