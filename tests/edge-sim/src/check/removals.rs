//! Checker of what a removal of the spool's may cost: nothing, whenever the power goes.
//!
//! In: a segment that the spool asks its disk to remove, before the disk does. The worst that a power cut can leave from then
//! on is what certainly lies on the disk, and this segment gone: no sync is needed for a name to go. A copy of that is
//! recovered, and must miss nothing that was committed. Deliberately absent: which segments the spool may do without.

use edge_door::FileName;
use edge_door::sim::{DiskConfig, DiskImage, SimClock, SimDisk};
use edge_event::{SpoolUuid, UnixMillis};
use edge_spool::{Config, Spool};

use crate::heap;
use crate::scribe::{Promise, Scribe};
use crate::watch::WatchedDisk;

/// Looks at the removals that were asked for since the last look, by a running daemon or by recovery.
pub(crate) fn check(disk: &mut WatchedDisk, config: &Config, scribe: &mut Scribe<'_>) {
    for (segment, image) in disk.take_removals() {
        on_removal(&segment, image, config, scribe);
    }
}

/// `segment` is about to be removed from the disk of which `image` is left whatever happens.
fn on_removal(segment: &FileName, mut image: DiskImage, config: &Config, scribe: &mut Scribe<'_>) {
    let _mine = heap::of_simulator();
    image.files.remove(segment);
    let clock: SimClock = scribe.clock.clone();
    let now = UnixMillis(edge_door::Clock::unix_millis(&clock));
    let mut copy = SimDisk::from_image(&image, clock, 1, DiskConfig::default());
    let missing = match Spool::recover(&mut copy, config, SpoolUuid::default(), now) {
        Ok((_, recovered)) => recovered
            .report
            .damage
            .first()
            .map(|lost| format!("{} to {} could not be read: {}", lost.from, lost.to, lost.why)),
        Err(why) => Some(format!("nothing could be read: {why}")),
    };
    if let Some(missing) = missing {
        scribe.broken(Promise::P1, format!("{segment} is removed; were the power lost now, {missing}"));
    }
}
