//! Checks gates and variations, and what schedules refer to.

use std::collections::BTreeSet;

use super::Loader;
use super::error::LoadError;
use super::names::{check_count, check_name};
use crate::expr::{CheckContext, Program, Type};
use crate::ir::{self, ALL, ArmIr, DefinitionKind, GateIr, RuleIr, RuleSetIr, Scope, limits};
use crate::rule_set::{Arm, Gate, Limits, Rollout, Variation};
use crate::schedule::Schedule;
use crate::zone::WallMillis;

/// Minutes of a day, and of a week.
const DAY_MIN: i64 = 1_440;
const WEEK_MIN: u16 = 10_080;
/// Days that calendars and schedules can name lie within this many of 1970-01-01: years 1 to 9999 and no others.
const FURTHEST_DAY: i64 = 3_000_000;

/// Calendars, tables of regions and groups.
pub(super) fn tables(ir: &RuleSetIr) -> Result<(), LoadError> {
    for (what, count) in
        [("calendars", ir.calendars.len()), ("tables of regions", ir.regions.len()), ("groups", ir.groups.len())]
    {
        check_count("rule set", what, count, usize::from(u16::MAX))?;
    }
    for calendar in &ir.calendars {
        check_name("calendar", "name", &calendar.name)?;
        let place = format!("calendar {}", calendar.name);
        check_count(&place, "spans of days", calendar.days.len(), limits::MAX_CALENDAR_DAYS)?;
        let sound = calendar.days.iter().all(|days| days.first <= days.last && near(days.first) && near(days.last));
        if !sound || !calendar.days.is_sorted_by(|a, b| a.last < b.first) {
            return Err(LoadError::invalid(&place, "its days do not rise, or lie outside of years 1 to 9999"));
        }
    }
    for table in &ir.regions {
        let place = "table of regions";
        check_count(place, "regions", table.zones.len(), limits::MAX_REGIONS)?;
        table.zones.iter().try_for_each(|(region, _)| check_name(place, "region", region))?;
        if !table.zones.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(LoadError::duplicate(place, "regions must rise strictly"));
        }
        let mut zones = table.zones.iter().map(|(_, zone)| *zone).chain([table.others]);
        if zones.any(|zone| usize::from(zone) >= ir.zones.len()) {
            return Err(LoadError::dangling(place, "a time zone does not exist"));
        }
    }
    let mut names = BTreeSet::new();
    for group in &ir.groups {
        check_name("group", "name", &group.name)?;
        let place = format!("group {}", group.name);
        if usize::from(group.package) >= ir.packages.len() {
            return Err(LoadError::dangling(&place, "its package does not exist"));
        }
        if !names.insert((group.package, group.name.as_str())) {
            return Err(LoadError::duplicate(&place, "it stands twice"));
        }
    }
    Ok(())
}

fn near(day: i32) -> bool {
    i64::from(day).abs() <= FURTHEST_DAY
}

