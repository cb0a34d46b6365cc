//! A spool on a simulated disk with a virtual clock, and records to put into it.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_door::sim::{DiskConfig, DiskImage, Rng, SimClock, SimDisk};
use edge_door::{Clock, Disk};
use edge_event::{
    Action, Class, Command, CommandId, EventId, EventRecord, Partition, PlayerKey, Position, Priority, ProducerId,
    ProducerKey, Seq, SpoolUuid, StateDelta, StateKey, TimerSet, UnixMillis,
};
use edge_spool::{Config, Item, Reader, RecoverError, Recovered, Spool, StoredRecord};

pub const UUID: SpoolUuid = SpoolUuid(*b"a spool's uuid!!");
pub const START_MS: i64 = 1_700_000_000_000;

/// Small enough that rotation, checkpoints and retirement happen all the time.
pub fn small() -> Config {
    Config {
        segment_bytes: 8 << 10,
        record_bytes_max: 1 << 10,
        batch_bytes_max: 3 << 10,
        queue_bytes_max: 8 << 10,
        log_bytes_max: 1 << 20,
        checkpoint_every_bytes: 8 << 10,
        checkpoint_piece_bytes: 512,
        ballast_bytes: 1 << 10,
        cursor_interval: Duration::from_millis(5),
        retry_interval: Duration::from_millis(10),
        ..Config::default()
    }
}

pub struct World {
    pub clock: SimClock,
    pub disk: SimDisk,
    /// The reader's door.
    pub eyes: SimDisk,
    pub config: Config,
    pub spool: Spool,
    pub recovered: Recovered,
    /// Tickets of shard 0 that are durable.
    pub committed_ticket: u64,
}

impl World {
    pub fn new(config: Config, faults: DiskConfig, seed: u64) -> World {
        let clock = SimClock::new(Instant::now(), START_MS);
        let disk = SimDisk::new(clock.clone(), seed, faults);
        World::open(clock, disk, config).expect("a fresh directory opens")
    }

    pub fn on_image(image: &DiskImage, config: Config) -> Result<World, RecoverError> {
        let clock = SimClock::new(Instant::now(), START_MS);
        let disk = SimDisk::from_image(image, clock.clone(), 1, DiskConfig::default());
        World::open(clock, disk, config)
    }

    pub fn open(clock: SimClock, mut disk: SimDisk, config: Config) -> Result<World, RecoverError> {
        let (spool, recovered) = Spool::recover(&mut disk, &config, UUID, UnixMillis(clock.unix_millis()))?;
        let eyes = disk.handle();
        Ok(World { clock, disk, eyes, config, spool, recovered, committed_ticket: 0 })
    }

    pub fn now_ms(&self) -> UnixMillis {
        UnixMillis(self.clock.unix_millis())
    }

    /// Everything that can happen without time passing.
    pub fn drain(&mut self) {
        loop {
            let mut is_busy = false;
            while let Some((id, op)) = self.spool.poll_op(self.clock.now()) {
                self.disk.submit(id, op);
                is_busy = true;
            }
            while let Some((id, result)) = self.disk.poll() {
                self.spool.handle_end(id, result, self.clock.now());
                is_busy = true;
            }
            while let Some(committed) = self.spool.poll_committed() {
                assert!(committed.up_to_ticket > self.committed_ticket, "commits rise");
                self.committed_ticket = committed.up_to_ticket;
            }
            if !is_busy {
                return;
            }
        }
    }

    /// Drains and moves the clock to the next thing that happens, if it is within `limit`.
    pub fn step(&mut self, limit: Duration) -> bool {
        self.drain();
        let next = self.disk.next_due().into_iter().chain(self.spool.poll_timeout()).min();
        let Some(next) = next.filter(|next| *next <= self.clock.now() + limit) else { return false };
        self.clock.advance_to(next);
        self.drain();
        true
    }

    /// Runs for a span of virtual time.
    pub fn run(&mut self, span: Duration) {
        let end = self.clock.now() + span;
        while self.step(end.saturating_duration_since(self.clock.now())) {}
        self.clock.advance_to(end);
        self.drain();
    }

