//! What expressions of a rule set share: constants, slots of events, sets, patterns.
//!
//! In: values as they are met. Out: their indices. The first met is the first in the pool, so the same rules give the same
//! bytes.

use std::collections::{BTreeMap, HashMap};

use edge_event::EventTypeId;
use rules_cel::checked::Constant;
use rules_engine::ir::{ConstIr, EventIr, FieldPathIr, SetIr, limits};

use crate::expr::const_ir;

/// The pools of one rule set.
#[derive(Default)]
pub(crate) struct Pools {
    pub(crate) consts: Vec<ConstIr>,
    pub(crate) sets: Vec<SetIr>,
    pub(crate) regexes: Vec<String>,
    events: BTreeMap<EventTypeId, Vec<FieldPathIr>>,
    const_index: HashMap<String, u32>,
    slot_index: HashMap<(EventTypeId, Vec<u32>), u16>,
    set_index: HashMap<String, u16>,
    regex_index: HashMap<String, u16>,
    /// The package whose names sets belong to.
    package: String,
}

impl Pools {
    /// From here on names of sets are those of this package.
    pub(crate) fn enter(&mut self, package: &str) {
        package.clone_into(&mut self.package);
    }

    pub(crate) fn constant(&mut self, constant: ConstIr) -> u32 {
        // The debug form tells all constants apart, -0.0 from 0.0 and 1 from 1u among them.
        let key = format!("{constant:?}");
        *self.const_index.entry(key).or_insert_with(|| {
            self.consts.push(constant);
            self.consts.len() as u32 - 1
        })
    }

    /// The slot of a field; `None` where the event type has no more.
    pub(crate) fn slot(&mut self, event: EventTypeId, numbers: Vec<u32>) -> Option<u16> {
        if let Some(slot) = self.slot_index.get(&(event, numbers.clone())) {
            return Some(*slot);
        }
        let slots = self.events.entry(event).or_default();
        if slots.len() >= limits::MAX_SLOTS {
            return None;
        }
        slots.push(FieldPathIr { numbers: numbers.clone() });
        let slot = slots.len() as u16 - 1;
        self.slot_index.insert((event, numbers), slot);
        Some(slot)
    }

    /// Says that rules look at this event type, even where they read none of its fields.
    pub(crate) fn event(&mut self, event: EventTypeId) {
        self.events.entry(event).or_default();
    }

    /// A named set, or with an empty name one that an expression wrote out. `None` where there is no more room.
    pub(crate) fn set(&mut self, name: &str, items: &[Constant]) -> Option<u16> {
        let items: Vec<ConstIr> = items.iter().map(const_ir).collect();
        let key = if name.is_empty() { format!("{items:?}") } else { format!("{}/{name}", self.package) };
        if let Some(index) = self.set_index.get(&key) {
            return Some(*index);
        }
        let index = u16::try_from(self.sets.len()).ok()?;
        let name = if name.is_empty() { format!("in/{index}") } else { name.to_owned() };
        self.sets.push(SetIr { name, items });
        self.set_index.insert(key, index);
        Some(index)
    }

    /// A regular expression. `None` where there is no more room.
    pub(crate) fn pattern(&mut self, pattern: &str) -> Option<u16> {
        if let Some(index) = self.regex_index.get(pattern) {
            return Some(*index);
        }
        let index = u16::try_from(self.regexes.len()).ok()?;
        self.regexes.push(pattern.to_owned());
        self.regex_index.insert(pattern.to_owned(), index);
        Some(index)
    }

    /// What is read of each event type, sorted.
    pub(crate) fn events(&self) -> Vec<EventIr> {
        self.events.iter().map(|(id, slots)| EventIr { event_type: *id, slots: slots.clone() }).collect()
    }
}
