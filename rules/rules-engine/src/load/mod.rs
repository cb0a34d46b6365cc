//! From the intermediate form to a rule set: every index, type and limit is checked here, once, off the hot path.
//!
//! Comes in: a [`RuleSetIr`] of anybody and the catalogue that travels with it. Goes out: a [`RuleSet`] that evaluates without
//! panics, or the first thing that is wrong, with its place. What the compiler writes always passes; the rest is refused.

mod bound;
mod error;
mod feed;
mod gates;
mod names;
mod rule;
mod state;
mod zones;

use std::sync::Arc;

use edge_event::EventTypeId;
use rules_catalogue::{Catalogue, Extractor, FieldPath};

pub use error::LoadError;

use crate::compact::Test;
use crate::expr::{CheckContext, MAX_SECONDS, MIN_SECONDS, Pools, Program, Type, Value, compare, set_order};
use crate::index::{Index, Terms};
use crate::ir::{ConstIr, EventIr, ExprIr, FieldPathIr, IR_FORMAT, RuleSetIr, limits};
use crate::rule_set::{Candidate, Feed, NO_PARTITION, Partition, Rule, RuleSet};
use names::{check_count, check_name};

impl RuleSet {
    /// Checks `ir` against `catalogue` and makes it ready to run.
    ///
    /// # Errors
    /// See [`LoadError`]; nothing of the set is used then.
    pub fn load(ir: RuleSetIr, catalogue: Arc<Catalogue>) -> Result<RuleSet, LoadError> {
        load(ir, catalogue, None)
    }

    /// The same for a set that is to replace `before`: what both have in common is not built again but shared.
    ///
    /// # Errors
    /// See [`LoadError`]; `before` is as it was.
    pub fn load_after(ir: RuleSetIr, catalogue: Arc<Catalogue>, before: &RuleSet) -> Result<RuleSet, LoadError> {
        load(ir, catalogue, Some(before))
    }
}

fn load(ir: RuleSetIr, catalogue: Arc<Catalogue>, before: Option<&RuleSet>) -> Result<RuleSet, LoadError> {
    check_head(&ir, &catalogue)?;
    let zones = zones::zones(&ir)?;
    gates::tables(&ir)?;
    let identity = *blake3::hash(&ir.to_bytes()).as_bytes();
    let events = ir.events.iter().map(|e| EventPlan::new(e, &catalogue)).collect::<Result<Vec<_>, _>>()?;
    let loader = Loader { ir: &ir, catalogue: &catalogue, events, longest_params: bound::longest_params(&ir) };
    let (mut definitions, feeds) = loader.definitions()?;
    let rules = loader.rules(&mut definitions)?;
    let mut partitions = loader.partitions(&rules, feeds, &definitions)?;
    let groups = loader.groups();
    let by_type = by_type(&partitions);
    let (regions, calendars) = (ir.regions.clone(), ir.calendars.clone());
    let (tenant, revision, lateness_ms) = (ir.tenant.as_str().into(), ir.revision, ir.lateness_ms);
    let pools = pools(ir)?;
    for partition in &mut partitions {
        let old = before.and_then(|set| set.partition(partition.event_type)).map(|old| &old.index);
        partition.index = index(partition, &pools, old);
    }
    let rules = rules.into_iter().map(|loaded| loaded.rule).collect();
    Ok(RuleSet {
        identity,
        tenant,
        revision,
        lateness_ms,
        zones,
        regions,
        calendars,
        groups,
        catalogue,
        pools,
        definitions,
        rules,
        partitions,
        by_type,
    })
}

/// The index of a partition: the old one, where it was made from the same.
fn index(partition: &Partition, pools: &Pools, old: Option<&Arc<Index>>) -> Arc<Index> {
    let (paths, tests) = (partition.extractor.slots(), &partition.tests[..]);
    let terms = Terms::new(&partition.candidates, tests, pools, paths);
    match old {
        Some(old) if old.digest() == terms.digest() => Arc::clone(old),
        _ => Arc::new(Index::new(&terms, paths)),
    }
}

/// What the steps of loading share.
struct Loader<'a> {
    ir: &'a RuleSetIr,
    catalogue: &'a Catalogue,
    events: Vec<EventPlan>,
    /// Bytes of each parameter's longest value, variations included.
    longest_params: Vec<u64>,
}

/// What is read of one event type.
struct EventPlan {
    event_type: EventTypeId,
    extractor: Extractor,
}

/// A rule with what its partition wants to know.
struct LoadedRule {
    rule: Rule,
    tests: Vec<Test>,
}

/// A window's feed and the event type that feeds it.
struct LoadedFeed {
    event_type: EventTypeId,
    feed: Feed,
}

