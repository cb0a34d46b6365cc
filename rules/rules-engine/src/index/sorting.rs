//! Sorting values into classes while an index is made.
//!
//! Comes in: what rules name of an aspect. Goes out: the classes, for the event's path, and for each rule the classes that its
//! terms accept.

use std::collections::HashMap;

use rules_catalogue::FieldPath;

use super::dimension::Classes;
use super::entry::Check;
use super::interval::{Interval, Intervals};
use super::table::{Class, OrdinalTable, TextTable};
use super::term::{Accepts, By, Content, Key};
use super::terms::{Named, RuleTerm, ends};

/// An aspect, sorted.
pub(super) struct Sorting<'a> {
    pub(super) classes: Classes,
    /// Class of each value that is named.
    keys: HashMap<Key<'a>, Class, ahash::RandomState>,
    /// How many classes.
    pub(super) count: usize,
}

/// What a rule accepts of an aspect.
pub(super) enum Accepted {
    /// Of an aspect by order: from which class up to which, rising.
    Stretches {
        classes: Vec<(Class, Class)>,
        /// Whether the classes tell exactly for which values the terms hold.
        is_exact: bool,
        /// Of numbers: the first and the last ordinal for which they hold, and whether all between do.
        reach: Option<(u64, u64, bool)>,
    },
    /// Of an aspect by value: whether values that no rule names are accepted, and the classes for which the answer is
    /// another one.
    Values { others: bool, except: Vec<Class> },
}

impl<'a> Sorting<'a> {
    /// An aspect by order is cut into `most` classes at most. `None` where values cannot be spread over a table.
    pub(super) fn new(named: &Named<'a>, paths: &[FieldPath], most: usize) -> Option<Sorting<'a>> {
        let content = Content::of(named.aspect.source, paths)?;
        let mut keys = HashMap::default();
        let classes = match (named.aspect.by, content) {
            (By::Order, Content::Number(family)) => {
                Classes::Numbers { cuts: chosen(&named.numbers, most - 1), zero: family.zero() }
            }
            (By::Order, Content::Text) => Classes::Stretches(chosen(&named.texts, most - 1)),
            (By::Value, _) => {
                let mut sorted: Vec<Key<'a>> = named.keys.keys().copied().collect();
                sorted.sort_unstable();
                keys.extend(sorted.iter().copied().zip(1..));
                match content {
                    Content::Text => {
                        let text = |key: &Key<'a>| match key {
                            Key::Text(text) => Some(*text),
                            Key::Ordinal(_) => None,
                        };
                        Classes::Texts(TextTable::new(&sorted.iter().filter_map(text).collect::<Vec<_>>())?)
                    }
                    Content::Number(family) => {
                        let ordinal = |key: &Key<'a>| match key {
                            Key::Ordinal(at) => Some(*at),
                            Key::Text(_) => None,
                        };
                        let ordinals: Vec<u64> = sorted.iter().filter_map(ordinal).collect();
                        Classes::Ordinals { table: OrdinalTable::new(&ordinals)?, zero: family.zero() }
                    }
                }
            }
        };
        let count = match &classes {
            Classes::Numbers { cuts, .. } => cuts.len() + 1,
            Classes::Stretches(cuts) => cuts.len() + 1,
            Classes::Texts(_) | Classes::Ordinals { .. } => keys.len() + 1,
        };
        Some(Sorting { classes, keys, count })
    }

    /// What all of a rule's terms of this aspect accept together.
    pub(super) fn accepted(&self, terms: &[&RuleTerm<'a>]) -> Accepted {
        match &self.classes {
            Classes::Numbers { cuts, .. } => {
                let of = |term: &&RuleTerm<'a>| match &term.accepts {
                    Accepts::Numbers(intervals) => Some(intervals.clone()),
                    _ => None,
                };
                let all = together(terms.iter().filter_map(of));
                let ends = all.iter().next().zip(all.iter().last());
                let reach = ends.map(|(first, last)| {
                    let last = last.to.map_or(u64::MAX, |to| to - 1);
                    (first.from.unwrap_or(0), last, all.only().is_some())
                });
                Accepted::Stretches { classes: stretches(&all, cuts), is_exact: is_exact(&all, cuts), reach }
            }
            Classes::Stretches(cuts) => {
                let of = |term: &&RuleTerm<'a>| match &term.accepts {
                    Accepts::Texts(intervals) => Some(intervals.clone()),
                    _ => None,
                };
                let all = together(terms.iter().filter_map(of));
                Accepted::Stretches { classes: stretches(&all, cuts), is_exact: is_exact(&all, cuts), reach: None }
            }
            Classes::Texts(_) | Classes::Ordinals { .. } => self.values(terms),
        }
    }

    fn values(&self, terms: &[&RuleTerm<'a>]) -> Accepted {
        let sets = || {
            terms.iter().filter_map(|term| match &term.accepts {
                Accepts::Values { keys, negated } => Some((keys, *negated)),
                _ => None,
            })
        };
        let others = sets().all(|(_, negated)| negated);
        let mut except: Vec<Key<'a>> = sets().flat_map(|(keys, _)| keys.iter().copied()).collect();
        except.sort_unstable();
        except.dedup();
        except.retain(|key| sets().all(|(keys, negated)| keys.binary_search(key).is_ok() != negated) != others);
        Accepted::Values { others, except: except.iter().filter_map(|key| self.keys.get(key).copied()).collect() }
    }
}

