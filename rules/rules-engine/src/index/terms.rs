//! The terms of all rules of one event type, before anything is decided.
//!
//! Comes in: the rules' tests, in emission order. Goes out: the rules' terms, how often each value of each aspect is named, and
//! a digest of it all. Bundles are built by others: sets are large only up to a bound, beyond which a test has no term.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use rules_catalogue::FieldPath;

use super::entry::OpenTests;
use super::interval::Intervals;
use super::term::{Accepts, Aspect, By, Content, Key, Term};
use crate::compact::{Relation, Test};
use crate::expr::Pools;
use crate::rule_set::Candidate;

/// The largest set that has a term.
const SET_MAX: usize = 4_096;
/// Values that the terms of one event type may name, besides [`VALUES_PER_RULE`] for each rule.
const VALUES_MAX: usize = 1 << 20;
const VALUES_PER_RULE: usize = 64;

/// See the file's head.
pub(crate) struct Terms<'a> {
    /// What of each rule there is to know.
    pub(super) open: Vec<OpenTests>,
    /// Grouped by rule, within a rule in the order of its tests.
    pub(super) all: Vec<RuleTerm<'a>>,
    /// Each rule's in `all`.
    of_rule: Vec<Range<u32>>,
    pub(super) aspects: Vec<Named<'a>>,
    pub(super) digest: [u8; 32],
}

pub(super) struct RuleTerm<'a> {
    /// Which of the rule's tests.
    pub(super) test: u32,
    /// Index of its aspect.
    pub(super) aspect: usize,
    pub(super) accepts: Accepts<'a>,
}

/// An aspect and the values by which its terms tell events apart.
pub(super) struct Named<'a> {
    pub(super) aspect: Aspect,
    /// How many rules ask for a value.
    pub(super) keys: HashMap<Key<'a>, u32, ahash::RandomState>,
    /// All ends of intervals, rising, with repeats.
    pub(super) numbers: Vec<u64>,
    /// The same of texts.
    pub(super) texts: Vec<Vec<u8>>,
}

impl<'a> Terms<'a> {
    /// Of rules with their tests in `tests`.
    pub(crate) fn new(rules: &[Candidate], tests: &[Test], pools: &'a Pools, paths: &[FieldPath]) -> Terms<'a> {
        let mut values_left = VALUES_MAX + VALUES_PER_RULE * rules.len();
        let mut terms = Terms {
            open: Vec::with_capacity(rules.len()),
            all: Vec::with_capacity(tests.len()),
            of_rule: Vec::with_capacity(rules.len()),
            aspects: Vec::new(),
            digest: [0; 32],
        };
        let mut known: BTreeMap<(u8, u16, By), usize> = BTreeMap::new();
        let mut digest = Digest(blake3::Hasher::new());
        for Candidate { tests: own, has_rest, .. } in rules {
            let from = terms.all.len() as u32;
            digest.number(u64::from(own.end - own.start) << 1 | u64::from(*has_rest));
            for (test, number) in tests[own.start as usize..own.end as usize].iter().zip(0..) {
                if is_too_large(test, pools, values_left) {
                    continue;
                }
                let Some(Term { aspect, accepts }) = Term::of(test, pools, paths) else { continue };
                if let Accepts::Values { keys, .. } = &accepts {
                    values_left = values_left.saturating_sub(keys.len());
                }
                digest.term(number, aspect, Content::of(aspect.source, paths), &accepts);
                let aspects = &mut terms.aspects;
                let at = *known.entry(aspect.code()).or_insert_with(|| {
                    aspects.push(Named::new(aspect));
                    aspects.len() - 1
                });
                terms.aspects[at].add(&accepts);
                terms.all.push(RuleTerm { test: number, aspect: at, accepts });
            }
            terms.open.push(OpenTests::of(own.end - own.start, *has_rest));
            terms.of_rule.push(from..terms.all.len() as u32);
        }
        for named in &mut terms.aspects {
            named.numbers.sort_unstable();
            named.texts.sort_unstable();
        }
        terms.digest = *digest.0.finalize().as_bytes();
        terms
    }

    /// How many rules.
    pub(super) const fn rules(&self) -> usize {
        self.of_rule.len()
    }

    pub(super) fn of(&self, rule: usize) -> &[RuleTerm<'a>] {
        let range = &self.of_rule[rule];
        &self.all[range.start as usize..range.end as usize]
    }

    /// Equal digests: the same rules as far as an index can tell.
    pub(crate) const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

fn is_too_large(test: &Test, pools: &Pools, values_left: usize) -> bool {
    match test.relation {
        Relation::Set(set) => pools.sets[usize::from(set)].len() > SET_MAX.min(values_left),
        _ => false,
    }
}

impl<'a> Named<'a> {
    /// Into how many classes it can be sorted at most.
    pub(super) fn classes(&self) -> usize {
        let numbers = self.numbers.chunk_by(|a, b| a == b).count();
        1 + self.keys.len() + numbers + self.texts.chunk_by(|a, b| a == b).count()
    }

    fn new(aspect: Aspect) -> Named<'a> {
        let keys = HashMap::with_hasher(ahash::RandomState::with_seeds(1, 2, 3, 4));
        Named { aspect, keys, numbers: Vec::new(), texts: Vec::new() }
    }

    fn add(&mut self, accepts: &Accepts<'a>) {
        match accepts {
            Accepts::Values { keys, negated } => {
                for key in keys {
                    *self.keys.entry(*key).or_default() += u32::from(!negated);
                }
            }
            Accepts::Numbers(intervals) => self.numbers.extend(ends(intervals)),
            Accepts::Texts(intervals) => self.texts.extend(ends(intervals)),
        }
    }
}

pub(super) fn ends<T: Ord + Clone>(intervals: &Intervals<T>) -> impl Iterator<Item = T> {
    intervals.iter().flat_map(|i| [i.from.clone(), i.to.clone()]).flatten()
}

/// Terms as bytes, each part with its length.
struct Digest(blake3::Hasher);

impl Digest {
    fn number(&mut self, n: u64) {
        self.0.update(&n.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn term(&mut self, test: u32, aspect: Aspect, content: Option<Content>, accepts: &Accepts<'_>) {
        let (kind, at, by) = aspect.code();
        let content = match content {
            Some(Content::Number(family)) => family as u8,
            Some(Content::Text) | None => u8::MAX,
        };
        self.0.update(&[kind, by as u8, content]);
        self.number(u64::from(test) << 16 | u64::from(at));
        match accepts {
            Accepts::Values { keys, negated } => {
                self.0.update(&[u8::from(*negated)]);
                self.number(keys.len() as u64);
                for key in keys {
                    match key {
                        Key::Ordinal(n) => self.number(*n),
                        Key::Text(text) => self.bytes(text.as_bytes()),
                    }
                }
            }
            Accepts::Numbers(intervals) => {
                self.0.update(&[2]);
                self.intervals(intervals, |digest, n| digest.number(*n));
            }
            Accepts::Texts(intervals) => {
                self.0.update(&[3]);
                self.intervals(intervals, |digest, text| digest.bytes(text));
            }
        }
    }

    fn intervals<T: Ord + Clone>(&mut self, intervals: &Intervals<T>, end: impl Fn(&mut Digest, &T)) {
        self.number(intervals.iter().count() as u64);
        for interval in intervals.iter() {
            self.0.update(&[u8::from(interval.from.is_some()), u8::from(interval.to.is_some())]);
            interval.from.iter().chain(&interval.to).for_each(|at| end(self, at));
        }
    }
}
