//! Why a rule fired for an event, or did not.
//!
//! In: a [`Compilation`], a [`Replay`] that stands right before the event, the event and the rule. Out: [`Why`], as text for people
//! or as JSON: the conditions with the values of their parts, what the gates said, what was ordered. The replay goes one event on.
//! Absent: finding the event in a capture.

mod told;

use rules_capture::Captured;
use rules_catalogue::rfc3339;
use rules_engine::{Explanation, GateAnswer, Reason, RuleIndex, RuleSet};

use crate::compilation::Compilation;
use crate::offline::{Observed, Offline};
use crate::replay::{Outcome, Replay};
use crate::source::Span;
use crate::suggest::nearest;
use crate::tester::{describe, held_back_because};
use crate::words::{Words, came_to};
pub use told::{Condition, End, GateSaid, Why};

/// Why a rule's name means none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FindRuleError {
    /// There is no such rule.
    #[error("no rule `{name}`{}; `edgectl rules coverage` lists all of them", did_you_mean(.nearest.as_deref()))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The most similar one.
        nearest: Option<String>,
    },
    /// Rules of several packages have the id.
    #[error("several packages have a rule `{name}`; write one of {}", .names.join(", "))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// With their packages.
        names: Vec<String>,
    },
    /// The rule is there and left out.
    #[error("rule `{name}` is not enabled: no event meets it; set `enabled: true` to see what it would do")]
    Disabled {
        /// What was asked for.
        name: String,
    },
}

impl FindRuleError {
    /// Stable for ever.
    pub const fn code(&self) -> &'static str {
        match self {
            FindRuleError::Unknown { .. } => "find_rule_unknown",
            FindRuleError::Ambiguous { .. } => "find_rule_ambiguous",
            FindRuleError::Disabled { .. } => "find_rule_disabled",
        }
    }
}

impl Compilation {
    /// The rule of a name: `package/id`, or the id alone where one package has it. `set` is this compilation's, loaded.
    ///
    /// # Errors
    /// See [`FindRuleError`].
    pub fn find_rule(&self, set: &RuleSet, name: &str) -> Result<RuleIndex, FindRuleError> {
        let full = |info: &rules_engine::RuleInfo| format!("{}/{}", info.package, info.id);
        let fits = |package: &str, id: &str| match name.split_once('/') {
            Some((wanted, of)) => package == wanted && id == of,
            None => id == name,
        };
        let found: Vec<_> = set.rules().filter(|(_, info)| fits(&info.package, &info.id)).collect();
        match found.as_slice() {
            [(at, _)] => return Ok(*at),
            [] => {}
            several => {
                let names = several.iter().map(|(_, info)| full(info)).collect();
                return Err(FindRuleError::Ambiguous { name: name.to_owned(), names });
            }
        }
        let ir = self.rule_set();
        let is_there =
            ir.is_some_and(|ir| ir.rules.iter().any(|rule| fits(&ir.packages[usize::from(rule.package)], &rule.id)));
        if is_there {
            return Err(FindRuleError::Disabled { name: name.to_owned() });
        }
        let names: Vec<String> = set.rules().flat_map(|(_, info)| [full(info), info.id.to_string()]).collect();
        let nearest = nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
        Err(FindRuleError::Unknown { name: name.to_owned(), nearest })
    }

    /// Feeds the event to the replay and says what the rule made of it.
    pub fn why(&self, replay: &mut Replay, captured: Captured, rule: RuleIndex) -> Why {
        let refusal = replay.refusal(&captured);
        let set = replay.offline().rule_set().clone();
        let type_name = |of| set.catalogue().event_type(of).map(|t| t.name.clone());
        let info = set.rule(rule);
        let mut why = Why {
            package: info.package.to_string(),
            rule: info.id.to_string(),
            line: captured.line,
            id: format!("{}/{}/{}", captured.conn.producer, captured.class.get(), captured.seq.0),
            sender: captured.conn.sub.to_string(),
            event: type_name(captured.event_type).unwrap_or_else(|| format!("type {}", captured.event_type.0)),
            time: rfc3339(captured.at),
            end: End::NotThisType,
            because: String::new(),
            conditions: Vec::new(),
            counts: Vec::new(),
            fields: Vec::new(),
            gates: Vec::new(),
            commands: Vec::new(),
        };
        let event_type = captured.event_type;
        match replay.take(captured, &mut Vec::new()) {
            Outcome::Rejected(code) => {
                why.end = End::Rejected;
                let detail = refusal.map(|(_, detail)| detail).unwrap_or_default();
                why.because = format!("admission refused the event ({code}): {detail}");
            }
            Outcome::Duplicate => {
                why.end = End::Duplicate;
                "its number was taken before: no rule sees an event twice".clone_into(&mut why.because);
            }
            Outcome::Evaluated(_) if event_type != info.on => {
                let on = type_name(info.on).unwrap_or_default();
                why.because = format!("the rule looks at {on}, and this is {}", why.event);
            }
            Outcome::Evaluated(_) => self.evaluated(replay.offline(), rule, &mut why),
        }
        why
    }

