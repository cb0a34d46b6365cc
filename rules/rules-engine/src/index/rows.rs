//! Makes an index: bits, rows, postings.
//!
//! Comes in: [`Terms`]. Goes out: an [`Index`]. INVARIANT: a rule's bit stands in the row of every class that has a value for
//! which all its tests hold. Where there would be too many rows, several classes share one; what they cannot tell apart is left
//! to the residual.

use std::collections::HashMap;

use rules_catalogue::FieldPath;

use super::chunk::{BITS, Chunk};
use super::dimension::Dimension;
use super::entry::{Draft, Entry, OpenTests};
use super::plan::Plan;
use super::sorting::{Accepted, Sorting};
use super::table::Class;
use super::terms::{RuleTerm, Terms};
use super::{Index, SUMMARY_WIDTH};

/// Most rows of an index; each takes a bit of every rule, so that is 512 bytes a rule.
const ROWS_MAX: usize = 4_096;

/// Rows under construction.
struct Rows {
    /// The bit of each rule that is not posted.
    bit_of: Vec<Option<u32>>,
    /// Chunks of one row.
    width: usize,
    /// The row of all bits.
    full: Vec<Chunk>,
    chunks: Vec<Chunk>,
}

/// What one dimension's classes let through.
struct Lets {
    /// Of each class, by number; empty where it is everything for all.
    rows: Vec<u32>,
    /// Rules whose bits stand in more classes than those that hold for them. Rising.
    blurred: Vec<u32>,
}

impl Index {
    /// Of the rules behind `terms`.
    pub(crate) fn new(terms: &Terms<'_>, paths: &[FieldPath]) -> Index {
        let (plan, rows_max, sortings) = planned(terms, paths);
        let (bits, in_order) = plan.bits(terms, SUMMARY_WIDTH * BITS);
        let mut rows = Rows::new(&bits, terms.rules());
        let mut drafts: Vec<Draft> = terms.open.iter().map(|open| Draft::new(*open)).collect();
        let of_aspect = rules_by_aspect(terms);
        let (mut rows_of, mut posted_in) = (Vec::new(), Vec::new());
        for (at, (aspect, sorting)) in plan.aspects.iter().zip(&sortings).enumerate() {
            let mut accepted = Vec::new();
            let mut posted = Vec::new();
            for &rule in &of_aspect[*aspect] {
                let mine: Vec<&RuleTerm<'_>> = terms.of(rule as usize).iter().filter(|t| t.aspect == *aspect).collect();
                let what = sorting.accepted(&mine);
                let draft = &mut drafts[rule as usize];
                match plan.posted[rule as usize] {
                    None => accepted.push((rule, what)),
                    Some(posting) if posting == *aspect => {
                        posted.extend(what.named().iter().map(|class| (*class, rule)));
                        draft.close(tests_of(terms, rule, *aspect));
                    }
                    Some(_) => {
                        if let Some((share, check)) = what.check(sorting.count) {
                            draft.offer(share, at as u16, check, tests_of(terms, rule, *aspect));
                        }
                    }
                }
            }
            let made = rows.lets(&accepted, sorting.count, rows_max[at]);
            for (rule, what) in &accepted {
                let (draft, tests) = (&mut drafts[*rule as usize], tests_of(terms, *rule, *aspect));
                if what.is_exact() && made.blurred.binary_search(rule).is_err() {
                    draft.close(tests);
                } else if let Some((share, check)) = what.check(sorting.count) {
                    draft.offer(share, at as u16, check, tests);
                }
            }
            posted.sort_unstable();
            posted_in.push(posted);
            rows_of.push(made.rows);
        }
        let entries: Vec<Entry> = drafts.into_iter().zip(0..).map(|(draft, rule)| draft.finish(rule)).collect();
        let mut postings = Vec::new();
        let mut dimensions = Vec::new();
        for (((aspect, sorting), rows), posted) in plan.aspects.iter().zip(sortings).zip(rows_of).zip(posted_in) {
            let postings_from = postings.len() as u32;
            let mut posting_ends = Vec::new();
            let mut rest = posted.as_slice();
            for class in 0..sorting.count as Class {
                if posted.is_empty() {
                    break;
                }
                let (these, others) = rest.split_at(rest.partition_point(|(of, _)| *of == class));
                postings.extend(these.iter().map(|(_, rule)| entries[*rule as usize]));
                posting_ends.push(postings.len() as u32);
                rest = others;
            }
            let source = terms.aspects[*aspect].aspect.source;
            dimensions.push(Dimension { source, classes: sorting.classes, rows, posting_ends, postings_from });
        }
        let summaries = rows.summaries();
        let entries: Vec<Entry> = bits.iter().map(|rule| entries[*rule as usize]).collect();
        let mut certain = vec![Chunk::default(); rows.width];
        for (bit, _) in entries.iter().enumerate().filter(|(_, entry)| entry.is_certain()) {
            certain[bit / BITS].set(bit % BITS, true);
        }
        Index {
            digest: terms.digest,
            rules: terms.rules() as u32,
            dimensions,
            width: rows.width,
            rows: rows.chunks,
            summaries,
            bits,
            certain,
            entries,
            postings,
            in_order,
        }
    }
}

