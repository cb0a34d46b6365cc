//! One shard's state: cells that survive swaps and, where durable, restarts.
//!
//! Cells are addressed by a definition's stable id and a key's stable hash, never by anything that one rule set interned.
//! Comes in: feeds and gates of events, cells out of the spool. Goes out: counts, gates' answers, deltas for the record.
//! Time is given, never asked; it does not run backwards, and memory is bounded by the definitions' `max_keys`.

mod cell_bytes;
mod feed;
mod fold;
mod last;
mod panes;
mod parts;
mod rate;
mod recent;
mod ring;
mod single;
mod sketch;
mod span;
mod table;
mod values;
mod window;

use std::collections::HashMap;

use ahash::RandomState;
use bytes::Bytes;
use edge_event::{Event, Partition, StateDelta, StateKey, UnixMillis};
use edge_mutant::mutant;

pub use cell_bytes::RestoreError;
pub(crate) use cell_bytes::most as most_cell_bytes;
pub(crate) use feed::Gathering;
pub(crate) use rate::Rate;
pub(crate) use span::Span;
pub(crate) use table::{Bounds, CellName};
pub(crate) use window::Layout;

use crate::ir::Scope;
use crate::outcome::Reason;
use crate::rule_set::{Definition, Kind, RuleSet};
use table::Table;

/// How many cells one event may expire.
const EXPIRE_PER_EVENT: usize = 4;
/// How many cells one tick may expire.
const EXPIRE_PER_TICK: usize = 256;

/// What bounds a shard's state besides the definitions.
///
/// # Defaults
/// * `retire_grace_ms`: 24 h
/// * `max_retired`: 65,536
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StateLimits {
    /// Guards the tables' indices against keys that were made to collide; take it from the entropy door. No output depends
    /// on it.
    pub hash_seed: u64,
    /// How long the cells of a definition that left the rule set are kept, so that rolling back finds them.
    pub retire_grace_ms: u64,
    /// Most definitions kept for rolling back.
    pub max_retired: usize,
}

/// One shard's cells. Mutate by evaluating; [`tick`](State::tick) where no event comes.
#[derive(Debug)]
pub struct State {
    limits: StateLimits,
    now: UnixMillis,
    /// Into how many equal parts the node's limits are divided.
    shards: u16,
    slots: Vec<Slot>,
    by_id: HashMap<u64, u32, RandomState>,
    /// Slot of each definition of the adopted rule set.
    bindings: Vec<u32>,
    adopted: Option<[u8; 32]>,
    sweep_at: usize,
    scratch: Vec<u8>,
}

/// A definition's table and what happened to it.
#[derive(Debug)]
struct Slot {
    id: u64,
    table: Table,
    ttl_ms: Option<u64>,
    /// When the definition left the rule set.
    retired_at: Option<UnixMillis>,
    evicted: u64,
    refused: u64,
}

/// A look at one definition's table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TableStats {
    /// Stable id of the definition.
    pub definition: u64,
    /// Cells now.
    pub cells: usize,
    /// Bytes that they take, without the index.
    pub bytes: usize,
    /// Cells that made room for others.
    pub evicted: u64,
    /// Writes that found no room.
    pub refused: u64,
    /// Whether it is only kept for rolling back.
    pub retired: bool,
}

impl StateLimits {
    /// The defaults around a seed.
    pub const fn with_seed(hash_seed: u64) -> StateLimits {
        StateLimits { hash_seed, retire_grace_ms: 24 * 60 * 60 * 1_000, max_retired: 65_536 }
    }
}

impl State {
    /// Nothing known yet, at shard time `now`.
    pub fn new(limits: StateLimits, now: UnixMillis) -> State {
        State {
            limits,
            now,
            shards: 1,
            slots: Vec::new(),
            by_id: HashMap::with_hasher(hasher(limits.hash_seed)),
            bindings: Vec::new(),
            adopted: None,
            sweep_at: 0,
            scratch: Vec::new(),
        }
    }

    /// Says how many shards of the node share what has the scope [`Region`](crate::ir::Scope::Region); 1 until told. Call it once,
    /// before anything is evaluated.
    pub fn share_with(&mut self, shards: u16) {
        self.shards = shards.max(1);
    }

    /// Shard time: the latest that was told.
    pub fn now(&self) -> UnixMillis {
        self.now
    }

    /// Takes back one durable cell out of the spool; the last one restored under a key counts. Cells of definitions that no
    /// rule set has yet are kept like those of definitions that left. What lies in the future, because the clock was set back
    /// meanwhile, has just happened: gaps within a window stay, and no span lasts longer than it would from now on.
    ///
    /// # Errors
    /// The value is no cell; nothing changed.
    pub fn restore(&mut self, key: StateKey, value: &[u8], expires: Option<UnixMillis>) -> Result<(), RestoreError> {
        let (layout, mut cell) = cell_bytes::read(value)?;
        window::bring_back(layout, &mut cell, self.now.0);
        if expires.is_some_and(|e| e <= self.now) {
            return Ok(());
        }
        let slot = self.slot_or_new(key.definition, layout);
        let slot = &mut self.slots[slot];
        let player = match layout {
            Layout::Once => u128::from(cell[3]) | u128::from(cell[4]) << 64,
            _ => 0,
        };
        let name = CellName { key: key.key, player, partition: key.partition.index() as u16 };
        // The bounds of a definition that is not adopted yet are unknown: what was accepted once is taken back whole.
        let bounds = Bounds { max_keys: u32::MAX as usize, evict: true, max_keys_per_player: u32::MAX };
        let to = slot.table.layout();
        if let Ok(written) = slot.table.write(name, self.now.0, bounds) {
            written.cell.fill(0);
            if to == layout {
                written.cell.copy_from_slice(&cell);
            } else {
                window::convert(layout, &cell, to, written.cell);
            }
        }
        Ok(())
    }

