//! The writer between rings whose other ends a test holds, on a disk whose syncs fail when told to.

use std::cell::Cell;
use std::rc::Rc;

use edge_door::{DiskOp, FileName, OpId};
use edge_event::{EventId, EventRecord, Partition, PlayerKey, ProducerId, ProducerKey, Seq};
use edge_io::PlainDisk;

use super::*;
use crate::fabric::{self, ShardLinks};
use crate::pulse::Pulses;

/// A directory whose syncs can be made to fail.
struct Faulty {
    disk: PlainDisk,
    fails: Rc<Cell<bool>>,
    ends: std::collections::VecDeque<(OpId, io::Result<()>)>,
}

impl Disk for Faulty {
    fn submit(&mut self, id: OpId, op: DiskOp) {
        let end = self.blocking(op);
        self.ends.push_back((id, end));
    }

    fn poll(&mut self) -> Option<(OpId, io::Result<()>)> {
        self.ends.pop_front()
    }

    fn blocking(&mut self, op: DiskOp) -> io::Result<()> {
        match op {
            DiskOp::Sync { .. } if self.fails.get() => Err(io::Error::other("the disk is gone")),
            op => self.disk.blocking(op),
        }
    }

    fn list(&mut self) -> io::Result<Vec<(FileName, u64)>> {
        self.disk.list()
    }

    fn read(&mut self, file: &FileName, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        self.disk.read(file, offset, out)
    }
}

struct Stand {
    writer: Writer,
    disk: Faulty,
    fails: Rc<Cell<bool>>,
    shards: Vec<ShardLinks>,
    _folder: tempfile::TempDir,
}

fn stand() -> Stand {
    let folder = tempfile::tempdir().unwrap();
    let fails = Rc::new(Cell::new(false));
    let disk = PlainDisk::new(Arc::new(Directory::open(folder.path()).unwrap()));
    let mut disk = Faulty { disk, fails: fails.clone(), ends: Default::default() };
    let config = Config { segment_bytes: 4 << 20, commit_window: Duration::ZERO, ..Config::default() };
    let (spool, _) = Spool::recover(&mut disk, &config, SpoolUuid([1; 16]), UnixMillis(1)).unwrap();
    let (shards, links) = fabric::lay(2);
    let writer = Writer::new(
        spool,
        links,
        Arc::default(),
        ProcessClock::default(),
        Pulses::new(Instant::now()).add("spool"),
        "test",
    );
    Stand { writer, disk, fails, shards, _folder: folder }
}

impl Stand {
    fn give(&mut self, shard: usize, item: ToSpool) {
        assert!(self.shards[shard].spool.push(item).is_ok());
    }

    /// Turns until the writer has nothing to do at once, or has ended.
    fn turn(&mut self) -> Turn {
        for _ in 0..1_000 {
            match self.writer.turn(&mut self.disk) {
                Turn::Wait(_) if !self.disk.ends.is_empty() => {}
                turn => return turn,
            }
        }
        panic!("it never rests");
    }

    fn committed(&self, shard: usize) -> u64 {
        self.shards[shard].committed.load(Ordering::Acquire)
    }

    fn stop(&self) {
        self.writer.desk.stop.store(true, Ordering::Release);
    }
}

fn record(ticket: u64) -> ToSpool {
    let player = PlayerKey(7);
    let record = EventRecord {
        id: EventId::Reliable {
            sub: "p1".into(),
            producer: ProducerId([1; 16]),
            class: edge_event::Class::ALL[0],
            seq: Seq(ticket),
        },
        producer: ProducerKey::default(),
        player,
        partition: Partition::of(player),
        revision: 1,
        time: UnixMillis(1),
        deltas: Vec::new(),
        timers: Vec::new(),
        commands: Vec::new(),
    };
    ToSpool::Record { ticket, record: Box::new(record) }
}

#[test]
fn what_shards_give_is_committed_and_a_cut_is_shown_at_once() {
    let mut stand = stand();
    for ticket in 1..=3 {
        stand.give(0, record(ticket));
    }
    stand.give(1, record(1));
    stand.give(1, ToSpool::Cut(4));
    assert_ne!(stand.turn(), Turn::Done);
    while stand.committed(0) < 3 || stand.committed(1) < 1 {
        stand.turn();
    }
    assert_eq!(stand.writer.desk.figures.load().at_cut[1], (4, 0));
    stand.stop();
    while stand.turn() != Turn::Done {}
    let figures = stand.writer.desk.figures.load_full();
    assert!(figures.is_idle && figures.status.uncommitted_records == 0);
}

#[test]
fn a_spool_that_cannot_commit_keeps_what_it_has_back_and_still_ends() {
    let mut stand = stand();
    stand.fails.set(true);
    stand.give(0, record(1));
    while *stand.writer.spool.health() == Health::Healthy {
        stand.turn();
    }
    for ticket in 2..=5 {
        stand.give(0, record(ticket));
    }
    stand.turn();
    assert_eq!(stand.committed(0), 0, "no receipt for what is not on disk");
    assert!(stand.writer.held[0].is_some(), "one is held, the others stay in the ring");
    stand.stop();
    assert_eq!(stand.turn(), Turn::Done, "nothing that it could wait for will come");
}

#[test]
fn the_end_has_a_limit_where_the_cursor_cannot_be_written() {
    let mut stand = stand();
    stand.give(0, record(1));
    while stand.committed(0) < 1 {
        stand.turn();
    }
    let settled = stand.writer.spool.committed();
    *lock(&stand.writer.desk.settled) = settled;
    stand.fails.set(true);
    stand.stop();
    assert_ne!(stand.turn(), Turn::Done, "the cursor is tried for a while");
    stand.writer.stopping = stand.writer.stopping.map(|since| since - STOP_WITHIN);
    assert_eq!(stand.turn(), Turn::Done);
}
