//! The file sink's opening: files of commands that a crash, a disk or an operator changed.
//!
//! The first byte says up to where delivery is settled, then come changes of the files: flipped bits, cuts, more bytes,
//! files gone or swapped. What must hold: never a panic; a refusal says what to do; opening what opening left cuts
//! nothing more and changes nothing; what is not settled is delivered again, and where only the newest file's end was
//! changed, no command is twice in the files and none is missing.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_door::sim::{DiskConfig, DiskImage, SimClock, SimDisk};
use edge_door::{Clock, Disk};
use edge_event::{
    Action, Command, CommandId, EventId, Lane, NodeId, Position, Priority, ShardId, SpoolUuid, StartEpoch, UnixMillis,
};
use edge_sink_file::{Config, FileSink, OpenReport};
use edge_upstream::{Batch, BatchId, LaneCommand, Outcome, Place, Sink};

use crate::input::Input;

const SPOOL: SpoolUuid = SpoolUuid([7; 16]);
const COMMANDS: u64 = 14;

pub(super) fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let settled = at(u64::from(input.u8()) % (COMMANDS + 1));
    let mut image = sample().clone();
    let harm = damage(&mut image, &mut input);
    let mut bench = match Bench::on_image(&image, settled) {
        Ok((bench, _)) => bench,
        Err(error) => return assert!(!error.is_empty()),
    };
    let left = bench.disk.image();
    let (mut again, report) = Bench::on_image(&left, settled).expect("what opening left opens");
    if !harm.is_foreign {
        assert_eq!(report.cut_bytes, 0, "nothing more is to be cut");
        assert_eq!(again.disk.image(), left, "and nothing changes");
    }
    let unsettled: Vec<u64> = (1..=COMMANDS).filter(|n| at(*n) > settled).collect();
    bench.deliver(unsettled.iter().copied());
    again.deliver(unsettled.iter().copied());
    let counts = bench.counts();
    assert!(harm.is_foreign || counts == again.counts(), "{counts:?} {:?}", again.counts());
    if harm.is_tail {
        unsettled.iter().for_each(|n| assert_eq!(counts.get(n), Some(&1), "command {n} once: {counts:?}"));
        assert!(counts.values().all(|count| *count == 1), "none twice: {counts:?}");
    }
}

struct Bench {
    clock: SimClock,
    disk: SimDisk,
    sink: FileSink,
    next_batch: u64,
}

impl Bench {
    fn on_image(image: &DiskImage, settled: Position) -> Result<(Bench, OpenReport), String> {
        static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
        let clock = SimClock::new(*BEGINNING, 0);
        let mut disk = SimDisk::from_image(image, clock.clone(), 1, DiskConfig::default());
        let config = Config {
            rotate_bytes: 1500,
            retry_interval: Duration::from_millis(5),
            ..Config::new("/edge/test/node-1", SPOOL)
        };
        let (sink, report) = FileSink::open(&mut disk, config, settled).map_err(|error| error.to_string())?;
        Ok((Bench { clock, disk, sink, next_batch: 1 }, report))
    }

    fn deliver(&mut self, numbers: impl Iterator<Item = u64>) {
        for n in numbers {
            let id = BatchId(self.next_batch);
            self.next_batch += 1;
            self.sink.submit(Batch { id, commands: vec![Arc::new(command(n))] });
            let outcomes = self.answer();
            assert!(matches!(outcomes[..], [Outcome::Delivered]), "{outcomes:?}");
        }
    }

    fn answer(&mut self) -> Vec<Outcome> {
        for _ in 0..1000 {
            let now = self.clock.now();
            while let Some((id, op)) = self.sink.poll_op(now) {
                self.disk.submit(id, op);
            }
            while let Some((id, end)) = self.disk.poll() {
                self.sink.handle_end(id, end, now);
            }
            if let Some(answer) = self.sink.poll_answer() {
                return answer.outcomes;
            }
            if let Some(due) = self.sink.poll_timeout() {
                self.clock.advance_to(due);
                self.sink.handle_timeout(due);
            }
        }
        panic!("a batch is answered in bounded time");
    }