    /// Makes a rule set's definitions the ones that evaluation uses; cells of equal definitions stay. Cheap where it is
    /// adopted already. Evaluation calls it by itself.
    pub fn adopt(&mut self, set: &RuleSet) {
        if self.adopted.as_ref() == Some(set.identity()) {
            return;
        }
        for slot in &mut self.slots {
            slot.retired_at = slot.retired_at.or(Some(self.now));
        }
        let seed = self.limits.hash_seed;
        self.bindings.clear();
        for definition in set.definitions() {
            let at = self.slot_or_new(definition.id, definition.layout);
            self.bindings.push(at as u32);
            let slot = &mut self.slots[at];
            slot.retired_at = None;
            // A part of a limit is paid back as much slower.
            let slower = if definition.scope == Scope::Region { u64::from(self.shards) } else { 1 };
            slot.ttl_ms = definition.ttl_ms.map(|ttl| ttl.saturating_mul(slower));
            if mutant!(WindowLostOnSwap) && definition.layout.is_window() && self.adopted.is_some() {
                slot.table = Table::new(definition.layout, hasher(seed));
            }
            if slot.table.layout() != definition.layout {
                let old = std::mem::replace(&mut slot.table, Table::new(definition.layout, hasher(seed)));
                slot.table = old.with_layout(definition.layout, hasher(seed));
            }
        }
        self.adopted = Some(*set.identity());
        self.drop_retired();
    }

    /// Lets time pass without an event: expires cells and drops what is kept no longer.
    pub fn tick(&mut self, now: UnixMillis) {
        self.advance(now);
        let grace = self.limits.retire_grace_ms;
        if self.slots.iter().any(|s| s.retired_at.is_some_and(|at| at.0.saturating_add_unsigned(grace) <= self.now.0)) {
            self.drop_retired();
        }
        self.expire(EXPIRE_PER_TICK);
    }

    /// All tables.
    pub fn tables(&self) -> impl Iterator<Item = TableStats> + '_ {
        self.slots.iter().map(|s| TableStats {
            definition: s.id,
            cells: s.table.len(),
            bytes: s.table.bytes(),
            evicted: s.evicted,
            refused: s.refused,
            retired: s.retired_at.is_some(),
        })
    }

    /// Moves shard time on and does a bounded piece of cleaning.
    pub(crate) fn step(&mut self, now: UnixMillis) {
        self.advance(now);
        self.expire(EXPIRE_PER_EVENT);
    }

    fn advance(&mut self, now: UnixMillis) {
        self.now = self.now.max(now);
    }

    /// Goes round the tables, one a call.
    fn expire(&mut self, budget: usize) {
        if self.slots.is_empty() {
            return;
        }
        self.sweep_at = (self.sweep_at + 1) % self.slots.len();
        let slot = &mut self.slots[self.sweep_at];
        if let Some(ttl_ms) = slot.ttl_ms {
            slot.table.expire(self.now.0.saturating_sub_unsigned(ttl_ms), budget);
        }
    }

    fn slot_or_new(&mut self, id: u64, layout: Layout) -> usize {
        if let Some(at) = self.by_id.get(&id) {
            return *at as usize;
        }
        let at = self.slots.len();
        let table = Table::new(layout, hasher(self.limits.hash_seed));
        // Kept until a rule set claims it or the grace is over.
        let retired_at = Some(self.now);
        self.slots.push(Slot { id, table, ttl_ms: None, retired_at, evicted: 0, refused: 0 });
        self.by_id.insert(id, at as u32);
        at
    }

    /// Drops tables whose grace is over, and those that left first where there are too many.
    fn drop_retired(&mut self) {
        let over = self.now.0.saturating_sub_unsigned(self.limits.retire_grace_ms);
        let mut retired: Vec<(i64, u64)> =
            self.slots.iter().filter_map(|s| s.retired_at.map(|at| (at.0, s.id))).collect();
        retired.sort_unstable();
        let crowd = retired.len().saturating_sub(self.limits.max_retired);
        let expired = retired.iter().take_while(|(at, _)| *at <= over).count();
        let mut gone: Vec<u64> = retired[..crowd.max(expired)].iter().map(|(_, id)| *id).collect();
        if gone.is_empty() {
            return;
        }
        gone.sort_unstable();
        let bound: Vec<u64> = self.bindings.iter().map(|at| self.slots[*at as usize].id).collect();
        self.slots.retain(|s| gone.binary_search(&s.id).is_err());
        self.by_id.clear();
        self.by_id.extend(self.slots.iter().enumerate().map(|(at, s)| (s.id, at as u32)));
        self.bindings.clear();
        self.bindings.extend(bound.iter().map(|id| self.by_id[id]));
    }
}

