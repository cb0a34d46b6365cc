//! A table of cells: one definition's state on one shard.
//!
//! Cells have a fixed size and lie in one vector; an index finds them by the key's hash; a list through them is sorted by
//! the time of their last write, so eviction of the oldest and expiry look at its front only. When a swap changes the
//! layout, the old table stays behind the new one, and cells move over when they are written.
//!
//! Deliberately absent: what the words mean (see [`window`](super::window)). Nothing here iterates the index, so the seed of
//! its hasher never shows.

use std::collections::HashMap;

use ahash::RandomState;

use super::window::{self, Layout};

const NONE: u32 = u32::MAX;

/// Where a cell stands and whose it is.
#[derive(Clone, Copy, Debug)]
struct Head {
    key: u128,
    /// Zero where cells are not counted by player.
    player: u128,
    written_ms: i64,
    older: u32,
    newer: u32,
    partition: u16,
}

/// Whose cell it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CellName {
    pub(crate) key: u128,
    /// Short name of the player, zero where nobody counts.
    pub(crate) player: u128,
    pub(crate) partition: u16,
}

/// What a write made room with.
pub(crate) struct Written<'t> {
    pub(crate) cell: &'t mut [u64],
    /// The cell that was evicted for it.
    pub(crate) evicted: Option<CellName>,
}

/// The table is full, or the player has all the cells that one may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Full;

/// What bounds a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bounds {
    pub(crate) max_keys: usize,
    /// Whether the oldest cell makes room for a new one.
    pub(crate) evict: bool,
    /// 0: no such limit.
    pub(crate) max_keys_per_player: u32,
}

/// See the file's head.
#[derive(Debug)]
pub(crate) struct Table {
    layout: Layout,
    index: HashMap<u128, u32, RandomState>,
    heads: Vec<Head>,
    words: Vec<u64>,
    free: Vec<u32>,
    oldest: u32,
    newest: u32,
    /// How many cells of each player, where that is bounded.
    players: HashMap<u128, u32, RandomState>,
    /// Cells of another layout that have not been written since the swap.
    previous: Option<Box<Table>>,
}

impl Table {
    pub(crate) fn new(layout: Layout, hasher: RandomState) -> Table {
        Table {
            layout,
            index: HashMap::with_hasher(hasher.clone()),
            heads: Vec::new(),
            words: Vec::new(),
            free: Vec::new(),
            oldest: NONE,
            newest: NONE,
            players: HashMap::with_hasher(hasher),
            previous: None,
        }
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    /// How many cells.
    pub(crate) fn len(&self) -> usize {
        self.index.len() + self.previous.as_ref().map_or(0, |p| p.len())
    }

    /// Bytes that cells take, without the index.
    pub(crate) fn bytes(&self) -> usize {
        self.heads.len() * size_of::<Head>()
            + self.words.len() * size_of::<u64>()
            + self.previous.as_ref().map_or(0, |p| p.bytes())
    }

    /// The same cells under another layout; moved lazily.
    pub(crate) fn with_layout(self, layout: Layout, hasher: RandomState) -> Table {
        let mut table = Table::new(layout, hasher);
        if self.layout.becomes(layout) && self.len() > 0 {
            table.previous = Some(Box::new(self.flattened()));
        }
        table
    }

    /// A table behind this one is moved over at once: two swaps of the layout within the life of a cell are rare.
    fn flattened(mut self) -> Table {
        if let Some(previous) = self.previous.take() {
            let mut at = previous.oldest;
            while at != NONE {
                let head = previous.heads[at as usize];
                if !self.index.contains_key(&head.key) {
                    let slot = self.insert_oldest_last(head);
                    let words = self.layout.words();
                    let out = &mut self.words[slot as usize * words..][..words];
                    window::convert(previous.layout, previous.cell(at), self.layout, out);
                }
                at = head.newer;
            }
        }
        self
    }

    /// Inserts by time of writing, looking from the newest on.
    fn insert_oldest_last(&mut self, head: Head) -> u32 {
        let slot = self.take_slot(head);
        let mut newer = NONE;
        let mut older = self.newest;
        while older != NONE && self.heads[older as usize].written_ms > head.written_ms {
            newer = older;
            older = self.heads[older as usize].older;
        }
        self.link(slot, older, newer);
        slot
    }

    /// The cell of a key with the layout of its words.
    pub(crate) fn get(&self, key: u128) -> Option<(Layout, &[u64])> {
        match self.index.get(&key) {
            Some(at) => Some((self.layout, self.cell(*at))),
            None => self.previous.as_ref()?.get(key),
        }
    }

    /// Whether a write of this cell would be taken.
    pub(crate) fn has_room(&self, name: CellName, bounds: Bounds) -> bool {
        if self.get(name.key).is_some() {
            return true;
        }
        let of_player = self.players.get(&name.player).copied().unwrap_or(0);
        let player_has_room = bounds.max_keys_per_player == 0 || of_player < bounds.max_keys_per_player;
        player_has_room && (bounds.evict || self.len() < bounds.max_keys)
    }

    /// The cell of a key to be written at `now_ms`, zeroed where there was none.
    ///
    /// # Errors
    /// There is no [room](Self::has_room).
    pub(crate) fn write(&mut self, name: CellName, now_ms: i64, bounds: Bounds) -> Result<Written<'_>, Full> {
        let words = self.layout.words();
        if let Some(&at) = self.index.get(&name.key) {
            self.unlink(at);
            self.link(at, self.newest, NONE);
            self.heads[at as usize].written_ms = now_ms;
            return Ok(Written { cell: &mut self.words[at as usize * words..][..words], evicted: None });
        }
        if !self.has_room(name, bounds) {
            return Err(Full);
        }
        let moved = self.previous.as_mut().and_then(|p| p.take(name.key));
        let evicted = if self.len() >= bounds.max_keys { self.remove_oldest() } else { None };
        let CellName { key, player, partition } = name;
        let player = if bounds.max_keys_per_player == 0 { 0 } else { player };
        let at = self.take_slot(Head { key, player, written_ms: now_ms, older: NONE, newer: NONE, partition });
        self.link(at, self.newest, NONE);
        let layout = self.layout;
        let cell = &mut self.words[at as usize * words..][..words];
        if let Some((from, old)) = moved {
            window::convert(from, &old, layout, cell);
        }
        Ok(Written { cell, evicted })
    }

