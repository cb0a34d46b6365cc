//! What a verification found: as text for people, and as it stands for scripts.

use std::fmt::Write as _;

use rules::WrittenConditions;
use serde::Serialize;

/// How many differences of a rule are kept; all are counted.
const KEPT: usize = 3;

/// What came out of it.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Verified {
    /// Events that were taken.
    pub events: u64,
    /// Of them, refused by admission.
    pub rejected: u64,
    /// Of them, taken before.
    pub duplicate: u64,
    /// Each rule that has a condition, by its package and its id.
    pub rules: Vec<RuleVerified>,
}

/// A rule, verified.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct RuleVerified {
    /// The package.
    pub package: String,
    /// The id.
    pub rule: String,
    /// `path:line:column` of its condition.
    pub place: String,
    /// The condition, as written.
    pub text: String,
    /// Events of which both were asked.
    pub asked: u64,
    /// Of them, for which the engine found that it holds.
    pub held: u64,
    /// Of them, for which the engine found no value.
    pub without_value: u64,
    /// Of them, given up by the engine at one of its limits, which the reference does not have; nothing is said of them.
    pub given_up: u64,
    /// Events of which the reference was not asked, as a `let` of the rule gathers something else than whole numbers.
    pub passed_over: u64,
    /// Of those of which both were asked, of which the two say different things.
    pub different: u64,
    /// The first of those.
    pub differences: Vec<Difference>,
}

/// An event of which the two say different things.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Difference {
    /// The event's line in its capture.
    pub line: u64,
    /// The event, for people.
    pub event: String,
    /// What the engine says.
    pub engine: String,
    /// What the reference says.
    pub reference: String,
    /// The rule's counts as both saw them.
    pub counts: Vec<(String, i64)>,
}

/// What both say of one event.
pub(crate) struct Asked<'a> {
    pub(crate) package: &'a str,
    pub(crate) rule: &'a str,
    pub(crate) line: u64,
    pub(crate) engine: Result<bool, String>,
    /// What the engine did, where it is not what it says.
    pub(crate) torn: Option<&'static str>,
    pub(crate) is_given_up: bool,
    pub(crate) reference: Result<bool, String>,
    pub(crate) counts: Vec<(String, i64)>,
}

impl Verified {
    /// Every rule, asked nothing yet.
    pub(crate) fn of(conditions: &[WrittenConditions]) -> Verified {
        let rules = conditions.iter().flat_map(|package| {
            package.rules.iter().map(|rule| RuleVerified {
                package: package.package.clone(),
                rule: rule.rule.clone(),
                place: rule.place.clone(),
                text: rule.text.clone(),
                ..RuleVerified::default()
            })
        });
        let mut rules: Vec<RuleVerified> = rules.collect();
        rules.sort_by(|a, b| (&a.package, &a.rule).cmp(&(&b.package, &b.rule)));
        Verified { rules, ..Verified::default() }
    }

    pub(crate) fn pass_over(&mut self, package: &str, rule: &str) {
        if let Some(of) = self.rules.iter_mut().find(|of| of.package == package && of.rule == rule) {
            of.passed_over += 1;
        }
    }

    pub(crate) fn count(&mut self, asked: Asked<'_>, event: impl FnOnce() -> String) {
        let Asked { package, rule, line, engine, torn, is_given_up, reference, counts } = asked;
        let Some(of) = self.rules.iter_mut().find(|of| of.package == package && of.rule == rule) else { return };
        of.asked += 1;
        of.held += u64::from(engine == Ok(true));
        of.without_value += u64::from(engine.is_err());
        let is_same = torn.is_none()
            && match (&engine, &reference) {
                (Ok(engine), Ok(reference)) => engine == reference,
                (Err(_), Err(_)) => true,
                _ => false,
            };
        if is_given_up {
            of.given_up += 1;
        } else if !is_same {
            of.different += 1;
            if of.differences.len() < KEPT {
                let engine =
                    [Some(in_words(&engine).as_str()), torn].into_iter().flatten().collect::<Vec<_>>().join("; ");
                let reference = in_words(&reference);
                of.differences.push(Difference { line, event: event(), engine, reference, counts });
            }
        }
    }

    /// Of both, where they are of the same rules.
    #[must_use]
    pub fn and(mut self, other: &Verified) -> Verified {
        self.events += other.events;
        self.rejected += other.rejected;
        self.duplicate += other.duplicate;
        for (rule, other) in self.rules.iter_mut().zip(&other.rules) {
            rule.asked += other.asked;
            rule.held += other.held;
            rule.without_value += other.without_value;
            rule.given_up += other.given_up;
            rule.passed_over += other.passed_over;
            rule.different += other.different;
            rule.differences.extend(other.differences.iter().cloned());
        }
        self
    }

    /// Whether the two never differed.
    pub fn is_same(&self) -> bool {
        self.rules.iter().all(|rule| rule.different == 0)
    }

    /// For people.
    pub fn to_text(&self) -> String {
        let mut out = format!("{} events", self.events);
        if self.rejected + self.duplicate > 0 {
            let _ = write!(out, ", {} rejected, {} duplicate", self.rejected, self.duplicate);
        }
        let names: Vec<String> = self.rules.iter().map(RuleVerified::name).collect();
        let width = names.iter().map(String::len).max().unwrap_or(0).max(4);
        let _ = writeln!(
            out,
            "\n\n{:<width$} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "rule", "asked", "held", "no value", "given up", "different"
        );
        for (name, rule) in names.iter().zip(&self.rules) {
            let RuleVerified { asked, held, without_value, given_up, different, .. } = rule;
            let _ =
                writeln!(out, "{name:<width$} {asked:>9} {held:>9} {without_value:>9} {given_up:>9} {different:>9}");
        }
        for rule in self.rules.iter().filter(|rule| rule.passed_over > 0) {
            let (name, times) = (rule.name(), rule.passed_over);
            let _ = writeln!(
                out,
                "\n{name}: not asked {times} times, as a `let` of it gathers something else than whole numbers"
            );
        }
        let asked: u64 = self.rules.iter().map(|rule| rule.asked).sum();
        let different: u64 = self.rules.iter().map(|rule| rule.different).sum();
        let _ = match different {
            0 => writeln!(out, "\nengine and reference say the same, {asked} times asked"),
            _ => writeln!(out, "\nengine and reference differ, {different} of {asked} times"),
        };
        for rule in self.rules.iter().filter(|rule| rule.different > 0) {
            rule.write_differences(&mut out);
        }
        out
    }
}

impl RuleVerified {
    /// `package/id`
    pub fn name(&self) -> String {
        format!("{}/{}", self.package, self.rule)
    }

    fn write_differences(&self, out: &mut String) {
        let _ = writeln!(out, "\n{}: {}\n  --> {}", self.name(), self.text, self.place);
        for Difference { line, event, engine, reference, counts } in &self.differences {
            let _ = writeln!(out, "  line {line}: {event}");
            for (name, count) in counts {
                let _ = writeln!(out, "      {name} = {count}");
            }
            let _ = writeln!(out, "      engine:    {engine}\n      reference: {reference}");
        }
    }
}

fn in_words(said: &Result<bool, String>) -> String {
    match said {
        Ok(holds) => holds.to_string(),
        Err(why) => format!("no value: {why}"),
    }
}
