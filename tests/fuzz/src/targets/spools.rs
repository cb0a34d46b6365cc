//! Spools on simulated disks whose content is known.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_door::sim::{DiskConfig, DiskImage, Rng, SimClock, SimDisk};
use edge_door::{Clock, Disk};
use edge_event::{
    Action, Class, Command, CommandId, EventId, EventRecord, Partition, PlayerKey, Position, Priority, ProducerId,
    ProducerKey, Seq, ShardId, SpoolUuid, StateDelta, StateKey, TimerSet, UnixMillis,
};
use edge_spool::{Config, Item, ReadError, Reader, RecoverError, Recovered, Spool};

pub(super) const UUID: SpoolUuid = SpoolUuid(*b"a spool's uuid!!");
const START_MS: i64 = 1_700_000_000_000;

/// A disk at rest and what was written to it.
pub(super) struct Sample {
    pub(super) image: DiskImage,
    pub(super) config: Config,
    /// With commands, in order.
    pub(super) records: Vec<(Position, EventRecord)>,
    /// The number that cell 0 holds.
    pub(super) last: u64,
    /// Whether the cursor knows all that is committed.
    pub(super) is_cursor_fresh: bool,
}

/// A spool and its disk.
pub(super) struct Node {
    clock: SimClock,
    disk: SimDisk,
    eyes: SimDisk,
    spool: Spool,
    pub(super) recovered: Recovered,
    ticket: u64,
}

/// Small ones: a cursor that knows all, one that lags; and one that has rotated, made checkpoints and retired segments.
pub(super) fn samples() -> &'static [Sample] {
    static SAMPLES: LazyLock<Vec<Sample>> =
        LazyLock::new(|| vec![sample(&tiny(), 4, true), sample(&tiny(), 4, false), sample(&small(), 60, true)]);
    &SAMPLES
}

fn small() -> Config {
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

fn tiny() -> Config {
    Config {
        segment_bytes: 4 << 10,
        record_bytes_max: 512,
        batch_bytes_max: 1 << 10,
        queue_bytes_max: 4 << 10,
        ballast_bytes: 64,
        ..small()
    }
}

/// Two starts with `each` records.
fn sample(config: &Config, each: u64, is_cursor_fresh: bool) -> Sample {
    let mut rng = Rng::new(5);
    let mut node = Node::on_image(&DiskImage::default(), config).expect("a fresh directory opens");
    let (mut records, mut n) = (Vec::new(), 0);
    for epoch in 0..2 {
        for _ in 0..each {
            n += 1;
            let record = record(n);
            let position = node.append(&record);
            if !record.commands.is_empty() {
                records.push((position, record));
            }
            if n.is_multiple_of(2) {
                node.run(Duration::from_millis(2));
            }
        }
        if is_cursor_fresh {
            node.flush();
        }
        if epoch == 0 {
            node = node.crash(&mut rng, config);
        }
    }
    node.disk.crash(&mut rng);
    let image = node.disk.image();
    Sample { image, config: config.clone(), records, last: n, is_cursor_fresh }
}

impl Node {
    pub(super) fn on_image(image: &DiskImage, config: &Config) -> Result<Node, RecoverError> {
        let clock = SimClock::new(Instant::now(), START_MS);
        let disk = SimDisk::from_image(image, clock.clone(), 1, DiskConfig::default());
        Node::open(clock, disk, config)
    }

    fn open(clock: SimClock, mut disk: SimDisk, config: &Config) -> Result<Node, RecoverError> {
        let (spool, recovered) = Spool::recover(&mut disk, config, UUID, UnixMillis(START_MS))?;
        let eyes = disk.handle();
        Ok(Node { clock, disk, eyes, spool, recovered, ticket: 0 })
    }

    fn crash(self, rng: &mut Rng, config: &Config) -> Node {
        let Node { clock, mut disk, .. } = self;
        disk.crash(rng);
        Node::open(clock, disk, config).expect("what a crash leaves opens")
    }

    /// What is durable.
    pub(super) fn image(&self) -> DiskImage {
        self.disk.image()
    }

    pub(super) fn append(&mut self, record: &EventRecord) -> Position {
        self.ticket += 1;
        let now = UnixMillis(self.clock.unix_millis());
        self.spool.append(ShardId(0), self.ticket, record, now).expect("there is room")
    }

    fn drain(&mut self) {
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
            while self.spool.poll_committed().is_some() {}
            if !is_busy {
                return;
            }
        }
    }

    fn step(&mut self, limit: Duration) -> bool {
        self.drain();
        let next = self.disk.next_due().into_iter().chain(self.spool.poll_timeout()).min();
        let Some(next) = next.filter(|next| *next <= self.clock.now() + limit) else { return false };
        self.clock.advance_to(next);
        self.drain();
        true
    }

    fn run(&mut self, span: Duration) {
        let end = self.clock.now() + span;
        while self.step(end.saturating_duration_since(self.clock.now())) {}
        self.clock.advance_to(end);
        self.drain();
    }

    /// Commits everything and persists the cursor.
    pub(super) fn flush(&mut self) {
        self.spool.flush();
        for _ in 0..1000 {
            self.drain();
            if self.spool.is_idle() {
                return;
            }
            assert!(self.step(Duration::from_secs(60)), "a flush comes to its end: {:?}", self.spool.status());
        }
        panic!("a flush takes for ever: {:?}", self.spool.status());
    }

    /// All records with commands, and whether damage was told between them.
    pub(super) fn read_all(&mut self) -> Result<(Vec<(Position, EventRecord)>, bool), ReadError> {
        let mut reader = Reader::new(self.spool.uuid(), Position::NONE);
        let (mut read, mut told) = (Vec::new(), false);
        while let Some(item) = reader.next(&mut self.eyes, self.spool.committed())? {
            match item {
                Item::Record(stored) => read.push((stored.position, stored.record)),
                Item::Damage(_) => told = true,
            }
        }
        Ok((read, told))
    }
}

