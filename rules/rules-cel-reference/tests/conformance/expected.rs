//! What the scores must be, and the count that is held to it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::data::Case;

/// `expected.toml`.
#[derive(Deserialize)]
pub(crate) struct Expected {
    /// For each aspect and suite, how many cases are right.
    scores: BTreeMap<String, BTreeMap<String, usize>>,
    skipped: Vec<Skipped>,
}

/// Cases that are not as the data has them, and why.
#[derive(Deserialize)]
struct Skipped {
    aspect: String,
    reason: String,
    cases: Vec<String>,
}

impl Expected {
    pub(crate) fn load() -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/expected.toml");
        toml::from_str(&std::fs::read_to_string(path).expect("expected.toml is there")).expect("expected.toml reads")
    }

    /// Whether a case is left out of an aspect.
    pub(crate) fn leaves_out(&self, aspect: &str, case: &str) -> bool {
        let of_aspect = self.skipped.iter().filter(|skipped| skipped.aspect == aspect);
        of_aspect.flat_map(|skipped| &skipped.cases).any(|name| name == case)
    }
}

/// One aspect's count.
pub(crate) struct Tally {
    aspect: &'static str,
    /// Right and all, by suite.
    suites: BTreeMap<String, (usize, usize)>,
    wrong: BTreeMap<String, String>,
}

impl Tally {
    pub(crate) fn new(aspect: &'static str) -> Self {
        Self { aspect, suites: BTreeMap::new(), wrong: BTreeMap::new() }
    }

    pub(crate) fn count(&mut self, case: &Case, result: Result<(), String>) {
        let (right, all) = self.suites.entry(case.suite.clone()).or_default();
        *all += 1;
        match result {
            Ok(()) => *right += 1,
            Err(why) => {
                self.wrong.insert(case.name.clone(), format!("{}\n      {why}", case.original.expr));
            }
        }
    }

    /// Prints the score, and compares it with what it must be.
    pub(crate) fn settle(self, expected: &Expected) {
        let (mut right, mut all) = (0, 0);
        println!("{}:", self.aspect);
        for (suite, (suite_right, suite_all)) in &self.suites {
            println!("  {suite:<18} {suite_right:>5} of {suite_all:>5}");
            right += suite_right;
            all += suite_all;
        }
        println!("  {:<18} {right:>5} of {all:>5}", "all");
        let mut complaints = Vec::new();
        let mut unexplained = self.wrong;
        for skipped in expected.skipped.iter().filter(|skipped| skipped.aspect == self.aspect) {
            println!("  left out, {}: {}", skipped.cases.len(), skipped.reason);
            for case in &skipped.cases {
                if unexplained.remove(case).is_none() {
                    complaints.push(format!("{case} is right, or is not there: strike it from [[skipped]]"));
                }
            }
        }
        complaints.extend(unexplained.iter().map(|(name, why)| format!("{name}\n      {why}")));
        let scores = self.suites.iter().map(|(suite, (right, _))| (suite.clone(), *right)).collect();
        if expected.scores.get(self.aspect) != Some(&scores) {
            let lines: Vec<_> = scores.iter().map(|(suite, right)| format!("{suite} = {right}")).collect();
            complaints.push(format!("[scores.{}] says otherwise; it is now\n{}", self.aspect, lines.join("\n")));
        }
        assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
    }
}
