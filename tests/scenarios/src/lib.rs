//! What the scenarios need to start real daemons and to talk to them.
//!
//! [`World`] is what a fleet shares (certificate, issuers, signing key, catalogue); a [`Node`] is one daemon of it, a process
//! of its own in a directory of its own; [`World::player`] gives a client of the SDK, [`Peer`] a client by hand that may
//! break every rule. [`lines`] reads what came out, [`model`] says independently what should have, [`pages`] asks what the
//! daemon says about itself. Everything that waits has a limit and says what it waited for.
//!
//! Deliberately absent: the scenarios; they stand under `tests/daemon`, named for behaviours.

pub mod binaries;
pub mod ceiling;
pub mod dice;
pub mod faketime;
pub mod frame;
pub mod frozen;
pub mod granted;
pub mod issuer;
pub mod lines;
pub mod model;
pub mod mounts;
pub mod node;
pub mod orders;
pub mod pages;
pub mod peer;
pub mod picture;
pub mod settings;
pub mod syscalls;
pub mod terminal;
pub mod wait;
pub mod world;

pub use dice::Dice;
pub use frozen::Frozen;
pub use issuer::Issuer;
pub use lines::Line;
pub use node::Node;
pub use peer::Peer;
pub use settings::Settings;
pub use wait::until;
pub use world::World;