/// The `n`th record: cell 0 holds `n`, other cells, timers and commands come and go.
pub(super) fn record(n: u64) -> EventRecord {
    let key = |n: u64| StateKey { definition: n % 3, key: u128::from(n % 5), partition: partition(n) };
    let value = Bytes::from(vec![n as u8; (n % 40) as usize]);
    let zero = StateKey { definition: 99, key: 0, partition: Partition::of(PlayerKey(0)) };
    let deltas =
        [(zero, Some(Bytes::copy_from_slice(&n.to_le_bytes()))), (key(n), (!n.is_multiple_of(4)).then_some(value))];
    let deltas = deltas.into_iter().take(1 + (n % 2) as usize);
    let due = n.is_multiple_of(5).then_some(UnixMillis(n as i64));
    EventRecord {
        id: EventId::Reliable {
            sub: "p".into(),
            producer: ProducerId([(n % 5) as u8; 16]),
            class: Class::ALL[(n % 2) as usize],
            seq: Seq(n),
        },
        producer: ProducerKey(u128::from(n % 5)),
        player: PlayerKey(u128::from(n % 7)),
        partition: partition(n),
        revision: 3,
        time: UnixMillis(START_MS),
        deltas: deltas.map(|(key, value)| StateDelta { key, value, expires: None }).collect(),
        timers: (0..u64::from(n.is_multiple_of(3))).map(|_| TimerSet { key: key(n), due }).collect(),
        commands: (0..n % 2).map(|i| command(n * 10 + i)).collect(),
    }
}

fn partition(n: u64) -> Partition {
    Partition::of(PlayerKey(u128::from(n % 7)))
}

fn command(n: u64) -> Command {
    Command {
        id: CommandId(u128::from(n).to_le_bytes()),
        package: "eu".into(),
        rule: "comeback".into(),
        action_index: 0,
        player: Arc::from("p1"),
        priority: Priority::from_u8((n % 5) as u8).expect("five priorities"),
        time: UnixMillis(START_MS),
        deadline: None,
        action: Action::Publish { topic: "t".into(), message: Bytes::from_static(b"xx") },
    }
}

/// What cell 0 holds.
pub(super) fn last_record(recovered: &Recovered) -> u64 {
    let cell = recovered.state.iter().find(|(key, _, _)| key.definition == 99);
    cell.map_or(0, |(_, value, _)| value.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)))
}
