//! The nouns of the event's way.
//!
//! What comes in: nothing. What goes out: plain types that every other crate of the event's way passes on:
//! who an event is ([`identity`]), what it carries ([`event`]), what a rule orders ([`command`]), what one event leaves
//! on disk ([`record`]), and where it all happens ([`place`]).
//!
//! Deliberately absent: logic, encodings, clocks, hashing of anything but ids' own text form. A type that needs a
//! decision lives in the crate that takes the decision.

pub mod command;
pub mod event;
pub mod identity;
pub mod place;
pub mod record;

pub use command::{Action, Command, CommandId, Priority};
pub use event::{ConnInfo, Event, EventTypeId, Provenance, UnixMillis};
pub use identity::{Class, EventId, NodeId, ProducerId, ProducerKey, Seq, StartEpoch};
pub use place::{Lane, Partition, PlayerKey, Pop, Position, Region, ShardId, SpoolUuid};
pub use record::{DedupeMark, EventRecord, StateDelta, StateKey, TimerSet};
