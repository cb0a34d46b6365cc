//! Terms: what a test lets through, in a form that rows can be made of.
//!
//! Comes in: a [`Test`] with everything it knows. Goes out: which *aspect* of the event it looks at (a field, a text of the
//! connection, whether a field is set; by single values or by order), and which values of it the test holds for. A test that
//! has no such form stays out of the index and is asked of each candidate.

use rules_catalogue::{FieldPath, Kind};

use super::interval::Intervals;
use super::ordinal::Family;
use crate::compact::{Relation, Source, Test};
use crate::expr::{Pools, Value};
use crate::ir::{BinaryOp, ConstIr};

/// What of an event tells rules apart.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Aspect {
    pub(super) source: Source,
    pub(super) by: By,
}

/// How values of a source are sorted into classes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum By {
    /// Those that some rule names, and all others.
    Value,
    /// The stretches between the ends that rules name.
    Order,
}

/// A test in the index's form.
pub(super) struct Term<'a> {
    pub(super) aspect: Aspect,
    pub(super) accepts: Accepts<'a>,
}

/// For which values a test holds.
#[derive(PartialEq, Eq, Hash, Debug)]
pub(super) enum Accepts<'a> {
    /// These alone, or all but these. Rising, unique.
    Values { keys: Vec<Key<'a>>, negated: bool },
    /// Numbers in these intervals of ordinals.
    Numbers(Intervals<u64>),
    /// Texts in these intervals of their bytes.
    Texts(Intervals<Vec<u8>>),
}

/// A value that some rule names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Key<'a> {
    Ordinal(u64),
    Text(&'a str),
}

/// What kind of values a source has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Content {
    Text,
    Number(Family),
}

impl Content {
    pub(super) fn of(source: Source, paths: &[FieldPath]) -> Option<Content> {
        match source {
            Source::Var(_) => Some(Content::Text),
            Source::Presence(_) => Some(Content::Number(Family::Bool)),
            Source::Slot(slot) => match paths[usize::from(slot)].kind {
                Kind::String => Some(Content::Text),
                kind => Family::of(kind).map(Content::Number),
            },
        }
    }
}

impl Aspect {
    /// For maps: each aspect has its own.
    pub(super) const fn code(self) -> (u8, u16, By) {
        match self.source {
            Source::Slot(slot) => (0, slot, self.by),
            Source::Presence(slot) => (1, slot, self.by),
            Source::Var(var) => (2, var as u16, self.by),
        }
    }
}

impl<'a> Term<'a> {
    /// The term of a test, where it has one.
    pub(super) fn of(test: &Test, pools: &'a Pools, paths: &[FieldPath]) -> Option<Term<'a>> {
        let accepts = match Content::of(test.source, paths)? {
            Content::Number(Family::Bool) => bools(test, pools),
            Content::Number(family) => numbers(test, pools, family)?,
            Content::Text => texts(test, pools)?,
        };
        let by = match accepts {
            Accepts::Values { .. } => By::Value,
            Accepts::Numbers(_) | Accepts::Texts(_) => By::Order,
        };
        Some(Term { aspect: Aspect { source: test.source, by }, accepts })
    }
}

/// There are two values; the test is asked for both.
fn bools<'a>(test: &Test, pools: &Pools) -> Accepts<'a> {
    let holds = |b: &bool| test.holds_for(pools, Value::Bool(*b));
    let keys = [false, true].into_iter().filter(holds).map(|b| Key::Ordinal(u64::from(b))).collect();
    Accepts::Values { keys, negated: false }
}

fn numbers<'a>(test: &Test, pools: &'a Pools, family: Family) -> Option<Accepts<'a>> {
    let key = |value| family.of_constant(value).map(Key::Ordinal);
    match test.relation {
        Relation::Compare { op: op @ (BinaryOp::Equal | BinaryOp::NotEqual), known } => {
            let keys = key(known.value(pools)).into_iter().collect();
            Some(Accepts::Values { keys, negated: (op == BinaryOp::NotEqual) != test.negated })
        }
        Relation::Compare { op, known } => {
            let intervals = family.related(op, known.value(pools))?;
            Some(Accepts::Numbers(if test.negated { intervals.complement() } else { intervals }))
        }
        Relation::Set(set) => Some(values(members(pools, set).filter_map(key), test.negated)),
        Relation::Prefix(_) | Relation::True => None,
    }
}

fn texts<'a>(test: &Test, pools: &'a Pools) -> Option<Accepts<'a>> {
    let key = |value| match value {
        Value::String(text) => Some(Key::Text(text)),
        _ => None,
    };
    let known = |value| match value {
        Value::String(text) => Some(text.as_bytes()),
        _ => None,
    };
    let intervals = match test.relation {
        Relation::Compare { op: op @ (BinaryOp::Equal | BinaryOp::NotEqual), known } => {
            let keys = key(known.value(pools)).into_iter();
            return Some(values(keys, (op == BinaryOp::NotEqual) != test.negated));
        }
        Relation::Set(set) => return Some(values(members(pools, set).filter_map(key), test.negated)),
        Relation::Compare { op, known: constant } => {
            let text = known(constant.value(pools))?;
            match op {
                BinaryOp::Less => Intervals::one(None, Some(text.to_vec())),
                BinaryOp::LessOrEqual => Intervals::one(None, Some(next(text))),
                BinaryOp::Greater => Intervals::one(Some(next(text)), None),
                BinaryOp::GreaterOrEqual => Intervals::one(Some(text.to_vec()), None),
                _ => return None,
            }
        }
        Relation::Prefix(constant) => beginning(known(constant.value(pools))?),
        Relation::True => return None,
    };
    Some(Accepts::Texts(if test.negated { intervals.complement() } else { intervals }))
}

fn members(pools: &Pools, set: u16) -> impl Iterator<Item = Value<'_>> {
    pools.sets[usize::from(set)].iter().map(|item: &ConstIr| Value::of_const(item))
}

fn values<'a>(keys: impl Iterator<Item = Key<'a>>, negated: bool) -> Accepts<'a> {
    let mut keys: Vec<Key<'a>> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    Accepts::Values { keys, negated }
}

/// The text right behind a text.
fn next(text: &[u8]) -> Vec<u8> {
    let mut next = text.to_vec();
    next.push(0);
    next
}

/// All texts that begin so.
fn beginning(prefix: &[u8]) -> Intervals<Vec<u8>> {
    let mut end = prefix.to_vec();
    match end.last_mut() {
        Some(last) => {
            *last += 1;
            Intervals::one(Some(prefix.to_vec()), Some(end))
        }
        // INVARIANT: UTF-8 has no such byte, so the prefix is empty.
        None => Intervals::one(None, None),
    }
}
