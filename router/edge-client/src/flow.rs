//! What a client hears: replies and notices.
//!
//! Both are broadcast: every subscriber has its own place, and one that is too slow loses the oldest, counted, rather than
//! holding up the connection.

use std::collections::VecDeque;

use bytes::Bytes;
use edge_event::{Class, CommandId, NodeId, Seq};
use edge_wire::{MoveReason, Reject};
use tokio::sync::broadcast;

use crate::error::StopReason;

/// A reply that a rule ordered. Each id comes at most once, as far as the last replies are remembered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// Its name for ever.
    pub id: CommandId,
    /// What to match on.
    pub name: String,
    /// JSON object.
    pub body: Bytes,
}

/// What happened to the connection or to events.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// A session is open.
    Connected {
        /// Which of the endpoints.
        endpoint: String,
        /// The node that answered.
        node: NodeId,
        /// Whether it still knew the session.
        resumed: bool,
        /// The rule set's revision there.
        revision: u64,
    },
    /// A session ended, or an attempt failed; the client tries again.
    Disconnected {
        /// Which of the endpoints.
        endpoint: String,
        /// For a person.
        reason: String,
        /// When the next attempt comes, in milliseconds.
        retry_ms: u64,
    },
    /// Events of a class have their receipts.
    Receipted {
        /// Which class.
        class: Class,
        /// Cumulative.
        up_to: Seq,
    },
    /// An event was refused.
    Rejected(Reject),
    /// The server asked to move; the client is on its way.
    Moving {
        /// Why.
        reason: MoveReason,
    },
    /// The server has receipts for numbers that this queue does not remember: an earlier life of the producer lost its tail
    /// (power loss with [`Durability::Process`](crate::Durability::Process)). Events of this life under those numbers were
    /// taken for the old ones.
    NumbersTaken {
        /// Which class.
        class: Class,
        /// The highest number taken.
        up_to: Seq,
        /// Events of this life that are lost by it.
        events: usize,
    },
    /// The client has given up; what is queued stays in the directory.
    Stopped(StopReason),
}

/// Replies from the moment of subscription on.
#[derive(Debug)]
pub struct Replies(pub(crate) Listener<Reply>);

/// Notices from the moment of subscription on.
#[derive(Debug)]
pub struct Notices(pub(crate) Listener<Notice>);

#[derive(Debug)]
pub(crate) struct Listener<T> {
    receiver: broadcast::Receiver<T>,
    missed: u64,
}

impl<T: Clone> Listener<T> {
    pub(crate) fn new(receiver: broadcast::Receiver<T>) -> Listener<T> {
        Listener { receiver, missed: 0 }
    }

    async fn next(&mut self) -> Option<T> {
        loop {
            match self.receiver.recv().await {
                Ok(item) => return Some(item),
                Err(broadcast::error::RecvError::Lagged(missed)) => self.missed += missed,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    fn try_next(&mut self) -> Option<T> {
        loop {
            match self.receiver.try_recv() {
                Ok(item) => return Some(item),
                Err(broadcast::error::TryRecvError::Lagged(missed)) => self.missed += missed,
                Err(_) => return None,
            }
        }
    }
}

impl Replies {
    /// The next one; `None` when the client has ended.
    pub async fn next(&mut self) -> Option<Reply> {
        self.0.next().await
    }

    /// The next one if it is there already.
    pub fn try_next(&mut self) -> Option<Reply> {
        self.0.try_next()
    }

    /// How many were lost because this listener was too slow.
    pub const fn missed(&self) -> u64 {
        self.0.missed
    }
}

impl Notices {
    /// The next one; `None` when the client has ended.
    pub async fn next(&mut self) -> Option<Notice> {
        self.0.next().await
    }

    /// The next one if it is there already.
    pub fn try_next(&mut self) -> Option<Notice> {
        self.0.try_next()
    }

    /// How many were lost because this listener was too slow.
    pub const fn missed(&self) -> u64 {
        self.0.missed
    }
}

/// The last ids of replies, to drop those that come twice.
#[derive(Debug, Default)]
pub(crate) struct RecentIds(VecDeque<CommandId>);

impl RecentIds {
    const KEPT: usize = 256;

    /// Whether an id is new.
    pub(crate) fn insert(&mut self, id: CommandId) -> bool {
        if self.0.contains(&id) {
            return false;
        }
        if self.0.len() == RecentIds::KEPT {
            self.0.pop_front();
        }
        self.0.push_back(id);
        true
    }
}