fn check_head(ir: &RuleSetIr, catalogue: &Catalogue) -> Result<(), LoadError> {
    if ir.format != IR_FORMAT {
        return Err(LoadError::Format { found: ir.format });
    }
    if ir.catalogue_digest != *catalogue.digest() {
        return Err(LoadError::Catalogue);
    }
    check_name("rule set", "tenant", &ir.tenant)?;
    if ir.lateness_ms > limits::MAX_LATENESS_MS {
        return Err(LoadError::limit(
            "rule set",
            "lateness_ms",
            ir.lateness_ms as usize,
            limits::MAX_LATENESS_MS as usize,
        ));
    }
    check_count("rule set", "rules", ir.rules.len(), limits::MAX_RULES)?;
    check_count("rule set", "definitions", ir.definitions.len(), limits::MAX_RULES)?;
    check_count("rule set", "packages", ir.packages.len(), usize::from(u16::MAX))?;
    check_count("rule set", "parameters", ir.params.len(), usize::from(u16::MAX))?;
    check_count("rule set", "sets", ir.sets.len(), usize::from(u16::MAX))?;
    check_count("rule set", "regular expressions", ir.regexes.len(), usize::from(u16::MAX))?;
    ir.packages.iter().try_for_each(|p| check_name("packages", "name", p))?;
    if !ir.packages.is_sorted_by(|a, b| a < b) {
        return Err(LoadError::duplicate("packages", "names must rise strictly"));
    }
    if !ir.events.is_sorted_by(|a, b| a.event_type < b.event_type) {
        return Err(LoadError::duplicate("events", "event types must rise strictly"));
    }
    check_consts(ir)
}

fn check_consts(ir: &RuleSetIr) -> Result<(), LoadError> {
    let params = ir.params.iter().map(|p| &p.value);
    let items = ir.sets.iter().flat_map(|s| &s.items);
    ir.consts.iter().chain(params).chain(items.clone()).try_for_each(check_const)?;
    if items.clone().any(|item| matches!(item, ConstIr::Double(d) if d.is_nan())) {
        return Err(LoadError::invalid("sets", "NaN is in no set"));
    }
    Ok(())
}

fn check_const(constant: &ConstIr) -> Result<(), LoadError> {
    match constant {
        ConstIr::Timestamp { seconds, nanos }
            if !(MIN_SECONDS..=MAX_SECONDS).contains(seconds) || *nanos > 999_999_999 =>
        {
            Err(LoadError::invalid("constants", "a timestamp lies outside of years 1 to 9999"))
        }
        _ => Ok(()),
    }
}

fn pools(ir: RuleSetIr) -> Result<Pools, LoadError> {
    let regexes = ir.regexes.iter().map(|pattern| regex(pattern)).collect::<Result<_, _>>()?;
    let sets = ir.sets.into_iter().map(|set| {
        let mut items = set.items;
        items.sort_by(|a, b| set_order(Value::of_const(a), Value::of_const(b)));
        items.dedup_by(|a, b| compare(Value::of_const(a), Value::of_const(b)).is_some_and(|o| o.is_eq()));
        items
    });
    Ok(Pools { consts: ir.consts, params: ir.params, sets: sets.collect(), regexes })
}

fn regex(pattern: &str) -> Result<regex::Regex, LoadError> {
    let fault = |why: String| LoadError::Regex { pattern: pattern.chars().take(60).collect(), why };
    if pattern.len() > limits::MAX_REGEX_BYTES {
        return Err(fault(format!("longer than {} bytes", limits::MAX_REGEX_BYTES)));
    }
    crate::pattern::compiled(pattern).map_err(|e| fault(e.to_string().lines().last().unwrap_or_default().to_owned()))
}

fn by_type(partitions: &[Partition]) -> Vec<u16> {
    let highest = partitions.last().map_or(0, |p| p.event_type.0 as usize + 1);
    let mut table = vec![NO_PARTITION; highest];
    for (at, partition) in partitions.iter().enumerate() {
        table[partition.event_type.0 as usize] = at as u16;
    }
    table
}

impl EventPlan {
    fn new(ir: &EventIr, catalogue: &Catalogue) -> Result<EventPlan, LoadError> {
        let place = format!("event type {}", ir.event_type.0);
        let Some(event_type) = catalogue.event_type(ir.event_type) else {
            return Err(LoadError::dangling(&place, "the catalogue has no such event type"));
        };
        check_count(&place, "field slots", ir.slots.len(), limits::MAX_SLOTS)?;
        let paths = ir.slots.iter().map(|slot| path_text(slot, event_type.message, catalogue));
        let paths =
            paths.collect::<Option<Vec<_>>>().ok_or_else(|| LoadError::dangling(&place, "a field does not exist"))?;
        let texts: Vec<&str> = paths.iter().map(String::as_str).collect();
        let extractor = Extractor::new(catalogue, event_type.message, &texts)
            .map_err(|e| LoadError::dangling(&place, &e.to_string()))?;
        Ok(EventPlan { event_type: ir.event_type, extractor })
    }
}

