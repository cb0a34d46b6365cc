//! From committed records to settled positions.
//!
//! What comes in: records in log order, a sink and a quarantine to talk to, the time. What goes out: batches, and the highest
//! position up to which every command has ended: delivered, expired, quarantined or shed. Open commands are bounded; what
//! is beyond waits in the spool.
//!
//! Urgent priorities are offered to the sink first. Lanes do not wait for each other, until the bound on open commands is
//! reached.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use edge_event::{EventRecord, Lane, Position, Priority, UnixMillis};
use edge_mutant::mutant;

use crate::command::{LaneCommand, Place};
use crate::config::Config;
use crate::lane::{End, LaneQueue};
use crate::ledger::Ledger;
use crate::sink::{Answer, Batch, BatchId, Outcome, Sink};

/// By urgency, then by lane.
type LaneName = (Priority, Lane);

/// Delivery of one spool's commands.
///
/// *Mutate, then drain.* While [`wants`](Forwarder::wants) says so, read the spool and [`accept`](Forwarder::accept); then
/// [`pump`](Forwarder::pump) with both sinks; then hand [`poll_settled`](Forwarder::poll_settled) to the spool. Sleep until
/// a sink answers, the spool commits more, or a time-out of the forwarder or of a sink.
#[derive(Debug)]
pub struct Forwarder {
    config: Config,
    lanes: BTreeMap<LaneName, LaneQueue>,
    /// Which lane a batch on its way belongs to.
    batches: BTreeMap<BatchId, LaneName>,
    next_batch: u64,
    quarantine: Quarantine,
    open: Open,
    told: Position,
    under_pressure: bool,
    ledger: Ledger,
}

/// Rejected commands, until the quarantine has them.
#[derive(Debug, Default)]
struct Quarantine {
    waiting: VecDeque<Arc<LaneCommand>>,
    on_its_way: Option<(BatchId, Vec<Arc<LaneCommand>>)>,
    not_before: Option<Instant>,
}

/// Commands that have not ended, by record.
#[derive(Debug)]
struct Open {
    records: BTreeMap<Position, usize>,
    commands: usize,
    bytes: usize,
    accepted: Position,
}

impl Open {
    fn end_one(&mut self, command: &LaneCommand) {
        let position = command.place.position;
        let left = self.records.get_mut(&position).expect("a command ends once, and after its record was accepted");
        *left -= 1;
        if *left == 0 {
            self.records.remove(&position);
        }
        self.commands -= 1;
        self.bytes -= command.bytes();
    }

    /// Everything up to here has ended.
    fn settled(&self) -> Position {
        self.records.first_key_value().map_or(self.accepted, |(first, _)| first.before())
    }
}

impl Forwarder {
    /// Begins behind `settled`.
    pub fn new(config: Config, settled: Position) -> Forwarder {
        Forwarder {
            config,
            lanes: BTreeMap::new(),
            batches: BTreeMap::new(),
            next_batch: 1,
            quarantine: Quarantine::default(),
            open: Open { records: BTreeMap::new(), commands: 0, bytes: 0, accepted: settled },
            told: settled,
            under_pressure: false,
            ledger: Ledger::default(),
        }
    }

    /// Whether another record may be accepted.
    pub fn wants(&self) -> bool {
        self.open.commands < self.config.open_max && self.open.bytes < OPEN_BYTES_MAX
    }

    /// Takes a committed record, in log order.
    pub fn accept(&mut self, position: Position, lane: Lane, priority: Priority, record: EventRecord) {
        assert!(position > self.open.accepted, "records come in log order: {position} after {}", self.open.accepted);
        self.open.accepted = position;
        let count = record.commands.len();
        self.ledger.taken += count as u64;
        if count == 0 {
            return;
        }
        let queue = self.lanes.entry((priority, lane)).or_default();
        if self.under_pressure && priority == Priority::BestEffort {
            record.commands.iter().for_each(|_| queue.shed_arriving());
            self.ledger.shed += count as u64;
            return;
        }
        self.open.records.insert(position, count);
        self.open.commands += count;
        let EventRecord { id: event, revision, commands, .. } = record;
        for (index, mut command) in commands.into_iter().enumerate() {
            // It may stay open for hours; its body would keep alive all that was read with it, which no bound counts.
            if !mutant!(BodyKeepsItsChunk) {
                command.action.detach();
            }
            let place = Place { position, index: u16::try_from(index).expect("a record has at most 65,536 commands") };
            let event = event.clone();
            let command = LaneCommand { place, lane, priority, revision, event, skipped: 0, rejected: None, command };
            self.open.bytes += command.bytes();
            queue.push(command);
        }
    }

    /// Whether the spool is near its bound: best-effort records that arrive meanwhile are shed.
    pub fn set_pressure(&mut self, under_pressure: bool) {
        self.under_pressure = under_pressure;
    }

    /// Takes the sinks' answers and gives them what they have room for.
    pub fn pump(&mut self, sink: &mut dyn Sink, quarantine: &mut dyn Sink, now: Instant, unix: UnixMillis) {
        tell_time(sink, now);
        tell_time(quarantine, now);
        while let Some(answer) = sink.poll_answer() {
            self.on_answer(answer, now);
        }
        while let Some(answer) = quarantine.poll_answer() {
            self.on_quarantine_answer(answer, now);
        }
        self.shed();
        self.send(sink, now, unix);
        self.send_to_quarantine(quarantine, now);
        self.lanes.retain(|_, lane| !lane.is_over());
    }

