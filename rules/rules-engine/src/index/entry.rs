//! What the index keeps of one rule: enough to tell most that do not hold without touching anything else.

use super::DIMENSIONS_MAX;

/// Checks of one entry.
const CHECKS: usize = 2;

/// Where an event stands in each dimension: the ordinal of a number, else the class.
pub(super) type Places = [u64; DIMENSIONS_MAX];

/// A rule, which of its tests are open, and two checks that are made before they are asked. 48 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    first: [u64; CHECKS],
    last: [u64; CHECKS],
    rule: u32,
    open: OpenTests,
    dimensions: [u16; CHECKS],
}

/// Some of a rule's tests: a bit each, the last one for all from there on, and for what of its condition is no test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct OpenTests(u32);

/// The bit of [`OpenTests`] that stands for several.
const LAST_OPEN: u32 = 31;

/// A rule that the index lets through, and which of its tests are open. Ordered by rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Selected(u64);

/// The places of one dimension that a rule accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Check {
    pub(super) first: u64,
    pub(super) last: u64,
    /// Whether the rule's tests of that dimension hold exactly there.
    pub(super) decides: bool,
}

/// An entry under construction: keeps the checks that the fewest events pass.
#[derive(Clone)]
pub(super) struct Draft {
    open: OpenTests,
    /// By the share of events that pass, as guessed; each with the tests that it decides.
    checks: [Option<(f64, u16, Check, OpenTests)>; CHECKS],
}

impl Entry {
    #[inline]
    pub(super) fn fits(&self, places: &Places) -> bool {
        (0..CHECKS).all(|at| (self.first[at]..=self.last[at]).contains(&places[usize::from(self.dimensions[at])]))
    }

    /// Whether the rule holds wherever it is let through, without any check.
    pub(super) fn is_certain(&self) -> bool {
        self.open.is_empty() && self.first == [0; CHECKS] && self.last == [u64::MAX; CHECKS]
    }

    #[inline]
    pub(super) const fn selected(&self) -> Selected {
        Selected((self.rule as u64) << 32 | self.open.0 as u64)
    }
}

impl Selected {
    /// One that holds.
    #[inline]
    pub(super) const fn certain(rule: u32) -> Selected {
        Selected((rule as u64) << 32)
    }

    /// One all of whose tests are open.
    pub(crate) const fn unknown(rule: u32) -> Selected {
        Selected((rule as u64) << 32 | u32::MAX as u64)
    }

    /// Its number among the rules of the event type.
    pub(crate) const fn rule(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(crate) const fn open(self) -> OpenTests {
        OpenTests(self.0 as u32)
    }
}

impl OpenTests {
    pub(crate) const ALL: OpenTests = OpenTests(u32::MAX);
    pub(super) const NONE: OpenTests = OpenTests(0);

    /// Everything of a rule with so many tests.
    pub(super) fn of(tests: u32, has_rest: bool) -> OpenTests {
        let tests = 1_u32.checked_shl(tests).map_or(u32::MAX, |end| end - 1);
        OpenTests(tests | u32::from(has_rest) << LAST_OPEN)
    }

    pub(super) const fn add(&mut self, test: u32) {
        // A bit that stands for several tests is never put into what is decided.
        if test < LAST_OPEN {
            self.0 |= 1 << test;
        }
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn has(self, test: usize) -> bool {
        self.0 >> test.min(LAST_OPEN as usize) & 1 == 1
    }
}

impl Draft {
    pub(super) const fn new(open: OpenTests) -> Draft {
        Draft { open, checks: [None; CHECKS] }
    }

    /// These tests are known to hold where the rule is let through.
    pub(super) const fn close(&mut self, tests: OpenTests) {
        self.open.0 &= !tests.0;
    }

    /// Offers a check of a dimension, of which `share` of all events pass.
    pub(super) fn offer(&mut self, share: f64, dimension: u16, check: Check, tests: OpenTests) {
        let place = |kept: &Option<(f64, u16, Check, OpenTests)>| kept.as_ref().map_or(f64::INFINITY, |kept| kept.0);
        let worst = self.checks.iter_mut().max_by(|a, b| place(a).total_cmp(&place(b)));
        if let Some(worst) = worst.filter(|worst| share < place(worst)) {
            let decided = if check.decides { tests } else { OpenTests::NONE };
            *worst = Some((share, dimension, check, decided));
        }
    }

    pub(super) fn finish(mut self, rule: u32) -> Entry {
        let nothing = (1.0, 0, Check { first: 0, last: u64::MAX, decides: false }, OpenTests::NONE);
        let checks = self.checks.map(|kept| kept.unwrap_or(nothing));
        checks.iter().for_each(|kept| self.close(kept.3));
        Entry {
            first: checks.map(|kept| kept.2.first),
            last: checks.map(|kept| kept.2.last),
            rule,
            open: self.open,
            dimensions: checks.map(|kept| kept.1),
        }
    }
}
