//! Rules of every form over fields of every kind.
//!
//! Comes in: a seed and how many rules. Goes out: a rule set and events that meet it. Constants and values are drawn from the same
//! few, many of them on the edges of their types, so that comparisons come out either way; a good part of all conditions can
//! fail with an error. Deliberately absent: sense.

mod conditions;
mod values;
mod whole;

use std::sync::{Arc, LazyLock};

use rules_catalogue::{Cardinality, Catalogue, EnumIndex, EnumType, EnumValue, Kind, Position};

use crate::catalogue::{catalogue, field, inner_index, message};
pub use values::events;
pub use whole::{changed, rule_set};

/// Event types of the catalogue.
pub const EVENT_TYPES: u32 = 3;

/// A slot of every event type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Slot {
    Int(u16),
    Uint(u16),
    Double(u16),
    Bool(u16),
    Text(u16),
}

/// Slots that hold one number, truth or text.
pub(crate) const SCALARS: [Slot; 16] = [
    Slot::Int(0),
    Slot::Uint(1),
    Slot::Int(2),
    Slot::Uint(3),
    Slot::Double(4),
    Slot::Double(5),
    Slot::Bool(6),
    // An enum.
    Slot::Int(7),
    Slot::Text(8),
    Slot::Text(9),
    Slot::Int(10),
    Slot::Text(11),
    Slot::Double(12),
    Slot::Bool(13),
    // Of the message inside.
    Slot::Text(14),
    Slot::Int(15),
];
pub(crate) const LEVEL: u16 = 0;
pub(crate) const ZONE: u16 = 8;
pub(crate) const NAME: u16 = 9;
pub(crate) const MAYBE: u16 = 10;
/// The message inside, as a whole.
pub(crate) const INNER: u16 = 16;
pub(crate) const TAGS: u16 = 17;
pub(crate) const COUNTS: u16 = 18;
pub(crate) const RAW: u16 = 19;
pub(crate) const AT: u16 = 20;
pub(crate) const TOOK: u16 = 21;
pub(crate) const NUMBERS: u16 = 22;
pub(crate) const SLOTS: u16 = 23;

/// The event types; the same at each call.
pub fn the_catalogue() -> Arc<Catalogue> {
    static MADE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
        let one = Cardinality::Implicit;
        let maybe = Cardinality::Explicit;
        let inner = inner_index(EVENT_TYPES);
        let fields = [
            field(1, "level", Kind::Int32, one),
            field(2, "count", Kind::Uint32, one),
            field(3, "big", Kind::Int64, one),
            field(4, "score", Kind::Uint64, one),
            field(5, "force", Kind::Double, one),
            field(6, "speed", Kind::Float, one),
            field(7, "ok", Kind::Bool, one),
            field(8, "kind", Kind::Enum(EnumIndex(0)), one),
            field(9, "zone", Kind::String, one),
            field(10, "name", Kind::String, one),
            field(11, "maybe_level", Kind::Int64, maybe),
            field(12, "maybe_zone", Kind::String, maybe),
            field(13, "maybe_force", Kind::Double, maybe),
            field(14, "maybe_ok", Kind::Bool, maybe),
            field(15, "inner", Kind::Message(inner), maybe),
            field(16, "tags", Kind::String, Cardinality::Repeated),
            field(17, "counts", Kind::Int64, Cardinality::Map(Kind::String)),
            field(18, "raw", Kind::Bytes, one),
            field(19, "at", Kind::Timestamp, maybe),
            field(20, "took", Kind::Duration, maybe),
            field(21, "numbers", Kind::Int64, Cardinality::Repeated),
        ];
        let inside = vec![field(1, "note", Kind::String, maybe), field(2, "depth", Kind::Sint32, one)];
        let value =
            |name: &str, short: &str, number| EnumValue { name: name.to_owned(), short: short.to_owned(), number };
        let kinds = EnumType {
            full_name: "made.v1.Kind".to_owned(),
            values: vec![value("KIND_NONE", "none", 0), value("KIND_SWORD", "sword", 1)],
            doc: String::new(),
            position: Position::default(),
        };
        catalogue(EVENT_TYPES, &fields, Some(message("made.v1.Inner", inside)), vec![kinds])
    });
    Arc::clone(&MADE)
}

/// The path of each slot.
fn slots() -> Vec<Vec<u32>> {
    let scalars = (1..=14).map(|number| vec![number]);
    let inner = [vec![15, 1], vec![15, 2], vec![15]];
    scalars.chain(inner).chain((16..=21).map(|number| vec![number])).collect()
}
