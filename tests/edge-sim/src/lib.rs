//! A whole PoP in one thread, under a virtual clock, from one seed.
//!
//! ```text
//!  plan (seed) ──> clients ──packets──> lossy network ──> 1 or 2 nodes: shards (real TLS) ──rings──> spool ──> simulated disk
//!                     ^                                        |                         |
//!                     └───────── receipts, replies ────────────┘           reader ──> forwarder ──> file sink
//!  checkers: what clients know  x  what the disk holds  x  what the upstream got
//! ```
//!
//! What comes in: a seed. What goes out: an [`Ending`]: broken promises, a count of everything that happened, the hash of the
//! story. The same seed tells the same story, in every process; only TLS's own keys differ, and nothing follows from them.
//!
//! # How to use it
//!
//! ```text
//! cargo xtask sim --seeds 300                 fresh seeds, printed; optimised, with all cores
//! cargo xtask sim --seeds 1 --from S --trace  one story aloud: plan, trouble, receipts, records, what broke
//! cargo xtask sim --story FILE --trace        a story out of a file
//! cargo xtask sim --log --seeds 20000         fresh seeds, kept in `seeds.log`
//! ```
//!
//! The first story that breaks a promise is made short (`shrink.rs`): troubles, clients and facts go that are not needed,
//! settings become plain, the weather calm. What is left is told aloud and kept under `target/stories` as a file of some lines
//! (`script.rs`). Files under `stories/` are told by every test run and must be clean; one that is named after a planted bug must break
//! that bug's promise while it is active. What a change of the simulator turns into another story shows nothing any more: keep a
//! mended bug by a test of its own crate.
//!
//! With 300 stories or more the run fails, too, where a kind of trouble never came: see [`Mix`].
//!
//! # What is checked, and against what
//!
//! | promise | how |
//! |---|---|
//! | 1, once | the sink's files against the clients' own logs, through an oracle (`oracle.rs`) that knows no rule engine |
//! | 1, two nodes | the union of both nodes' files, deduplicated by id as a consumer does it; differing payloads explained |
//! | 4, memory | the heap that each node's own code holds (`heap.rs`) against a sum of the limits in its configuration |
//! | receipt after fsync | each receipt against a watched disk (`watch.rs`) that knows no spool, and some on a recovered copy of it |
//! | 1, removals | each segment that the spool removes against a recovered copy of the disk without it (`check/removals.rs`) |
//! | 1, rot | what can be read of a copy of the disk with a flipped bit or a lost sector, against one without (`check/rot.rs`) |
//! | 2, order | by the clients' numbers and by places, per player and priority, over the files |
//! | 6, one revision | envelope against the revision that the rule's text wrote into the body; spoiled bundles change nothing, good ones reach every shard |
//! | overload | one step at a time, the least urgent first and all the way back; a class that is not read is not read (`reading.rs`) |
//! | tokens | no session is served beyond its token's end or in spite of a deny list (`pass.rs`); none is closed without a cause (`check/ends.rs`) |
//! | one session | connections of one producer side by side, and credit beyond a window |
//! | 8, ledger | own sums at consistent cuts under load, and at rest against log and files |
//! | time under steps | by true time, within what `chronicle.rs` says a step of the wall may do to a span or a token |
//! | a sync that failed | is not asked for again, and a full disk alone ends no writing (`watch/door.rs`) |
//!
//! That the checkers see something is not believed either: `cargo xtask mutants` plants 29 bugs, one at a time, and each must be
//! caught. `MUTANTS.md` beside this crate lists them.
//!
//! # How to add
//!
//! * trouble: a variant of `plan::Trouble`, what it does in `story/trouble.rs`, a counter in [`Mix`]; of disks and clocks, a
//!   variant of `plan::Hardship`, what it does in `pop/hardship.rs`;
//! * a rule: `story/sim.rules.yaml`, and the same a second time, by hand, in `oracle.rs`;
//! * a checker: a room under `check/`, called where its facts are known.
//!
//! Deliberately absent: real time, threads, sockets, files.

mod cast;
mod check;
mod chronicle;
pub mod cli;
mod client;
mod cuts;
mod fabric;
mod fact;
mod forward;
mod heap;
mod knobs;
mod ladder;
mod lines;
mod link;
mod memory;
mod mix;
mod oracle;
mod pass;
mod plan;
mod pop;
mod ring;
mod rulebook;
mod scribe;
mod script;
mod shard_seat;
mod shrink;
mod span;
mod spool_seat;
mod story;
mod tls;
mod trace;
mod watch;
mod witness;

pub use mix::Mix;
pub use scribe::{Promise, Violation};
pub use script::Script;
pub use shrink::{Finding, Shrunk, findings, shrink};
pub use story::{Ending, retell, tell};
pub use trace::Listener;
