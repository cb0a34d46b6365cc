//! Reads the fields that rules use, and no others, in one pass over a payload.
//!
//! Comes in: paths, once; then payloads that admission has passed. Goes out: one [`FieldValue`] a path, borrowed from the
//! payload: the last one on the wire wins, a `oneof` holds its last member, defaults stand in where proto3 says so.
//! Safe on any bytes; what is wrong is skipped or told as a [`PayloadError`]. Deliberately absent: limits (see
//! [`Catalogue::admit`](crate::Catalogue::admit)) and allocation.

use crate::model::{Cardinality, Kind, MessageIndex};
use crate::path::{FieldPath, PathError};
use crate::refusal::PayloadError;
use crate::value::{FieldValue, Map, ReadFault, Repeated, read_into, wire_type_of};
use crate::wire::{Reader, WireType};
use crate::{Catalogue, MAX_DEPTH};

/// A plan for one message type and a set of paths; immutable, shared between threads.
#[derive(Clone, PartialEq, Debug)]
pub struct Extractor {
    /// What each slot reads.
    slots: Vec<FieldPath>,
    /// What each slot holds before the first byte is read.
    initial: Vec<FieldValue<'static>>,
    /// Messages that are entered; the outermost is the first.
    levels: Vec<Level>,
}

/// What to do in one message.
#[derive(Clone, PartialEq, Debug, Default)]
struct Level {
    /// Sorted by number.
    entries: Vec<Entry>,
}

/// What to do with one field.
#[derive(Clone, PartialEq, Debug)]
struct Entry {
    number: u32,
    kind: Kind,
    cardinality: Cardinality,
    /// Where its value goes.
    slot: Option<u16>,
    /// The level to enter.
    child: Option<u16>,
    /// Slots of the other members of its `oneof`, with all that is below them.
    clears: Vec<u16>,
}

impl Extractor {
    /// Plans to read `paths` of `message`; slot `i` is `paths[i]`.
    ///
    /// # Errors
    /// A path does not exist, or stands twice.
    ///
    /// # Panics
    /// With more than 65,535 paths.
    pub fn new(catalogue: &Catalogue, message: MessageIndex, paths: &[&str]) -> Result<Extractor, PathError> {
        assert!(paths.len() <= usize::from(u16::MAX), "an extractor has at most 65,535 slots");
        let mut plan = Extractor { slots: Vec::new(), initial: Vec::new(), levels: vec![Level::default()] };
        for path in paths {
            plan.add(catalogue, message, path)?;
        }
        plan.add_oneof_siblings(catalogue, message, 0);
        Ok(plan)
    }

    /// How many slots.
    pub const fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is no slot.
    pub const fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// What each slot reads.
    pub fn slots(&self) -> &[FieldPath] {
        &self.slots
    }

    /// The slot of a path.
    pub fn slot_of(&self, path: &str) -> Option<usize> {
        self.slots.iter().position(|s| s.text == path)
    }

    /// CEL's `has()`: a field with explicit presence is set, any other differs from its default.
    pub fn has(&self, slot: usize, value: &FieldValue<'_>) -> bool {
        match self.slots[slot].cardinality {
            Cardinality::Explicit => !matches!(value, FieldValue::Absent),
            _ => value.differs_from_default(),
        }
    }