    /// Removes cells that were last written at or before `until_ms`, at most `budget`, and says how many.
    pub(crate) fn expire(&mut self, until_ms: i64, budget: usize) -> usize {
        let mut removed = 0;
        if let Some(previous) = &mut self.previous {
            removed = previous.expire(until_ms, budget);
            if previous.len() == 0 {
                self.previous = None;
            }
        }
        while removed < budget && self.oldest != NONE && self.heads[self.oldest as usize].written_ms <= until_ms {
            self.remove(self.oldest);
            removed += 1;
        }
        removed
    }

    /// Removes the cell that was written the longest ago. Those behind a swap are older than all others.
    fn remove_oldest(&mut self) -> Option<CellName> {
        if let Some(name) = self.previous.as_mut().and_then(|p| p.remove_oldest()) {
            return Some(name);
        }
        let at = (self.oldest != NONE).then_some(self.oldest)?;
        let Head { key, player, partition, .. } = self.heads[at as usize];
        self.remove(at);
        Some(CellName { key, player, partition })
    }

    fn take(&mut self, key: u128) -> Option<(Layout, Vec<u64>)> {
        let at = *self.index.get(&key)?;
        let cell = self.cell(at).to_vec();
        self.remove(at);
        Some((self.layout, cell))
    }

    fn cell(&self, at: u32) -> &[u64] {
        let words = self.layout.words();
        &self.words[at as usize * words..][..words]
    }

    /// A zeroed slot, in the index but not in the list.
    fn take_slot(&mut self, head: Head) -> u32 {
        let words = self.layout.words();
        let at = match self.free.pop() {
            Some(at) => {
                self.words[at as usize * words..][..words].fill(0);
                self.heads[at as usize] = head;
                at
            }
            None => {
                let at = self.heads.len() as u32;
                assert!(at != NONE, "a definition's cells are bounded by a u32");
                self.heads.push(head);
                self.words.resize(self.words.len() + words, 0);
                at
            }
        };
        self.index.insert(head.key, at);
        if head.player != 0 {
            *self.players.entry(head.player).or_default() += 1;
        }
        at
    }

    fn remove(&mut self, at: u32) {
        self.unlink(at);
        let Head { key, player, .. } = self.heads[at as usize];
        self.index.remove(&key);
        self.free.push(at);
        if let Some(count) = self.players.get_mut(&player) {
            *count -= 1;
            if *count == 0 {
                self.players.remove(&player);
            }
        }
    }

    fn unlink(&mut self, at: u32) {
        let Head { older, newer, .. } = self.heads[at as usize];
        match older {
            NONE => self.oldest = newer,
            older => self.heads[older as usize].newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            newer => self.heads[newer as usize].older = older,
        }
    }

    fn link(&mut self, at: u32, older: u32, newer: u32) {
        let head = &mut self.heads[at as usize];
        (head.older, head.newer) = (older, newer);
        match older {
            NONE => self.oldest = at,
            older => self.heads[older as usize].newer = at,
        }
        match newer {
            NONE => self.newest = at,
            newer => self.heads[newer as usize].older = at,
        }
    }
}
