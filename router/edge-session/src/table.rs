//! The shard's connections, addressed by the transport's own handles.
//!
//! In: connections under the handle that the endpoint gave them. Out: the same by handle or by [`SessionKey`]; a key of
//! an earlier tenant of a handle finds nothing. Deliberately absent: any order but the handle's.

use crate::events::SessionKey;
use crate::session::Session;

/// Slots by handle. Boxed, because a connection is six kilobytes and most slots of a burst stay empty afterwards.
#[derive(Default)]
pub(crate) struct Table {
    slots: Vec<Slot>,
    len: usize,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    session: Option<Box<Session>>,
}

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The key for the next tenant of the slot `index`.
    pub(crate) fn next_key(&mut self, index: u32) -> SessionKey {
        let at = index as usize;
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, Slot::default);
        }
        SessionKey { index, generation: self.slots[at].generation.wrapping_add(1) }
    }

    /// # Panics
    /// Where the slot is taken: the endpoint gives a handle again only after its connection is gone.
    pub(crate) fn insert(&mut self, session: Box<Session>) {
        let SessionKey { index, generation } = session.key;
        let slot = &mut self.slots[index as usize];
        assert!(slot.session.is_none(), "connection {index} is still here");
        *slot = Slot { generation, session: Some(session) };
        self.len += 1;
    }

    pub(crate) fn remove(&mut self, index: u32) -> Option<Box<Session>> {
        let removed = self.slots.get_mut(index as usize)?.session.take();
        self.len -= usize::from(removed.is_some());
        removed
    }

    pub(crate) fn at(&mut self, index: u32) -> Option<&mut Session> {
        self.slots.get_mut(index as usize)?.session.as_deref_mut()
    }

    pub(crate) fn get(&mut self, key: SessionKey) -> Option<&mut Session> {
        self.at(key.index).filter(|session| session.key == key)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Session> {
        self.slots.iter_mut().filter_map(|slot| slot.session.as_deref_mut())
    }
}
