//! Time zones by name, from the IANA database that comes with the compiler.
//!
//! In: names as authors write them. Out: tables of jumps for the rule set, of the zones that are used and no others. The database is
//! the one inside the crate `jiff`, never the machine's: the same compiler gives the same bytes. The daemon has no database.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use rules_engine::ir::{JumpIr, ZoneIr};

use crate::suggest::nearest;

/// Years that a table knows. Captures may be old, so it begins in 1970; a date behind its end is refused in rules.
pub const YEARS: Range<i16> = 1970..2100;

/// The zones of a rule set, in the order in which they were first met.
#[derive(Default)]
pub struct Zones {
    found: Vec<ZoneIr>,
    index: BTreeMap<String, u16>,
}

/// A name that is none of the database's.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no time zone `{name}`")]
pub struct UnknownZone {
    /// The name.
    pub name: String,
    /// The most similar one.
    pub nearest: Option<String>,
}

impl Zones {
    /// The index of a zone in the rule set.
    ///
    /// # Errors
    /// The database does not know it, by exactly this spelling.
    pub fn index(&mut self, name: &str) -> Result<u16, UnknownZone> {
        if let Some(index) = self.index.get(name) {
            return Ok(*index);
        }
        let zone = zone(name)?;
        let index = self.found.len() as u16;
        self.found.push(zone);
        self.index.insert(name.to_owned(), index);
        Ok(index)
    }

    /// The tables.
    pub fn into_ir(self) -> Vec<ZoneIr> {
        self.found
    }
}

/// All names that the database knows, sorted.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).collect();
    names.sort_unstable();
    names
}

/// The table of one zone.
///
/// # Errors
/// The database does not know it, by exactly this spelling.
pub fn zone(name: &str) -> Result<ZoneIr, UnknownZone> {
    let found = TimeZoneDatabase::bundled().get(name).ok().filter(|found| found.iana_name() == Some(name));
    found.map(|found| table(name, &found)).ok_or_else(|| {
        let names = names();
        let folded = names.iter().find(|known| known.eq_ignore_ascii_case(name)).map(String::as_str);
        let guess = folded.or_else(|| nearest(name, names.iter().map(String::as_str)));
        UnknownZone { name: name.to_owned(), nearest: guess.map(str::to_owned) }
    })
}

fn table(name: &str, zone: &TimeZone) -> ZoneIr {
    let (from, until) = (start_of_year(YEARS.start), start_of_year(YEARS.end));
    let offset_s = zone.to_offset(from).seconds();
    let mut last = offset_s;
    let mut jumps = Vec::new();
    for jump in zone.following(from).take_while(|jump| jump.timestamp() < until) {
        // What changes the name alone, or whether it is summer, changes no clock.
        let offset_s = jump.offset().seconds();
        if offset_s != last {
            jumps.push(JumpIr { at_s: jump.timestamp().as_second(), offset_s });
            last = offset_s;
        }
    }
    ZoneIr { name: name.to_owned(), offset_s, jumps }
}

fn start_of_year(year: i16) -> Timestamp {
    let date = jiff::civil::date(year, 1, 1).at(0, 0, 0, 0);
    date.to_zoned(TimeZone::UTC).expect("INVARIANT: the years are within those of the calendar").timestamp()
}