impl Accepted {
    /// Whether the classes tell exactly for which values the terms hold.
    pub(super) const fn is_exact(&self) -> bool {
        match self {
            Accepted::Stretches { is_exact, .. } => *is_exact,
            Accepted::Values { .. } => true,
        }
    }

    /// Of terms that accept some values by name alone: their classes.
    pub(super) fn named(&self) -> &[Class] {
        match self {
            Accepted::Values { others: false, except } => except,
            Accepted::Values { others: true, .. } | Accepted::Stretches { .. } => &[],
        }
    }

    /// The places that are accepted, as one check, with the share of the `count` classes that pass it.
    pub(super) fn check(&self, count: usize) -> Option<(f64, Check)> {
        let (passing, check) = match self {
            Accepted::Stretches { classes, reach, .. } => {
                let (first, last, decides) = (*reach)?;
                let passing = classes.iter().map(|(from, to)| (to - from) as usize + 1).sum();
                (passing, Check { first, last, decides })
            }
            Accepted::Values { others: false, except } => {
                let (first, last) = (*except.first()?, *except.last()?);
                let check = Check { first: u64::from(first), last: u64::from(last), decides: first == last };
                ((last - first) as usize + 1, check)
            }
            Accepted::Values { others: true, .. } => return None,
        };
        Some((passing as f64 / count as f64, check))
    }
}

/// What lies in all of them.
fn together<T: Ord + Clone + Default>(all: impl Iterator<Item = Intervals<T>>) -> Intervals<T> {
    all.reduce(|a, b| a.intersect(&b)).unwrap_or_else(|| Intervals::one(None, None))
}

/// Where to cut: at every end, or where there are too many, at some, so that about as many ends lie in each stretch.
fn chosen<T: Ord + Clone>(ends: &[T], most: usize) -> Vec<T> {
    let mut cuts = ends.to_vec();
    cuts.dedup();
    if cuts.len() > most {
        cuts = (0..most).map(|at| ends[(2 * at + 1) * ends.len() / (2 * most)].clone()).collect();
        cuts.dedup();
    }
    cuts
}

/// The stretches between cuts that hold a value of the intervals, those side by side as one.
fn stretches<T: Ord + Clone>(intervals: &Intervals<T>, cuts: &[T]) -> Vec<(Class, Class)> {
    let mut out: Vec<(Class, Class)> = Vec::new();
    for Interval { from, to } in intervals.iter() {
        let first = from.as_ref().map_or(0, |from| cuts.partition_point(|cut| cut <= from)) as Class;
        let last = to.as_ref().map_or(cuts.len(), |to| cuts.partition_point(|cut| cut < to)) as Class;
        match out.last_mut() {
            Some(before) if first <= before.1 + 1 => before.1 = last,
            _ => out.push((first, last)),
        }
    }
    out
}

fn is_exact<T: Ord + Clone>(intervals: &Intervals<T>, cuts: &[T]) -> bool {
    ends(intervals).all(|end| cuts.binary_search(&end).is_ok())
}