/// The tests behind a rule's terms of an aspect.
fn tests_of(terms: &Terms<'_>, rule: u32, aspect: usize) -> OpenTests {
    let mut tests = OpenTests::NONE;
    let mine = terms.of(rule as usize).iter().filter(|term| term.aspect == aspect);
    mine.for_each(|term| tests.add(term.test));
    tests
}

/// A plan all of whose aspects can be sorted; and how many rows each may have.
fn planned<'a>(terms: &Terms<'a>, paths: &[FieldPath]) -> (Plan, Vec<usize>, Vec<Sorting<'a>>) {
    let mut usable = vec![true; terms.aspects.len()];
    'again: loop {
        let plan = Plan::new(terms, &usable);
        let wanted: Vec<usize> = plan.aspects.iter().map(|aspect| terms.aspects[*aspect].classes()).collect();
        let rows_max = shared_out(&wanted, ROWS_MAX);
        let mut sortings = Vec::new();
        for (aspect, most) in plan.aspects.iter().zip(&rows_max) {
            match Sorting::new(&terms.aspects[*aspect], paths, *most) {
                Some(sorting) => sortings.push(sorting),
                None => {
                    usable[*aspect] = false;
                    continue 'again;
                }
            }
        }
        return (plan, rows_max, sortings);
    }
}

/// Gives each what it wants, where that is not more than an equal share of what those that want less leave.
fn shared_out(wanted: &[usize], all: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|at| wanted[*at]);
    let (mut given, mut left) = (vec![0; wanted.len()], all);
    for (before, at) in order.iter().enumerate() {
        given[*at] = wanted[*at].min(left / (wanted.len() - before));
        left -= given[*at];
    }
    given
}

fn rules_by_aspect(terms: &Terms<'_>) -> Vec<Vec<u32>> {
    let mut rules: Vec<Vec<u32>> = vec![Vec::new(); terms.aspects.len()];
    for rule in 0..terms.rules() {
        for term in terms.of(rule) {
            if rules[term.aspect].last() != Some(&(rule as u32)) {
                rules[term.aspect].push(rule as u32);
            }
        }
    }
    rules
}

impl Rows {
    fn new(bits: &[u32], rules: usize) -> Rows {
        let width = bits.len().div_ceil(BITS);
        let mut bit_of = vec![None; rules];
        bits.iter().zip(0_u32..).for_each(|(rule, bit)| bit_of[*rule as usize] = Some(bit));
        let mut full = vec![Chunk::default(); width];
        (0..bits.len()).for_each(|bit| full[bit / BITS].set(bit % BITS, true));
        Rows { bit_of, width, full, chunks: Vec::new() }
    }

    /// At most `most` rows of one dimension, of what each rule accepts of it.
    fn lets(&mut self, accepted: &[(u32, Accepted)], classes: usize, most: usize) -> Lets {
        match accepted {
            [] => Lets { rows: Vec::new(), blurred: Vec::new() },
            [(_, Accepted::Stretches { .. }), ..] => self.by_order(accepted, classes),
            _ => self.by_value(accepted, classes, most),
        }
    }

    /// From class to class only the rules change that begin or end there.
    fn by_order(&mut self, accepted: &[(u32, Accepted)], classes: usize) -> Lets {
        let mut row = self.full.clone();
        let mut changes: Vec<(Class, bool, u32)> = Vec::new();
        for (rule, what) in accepted {
            self.set(&mut row, *rule, false);
            if let Accepted::Stretches { classes, .. } = what {
                changes.extend(classes.iter().map(|(from, _)| (*from, true, *rule)));
                changes.extend(classes.iter().map(|(_, to)| (*to + 1, false, *rule)));
            }
        }
        changes.sort_unstable();
        let mut rows = Vec::with_capacity(classes);
        let mut rest = changes.as_slice();
        for class in 0..classes as Class {
            let (here, later) = rest.split_at(rest.partition_point(|(of, ..)| *of == class));
            here.iter().for_each(|(_, passes, rule)| self.set(&mut row, *rule, *passes));
            rest = later;
            rows.push(self.push(&row));
        }
        Lets { rows, blurred: Vec::new() }
    }

