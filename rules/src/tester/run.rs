//! Running tests.
//!
//! In: a [`Compilation`] without errors. Out: a [`TestRun`]. Each test runs alone, on empty state, under its own parameters; rule
//! sets are compiled once for each set of parameters. A test's clock starts at [`START`], unless it
//! says otherwise.

use std::collections::BTreeMap;
use std::sync::Arc;

use edge_event::{ConnInfo, ProducerId, UnixMillis};
use rules_engine::RuleSet;
use serde_json::{Value, json};

use super::difference::Difference;
use super::judge::Judge;
use super::prepare::{Conn, Prepared, Step, prepare};
use crate::compilation::Compilation;
use crate::diagnostic::Report;
use crate::offline::Offline;
use crate::set::package::Package;
use crate::set::{self, Places};
use crate::source::Sources;

/// When a test begins that does not say so: 2026-01-05T12:00:00Z, a Monday.
const START: UnixMillis = UnixMillis(1_767_614_400_000);

/// What one test showed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TestOutcome {
    /// The package.
    pub package: String,
    /// The test's name.
    pub name: String,
    /// `path:line:column`
    pub place: String,
    /// Whether everything was as expected.
    pub passed: bool,
    /// What was expected and what happened, for each event that ended otherwise.
    pub differences: Vec<Difference>,
}

/// What all tests showed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TestRun {
    /// Each test, in the order of files and lines.
    pub outcomes: Vec<TestOutcome>,
    /// A diagnostic for each expectation that was not met.
    pub report: Report,
}

/// A rule set under some parameters.
struct Loaded {
    set: Arc<RuleSet>,
    places: Places,
}

impl TestRun {
    /// How many tests passed.
    pub fn passed(&self) -> usize {
        self.outcomes.iter().filter(|o| o.passed).count()
    }

    /// How many did not.
    pub fn failed(&self) -> usize {
        self.outcomes.len() - self.passed()
    }

    /// Failures, then a line for each test, then the sum.
    pub fn to_text(&self, sources: &Sources, color: bool) -> String {
        let mut out = self.report.to_text(sources, color);
        if !out.is_empty() {
            out.push('\n');
        }
        for outcome in &self.outcomes {
            let word = if outcome.passed { "pass" } else { "FAIL" };
            out.push_str(&format!("{word}  {}  {}\n", outcome.package, outcome.name));
            outcome.differences.iter().for_each(|difference| difference.write(&mut out, color));
        }
        out.push_str(&format!("{} passed, {} failed\n", self.passed(), self.failed()));
        out
    }

    /// `{"passed", "failed", "tests": [{package, name, place, passed, differences}], "report"}`
    pub fn to_json(&self, sources: &Sources) -> Value {
        let tests: Vec<Value> = self
            .outcomes
            .iter()
            .map(|o| {
                let (package, name, place) = (&o.package, &o.name, &o.place);
                let (passed, differences) = (o.passed, &o.differences);
                json!({ "package": package, "name": name, "place": place, "passed": passed, "differences": differences })
            })
            .collect();
        let report = self.report.to_json(sources);
        json!({ "passed": self.passed(), "failed": self.failed(), "tests": tests, "report": report })
    }
}

impl Compilation {
    /// Runs the tests of all files. With errors in the report there is nothing to run, and the run is empty.
    pub fn test(&self) -> TestRun {
        let mut run = TestRun::default();
        if self.report().has_errors() {
            return run;
        }
        for package in self.packages() {
            self.test_package(package, &mut run);
        }
        run.report.sort();
        run
    }

    fn test_package(&self, mut package: Package<'_>, run: &mut TestRun) {
        let tests = std::mem::take(&mut package.tests);
        let mut loaded: BTreeMap<String, Loaded> = BTreeMap::new();
        for test in tests {
            let Some(prepared) = prepare(test, &package, self.catalogue(), &mut Report::default()) else { continue };
            let key = format!("{:?}", prepared.params);
            if !loaded.contains_key(&key) {
                let fresh = self.load(&mut package, &prepared);
                loaded.insert(key.clone(), fresh);
            }
            let failures = run.report.diagnostics().len() + run.report.dropped();
            let differences = one(&package.name, &prepared, &loaded[&key], self.sources(), &mut run.report);
            run.outcomes.push(TestOutcome {
                package: package.name.clone(),
                name: test.name.value.clone(),
                place: self.sources().describe(test.name.span),
                passed: run.report.diagnostics().len() + run.report.dropped() == failures,
                differences,
            });
        }
    }

    /// The package's rules under the test's parameters.
    fn load(&self, package: &mut Package<'_>, test: &Prepared<'_>) -> Loaded {
        let mut defaults = Vec::new();
        for (name, value) in &test.params {
            if let Some(param) = package.names.params.get_mut(name) {
                defaults.push((name.clone(), std::mem::replace(&mut param.value, value.clone())));
            }
        }
        // Parameters are numbered through all packages; here there is one.
        for (index, param) in package.names.params.values_mut().enumerate() {
            param.index = index as u16;
        }
        let packages = std::slice::from_ref(package);
        let compiled = set::compile(packages, self.catalogue(), &self.identity, &mut Report::default());
        for (name, value) in defaults {
            if let Some(param) = package.names.params.get_mut(&name) {
                param.value = value;
            }
        }
        let set = RuleSet::load(compiled.set, Arc::clone(self.catalogue()));
        let set = set.expect("INVARIANT: the engine took these rules when they were compiled");
        Loaded { set: Arc::new(set), places: compiled.places }
    }
}

/// Runs one test; gives how its events ended otherwise than expected.
fn one(package: &str, test: &Prepared<'_>, loaded: &Loaded, sources: &Sources, report: &mut Report) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut offline = Offline::new(Arc::clone(&loaded.set));
    for step in &test.steps {
        let conn = Arc::new(conn_of(&test.conn, step));
        let start = test.decl.start_ms.unwrap_or(START.0);
        let at = |ms: i64| UnixMillis(start + ms);
        let (happened, arrived) = (at(step.happened_ms), at(step.arrives_ms));
        offline.feed_payload(&step.player, step.event_type, step.payload.clone(), &conn, happened, arrived);
        if let Some(expect) = step.expect {
            let judge = Judge {
                offline: &offline,
                package,
                places: &loaded.places,
                sources,
                step,
                only: test.decl.rule.as_ref().map(|r| r.value.as_str()),
            };
            let before = report.diagnostics().len() + report.dropped();
            judge.expectation(expect, report);
            if report.diagnostics().len() + report.dropped() > before {
                differences.push(judge.difference(expect));
            }
        }
    }
    differences
}

fn conn_of(conn: &Conn, step: &Step<'_>) -> ConnInfo {
    ConnInfo {
        sub: Arc::clone(&step.player),
        producer: ProducerId([1; 16]),
        provenance: step.provenance,
        region: Arc::clone(&conn.region),
        segments: conn.segments.clone(),
        platform: Arc::clone(&conn.platform),
        locale: Arc::clone(&conn.locale),
        build: Arc::clone(&conn.build),
        attributes: conn.attributes.clone(),
    }
}
