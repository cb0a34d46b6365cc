//! The forward thread of the simulated daemon: reader, forwarder, file sink and its quarantine.
//!
//! Mirrors the daemon's own loop. In: how far the spool is committed. Out: how far delivery is settled. Deliberately absent:
//! order and retries, which are `edge-upstream`'s.

use std::time::{Duration, Instant};

use edge_door::Disk as _;
use edge_door::sim::SimDisk;
use edge_event::{NodeId, Position, UnixMillis};
use edge_sink_file::{FileSink, OpenError};
use edge_spool::{Item, Reader, Recovered};
use edge_upstream::{Forwarder, Ledger, Sink};

use crate::heap;
use crate::scribe::{Promise, Scribe};

/// Records read before the sink is served.
const READ_BATCH: usize = 64;
/// How long to wait after the spool's files could not be read.
const READ_RETRY: Duration = Duration::from_millis(250);
/// Small, so that stories see many files.
const ROTATE_BYTES: u64 = 24 << 10;
/// How long the sink waits after its disk failed.
const SINK_RETRY: Duration = Duration::from_millis(40);

/// See the head of this file.
pub(crate) struct ForwardSeat {
    reader: Reader,
    spool_files: SimDisk,
    forwarder: Forwarder,
    sink: Upstream,
    quarantine: Upstream,
    committed: Position,
    /// Everything up to `committed` was read.
    is_exhausted: bool,
    retry_at: Option<Instant>,
    /// The position last told to be settled.
    pub(crate) settled: Position,
}

/// A file sink and its directory.
struct Upstream {
    sink: FileSink,
    disk: SimDisk,
}

impl Upstream {
    fn open(disk: &SimDisk, config: edge_sink_file::Config, settled: Position) -> Result<Upstream, OpenError> {
        let mut disk = disk.handle();
        let (sink, _) = FileSink::open(&mut disk, config, settled)?;
        Ok(Upstream { sink, disk })
    }

    /// Carries out what the sink wants of its disk.
    fn drive(&mut self, now: Instant) {
        loop {
            while let Some((id, op)) = self.sink.poll_op(now) {
                let _mine = heap::of_simulator();
                self.disk.submit(id, op);
            }
            let polled = {
                let _mine = heap::of_simulator();
                self.disk.poll()
            };
            let Some((id, end)) = polled else { return };
            self.sink.handle_end(id, end, now);
        }
    }
}

impl ForwardSeat {
    /// Opens the sinks where they left off.
    pub(crate) fn open(
        node: NodeId,
        recovered: &Recovered,
        spool_files: SimDisk,
        sink: &SimDisk,
        quarantine: &SimDisk,
    ) -> Result<ForwardSeat, OpenError> {
        let source = format!("/edge/sim/node-{}", node.0);
        let files = edge_sink_file::Config {
            rotate_bytes: ROTATE_BYTES,
            retry_interval: SINK_RETRY,
            ..edge_sink_file::Config::new(&source, recovered.uuid)
        };
        let refused = edge_sink_file::Config::quarantine(&source, recovered.uuid);
        let limits = edge_upstream::Config { open_max: 256, shed_above: 192, batch_max: 16 };
        Ok(ForwardSeat {
            reader: Reader::new(recovered.uuid, recovered.settled),
            spool_files,
            forwarder: Forwarder::new(limits, recovered.settled),
            sink: Upstream::open(sink, files, recovered.settled)?,
            quarantine: Upstream::open(quarantine, refused, recovered.settled)?,
            committed: recovered.settled,
            is_exhausted: false,
            retry_at: None,
            settled: recovered.settled,
        })
    }

    /// One turn of the loop.
    pub(crate) fn turn(&mut self, now: Instant, unix: UnixMillis, committed: Position, scribe: &mut Scribe<'_>) {
        self.is_exhausted &= committed == self.committed;
        self.committed = committed;
        self.read(now, scribe);
        for upstream in [&mut self.sink, &mut self.quarantine] {
            if upstream.sink.poll_timeout().is_some_and(|at| at <= now) {
                upstream.sink.handle_timeout(now);
            }
            upstream.drive(now);
        }
        // What a sink has already it answers without its disk, and then wants more.
        loop {
            let before = self.forwarder.ledger();
            self.forwarder.pump(&mut self.sink.sink, &mut self.quarantine.sink, now, unix);
            self.sink.drive(now);
            self.quarantine.drive(now);
            self.forwarder.pump(&mut self.sink.sink, &mut self.quarantine.sink, now, unix);
            if self.forwarder.ledger() == before {
                break;
            }
        }
        self.sink.drive(now);
        self.quarantine.drive(now);
        if let Some(settled) = self.forwarder.poll_settled() {
            self.settled = settled;
        }
    }

    fn read(&mut self, now: Instant, scribe: &mut Scribe<'_>) {
        if self.retry_at.is_some_and(|at| at > now) {
            return;
        }
        self.retry_at = None;
        for _ in 0..READ_BATCH {
            if !self.forwarder.wants() || self.is_exhausted {
                return;
            }
            match self.reader.next(&mut self.spool_files, self.committed) {
                Ok(None) => self.is_exhausted = true,
                Ok(Some(Item::Record(stored))) => {
                    self.forwarder.accept(stored.position, stored.lane, stored.priority, stored.record);
                }
                Ok(Some(Item::Damage(damage))) => {
                    let what =
                        format!("{} to {} were committed and cannot be read: {}", damage.from, damage.to, damage.why);
                    scribe.broken(Promise::P1, what);
                }
                Err(why) => {
                    scribe.broken(Promise::P1, format!("the spool's files cannot be read: {why}"));
                    self.retry_at = Some(now + READ_RETRY);
                }
            }
        }
    }

    /// When its next turn is due.
    pub(crate) fn due(&self, committed: Position, now: Instant) -> Option<Instant> {
        let can_read = !self.is_exhausted && self.retry_at.is_none() && self.forwarder.wants();
        if committed != self.committed || can_read {
            return Some(now);
        }
        let sinks = [self.sink.sink.poll_timeout(), self.quarantine.sink.poll_timeout()];
        let disks = [self.sink.disk.next_due(), self.quarantine.disk.next_due()];
        let own = [self.forwarder.poll_timeout(), self.retry_at];
        sinks.into_iter().chain(disks).chain(own).flatten().min()
    }

    /// Whether everything committed has ended.
    pub(crate) fn is_idle(&self, committed: Position) -> bool {
        self.is_exhausted && committed == self.committed && self.forwarder.is_idle()
    }

    /// Adds its own counts to the mix, at its end; its ledger must close.
    pub(crate) fn harvest(&self, scribe: &mut Scribe<'_>) {
        let ledger = self.ledger();
        // What the sink had already is taken off at the end.
        scribe.mix.redelivered += ledger.delivered;
        scribe.mix.commands_retried += ledger.resent;
        if ledger.residual() != 0 {
            scribe.broken(Promise::P8, format!("delivery's ledger does not close: {ledger:?}"));
        }
    }

    /// Delivery's end of the ledger.
    pub(crate) fn ledger(&self) -> Ledger {
        self.forwarder.ledger()
    }
}
