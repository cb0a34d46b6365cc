//! What the index of one event type is to look like: which rules stand in postings, which aspects become dimensions.
//!
//! Comes in: [`Terms`]. Goes out: [`Plan`]. Nothing is known of the events to come, so an aspect's values count as equally
//! frequent; the prices are those of one core of 2.6 GHz, and only their ratios matter. Deliberately absent: rows.

use super::DIMENSIONS_MAX;
use super::term::{Accepts, Key};
use super::terms::{Named, RuleTerm, Terms};

/// Asking a rule that the index let through although it does not hold. Nanoseconds.
const CANDIDATE_NS: f64 = 12.0;
/// Finding the class of an event in one dimension, and ANDing its row.
const DIMENSION_NS: f64 = 8.0;
/// An aspect of which rules name so many values keeps postings.
const POSTING_VALUES_MIN: usize = 256;
/// A rule stands in a posting only where no more rules ask for any of its values.
const POSTING_RULES_MAX: u32 = 64;
/// A rule stands in so many postings at most.
const POSTING_COPIES_MAX: usize = 8;
/// Most aspects with postings.
const POSTING_ASPECTS_MAX: usize = 8;

/// See the file's head.
pub(super) struct Plan {
    /// Aspects that become dimensions, the one that skips most first.
    pub(super) aspects: Vec<usize>,
    /// For each rule the aspect in whose postings it stands; rules without one are bits.
    pub(super) posted: Vec<Option<usize>>,
}

impl Plan {
    /// Of the aspects that are usable.
    pub(super) fn new(terms: &Terms<'_>, usable: &[bool]) -> Plan {
        let posted = postings(terms, usable);
        let mut posting_aspects: Vec<usize> = posted.iter().flatten().copied().collect();
        posting_aspects.sort_unstable();
        posting_aspects.dedup();
        let mut aspects = dimensions(terms, usable, &posted, DIMENSIONS_MAX - posting_aspects.len());
        posting_aspects.retain(|aspect| !aspects.contains(aspect));
        aspects.append(&mut posting_aspects);
        Plan { aspects, posted }
    }

    /// The rules that are bits, in the order of their bits, and whether that is emission order. Where there are more than
    /// `few`, rules that ask for the same value stand side by side, so that other values leave whole chunks empty.
    pub(super) fn bits(&self, terms: &Terms<'_>, few: usize) -> (Vec<u32>, bool) {
        let mut bits: Vec<u32> =
            (0..terms.rules() as u32).filter(|rule| self.posted[*rule as usize].is_none()).collect();
        if bits.len() <= few {
            return (bits, true);
        }
        let mut by_values: Vec<usize> = self.aspects.clone();
        by_values.sort_by_key(|aspect| std::cmp::Reverse(terms.aspects[*aspect].keys.len()));
        let place = |aspect: usize| by_values.iter().position(|of| *of == aspect);
        let asked = |rule: &u32| {
            let mut asked: Vec<(usize, Key<'_>)> = Vec::new();
            for term in terms.of(*rule as usize) {
                if let (Some(place), Accepts::Values { keys, negated: false }) = (place(term.aspect), &term.accepts) {
                    asked.extend(keys.first().map(|key| (place, *key)));
                }
            }
            asked.sort_unstable();
            asked.truncate(2);
            // Rules that ask for no value come last.
            (asked.is_empty(), asked)
        };
        bits.sort_by_cached_key(asked);
        (bits, false)
    }
}

/// The rules that ask for rare values.
fn postings(terms: &Terms<'_>, usable: &[bool]) -> Vec<Option<usize>> {
    let is_wide = |at: &usize| usable[*at] && terms.aspects[*at].keys.len() >= POSTING_VALUES_MIN;
    let mut wide: Vec<usize> = (0..terms.aspects.len()).filter(is_wide).collect();
    wide.sort_by_key(|at| std::cmp::Reverse(terms.aspects[*at].keys.len()));
    wide.truncate(POSTING_ASPECTS_MAX);
    let best = |rule: usize| {
        let rare = terms.of(rule).iter().filter_map(|term| {
            let rules = wide.contains(&term.aspect).then(|| rare(term, &terms.aspects[term.aspect])).flatten()?;
            Some((term.aspect, f64::from(rules) / terms.aspects[term.aspect].keys.len() as f64))
        });
        rare.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(aspect, _)| aspect)
    };
    (0..terms.rules()).map(best).collect()
}

/// How many rules stand with this one in its postings, where they are few.
fn rare(term: &RuleTerm<'_>, named: &Named<'_>) -> Option<u32> {
    let Accepts::Values { keys, negated: false } = &term.accepts else { return None };
    let rules = |key| named.keys.get(key).copied().unwrap_or(0);
    let few = keys.len() <= POSTING_COPIES_MAX && keys.iter().all(|key| rules(key) <= POSTING_RULES_MAX);
    few.then(|| keys.iter().map(rules).sum())
}

/// The aspects that are worth looking at, of those that are bits.
fn dimensions(terms: &Terms<'_>, usable: &[bool], posted: &[Option<usize>], room: usize) -> Vec<usize> {
    // What each aspect alone would skip; then, from the best on, what it still skips beside the ones before.
    let mut by_aspect: Vec<Vec<(u32, f64)>> = vec![Vec::new(); terms.aspects.len()];
    for rule in (0..terms.rules()).filter(|rule| posted[*rule].is_none()) {
        for term in terms.of(rule).iter().filter(|term| usable[term.aspect]) {
            by_aspect[term.aspect].push((rule as u32, share(&term.accepts, &terms.aspects[term.aspect])));
        }
    }
    let alone = |of: &[(u32, f64)]| of.iter().map(|(_, share)| 1.0 - share).sum::<f64>();
    let mut order: Vec<(usize, f64)> = by_aspect.iter().map(|of| alone(of)).enumerate().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut passes = vec![1.0; terms.rules()];
    let mut kept = Vec::new();
    for (aspect, _) in order {
        let skips: f64 = by_aspect[aspect].iter().map(|(rule, share)| passes[*rule as usize] * (1.0 - share)).sum();
        if kept.len() < room && skips * CANDIDATE_NS > DIMENSION_NS {
            kept.push(aspect);
            by_aspect[aspect].iter().for_each(|(rule, share)| passes[*rule as usize] *= share);
        }
    }
    kept
}

/// Of how many events the term holds, by a guess.
fn share(accepts: &Accepts<'_>, named: &Named<'_>) -> f64 {
    match accepts {
        Accepts::Values { keys, negated } => {
            let of_all = keys.len() as f64 / (named.keys.len() as f64 + 1.0);
            if *negated { 1.0 - of_all } else { of_all }
        }
        Accepts::Numbers(intervals) => intervals.share(&named.numbers),
        Accepts::Texts(intervals) => intervals.share(&named.texts),
    }
}
