//! The spool's recovery: a disk on which anything may have happened.
//!
//! The first byte chooses a disk whose content is known, then come changes: flipped bits, sectors of zeros, pieces
//! written elsewhere, files cut, longer, swapped, copied or gone, and (so that the inside is reached) changes with a
//! checksum made right. What must hold: never a panic; a refusal says what to do; nothing is delivered that was not
//! written, or twice, or out of order; what is missing is told; recovering what recovery left gives the same, without
//! anything more to cut; and the spool takes records again.

use edge_door::sim::DiskImage;
use edge_spool::Recovered;

use super::damage::{Harm, damage};
use super::spools::{Node, Sample, last_record, record, samples};
use crate::input::Input;

pub(super) fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let samples = samples();
    let sample = &samples[usize::from(input.u8()) % samples.len()];
    let mut image = sample.image.clone();
    let harm = damage(&mut image, &mut input);
    check(sample, &image, harm);
}

fn check(sample: &Sample, image: &DiskImage, harm: Harm) {
    let mut node = match Node::on_image(image, &sample.config) {
        Ok(node) => node,
        Err(error) => {
            assert!(!error.code().is_empty() && !error.to_string().is_empty());
            return;
        }
    };
    let report = &node.recovered.report;
    let is_told = !report.damage.is_empty() || report.cut_bytes > 0 || !report.kept_as.is_empty();
    let is_whole = last_record(&node.recovered) == sample.last;
    let read = node.read_all();
    if !harm.is_forged {
        let (read, is_told_reading) = read.as_ref().expect("what is not forged decodes");
        let mut rest = sample.records.iter();
        assert!(read.iter().all(|r| rest.any(|s| s == r)), "what is read was written, once, and in order");
        if sample.is_cursor_fresh && !harm.is_beside {
            assert!(is_whole || is_told, "records vanished in silence: {:?}", node.recovered.report);
            let is_told = is_told || *is_told_reading;
            assert!(is_told || *read == sample.records, "commands vanished in silence: {:?}", node.recovered.report);
        }
    }
    let mut again = Node::on_image(&node.image(), &sample.config).expect("what recovery left opens");
    assert_eq!(again.recovered.report.cut_bytes, 0, "nothing more is to be cut: {:?}", again.recovered.report);
    assert_eq!(state(&again.recovered), state(&node.recovered), "the same state");
    assert_eq!(again.read_all().ok(), read.ok(), "the same records");
    again.append(&record(sample.last + 1));
    again.flush();
    assert_eq!(last_record(&Node::on_image(&again.image(), &sample.config).expect("opens").recovered), sample.last + 1);
}

/// What is recovered, in an order of its own.
fn state(recovered: &Recovered) -> Vec<String> {
    let marks = recovered.marks.iter().map(|mark| format!("{mark:?}"));
    let cells = recovered.state.iter().map(|cell| format!("{cell:?}"));
    let timers = recovered.timers.iter().map(|timer| format!("{timer:?}"));
    let mut all: Vec<String> = marks.chain(cells).chain(timers).collect();
    all.sort();
    all
}

/// Each disk unharmed, and each kind of change at some places.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for disk in 0..3 {
        seeds.push(vec![disk]);
        for how in 0..12 {
            for (file, at) in [(2, 70), (3, 130)] {
                seeds.push(vec![disk, how, file, at, 0, 3, 1, 40, 0, 9, 9]);
            }
        }
    }
    seeds
}