impl Loader<'_> {
    /// Names of all groups, with their packages.
    pub(super) fn groups(&self) -> Vec<String> {
        let name = |group: &ir::GroupIr| format!("{}/{}", self.ir.packages[usize::from(group.package)], group.name);
        self.ir.groups.iter().map(name).collect()
    }

    /// Whose clock it is must be in the set.
    pub(super) fn check_zone(&self, zone: ir::ZoneRef, place: &str) -> Result<(), LoadError> {
        let (index, len) = match zone {
            ir::ZoneRef::Zone(zone) => (zone, self.ir.zones.len()),
            ir::ZoneRef::Region(table) => (table, self.ir.regions.len()),
        };
        if usize::from(index) < len { Ok(()) } else { Err(LoadError::dangling(place, "its time zone does not exist")) }
    }

    pub(super) fn schedule(&self, ir: &ir::ScheduleIr, place: &str) -> Result<Schedule, LoadError> {
        self.check_zone(ir.zone, place)?;
        check_count(place, "spans of `weekly`", ir.weekly.len(), limits::MAX_WEEKLY)?;
        check_count(place, "calendars of `except`", ir.except.len(), limits::MAX_EXCEPT)?;
        let sound = ir.weekly.iter().all(|span| span.from_min < span.until_min && span.until_min <= WEEK_MIN);
        if !sound || !ir.weekly.is_sorted_by(|a, b| a.until_min < b.from_min) {
            return Err(LoadError::invalid(place, "spans of `weekly` are empty, leave the week, or do not rise"));
        }
        if !ir.except.is_sorted_by(|a, b| a < b) {
            return Err(LoadError::duplicate(place, "calendars of `except` must rise strictly"));
        }
        if ir.except.last().is_some_and(|last| usize::from(*last) >= self.ir.calendars.len()) {
            return Err(LoadError::dangling(place, "a calendar of `except` does not exist"));
        }
        let far = |min: Option<i64>| min.is_some_and(|min| min.div_euclid(DAY_MIN).abs() > FURTHEST_DAY);
        if far(ir.from_min) || far(ir.until_min) {
            return Err(LoadError::invalid(place, "`active` begins or ends outside of years 1 to 9999"));
        }
        if ir.from_min.zip(ir.until_min).is_some_and(|(from, until)| from >= until) {
            return Err(LoadError::invalid(place, "`active` ends before it begins"));
        }
        let wall = |min: Option<i64>| min.map(|min| WallMillis(min * 60_000));
        let (from, until) = (wall(ir.from_min), wall(ir.until_min));
        Ok(Schedule { zone: ir.zone, from, until, weekly: ir.weekly.clone(), except: ir.except.clone() })
    }

    pub(super) fn rollout(
        &self,
        ir: &ir::RolloutIr,
        place: &str,
        context: &CheckContext<'_>,
    ) -> Result<Rollout, LoadError> {
        if ir.share > ALL {
            return Err(LoadError::invalid(place, "a rollout's share is more than all"));
        }
        let key = self.bucket_key(&ir.salt, &ir.key, place, context)?;
        Ok(Rollout { share: ir.share, salt: ir.salt.clone(), key })
    }

    /// Salt and key of a bucket: what a text form is defined for.
    fn bucket_key(
        &self,
        salt: &str,
        key: &[ir::ExprIr],
        place: &str,
        context: &CheckContext<'_>,
    ) -> Result<Vec<Program>, LoadError> {
        check_name(place, "salt", salt)?;
        check_count(place, "parts of the key", key.len(), limits::MAX_KEY_PARTS)?;
        if key.is_empty() {
            return Err(LoadError::invalid(place, "a share needs a key"));
        }
        let part = |part| {
            let program = self.program(place, "key of a share", part, context)?;
            match program.ty {
                Type::Bool | Type::Int | Type::Uint | Type::String => Ok(program),
                _ => Err(LoadError::invalid(place, "the key of a share is text, whole numbers or booleans")),
            }
        };
        key.iter().map(part).collect()
    }

    pub(super) fn variations(
        &self,
        ir: &RuleIr,
        place: &str,
        context: &CheckContext<'_>,
    ) -> Result<Vec<Variation>, LoadError> {
        check_count(place, "variations", ir.variations.len(), limits::MAX_VARIATIONS)?;
        let variation = |variation: &ir::VariationIr| {
            let when = variation.when.as_ref();
            let when = when.map(|when| self.program(place, "when of a variation", when, context)).transpose()?;
            if when.as_ref().is_some_and(|when| !when.ty.fits(&Type::Bool)) {
                return Err(LoadError::invalid(place, "`when` of a variation is no bool"));
            }
            check_count(place, "arms of a variation", variation.arms.len(), limits::MAX_ARMS)?;
            let shares: u64 = variation.arms.iter().map(|arm| u64::from(arm.share)).sum();
            if shares != u64::from(ALL) {
                return Err(LoadError::invalid(place, "the shares of a variation are not 100 % together"));
            }
            let arms = variation.arms.iter().map(|arm| self.arm(arm, ir.package, place)).collect::<Result<_, _>>()?;
            let key = match variation.arms.len() {
                1 if variation.key.is_empty() => Vec::new(),
                1 => return Err(LoadError::invalid(place, "one arm needs no key")),
                _ => self.bucket_key(&variation.salt, &variation.key, place, context)?,
            };
            Ok(Variation { when, salt: variation.salt.clone(), key, arms })
        };
        ir.variations.iter().map(variation).collect()
    }

    fn arm(&self, ir: &ArmIr, package: u16, place: &str) -> Result<Arm, LoadError> {
        check_name(place, "name of a variation", &ir.name)?;
        check_count(place, "parameters of a variation", ir.params.len(), limits::MAX_ARM_PARAMS)?;
        if !ir.params.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(LoadError::duplicate(place, "parameters of a variation must rise strictly"));
        }
        for (index, value) in &ir.params {
            let param = self.ir.params.get(usize::from(*index)).filter(|param| param.package == package);
            let param = param.ok_or_else(|| LoadError::dangling(place, "a variation's parameter does not exist"))?;
            if Type::of_const(value) != Type::of_const(&param.value) {
                return Err(LoadError::invalid(place, "a variation gives a parameter a value of another type"));
            }
            super::check_const(value)?;
        }
        Ok(Arm { name: ir.name.clone(), share: ir.share, params: ir.params.clone(), holds_back: ir.holds_back })
    }

    pub(super) fn group_of(&self, ir: &RuleIr, place: &str) -> Result<Option<u16>, LoadError> {
        let Some(group) = ir.group else { return Ok(None) };
        match self.ir.groups.get(usize::from(group)) {
            Some(found) if found.package == ir.package => Ok(Some(group)),
            _ => Err(LoadError::dangling(place, "its package has no such group")),
        }
    }

    pub(super) fn limits(
        &self,
        ir: Option<&ir::RateLimitIr>,
        place: &str,
        context: &CheckContext<'_>,
    ) -> Result<Limits, LoadError> {
        let Some(ir) = ir else { return Ok(Limits::default()) };
        let is_rate = |kind: &DefinitionKind| matches!(kind, DefinitionKind::Rate { .. });
        let gate = |gate: &GateIr| -> Result<(Gate, Scope), LoadError> {
            let found = self.gate(gate, place, is_rate, context)?;
            Ok((found, self.definition_ir(gate.definition, place)?.scope))
        };
        let (shared, scope) = gate(&ir.limit)?;
        let per_player = ir.per_player.as_ref().map(gate).transpose()?;
        match (scope, &per_player) {
            (Scope::Player, Some(_)) => Err(LoadError::invalid(place, "a player's own limit needs no `per_player`")),
            (Scope::Shard | Scope::Region, None) => {
                Err(LoadError::invalid(place, "a limit that players share needs `per_player`, or one can use it up"))
            }
            (_, Some((_, Scope::Shard | Scope::Region))) => {
                Err(LoadError::invalid(place, "`per_player` is kept by player"))
            }
            _ => Ok(Limits { shared: Some(shared), per_player: per_player.map(|(gate, _)| gate) }),
        }
    }
}
