//! Checker of what a rotten sector may cost: what stood in it, told, and nothing else.
//!
//! In: what certainly lies on a spool's disk. It is recovered twice, on copies: as it is, and with one sector spoiled. What can be read
//! of the second is held against the first: nothing that was not there, nothing gone but records that touch the sector where they
//! stand, and nothing gone in silence. The one thing that a spool cannot know is whether its last batch was torn
//! or spoiled: it may be cut from the spoiled record on, and the report says that something was cut. Where a lost sector held the
//! whole of that batch, nothing is left to cut: it looks as if it had never been written, and is nobody's to tell. Deliberately
//! absent: the running daemon, which goes on with its sound disk.

use std::collections::BTreeMap;

use edge_door::FileName;
use edge_door::sim::{DiskConfig, DiskImage, Rng, Rot, SECTOR_BYTES, SimDisk};
use edge_event::{DedupeMark, Position, SpoolUuid, StateKey, UnixMillis};
use edge_spool::{Config, Damage, Item, Reader, RecoveryReport, Spool};

use crate::heap;
use crate::scribe::{Promise, Scribe};

/// Sectors that are spoiled, one after the other, each on a copy of its own.
const SECTORS: u32 = 6;

/// A disk and how to open it.
pub(crate) struct Patient<'a> {
    pub(crate) image: DiskImage,
    pub(crate) config: &'a Config,
    pub(crate) wall: UnixMillis,
}

/// What a spool on a disk has.
struct Known {
    report: RecoveryReport,
    settled: Position,
    /// Its records with commands that were not delivered, as text, so that a difference can be told.
    records: BTreeMap<Position, String>,
    marks: Vec<DedupeMark>,
    state: Vec<StateKey>,
    /// Told at the start, and while reading.
    damage: Vec<Damage>,
}

/// One spoiled sector.
struct Wound {
    file: FileName,
    from: u64,
    rot: Rot,
}

/// Spoils sectors that `rng` picks.
pub(crate) fn check(patient: &Patient<'_>, rng: &mut Rng, scribe: &mut Scribe<'_>) {
    let _mine = heap::of_simulator();
    let clock = scribe.clock.clone();
    let disk = SimDisk::from_image(&patient.image, clock.clone(), 1, DiskConfig::default());
    let sound = match open(disk, patient) {
        Ok(sound) => sound,
        Err(why) => {
            scribe.broken(Promise::P1, format!("were the power lost now, {why}"));
            return;
        }
    };
    for _ in 0..SECTORS {
        let Some(wound) = wound(&patient.image, rng) else { return };
        let mut disk = SimDisk::from_image(&patient.image, clock.clone(), 1, DiskConfig::default());
        if !disk.rot(&wound.file, wound.from / SECTOR_BYTES, wound.rot) {
            continue;
        }
        scribe.mix.sectors_spoiled += 1;
        let what = match open(disk, patient) {
            Ok(spoiled) => {
                scribe.mix.spoils_told += u64::from(is_told(&sound, &spoiled));
                compare(&sound, &spoiled, &wound, &patient.image)
            }
            Err(why) => Some(why),
        };
        if let Some(what) = what {
            let Wound { file, from, rot } = wound;
            scribe.broken(Promise::P1, format!("{file}, the sector at {from} has {rot:?}: {what}"));
        }
    }
}

/// Anywhere in what is used of any file.
fn wound(image: &DiskImage, rng: &mut Rng) -> Option<Wound> {
    let used = |bytes: &Vec<u8>| bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last as u64 / SECTOR_BYTES + 1);
    let files: Vec<(&FileName, u64)> =
        image.files.iter().map(|(name, bytes)| (name, used(bytes))).filter(|(_, sectors)| *sectors > 0).collect();
    if files.is_empty() {
        return None;
    }
    let (file, sectors) = files[rng.index(files.len())];
    let from = rng.below(sectors) * SECTOR_BYTES;
    let bit = rng.below(8 * SECTOR_BYTES) as u16;
    let rot = if rng.chance(700_000) { Rot::Flip(bit) } else { Rot::Zero };
    Some(Wound { file: file.clone(), from, rot })
}

