//! Commands to deliver, and an upstream that does as it is told.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of it")]

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use edge_event::{
    Action, Command, CommandId, EventId, EventRecord, NodeId, Partition, PlayerKey, Position, Priority, ProducerKey,
    ShardId, StartEpoch, UnixMillis,
};
use edge_upstream::{Answer, Batch, BatchId, Outcome, Sink};

pub fn at(n: u64) -> Position {
    Position { epoch: StartEpoch(1), n }
}

/// A record with `count` commands of one priority.
pub fn record(n: u64, count: u64, priority: Priority, deadline: Option<UnixMillis>) -> EventRecord {
    let command = |index: u64| Command {
        id: CommandId(u128::from(n << 16 | index).to_be_bytes()),
        package: "eu".into(),
        rule: "comeback".into(),
        action_index: index as u16,
        player: "ann".into(),
        priority,
        time: UnixMillis(n as i64),
        deadline,
        action: Action::Publish { topic: "t".into(), message: Bytes::from_static(b"{}") },
    };
    EventRecord {
        id: EventId::Datagram { node: NodeId(1), epoch: StartEpoch(1), shard: ShardId(0), ordinal: n },
        producer: ProducerKey(0),
        player: PlayerKey(0),
        partition: Partition::of(PlayerKey(0)),
        revision: 7,
        time: UnixMillis(n as i64),
        deltas: Vec::new(),
        timers: Vec::new(),
        commands: (0..count).map(command).collect(),
    }
}

/// Keeps what it is given until it is told what to answer.
#[derive(Default)]
pub struct Manual {
    pub given: VecDeque<Batch>,
    pub answers: VecDeque<Answer>,
    /// Batches it holds at most; 0 is no bound.
    pub room: usize,
}

impl Manual {
    /// Answers the batch that was given first.
    pub fn answer(&mut self, outcomes: Vec<Outcome>) -> Batch {
        let batch = self.given.pop_front().expect("there is a batch to answer");
        self.answers.push_back(Answer { id: batch.id, outcomes });
        batch
    }

    /// The same outcome for all of the batch that was given first.
    pub fn answer_all(&mut self, outcome: &Outcome) -> Batch {
        let commands = self.given.front().expect("there is a batch to answer").commands.len();
        self.answer(vec![outcome.clone(); commands])
    }

    /// The positions of every batch it holds.
    pub fn held(&self) -> Vec<Vec<u64>> {
        self.given.iter().map(positions).collect()
    }

    pub fn ids(&self) -> Vec<BatchId> {
        self.given.iter().map(|b| b.id).collect()
    }
}

pub fn positions(batch: &Batch) -> Vec<u64> {
    batch.commands.iter().map(|c| c.place.position.n).collect()
}

impl Sink for Manual {
    fn name(&self) -> &'static str {
        "manual"
    }

    fn has_room(&self) -> bool {
        self.room == 0 || self.given.len() < self.room
    }

    fn submit(&mut self, batch: Batch) {
        assert!(self.has_room(), "a sink without room is given nothing");
        assert!(!batch.commands.is_empty(), "a batch is never empty");
        self.given.push_back(batch);
    }

    fn poll_answer(&mut self) -> Option<Answer> {
        self.answers.pop_front()
    }

    fn handle_timeout(&mut self, _now: Instant) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}
