//! Checker of what a removal of the spool's may cost: nothing, whenever the power goes.
//!
//! In: a segment that the spool asks its disk to remove, before the disk does. The worst that a power cut can leave from then
//! on is what certainly lies on the disk, and this segment gone: no sync is needed for a name to go. A copy of that is
//! recovered, and must miss nothing that was committed. Deliberately absent: which segments the spool may do without.

use edge_door::FileName;
use edge_door::sim::{DiskConfig, DiskImage, SimClock, SimDisk};
use edge_event::{Position, SpoolUuid, UnixMillis};
use edge_spool::{Config, Damage, RecoverError, Recovered, Spool};

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
    let before = recover(&image, config, scribe);
    image.files.remove(segment);
    let missing = match (recover(&image, config, scribe), before) {
        (Ok(after), before) => {
            let damage = &after.report.damage;
            let is_harmless = |lost: &Damage| before.as_ref().is_ok_and(|before| is_false_alarm(lost, before, &after));
            let lost = damage.iter().find(|lost| !is_harmless(lost));
            lost.map(|lost| format!("{} to {} could not be read: {}", lost.from, lost.to, lost.why))
        }
        (Err(why), _) => Some(format!("nothing could be read: {why}")),
    };
    if let Some(missing) = missing {
        scribe.broken(Promise::P1, format!("{segment} is removed; were the power lost now, {missing}"));
    }
}

fn recover(image: &DiskImage, config: &Config, scribe: &Scribe<'_>) -> Result<Recovered, RecoverError> {
    let clock: SimClock = scribe.clock.clone();
    let now = UnixMillis(edge_door::Clock::unix_millis(&clock));
    let mut copy = SimDisk::from_image(image, clock, 1, DiskConfig::default());
    Spool::recover(&mut copy, config, SpoolUuid::default(), now).map(|(_, recovered)| recovered)
}

/// Whether damage is told of records that were delivered and have retired, and nothing that they left is missing. So it is where the
/// head of the oldest segment is not on the disk, because its sync failed: nobody can say then what its first record was.
fn is_false_alarm(lost: &Damage, before: &Recovered, after: &Recovered) -> bool {
    lost.from > Position::NONE
        && lost.to <= after.settled
        && (&before.marks, &before.state) == (&after.marks, &after.state)
}