/// The names behind a path of numbers.
fn path_text(slot: &FieldPathIr, message: rules_catalogue::MessageIndex, catalogue: &Catalogue) -> Option<String> {
    if slot.numbers.is_empty() || slot.numbers.len() > limits::MAX_PATH {
        return None;
    }
    let mut text = String::new();
    let mut at = Some(message);
    for number in &slot.numbers {
        let field = catalogue.message(at?).field(*number)?;
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(&field.name);
        at = match field.kind {
            rules_catalogue::Kind::Message(inside) => Some(inside),
            _ => None,
        };
    }
    Some(text)
}

impl Loader<'_> {
    fn plan(&self, place: &str, event_type: EventTypeId) -> Result<&EventPlan, LoadError> {
        let at = self.events.binary_search_by_key(&event_type, |e| e.event_type);
        at.map(|at| &self.events[at])
            .map_err(|_| LoadError::dangling(place, "its event type is not in the set's events"))
    }

    fn context<'s>(&'s self, paths: &'s [FieldPath], lets: &'s [Type]) -> CheckContext<'s> {
        CheckContext {
            catalogue: self.catalogue,
            consts: &self.ir.consts,
            params: &self.ir.params,
            sets: &self.ir.sets,
            regexes: self.ir.regexes.len(),
            slots: paths,
            lets,
            variation: false,
        }
    }

    /// Checks an expression; `place` says whose it is.
    fn program(
        &self,
        place: &str,
        part: &str,
        expr: &ExprIr,
        context: &CheckContext<'_>,
    ) -> Result<Program, LoadError> {
        Program::new(expr.clone(), context).map_err(|e| LoadError::Expression {
            place: place.to_owned(),
            part: part.to_owned(),
            node: e.node,
            what: e.what,
        })
    }

    fn package(&self, place: &str, package: u16) -> Result<&str, LoadError> {
        let name = self.ir.packages.get(usize::from(package));
        name.map(String::as_str).ok_or_else(|| LoadError::dangling(place, "its package does not exist"))
    }

    fn partitions(
        &self,
        rules: &[LoadedRule],
        feeds: Vec<LoadedFeed>,
        definitions: &[crate::rule_set::Definition],
    ) -> Result<Vec<Partition>, LoadError> {
        // Until all tests are known.
        let no_index = Arc::new(Index::default());
        let mut partitions: Vec<Partition> = self
            .events
            .iter()
            .map(|plan| Partition {
                event_type: plan.event_type,
                extractor: plan.extractor.clone(),
                feeds: Vec::new(),
                rules: Vec::new(),
                candidates: Vec::new(),
                tests: Vec::new(),
                index: Arc::clone(&no_index),
                worst_case: crate::outcome::WorstCase::default(),
            })
            .collect();
        check_count("rule set", "event types", partitions.len(), usize::from(NO_PARTITION) - 1)?;
        let at = |event_type| self.events.binary_search_by_key(&event_type, |e: &EventPlan| e.event_type);
        for loaded in feeds {
            let at = at(loaded.event_type).expect("the feed was checked against its event type's plan");
            partitions[at].feeds.push(loaded.feed);
        }
        for (index, loaded) in rules.iter().enumerate() {
            let at = at(loaded.rule.info.on).expect("the rule was checked against its event type's plan");
            let partition = &mut partitions[at];
            let start = partition.tests.len() as u32;
            partition.tests.extend_from_slice(&loaded.tests);
            let tests = start..partition.tests.len() as u32;
            partition.rules.push(index as u32);
            let has_rest = loaded.rule.when.as_ref().is_some_and(|w| !(w.plain.is_empty() && w.windowed.is_empty()));
            partition.candidates.push(Candidate { tests, has_rest });
        }
        for partition in &mut partitions {
            let durable = bound::durable_feed_bytes(partition, definitions);
            let place = format!("event type {}", partition.event_type.0);
            check_count(&place, "bytes of durable windows", durable, limits::MAX_DURABLE_FEED_BYTES)?;
            partition.worst_case = bound::worst_case(self, partition, rules, definitions);
        }
        partitions.retain(|p| !(p.feeds.is_empty() && p.candidates.is_empty()));
        Ok(partitions)
    }
}