fn open(mut disk: SimDisk, patient: &Patient<'_>) -> Result<Known, String> {
    let (spool, recovered) = Spool::recover(&mut disk, patient.config, SpoolUuid::default(), patient.wall)
        .map_err(|why| format!("the spool does not open: {why}"))?;
    let mut known = Known {
        settled: recovered.settled,
        records: BTreeMap::new(),
        marks: recovered.marks,
        state: recovered.state.iter().map(|(key, _, _)| *key).collect(),
        damage: recovered.report.damage.clone(),
        report: recovered.report,
    };
    let mut reader = Reader::new(recovered.uuid, recovered.settled);
    loop {
        match reader.next(&mut disk, spool.committed()) {
            Ok(None) => return Ok(known),
            Ok(Some(Item::Record(stored))) => {
                known.records.insert(stored.position, format!("{:?}", stored.record));
            }
            Ok(Some(Item::Damage(damage))) => known.damage.push(damage),
            Err(why) => return Err(format!("the spool's files cannot be read: {why}")),
        }
    }
}

impl Known {
    fn has_cut_more_than(&self, sound: &Known) -> bool {
        self.report.cut_bytes + self.report.cut_records > sound.report.cut_bytes + sound.report.cut_records
    }

    fn tells(&self, position: Position) -> bool {
        self.damage.iter().any(|damage| (damage.from..=damage.to).contains(&position))
    }
}

fn is_told(sound: &Known, spoiled: &Known) -> bool {
    spoiled.damage.len() > sound.damage.len() || spoiled.has_cut_more_than(sound)
}

/// What is wrong with what is left, in words.
fn compare(sound: &Known, spoiled: &Known, wound: &Wound, image: &DiskImage) -> Option<String> {
    for (position, record) in &spoiled.records {
        // A cursor that went back delivers again what the sink has already.
        let is_new = *position > sound.settled;
        match sound.records.get(position) {
            Some(was) if was == record => {}
            None if !is_new => {}
            was => return Some(format!("{position} reads {record}, and was {was:?}")),
        }
    }
    let may_be_torn = is_told(sound, spoiled) || wound.rot == Rot::Zero;
    let missing: Vec<Position> =
        sound.records.keys().filter(|position| !spoiled.records.contains_key(*position)).copied().collect();
    for position in &missing {
        let is_cut = may_be_torn && spoiled.records.keys().all(|kept| kept < position);
        if !spoiled.tells(*position) && !is_cut {
            return Some(format!("{position} is gone, and nothing is told: {:?}", spoiled.report));
        }
        // Whatever stands behind the spoiled record goes with it where the tail is cut, and that record may have had no commands.
        let is_behind = |file: &FileName, offset: usize| (file, offset as u64) >= (&wound.file, wound.from);
        if let Some((file, offset)) = stands_elsewhere(*position, wound, image)
            && !(is_cut && is_behind(&file, offset))
        {
            return Some(format!("{position} is gone, and stands sound in {file} at {offset}: {:?}", spoiled.report));
        }
    }
    if !may_be_torn && (spoiled.marks != sound.marks || spoiled.state != sound.state) {
        return Some(format!("marks or cells differ, and nothing is told: {:?}", spoiled.report));
    }
    None
}

/// Where a record stands, if the wound does not touch it: the last place, for what stands before is what a failed sync left, which
/// is no promise.
fn stands_elsewhere(position: Position, wound: &Wound, image: &DiskImage) -> Option<(FileName, usize)> {
    let mut name = Vec::from(position.epoch.0.to_le_bytes());
    name.extend_from_slice(&position.n.to_le_bytes());
    let mut last = None;
    let segments = image.files.iter().filter(|(file, _)| file.starts_with("seg-"));
    for (file, bytes) in segments {
        for at in (64..bytes.len().saturating_sub(HEADER_BYTES)).step_by(8) {
            let header = &bytes[at..at + HEADER_BYTES];
            if header[16..32] != name[..] {
                continue;
            }
            let payload_bytes = u32::from_le_bytes(header[..4].try_into().expect("four bytes")) as usize;
            let (from, to) = (at as u64, (at + HEADER_BYTES + payload_bytes) as u64);
            let is_touched = *file == wound.file && from < wound.from + SECTOR_BYTES && wound.from < to;
            if to <= bytes.len() as u64 {
                last = (!is_touched).then(|| (file.clone(), at));
            }
        }
    }
    last
}

