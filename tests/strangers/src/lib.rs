//! What the tests need to let strangers talk to a real daemon: clients on QUIC stacks that are not ours, in their own languages.
//!
//! What comes in: a [`World`](scenarios::World) and a [`Node`](scenarios::Node) of the scenarios. What goes out: a [`Stage`],
//! which tells a foreign program by a JSON file where the daemon is and what a client may know, lets it play one story, and
//! gives back its [`Report`]. The programs stand in `python`, `node` and `s2n`, written from the protocol's documents alone.
//!
//! Deliberately absent: any line of ours in the foreign programs, and what the daemon should have done; the tests say that.

pub mod cases;
pub mod report;
pub mod stack;
pub mod stage;

pub use report::Report;
pub use stack::Stack;
pub use stage::Stage;