    fn evaluated(&self, offline: &Offline, rule: RuleIndex, why: &mut Why) {
        let (Some(observed), Some(explanation)) = (offline.observed(), offline.explain_last(rule)) else { return };
        let name = (why.package.clone(), why.rule.clone());
        let places: &[Span] = self.places.get(&name).map_or(&[], |p| p);
        let words = Words { explanation: &explanation, places, sources: &self.sources };
        why.conditions = conditions(words);
        why.counts = explanation.lets.iter().map(|(name, value)| (name.clone(), shown(value.as_ref()))).collect();
        why.fields.clone_from(&explanation.fields);
        let held_back = observed.suppressed.iter().find(|(at, _)| *at == rule).map(|(_, reason)| *reason);
        let fired = observed.fired.contains(&rule);
        (why.end, why.because) = match held_back {
            _ if fired => (End::Fired, "its condition held, and nothing held it back".to_owned()),
            Some(Reason::Shadow) => {
                (End::HeldBack(Reason::Shadow.word()), "it runs in shadow, and orders nothing".to_owned())
            }
            Some(Reason::Error) => (End::Error, without_a_value(&words)),
            Some(reason) => (End::HeldBack(reason.word()), held_back_because(reason).to_owned()),
            None => (End::NoMatch, first_false(&words)),
        };
        let mut answers = explanation.gates.clone();
        if let Some(group) = group_answer(offline.rule_set(), rule, &observed, held_back) {
            // The group is asked right before the rate limit.
            let at = answers.iter().position(|answer| answer.gate == "rate_limit").unwrap_or(answers.len());
            answers.insert(at, group);
        }
        why.gates = gates_said(&answers, &explanation, why.end);
        let ours = |c: &&edge_event::Command| *c.package == *why.package && *c.rule == *why.rule;
        let ordered = observed.commands.iter().chain(observed.replies).filter(ours);
        why.commands = ordered.map(|command| describe(&command.action)).collect();
    }
}

fn conditions(words: Words<'_>) -> Vec<Condition> {
    let condition = |(node, holds): &(u32, Result<bool, rules_engine::EvalError>)| Condition {
        text: words.text(*node),
        place: words.place(*node),
        holds: holds.as_ref().ok().copied(),
        error: holds.as_ref().err().map(ToString::to_string),
        values: words.values(Some(*node)),
    };
    words.explanation.conjuncts.iter().map(condition).collect()
}

fn first_false(words: &Words<'_>) -> String {
    let found = words.explanation.conjuncts.iter().find(|(_, holds)| *holds == Ok(false));
    found.map_or_else(
        || "its condition does not hold".to_owned(),
        |(node, holds)| format!("`{}` {}", words.text(*node), came_to(holds)),
    )
}

fn without_a_value(words: &Words<'_>) -> String {
    match words.failed() {
        Some((node, holds)) => format!("`{}` {}", words.text(node), came_to(holds)),
        None => "its condition held, and a key or a command has no value for this event".to_owned(),
    }
}

/// The gates are explained after the event. Where the rule fired they know of this passage, and before it they were open. Behind one that
/// was shut nothing was asked.
fn gates_said(answers: &[GateAnswer], explanation: &Explanation, end: End) -> Vec<GateSaid> {
    let passed = matches!(end, End::Fired | End::HeldBack("shadow"));
    let mut asked = !matches!(end, End::NoMatch) && explanation.holds == Ok(true);
    let said = |gate: &GateAnswer| {
        let is_used = !matches!(gate.gate.as_str(), "active" | "variation" | "rollout");
        let (open, mut says) = match &gate.answer {
            _ if passed && is_used => (true, "open, and used by this event".to_owned()),
            Ok(()) if asked => (true, "open".to_owned()),
            Ok(()) => (true, "open, and not asked".to_owned()),
            Err(reason) if asked => (false, held_back_because(*reason).to_owned()),
            Err(reason) => (false, format!("not asked; {}", held_back_because(*reason))),
        };
        asked &= open;
        if !gate.detail.is_empty() {
            says = format!("{says} ({})", gate.detail);
        }
        GateSaid { gate: gate.gate.clone(), open, says }
    };
    answers.iter().map(said).collect()
}

/// What the rule's exclusive group said, where it has one: whether a rule before it fired.
fn group_answer(
    set: &RuleSet,
    rule: RuleIndex,
    observed: &Observed<'_>,
    held_back: Option<Reason>,
) -> Option<GateAnswer> {
    let group = set.group_of(rule)?;
    let winner = observed.fired.iter().find(|at| **at != rule && set.group_of(**at) == Some(group));
    let (answer, detail) = match (held_back, winner) {
        (Some(Reason::Group), Some(winner)) => (Err(Reason::Group), format!("`{}`, of {group}", set.rule(*winner).id)),
        (Some(Reason::Group), None) => (Err(Reason::Group), group.to_owned()),
        _ => (Ok(()), group.to_owned()),
    };
    Some(GateAnswer { gate: "group".to_owned(), answer, detail })
}

fn shown(value: Result<&String, &rules_engine::EvalError>) -> String {
    match value {
        Ok(value) => value.clone(),
        Err(error) => format!("({error})"),
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}
