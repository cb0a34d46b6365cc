//! Checks the time zones that a set brings along.

use std::collections::BTreeSet;

use super::error::LoadError;
use super::names::{check_count, check_name};
use crate::ir::{RuleSetIr, limits};
use crate::zone::Zone;

pub(super) fn zones(ir: &RuleSetIr) -> Result<Vec<Zone>, LoadError> {
    check_count("rule set", "time zones", ir.zones.len(), limits::MAX_ZONES)?;
    let mut names = BTreeSet::new();
    let mut zones = Vec::with_capacity(ir.zones.len());
    for zone in &ir.zones {
        check_name("time zone", "name", &zone.name)?;
        let place = format!("time zone {}", zone.name);
        if !names.insert(zone.name.as_str()) {
            return Err(LoadError::duplicate(&place, "it stands twice"));
        }
        zones.push(Zone::new(zone).map_err(|what| LoadError::invalid(&place, what))?);
    }
    Ok(zones)
}