    /// Commits everything and persists the cursor.
    pub fn flush(&mut self) {
        self.spool.flush();
        for _ in 0..10_000 {
            self.drain();
            if self.spool.is_idle() {
                return;
            }
            assert!(self.step(Duration::from_secs(60)), "a flush comes to its end: {:?}", self.spool.status());
        }
        panic!("a flush takes for ever: {:?}", self.spool.status());
    }

    pub fn read_all(&mut self, settled: Position) -> Vec<StoredRecord> {
        let mut reader = Reader::new(self.spool.uuid(), settled);
        let mut all = Vec::new();
        while let Some(item) = reader.next(&mut self.eyes, self.spool.committed()).expect("the log reads") {
            match item {
                Item::Record(record) => all.push(*record),
                Item::Damage(damage) => panic!("unexpected {damage:?}"),
            }
        }
        all
    }

    /// The power goes and comes back.
    pub fn crash(self, rng: &mut Rng, config: Config) -> Result<World, RecoverError> {
        let World { clock, mut disk, .. } = self;
        disk.crash(rng);
        World::open(clock, disk, config)
    }
}

pub fn state_key(n: u64) -> StateKey {
    StateKey { definition: n % 3, key: u128::from(n), partition: partition(n) }
}

pub fn partition(n: u64) -> Partition {
    Partition::of(PlayerKey(u128::from(n % 7)))
}

pub fn command(n: u64, body_bytes: usize) -> Command {
    Command {
        id: CommandId(u128::from(n).to_le_bytes()),
        package: "eu.retention".into(),
        rule: "comeback".into(),
        action_index: 0,
        player: Arc::from(format!("p{n}")),
        priority: Priority::from_u8((n % 5) as u8).expect("five priorities"),
        time: UnixMillis(START_MS),
        deadline: n.is_multiple_of(4).then_some(UnixMillis(START_MS + n as i64)),
        action: Action::Publish { topic: "t".into(), message: Bytes::from(vec![b'x'; body_bytes]) },
    }
}

/// The `n`th record of a test. Cell 0 always holds `n`.
pub fn record(n: u64, rng: &mut Rng) -> EventRecord {
    let some = |rng: &mut Rng, most: u64| (0..rng.below(most + 1)).map(|_| rng.below(40) + 1).collect::<Vec<_>>();
    let mut deltas = vec![StateDelta {
        key: StateKey { definition: 99, key: 0, partition: Partition::of(PlayerKey(0)) },
        value: Some(Bytes::copy_from_slice(&n.to_le_bytes())),
        expires: None,
    }];
    deltas.extend(some(rng, 2).into_iter().map(|cell| StateDelta {
        key: state_key(cell),
        value: rng.chance(700_000).then(|| Bytes::from(vec![n as u8; rng.index(60)])),
        expires: None,
    }));
    let timers = some(rng, 1)
        .into_iter()
        .map(|cell| TimerSet { key: state_key(cell), due: rng.chance(500_000).then_some(UnixMillis(n as i64)) })
        .collect();
    let commands = (0..rng.below(3)).map(|i| command(n * 10 + i, rng.index(90))).collect();
    EventRecord {
        id: EventId::Reliable {
            sub: "p".into(),
            producer: ProducerId([(n % 5) as u8; 16]),
            class: Class::new((n % 2) as u8).expect("a class"),
            seq: Seq(n),
        },
        producer: ProducerKey(u128::from(n % 5)),
        player: PlayerKey(u128::from(n % 7)),
        partition: partition(n),
        revision: 3,
        time: UnixMillis(START_MS),
        deltas,
        timers,
        commands,
    }
}

/// What cell 0 holds: the number of the last record that was recovered.
pub fn last_record(recovered: &Recovered) -> u64 {
    let cell = recovered.state.iter().find(|(key, _, _)| key.definition == 99);
    cell.map_or(0, |(_, value, _)| u64::from_le_bytes(value[..].try_into().expect("eight bytes")))
}