    fn by_value(&mut self, accepted: &[(u32, Accepted)], classes: usize, most: usize) -> Lets {
        let mut others = self.full.clone();
        let mut excepted: Vec<(Class, u32, bool)> = Vec::new();
        for (rule, what) in accepted {
            if let Accepted::Values { others: passes, except } = what {
                self.set(&mut others, *rule, *passes);
                excepted.extend(except.iter().map(|class| (*class, *rule, !passes)));
            }
        }
        excepted.sort_unstable();
        // Classes that differ from the others in the same rules have one row.
        let mut groups: Vec<Group<'_>> = Vec::new();
        let mut known: HashMap<Vec<(u32, bool)>, usize, ahash::RandomState> = HashMap::default();
        for of_class in excepted.chunk_by(|a, b| a.0 == b.0) {
            let changes: Vec<(u32, bool)> = of_class.iter().map(|(_, rule, passes)| (*rule, *passes)).collect();
            let at = *known.entry(changes).or_insert_with(|| {
                groups.push(Group { changes: of_class, classes: Vec::new() });
                groups.len() - 1
            });
            groups[at].classes.push(of_class[0].0);
        }
        let others_row = self.push(&others);
        let mut lets = Lets { rows: vec![others_row; classes], blurred: Vec::new() };
        self.rows_of(groups, &others, most, &mut lets);
        lets.blurred.sort_unstable();
        lets.blurred.dedup();
        lets
    }

    /// Gives each group a row of its own; where there are too many, those that concern the fewest rules share some.
    fn rows_of(&mut self, mut groups: Vec<Group<'_>>, others: &[Chunk], most: usize, lets: &mut Lets) {
        let own = if groups.len() < most { groups.len() } else { most / 2 };
        if own < groups.len() {
            groups.sort_by_key(|group| std::cmp::Reverse(group.changes.len()));
        }
        let (alone, together) = groups.split_at(own);
        for group in alone {
            let row = self.changed(others, group);
            let at = self.push(&row);
            group.classes.iter().for_each(|class| lets.rows[*class as usize] = at);
        }
        let room = (most - own).max(1);
        for some in together.chunks(together.len().div_ceil(room).max(1)) {
            let mut shared = vec![Chunk::default(); self.width];
            for group in some {
                let row = self.changed(others, group);
                shared.iter_mut().zip(row).for_each(|(shared, chunk)| *shared |= chunk);
            }
            let at = self.push(&shared);
            for group in some {
                group.classes.iter().for_each(|class| lets.rows[*class as usize] = at);
                lets.blurred.extend(group.changes.iter().map(|(_, rule, _)| *rule));
            }
        }
    }

    fn changed(&self, others: &[Chunk], group: &Group<'_>) -> Vec<Chunk> {
        let mut row = others.to_vec();
        group.changes.iter().for_each(|(_, rule, passes)| self.set(&mut row, *rule, *passes));
        row
    }

    fn set(&self, row: &mut [Chunk], rule: u32, to: bool) {
        if let Some(bit) = self.bit_of[rule as usize] {
            row[bit as usize / BITS].set(bit as usize % BITS, to);
        }
    }

    /// Appends a row and gives its number.
    fn push(&mut self, row: &[Chunk]) -> u32 {
        let at = self.chunks.len() / self.width;
        self.chunks.extend_from_slice(row);
        at as u32
    }

    /// One bit for each chunk that is not empty, the rows one after the other; nothing where rows are short.
    fn summaries(&self) -> Vec<u64> {
        if self.width <= SUMMARY_WIDTH {
            return Vec::new();
        }
        let words = self.width.div_ceil(64);
        let mut summaries = Vec::with_capacity(self.chunks.len() / self.width * words);
        for row in self.chunks.chunks(self.width) {
            let start = summaries.len();
            summaries.resize(start + words, 0);
            for (at, _) in row.iter().enumerate().filter(|(_, chunk)| !chunk.is_empty()) {
                summaries[start + at / 64] |= 1 << (at % 64);
            }
        }
        summaries
    }
}

/// Classes for which the same rules pass.
struct Group<'e> {
    /// What differs from the classes that no rule names: class, rule, whether it passes.
    changes: &'e [(Class, u32, bool)],
    classes: Vec<Class>,
}
