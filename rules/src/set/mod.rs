//! From the files of all packages to one rule set.
//!
//! In: files that were read, and a catalogue. Out: a [`RuleSetIr`] and its report. A rule set is made even where some rules
//! have errors, without those rules, so that everything is checked in one go; callers build nothing from a report with errors.

mod action;
mod depends;
mod group;
mod key;
mod letting;
mod limit;
pub(crate) mod limits;
pub(crate) mod overlay;
pub(crate) mod package;
pub(crate) mod pools;
mod reading;
mod rule;
mod schedule;
mod share;
mod state;
pub(crate) mod tune;

use std::collections::{BTreeMap, BTreeSet};

use edge_event::EventTypeId;
use rules_catalogue::Catalogue;
use rules_cel::{Env, Type};
use rules_engine::ir::{DEFAULT_LATENESS_MS, DefinitionIr, GroupIr, IR_FORMAT, ParamIr, RuleIr, RuleSetIr};

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::expr::{CatalogueTypes, Names, VARIABLES, const_ir, variable_type};
use crate::source::Span;
use crate::zones::Zones;
use limits::Priced;
use overlay::Region;
use package::Package;
use pools::Pools;
use schedule::Timetable;

/// Whose rules they are and which revision this is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Part of every command id; stable for a studio's or a title's life.
    pub tenant: String,
    /// Rises with every build that is put to service.
    pub revision: u64,
}

/// Everything that grows while rules are compiled.
pub(crate) struct Building<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) pools: Pools,
    pub(crate) zones: Zones,
    pub(crate) timetable: Timetable,
    pub(crate) groups: Vec<GroupIr>,
    pub(crate) region: Region<'a>,
    /// How many parameters the packages declare; those of single rules follow.
    pub(crate) declared_params: usize,
    /// Parameters as a region has them in one rule.
    pub(crate) own_params: Vec<ParamIr>,
    pub(crate) definitions: Vec<DefinitionIr>,
    pub(crate) rules: Vec<RuleIr>,
    /// Nanoseconds of rules that every event of a type must be tried against, and the most costly of them.
    pub(crate) unindexed: BTreeMap<EventTypeId, limits::Load>,
    pub(crate) places: Places,
    pub(crate) priced: Vec<Priced>,
    /// Of the rule at hand: what a client can make up in its keys and in what its `let` gathers.
    pub(crate) forgeable: Vec<(Span, String)>,
    pub(crate) report: &'a mut Report,
}

/// For each rule, by package and id: where each node of its condition stands.
pub(crate) type Places = BTreeMap<(String, String), Vec<Span>>;

/// What compiling packages gave.
pub(crate) struct Compiled {
    pub(crate) set: RuleSetIr,
    pub(crate) places: Places,
    /// Every bound of costs, in the order of files and lines.
    pub(crate) priced: Vec<Priced>,
}

/// Compiles all packages. Parameters have the values of `packages`, and for a region what its overlays say.
pub(crate) fn compile(
    packages: &[Package<'_>],
    catalogue: &Catalogue,
    identity: &Identity,
    region: Region<'_>,
    report: &mut Report,
) -> Compiled {
    let mut building = Building {
        catalogue,
        pools: Pools::default(),
        zones: Zones::default(),
        timetable: Timetable::default(),
        groups: Vec::new(),
        region,
        declared_params: packages.iter().map(|package| package.names.params.len()).sum(),
        own_params: Vec::new(),
        definitions: Vec::new(),
        rules: Vec::new(),
        unindexed: BTreeMap::new(),
        places: Places::new(),
        priced: Vec::new(),
        forgeable: Vec::new(),
        report,
    };
    for (index, package) in packages.iter().enumerate() {
        building.package(index as u16, package);
    }
    if !region.changed_only {
        building.check_dependencies(packages);
        building.check_types();
    }
    let params = packages.iter().enumerate().flat_map(|(index, package)| params_of(index as u16, package));
    let mut params: Vec<(u16, ParamIr)> = params.collect();
    params.sort_by_key(|(index, _)| *index);
    let set = RuleSetIr {
        format: IR_FORMAT,
        tenant: identity.tenant.clone(),
        revision: identity.revision,
        catalogue_digest: *catalogue.digest(),
        lateness_ms: DEFAULT_LATENESS_MS,
        packages: packages.iter().map(|p| p.name.clone()).collect(),
        events: building.pools.events(),
        consts: building.pools.consts,
        params: params.into_iter().map(|(_, param)| param).chain(building.own_params).collect(),
        sets: building.pools.sets,
        regexes: building.pools.regexes,
        zones: building.zones.into_ir(),
        regions: building.timetable.regions,
        calendars: building.timetable.calendars,
        groups: building.groups,
        definitions: building.definitions,
        rules: building.rules,
    };
    Compiled { set, places: building.places, priced: building.priced }
}

fn params_of<'a>(index: u16, package: &'a Package<'_>) -> impl Iterator<Item = (u16, ParamIr)> + 'a {
    package.names.params.iter().map(move |(name, param)| {
        (param.index, ParamIr { package: index, name: name.clone(), value: const_ir(&param.value) })
    })
}

impl Building<'_> {
    fn package(&mut self, index: u16, package: &Package<'_>) {
        self.pools.enter(&package.name);
        self.timetable.enter();
        let types = CatalogueTypes(self.catalogue);
        let env = environment(&types, &package.names, self.catalogue);
        let mut used = BTreeSet::new();
        for (decl, owner) in &package.rules {
            match package.overlay(self.region.name, &decl.id.value) {
                None if self.region.changed_only => {}
                None => self.rule(index, package, &env, (decl, &package.names), owner, &mut used),
                Some(overlay) => {
                    let (decl, names) = self.overlaid(index, package, decl, overlay);
                    self.rule(index, package, &env, (&decl, &names), owner, &mut used);
                }
            }
        }
        if !self.region.changed_only {
            self.check_overlays(package);
            self.lonely(package);
            self.unused(package, &used);
            self.unused_timetable(package);
        }
    }

    /// Sets and parameters that no rule reads.
    fn unused(&mut self, package: &Package<'_>, used: &BTreeSet<String>) {
        // Where rules were dropped because of errors, what they read is not known.
        if self.report.has_errors() {
            return;
        }
        for (name, param) in &package.names.params {
            if !used.contains(&format!("params.{name}")) {
                let words = format!("no rule reads parameter `{name}`");
                self.report.push(Diagnostic::new(Code::Unused, param.span, words).help("remove it, or use it"));
            }
        }
        for (name, set) in &package.names.sets {
            if !used.contains(name) && !used.contains(&format!("sets.{name}")) {
                let words = format!("no rule reads set `{name}`");
                self.report.push(Diagnostic::new(Code::Unused, set.span, words).help("remove it, or use it"));
            }
        }
    }
}

/// What expressions of one package know, but for the event.
fn environment<'a>(types: &'a CatalogueTypes<'a>, names: &Names, catalogue: &Catalogue) -> Env<'a> {
    let mut env = Env::new(types);
    env.set_container(catalogue.name());
    for (name, var) in VARIABLES {
        env.variable(name, variable_type(var));
    }
    for (name, param) in &names.params {
        env.variable(format!("params.{name}"), param.value.ty());
    }
    for (name, set) in &names.sets {
        env.named_constant(name.as_str(), Type::list(set.ty.clone()));
        env.named_constant(format!("sets.{name}"), Type::list(set.ty.clone()));
    }
    env
}
