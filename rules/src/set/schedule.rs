//! `active:`: when a rule is active.
//!
//! In: an [`ActiveDecl`]. Out: a [`ScheduleIr`]; the time zones, calendars and regions that it refers to are put into the rule set, and
//! no others.

use rules_engine::ir::{CalendarIr, DaysIr, RegionsIr, ScheduleIr, WeekSpanIr, ZoneRef};

use super::Building;
use super::package::Package;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{Span, Spanned};
use crate::suggest::nearest;
use crate::syntax::{ActiveDecl, CalendarDecl, WindowDecl, ZoneDecl};

/// Pools of what schedules of the package at hand refer to.
#[derive(Default)]
pub(crate) struct Timetable {
    pub(crate) calendars: Vec<CalendarIr>,
    pub(crate) regions: Vec<RegionsIr>,
    /// Names of the package's calendars that are in the pool, with their indices.
    known: Vec<(String, u16)>,
    /// The package's table of regions in the pool.
    table: Option<u16>,
}

impl Timetable {
    /// From here on names are those of another package.
    pub(crate) fn enter(&mut self) {
        self.known.clear();
        self.table = None;
    }
}

impl Building<'_> {
    /// Calendars and a table of regions that no schedule refers to, neither of a rule nor of any region's overlay.
    pub(crate) fn unused_timetable(&mut self, package: &Package<'_>) {
        // A schedule that could not be read is not here, and what it refers to is not known.
        if self.report.has_errors() {
            return;
        }
        let own = package.rules.iter().filter_map(|(rule, _)| rule.active.as_ref());
        let of_regions = package.overlays.iter().filter_map(|overlay| overlay.decl.active.as_ref());
        let schedules: Vec<&ActiveDecl> = own.chain(of_regions).collect();
        for decl in &package.calendars {
            let is_used = schedules.iter().flat_map(|active| &active.except).any(|name| name.value == decl.name.value);
            if !is_used {
                let words = format!("no rule reads calendar `{}`", decl.name.value);
                self.report.push(Diagnostic::new(Code::Unused, decl.name.span, words).help("remove it, or use it"));
            }
        }
        let lets = package.rules.iter().flat_map(|(rule, _)| &rule.lets);
        let by_day =
            |window: &WindowDecl| matches!(window, WindowDecl::Tumbling { zone, .. } if zone.value == ZoneDecl::Region);
        let by_region = schedules.iter().any(|active| active.zone.value == ZoneDecl::Region)
            || lets.map(|clause| &clause.window).any(by_day);
        if let Some(regions) = package.regions.filter(|_| !by_region) {
            let d = Diagnostic::new(Code::Unused, regions.span, "no rule goes by the regions' time zones");
            self.report.push(d.help("remove `regions`, or write `tz: region.tz` in an `active` or beside `tumbling`"));
        }
    }

    pub(crate) fn active(&mut self, decl: &ActiveDecl, package: &Package<'_>) -> Option<ScheduleIr> {
        let zone = self.zone_ref(&decl.zone, package);
        let except: Vec<_> = decl.except.iter().map(|name| self.calendar(name, package)).collect();
        let mut except = except.into_iter().collect::<Option<Vec<_>>>()?;
        except.sort_unstable();
        except.dedup();
        let span = |(from_min, until_min): &(u16, u16)| WeekSpanIr { from_min: *from_min, until_min: *until_min };
        Some(ScheduleIr {
            zone: zone?,
            from_min: decl.from_min.as_ref().map(|min| min.value),
            until_min: decl.until_min.as_ref().map(|min| min.value),
            weekly: decl.weekly.iter().map(span).collect(),
            except,
        })
    }

    /// Whose clock `tz:` means.
    pub(crate) fn zone_ref(&mut self, zone: &Spanned<ZoneDecl>, package: &Package<'_>) -> Option<ZoneRef> {
        match &zone.value {
            ZoneDecl::Named(name) => self.zone(&Spanned::new(name.clone(), zone.span)).map(ZoneRef::Zone),
            ZoneDecl::Region => self.regions(zone.span, package).map(ZoneRef::Region),
        }
    }

    /// The index of a time zone; complains where there is none of the name.
    fn zone(&mut self, name: &Spanned<String>) -> Option<u16> {
        match self.zones.index(&name.value) {
            Ok(index) => Some(index),
            Err(unknown) => {
                let d = Diagnostic::new(Code::UnknownZone, name.span, unknown.to_string());
                let d = d.did_you_mean(unknown.nearest.as_deref());
                self.report.push(d.help("write a name of the IANA database, such as `Europe/Berlin`, or `region.tz`"));
                None
            }
        }
    }

    fn regions(&mut self, span: Span, package: &Package<'_>) -> Option<u16> {
        if let Some(table) = self.timetable.table {
            return Some(table);
        }
        let Some(regions) = package.regions else {
            let words = "`region.tz` needs a table of the regions' time zones";
            let d = Diagnostic::new(Code::NoRegions, span, words);
            self.report.push(d.help("add `regions: { others: UTC, eu: Europe/Berlin }` to a file of the package"));
            return None;
        };
        let zones: Vec<_> =
            regions.zones.iter().map(|(region, zone)| Some((region.value.clone(), self.zone(zone)?))).collect();
        let others = self.zone(&regions.others);
        let mut zones = zones.into_iter().collect::<Option<Vec<_>>>()?;
        zones.sort();
        self.timetable.regions.push(RegionsIr { zones, others: others? });
        self.timetable.table = Some(self.timetable.regions.len() as u16 - 1);
        self.timetable.table
    }

    fn calendar(&mut self, name: &Spanned<String>, package: &Package<'_>) -> Option<u16> {
        if let Some((_, index)) = self.timetable.known.iter().find(|(known, _)| *known == name.value) {
            return Some(*index);
        }
        let Some(decl) = package.calendars.iter().find(|decl| decl.name.value == name.value) else {
            let words = format!("package {} declares no calendar `{}`", package.name, name.value);
            let known = package.calendars.iter().map(|decl| decl.name.value.as_str());
            let d = Diagnostic::new(Code::UnknownCalendar, name.span, words).did_you_mean(nearest(&name.value, known));
            self.report.push(d.help("declare it: `calendars: { NAME: [2026-12-24..2026-12-26] }`"));
            return None;
        };
        let index = self.timetable.calendars.len() as u16;
        self.timetable.calendars.push(CalendarIr { name: name.value.clone(), days: days_of(decl) });
        self.timetable.known.push((name.value.clone(), index));
        Some(index)
    }
}

/// Rising and apart.
fn days_of(decl: &CalendarDecl) -> Vec<DaysIr> {
    let mut days: Vec<DaysIr> = Vec::new();
    let mut sorted = decl.days.clone();
    sorted.sort_unstable();
    for (first, last) in sorted {
        match days.last_mut() {
            Some(before) if first <= before.last + 1 => before.last = before.last.max(last),
            _ => days.push(DaysIr { first, last }),
        }
    }
    days
}