/// One cell of the adopted rule set, as one event sees it.
#[derive(Clone, Copy)]
pub(crate) struct Touch<'a> {
    /// Index of the definition in its rule set.
    pub(crate) at: u32,
    pub(crate) definition: &'a Definition,
    pub(crate) key: u128,
    pub(crate) event: &'a Event,
    /// Of a feed: for how long events count.
    pub(crate) span: Option<Span<'a>>,
    /// The event's bounded time.
    pub(crate) time: UnixMillis,
}

/// What an evaluation does to the definitions of the adopted rule set.
impl State {
    /// Whether a gate would let an event through now.
    pub(crate) fn gate(&self, touch: &Touch<'_>) -> Result<(), Reason> {
        let table = &self.slot(touch.at).table;
        let cell = table.get(touch.key).map(|(_, cell)| cell).filter(|cell| cell[0] == 1);
        let shut = match touch.definition.kind {
            Kind::Once { generation, .. } => {
                let passage = (u64::from(generation), touch.definition.period(touch.time));
                cell.is_some_and(|c| (c[1], c[2] as i64) >= passage).then_some(Reason::Once)
            }
            Kind::Cooldown { duration_ms } => cell
                .is_some_and(|c| touch.time.0 < (c[1] as i64).saturating_add_unsigned(duration_ms))
                .then_some(Reason::Cooldown),
            Kind::Rate { .. } => {
                let rate = touch.definition.rate(self.shards).filter(|rate| !rate.is_open(cell, self.now.0));
                rate.map(|_| Reason::RateLimit)
            }
            Kind::Feed { .. } => None,
        };
        match shut {
            Some(reason) => Err(reason),
            None if table.has_room(touch.name(), touch.definition.bounds) => Ok(()),
            None => Err(Reason::Capacity),
        }
    }

    /// Uses a gate that would let an event through.
    pub(crate) fn consume(&mut self, touch: &Touch<'_>, deltas: &mut Vec<StateDelta>) {
        let player = touch.event.player.0;
        let (rate, now) = (touch.definition.rate(self.shards), self.now.0);
        self.write(touch, deltas, |cell| {
            match touch.definition.kind {
                Kind::Once { generation, .. } => {
                    let period = touch.definition.period(touch.time) as u64;
                    cell.copy_from_slice(&[1, u64::from(generation), period, player as u64, (player >> 64) as u64]);
                }
                Kind::Cooldown { .. } => cell.copy_from_slice(&[1, touch.time.0 as u64]),
                Kind::Rate { .. } => rate.into_iter().for_each(|rate| rate.pass(cell, now)),
                Kind::Feed { .. } => {}
            }
            true
        });
    }

    /// Changes a cell; `change` says whether it did.
    fn write(&mut self, touch: &Touch<'_>, deltas: &mut Vec<StateDelta>, change: impl FnOnce(&mut [u64]) -> bool) {
        let definition = touch.definition;
        let slot = &mut self.slots[self.bindings[touch.at as usize] as usize];
        let Ok(written) = slot.table.write(touch.name(), self.now.0, definition.bounds) else {
            slot.refused += 1;
            return;
        };
        let changed = change(written.cell);
        slot.evicted += u64::from(written.evicted.is_some());
        if !definition.durable {
            return;
        }
        let state_key = |key, partition| StateKey { definition: definition.id, key, partition };
        if let Some(gone) = written.evicted {
            let key = state_key(gone.key, partition(gone.partition));
            deltas.push(StateDelta { key, value: None, expires: None });
        }
        if !changed {
            return;
        }
        self.scratch.clear();
        cell_bytes::write(definition.layout, written.cell, &mut self.scratch);
        let key = state_key(touch.key, touch.event.partition);
        let value = Some(Bytes::copy_from_slice(&self.scratch));
        let expires = definition.ttl_ms.map(|ttl| UnixMillis(self.now.0.saturating_add_unsigned(ttl)));
        deltas.push(StateDelta { key, value, expires });
    }

    fn slot(&self, at: u32) -> &Slot {
        &self.slots[self.bindings[at as usize] as usize]
    }
}

impl Touch<'_> {
    fn name(&self) -> CellName {
        CellName { key: self.key, player: self.event.player.0, partition: self.event.partition.index() as u16 }
    }
}

/// The inverse of [`Partition::index`].
fn partition(index: u16) -> Partition {
    Partition::of(edge_event::PlayerKey(u128::from(index)))
}

/// Seeded, so that nobody can make keys that collide; the seed shows nowhere, as indices are never iterated.
fn hasher(seed: u64) -> RandomState {
    RandomState::with_seeds(seed, seed.rotate_left(17) ^ 0x9e37_79b9, seed.rotate_left(31) ^ 0x7f4a_7c15, !seed)
}
