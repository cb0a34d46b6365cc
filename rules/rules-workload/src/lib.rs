//! Rule sets and events from a seed: for benchmarks, and for tests of the evaluator against its oracles.
//!
//! * [`traffic`]: many simple rules over events with ten fields, as a game in service has them, in forms that other engines
//!   can express, too. Benchmarks run on it.
//! * [`anything`]: rules of every form over fields of every kind, with values that lie on the edges of types. Few make sense;
//!   [`duel`] lets two evaluators run over them and compares everything they leave behind.
//!
//! The same seed makes the same rules and events on every machine. Deliberately absent: clocks, files, measuring.

pub mod anything;
mod catalogue;
pub mod dice;
pub mod draft;
pub mod duel;
mod event;
mod payload;
pub mod traffic;

pub use event::START;