/// Of a record; see the crate root of `edge-spool`.
const HEADER_BYTES: usize = 48;

#[cfg(test)]
mod tests {
    use edge_event::StartEpoch;

    use super::*;

    fn at(n: u64) -> Position {
        Position { epoch: StartEpoch(1), n }
    }

    fn known(records: &[u64]) -> Known {
        Known {
            report: RecoveryReport::default(),
            settled: at(1),
            records: records.iter().map(|n| (at(*n), format!("record {n}"))).collect(),
            marks: Vec::new(),
            state: Vec::new(),
            damage: Vec::new(),
        }
    }

    /// A segment in which record `n` stands at `offset`, with a payload of 16 bytes.
    fn image(n: u64, offset: usize) -> DiskImage {
        let mut bytes = vec![0; 4096];
        bytes[offset] = 16;
        bytes[offset + 16] = 1;
        bytes[offset + 24..offset + 32].copy_from_slice(&n.to_le_bytes());
        DiskImage { files: BTreeMap::from([("seg-0000000000000001.log".into(), bytes)]) }
    }

    fn wound(from: u64) -> Wound {
        Wound { file: "seg-0000000000000001.log".into(), from, rot: Rot::Zero }
    }

    fn said(spoiled: &Known, wound: &Wound, image: &DiskImage) -> String {
        compare(&known(&[2, 3, 4]), spoiled, wound, image).unwrap_or_default()
    }

    #[test]
    fn what_stood_in_the_sector_may_go_if_it_is_told() {
        let mut spoiled = known(&[2, 4]);
        let (image, wound) = (image(3, 1024), wound(1024));
        assert!(said(&spoiled, &wound, &image).contains("1.3 is gone, and nothing is told"));
        spoiled.damage.push(Damage { from: at(3), to: at(3), why: "rotten" });
        assert_eq!(said(&spoiled, &wound, &image), "");
    }

    #[test]
    fn what_stands_elsewhere_may_not_go() {
        let mut spoiled = known(&[2, 4]);
        spoiled.damage.push(Damage { from: at(3), to: at(3), why: "rotten" });
        assert!(
            said(&spoiled, &wound(512), &image(3, 1024)).contains("stands sound in seg-0000000000000001.log at 1024")
        );
        assert_eq!(said(&spoiled, &wound(512), &image(3, 968)), "", "its end lies in the sector");
    }

    #[test]
    fn a_tail_may_be_cut_from_the_sector_on_and_the_report_says_so() {
        let mut spoiled = known(&[2]);
        let (image, wound) = (image(3, 1024), wound(1024));
        let flipped = Wound { file: wound.file.clone(), from: 1024, rot: Rot::Flip(7) };
        assert!(said(&spoiled, &flipped, &image).contains("1.3 is gone, and nothing is told"));
        assert_eq!(said(&spoiled, &wound, &image), "", "it may never have been written");
        spoiled.report.cut_records = 1;
        assert_eq!(said(&spoiled, &flipped, &image), "");
    }

    #[test]
    fn nothing_else_may_be_read_but_what_a_cursor_that_went_back_delivers_again() {
        let image = image(9, 1024);
        assert_eq!(said(&known(&[1, 2, 3, 4]), &wound(0), &image), "");
        assert!(said(&known(&[2, 3, 4, 5]), &wound(0), &image).contains("1.5 reads record 5"));
        let mut other = known(&[2, 3, 4]);
        other.records.insert(at(3), "another".to_owned());
        assert!(said(&other, &wound(0), &image).contains("1.3 reads another"));
    }
}