    /// The position up to which everything has ended, where it has risen.
    pub fn poll_settled(&mut self) -> Option<Position> {
        let settled = self.open.settled();
        (settled > self.told).then(|| {
            self.told = settled;
            settled
        })
    }

    /// When to pump again though nothing happened; the sinks have time-outs of their own.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let quarantine = if self.quarantine.on_its_way.is_none() { self.quarantine.not_before } else { None };
        self.lanes.values().filter_map(LaneQueue::timeout).chain(quarantine).min()
    }

    /// Whether every accepted command has ended.
    pub fn is_idle(&self) -> bool {
        self.open.commands == 0
    }

    /// Delivery's end of the ledger.
    pub fn ledger(&self) -> Ledger {
        Ledger { pending: self.open.commands as u64, ..self.ledger }
    }

    fn on_answer(&mut self, answer: Answer, now: Instant) {
        let name = self.batches.remove(&answer.id).expect("a sink answers each batch once");
        let lane = self.lanes.get_mut(&name).expect("a lane with a batch on its way is kept");
        let (open, ledger, quarantine) = (&mut self.open, &mut self.ledger, &mut self.quarantine);
        let resent = lane.on_answer(answer.id, answer.outcomes, now, |command, end| match end {
            End::Rejected(reason) => {
                tracing::warn!(id = %command.command.id, %reason, "a command goes to the quarantine");
                quarantine.waiting.push_back(Arc::new(LaneCommand { rejected: Some(reason), ..command.clone() }));
            }
            End::Delivered => {
                ledger.delivered += 1;
                open.end_one(command);
            }
            End::Expired => unreachable!("a sink does not expire commands"),
        });
        self.ledger.resent += resent;
    }

    fn on_quarantine_answer(&mut self, answer: Answer, now: Instant) {
        let (id, sent) = self.quarantine.on_its_way.take().expect("an answer is to a batch on its way");
        assert!(id == answer.id && sent.len() == answer.outcomes.len(), "the quarantine answers its one batch");
        let mut again = Vec::new();
        for (command, outcome) in sent.into_iter().zip(answer.outcomes) {
            match outcome {
                Outcome::Delivered if again.is_empty() => {
                    self.ledger.quarantined += 1;
                    self.open.end_one(&command);
                }
                Outcome::Retry { after } if again.is_empty() => {
                    self.quarantine.not_before = Some(now + after);
                    again.push(command);
                }
                // Nowhere is left to put it. It stays open: never lost in silence, and the ledger shows it.
                Outcome::Reject { reason } if again.is_empty() => {
                    tracing::error!(id = %command.command.id, %reason, "the quarantine refused a command; it is tried again");
                    self.quarantine.not_before = Some(now + REFUSED_QUARANTINE_WAIT);
                    again.push(command);
                }
                _ => again.push(command),
            }
        }
        again.into_iter().rev().for_each(|command| self.quarantine.waiting.push_front(command));
    }

    /// Drops the oldest waiting best-effort commands while too many commands are open.
    fn shed(&mut self) {
        while self.open.commands > self.config.shed_above {
            let best_effort = self.lanes.iter_mut().filter(|((priority, _), _)| *priority == Priority::BestEffort);
            let oldest = best_effort.filter_map(|(_, lane)| Some((lane.oldest_waiting()?, lane)));
            let Some((_, lane)) = oldest.min_by_key(|(place, _)| *place) else { return };
            let Some(shed) = lane.shed_one() else { return };
            self.ledger.shed += 1;
            self.open.end_one(&shed);
        }
    }

    fn send(&mut self, sink: &mut dyn Sink, now: Instant, unix: UnixMillis) {
        for (name, lane) in &mut self.lanes {
            if !sink.has_room() {
                return;
            }
            if !lane.is_ready(now) {
                continue;
            }
            let id = BatchId(self.next_batch);
            let (open, ledger) = (&mut self.open, &mut self.ledger);
            let commands = lane.take_batch(id, self.config.batch_max, unix, |command, _| {
                ledger.expired += 1;
                open.end_one(command);
            });
            if !commands.is_empty() {
                self.next_batch += 1;
                self.batches.insert(id, *name);
                sink.submit(Batch { id, commands });
            }
        }
    }

    fn send_to_quarantine(&mut self, sink: &mut dyn Sink, now: Instant) {
        let queue = &mut self.quarantine;
        let is_early = queue.not_before.is_some_and(|at| at > now);
        if queue.on_its_way.is_some() || queue.waiting.is_empty() || is_early || !sink.has_room() {
            return;
        }
        queue.not_before = None;
        let count = queue.waiting.len().min(self.config.batch_max);
        let commands: Vec<_> = queue.waiting.drain(..count).collect();
        let id = BatchId(self.next_batch);
        self.next_batch += 1;
        queue.on_its_way = Some((id, commands.clone()));
        sink.submit(Batch { id, commands });
    }
}

/// Open commands may weigh this much together, in bytes; one record may go over it.
const OPEN_BYTES_MAX: usize = 128 << 20;

/// How long a command waits that even the quarantine refuses.
const REFUSED_QUARANTINE_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

fn tell_time(sink: &mut dyn Sink, now: Instant) {
    if sink.poll_timeout().is_some_and(|at| at <= now) {
        sink.handle_timeout(now);
    }
}