    /// Reads `payload` and leaves one value a slot in `out`, whatever it held before. Allocates only where `out` has less
    /// room than [`len`](Extractor::len); see [`recycle`].
    ///
    /// # Errors
    /// The payload is no protobuf. Never after [`Catalogue::admit`] passed it.
    pub fn extract<'a>(&self, payload: &'a [u8], out: &mut Vec<FieldValue<'a>>) -> Result<(), PayloadError> {
        out.clear();
        out.extend_from_slice(&self.initial);
        self.scan(0, payload, out)
    }

    /// The value of the first slot alone; allocates nothing.
    pub fn first<'a>(&self, payload: &'a [u8]) -> Result<FieldValue<'a>, PayloadError> {
        assert_eq!(self.len(), 1, "only for extractors of one path");
        let mut out = [self.initial[0]];
        self.scan(0, payload, &mut out)?;
        Ok(out[0])
    }

    fn scan<'a>(&self, level: usize, message: &'a [u8], out: &mut [FieldValue<'a>]) -> Result<(), PayloadError> {
        let entries = &self.levels[level].entries;
        let mut reader = Reader::new(message);
        // Encoders write fields in the order of their numbers: the next entry is mostly the one behind the last.
        let mut expected = 0;
        while !reader.is_empty() {
            let from_here = reader.rest();
            let (number, wire_type) = reader.tag()?;
            let entry = match entries.get(expected) {
                Some(entry) if entry.number == number => entry,
                _ => match entries.binary_search_by_key(&number, |e| e.number) {
                    Ok(at) => {
                        expected = at;
                        &entries[at]
                    }
                    Err(_) => {
                        reader.skip(wire_type)?;
                        continue;
                    }
                },
            };
            expected += 1;
            for &slot in &entry.clears {
                out[usize::from(slot)] = self.initial[usize::from(slot)];
            }
            match entry.cardinality {
                Cardinality::Repeated => {
                    entry.list(from_here, wire_type, out);
                    reader.skip(wire_type)?;
                }
                Cardinality::Map(key) => {
                    entry.map(from_here, wire_type, key, out);
                    reader.skip(wire_type)?;
                }
                _ if wire_type != wire_type_of(entry.kind) => reader.skip(wire_type)?,
                _ => self.single(entry, &mut reader, out)?,
            }
        }
        Ok(())
    }

    fn single<'a>(
        &self,
        entry: &Entry,
        reader: &mut Reader<'a>,
        out: &mut [FieldValue<'a>],
    ) -> Result<(), PayloadError> {
        let Some(child) = entry.child else {
            let Some(slot) = entry.slot else { return Ok(reader.skip(wire_type_of(entry.kind))?) };
            let slot = usize::from(slot);
            return read_into(reader, entry.kind, &mut out[slot]).map_err(|fault| self.fault(slot, fault));
        };
        let inside = reader.bytes()?;
        if let Some(slot) = entry.slot {
            out[usize::from(slot)] = FieldValue::Message(inside);
        }
        self.scan(usize::from(child), inside, out)
    }

    fn fault(&self, slot: usize, fault: ReadFault) -> PayloadError {
        match fault {
            ReadFault::Wire(fault) => fault.into(),
            ReadFault::WireType => {
                PayloadError::WireType { field: self.slots[slot].text.clone(), kind: self.slots[slot].kind.word() }
            }
            ReadFault::Utf8 => PayloadError::Utf8 { field: self.slots[slot].text.clone() },
        }
    }
}

impl Entry {
    /// Remembers where a list begins; its elements are read when they are asked for.
    fn list<'a>(&self, from_here: &'a [u8], wire_type: WireType, out: &mut [FieldValue<'a>]) {
        let fits = wire_type == wire_type_of(self.kind) || wire_type == WireType::Len && self.kind.is_packable();
        if let Some(slot) = self.slot
            && fits
            && let FieldValue::Repeated(list) = &mut out[usize::from(slot)]
            && list.scope.is_empty()
        {
            list.scope = from_here;
        }
    }

    /// The same for a map.
    fn map<'a>(&self, from_here: &'a [u8], wire_type: WireType, key: Kind, out: &mut [FieldValue<'a>]) {
        if let Some(slot) = self.slot
            && wire_type == WireType::Len
            && let FieldValue::Map(map) = &mut out[usize::from(slot)]
            && map.scope.is_empty()
        {
            *map = Map { scope: from_here, number: self.number, key, value: self.kind };
        }
    }
}

/// Planning.
impl Extractor {
    fn add(&mut self, catalogue: &Catalogue, message: MessageIndex, text: &str) -> Result<(), PathError> {
        let path = catalogue.resolve(message, text)?;
        let slot = self.slots.len() as u16;
        let (mut level, mut at_message) = (0, message);
        for (at, &number) in path.numbers.iter().enumerate() {
            let field = catalogue.message(at_message).field(number).expect("a resolved path exists");
            let entry = self.levels[level].entry(number, field.kind, field.cardinality);
            if at + 1 == path.numbers.len() {
                if entry.slot.replace(slot).is_some() {
                    return Err(PathError::Twice { path: path.text });
                }
            } else {
                let Kind::Message(next) = field.kind else { unreachable!("a resolved path goes through messages") };
                at_message = next;
                level = self.enter(level, number);
            }
        }
        self.initial.push(initial(&path));
        self.slots.push(path);
        Ok(())
    }