    /// How often each command is in the files, as a consumer reads them.
    fn counts(&mut self) -> BTreeMap<u64, u64> {
        let mut counts = BTreeMap::new();
        for (name, bytes) in &self.disk.image().files {
            if !name.ends_with(".jsonl") {
                continue;
            }
            for line in bytes.split(|b| *b == b'\n') {
                let Ok(line) = serde_json::from_slice::<serde_json::Value>(line) else { continue };
                let Some(id) = line["id"].as_str().and_then(|id| id.get(16..)) else { continue };
                *counts.entry(u64::from_str_radix(id, 16).unwrap_or(0)).or_insert(0) += 1;
            }
        }
        counts
    }
}

fn at(n: u64) -> Position {
    if n == 0 { Position::NONE } else { Position { epoch: StartEpoch(1), n } }
}

fn command(n: u64) -> LaneCommand {
    LaneCommand {
        place: Place { position: at(n), index: 0 },
        lane: Lane((n % 2) as u16),
        priority: Priority::P2,
        revision: 7,
        event: EventId::Datagram { node: NodeId(1), epoch: StartEpoch(1), shard: ShardId(0), ordinal: n },
        skipped: 0,
        rejected: None,
        command: Command {
            id: CommandId(u128::from(n).to_be_bytes()),
            package: "eu".into(),
            rule: "comeback".into(),
            action_index: 0,
            player: "ann".into(),
            priority: Priority::P2,
            time: UnixMillis(1_772_357_400_250),
            deadline: None,
            action: Action::Publish { topic: "t".into(), message: Bytes::from_static(b"{\"a\":1}") },
        },
    }
}

/// Some files with their marks.
fn sample() -> &'static DiskImage {
    static SAMPLE: LazyLock<DiskImage> = LazyLock::new(|| {
        let (mut bench, _) = Bench::on_image(&DiskImage::default(), Position::NONE).expect("a fresh directory opens");
        bench.deliver(1..=COMMANDS);
        bench.disk.image()
    });
    &SAMPLE
}

/// What was done to the files.
struct Harm {
    /// Nothing but a cut of the newest file of lines.
    is_tail: bool,
    /// A file has another's name: which one was the newest may be seen otherwise next time, and more be cut and sent again.
    is_foreign: bool,
}

/// Changes an image as the input says.
fn damage(image: &mut DiskImage, input: &mut Input<'_>) -> Harm {
    let newest = image.files.keys().filter(|name| name.ends_with(".jsonl")).max().cloned();
    let mut harm = Harm { is_tail: true, is_foreign: false };
    for _ in 0..6 {
        if input.is_empty() || image.files.is_empty() {
            break;
        }
        let how = input.u8() % 8;
        let name = image.files.keys().nth(input.below(image.files.len())).expect("below the count").clone();
        harm.is_tail &= how == 0 && Some(&name) == newest.as_ref();
        harm.is_foreign |= how >= 6;
        let file = image.files.get_mut(&name).expect("it is there");
        let place = usize::from(input.u16()) % (file.len() + 1);
        match how {
            0 => file.truncate(place),
            1 | 2 if place < file.len() => file[place] ^= 1 << (input.u8() % 8),
            3 => drop(file.splice(place..place, input.short().iter().copied())),
            4 => drop(file.drain(place..(place + usize::from(input.u8())).min(file.len()))),
            5 => drop(image.files.remove(&name)),
            6 => {
                let other = image.files.keys().nth(input.below(image.files.len())).expect("below the count").clone();
                let (a, b) = (image.files[&name].clone(), image.files[&other].clone());
                image.files.insert(name, b);
                image.files.insert(other, a);
            }
            _ => {
                let copy =
                    format!("commands-{:08}.{}", input.u8(), if place.is_multiple_of(2) { "jsonl" } else { "marks" });
                let bytes = image.files[&name].clone();
                image.files.insert(copy.as_str().into(), bytes);
            }
        }
    }
    harm
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![vec![0], vec![14], vec![7]];
    for settled in [0, 9, 14] {
        for how in 0..8 {
            seeds.extend(
                [(0, 60), (1, 200), (2, 90), (3, 20), (4, 10)]
                    .map(|(file, at)| vec![settled, how, file, at, 2, 3, 1, 9]),
            );
        }
        seeds.extend([0, 100, 255].map(|at| vec![settled, 0, 6, at, 1]));
    }
    seeds
}
