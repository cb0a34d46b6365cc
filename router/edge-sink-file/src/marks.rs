//! What the files hold, per lane and priority: the highest place.
//!
//! What comes in: lines' places. What goes out: whether a command is in the files already; and the text that is kept beside
//! each file for the files before it.

use std::collections::BTreeMap;

use edge_event::{Lane, Priority};
use edge_upstream::Place;
use serde::{Deserialize, Serialize};

use crate::line::{parse_priority, priority_word};

/// The highest place of each lane and priority of one spool.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Marks(BTreeMap<(Lane, Priority), Place>);

/// A file's number, and its length in bytes.
pub(crate) type Cut = (u64, u64);

/// The marks' file.
#[derive(Serialize, Deserialize)]
struct Text {
    version: u32,
    spool: String,
    /// Earlier files that were left after a failed sync, and their synced lengths in bytes: what is behind is no part of them.
    cuts: Vec<Cut>,
    marks: Vec<(u16, String, String)>,
    /// Of everything above, as it stands here without this field.
    crc: u32,
}

const VERSION: u32 = 1;

impl Marks {
    pub(crate) fn has(&self, lane: Lane, priority: Priority, place: Place) -> bool {
        self.0.get(&(lane, priority)).is_some_and(|mark| place <= *mark)
    }

    pub(crate) fn note(&mut self, lane: Lane, priority: Priority, place: Place) {
        let mark = self.0.entry((lane, priority)).or_insert(place);
        *mark = place.max(*mark);
    }

    /// The text of a marks' file.
    pub(crate) fn to_text(&self, spool: &str, cuts: &[Cut]) -> String {
        let marks = self
            .0
            .iter()
            .map(|((lane, priority), place)| (lane.0, priority_word(*priority).to_string(), place.to_string()));
        let (cuts, marks) = (cuts.to_vec(), marks.collect());
        let mut text = Text { version: VERSION, spool: spool.to_string(), cuts, marks, crc: 0 };
        text.crc = checksum(&text);
        serde_json::to_string(&text).expect("plain strings and numbers") + "\n"
    }

    /// Reads a marks' file; `None` when it is damaged. Marks of another spool are of no use and left out.
    pub(crate) fn from_text(bytes: &[u8], spool: &str) -> Option<(Marks, Vec<Cut>)> {
        let mut text: Text = serde_json::from_slice(bytes).ok()?;
        let crc = std::mem::take(&mut text.crc);
        if text.version != VERSION || crc != checksum(&text) {
            return None;
        }
        let mut marks = Marks::default();
        if text.spool == spool {
            for (lane, priority, place) in &text.marks {
                marks.note(Lane(*lane), parse_priority(priority)?, Place::parse(place)?);
            }
        }
        Some((marks, text.cuts))
    }
}

fn checksum(text: &Text) -> u32 {
    crc32c::crc32c(&serde_json::to_vec(text).expect("plain strings and numbers"))
}