    /// The level below field `number` of `level`, made where it is not there yet.
    fn enter(&mut self, level: usize, number: u32) -> usize {
        let fresh = self.levels.len();
        let at = self.levels[level].entries.iter().position(|e| e.number == number).expect("the entry was made before");
        match self.levels[level].entries[at].child {
            Some(child) => usize::from(child),
            None => {
                self.levels[level].entries[at].child = Some(fresh as u16);
                self.levels.push(Level::default());
                fresh
            }
        }
    }

    /// A member of a `oneof` that nobody reads still ends the life of the member that somebody reads.
    fn add_oneof_siblings(&mut self, catalogue: &Catalogue, message: MessageIndex, level: usize) {
        let fields = &catalogue.message(message).fields;
        let read: Vec<(u32, u16)> = self.levels[level]
            .entries
            .iter()
            .filter_map(|e| Some((e.number, fields.iter().find(|f| f.number == e.number)?.oneof?)))
            .collect();
        for &(number, oneof) in &read {
            let cleared = self.slots_below(level, number);
            for sibling in fields.iter().filter(|f| f.oneof == Some(oneof) && f.number != number) {
                let entry = self.levels[level].entry(sibling.number, sibling.kind, sibling.cardinality);
                entry.clears.extend(&cleared);
            }
        }
        let children: Vec<(Kind, u16)> =
            self.levels[level].entries.iter().filter_map(|e| Some((e.kind, e.child?))).collect();
        for (kind, child) in children {
            if let Kind::Message(inside) = kind {
                self.add_oneof_siblings(catalogue, inside, usize::from(child));
            }
        }
    }

    /// The slots of a field and of all that is below it.
    fn slots_below(&self, level: usize, number: u32) -> Vec<u16> {
        let mut found = Vec::new();
        let mut todo: Vec<&Entry> = self.levels[level].entries.iter().filter(|e| e.number == number).collect();
        while let Some(entry) = todo.pop() {
            found.extend(entry.slot);
            if let Some(child) = entry.child {
                todo.extend(&self.levels[usize::from(child)].entries);
            }
        }
        found.sort_unstable();
        found
    }
}

impl Level {
    fn entry(&mut self, number: u32, kind: Kind, cardinality: Cardinality) -> &mut Entry {
        let at = match self.entries.binary_search_by_key(&number, |e| e.number) {
            Ok(at) => at,
            Err(at) => {
                let entry = Entry { number, kind, cardinality, slot: None, child: None, clears: Vec::new() };
                self.entries.insert(at, entry);
                at
            }
        };
        &mut self.entries[at]
    }
}

fn initial(path: &FieldPath) -> FieldValue<'static> {
    let number = *path.numbers.last().expect("a path has at least one part");
    match path.cardinality {
        Cardinality::Implicit => FieldValue::default_of(path.kind),
        Cardinality::Explicit => FieldValue::Absent,
        Cardinality::Repeated => FieldValue::Repeated(Repeated { scope: &[], number, kind: path.kind }),
        Cardinality::Map(key) => FieldValue::Map(Map { scope: &[], number, key, value: path.kind }),
    }
}

/// Empties a vector of values and gives its room to values of another payload's lifetime.
///
/// The standard library collects a vector's own iterator in place, so this allocates nothing.
pub fn recycle<'b>(mut values: Vec<FieldValue<'_>>) -> Vec<FieldValue<'b>> {
    values.clear();
    values.into_iter().map(|_| FieldValue::Absent).collect()
}

// The scan recurses once a level, and a path has at most that many parts.
const _: () = assert!(MAX_DEPTH <= 16, "the scan's recursion must stay shallow");

#[cfg(test)]
mod tests;
