//! What rules may cost at worst, and where it comes from.
//!
//! In: the bounds that compiling made. Out: [`Costs`], the rules by falling cost and the event types beside their limits, as text
//! for people or as JSON. Absent: the pricing (`expr::cost`) and measured times.

use std::fmt::Write as _;

use serde::Serialize;

use crate::compilation::Compilation;
use crate::set::limits::{COMMANDS_NS, Priced, RULE_NS, TYPE_NS, What};
use crate::source::Span;

/// Parts of a rule that the text shows; JSON has all.
const PARTS_SHOWN: usize = 3;
/// A part with a smaller share of its rule is not worth a line. Percent.
const SHARE_SHOWN: f64 = 5.0;
/// What is shown of a part's words. Characters.
const WORDS_SHOWN: usize = 60;

/// Every bound of a compilation. Costs are in nanoseconds on a core of 2.6 GHz.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Costs {
    /// What a rule may cost for each event of its type, and a `let` for each event that it may gather.
    pub rule_limit_ns: f64,
    /// What a rule's commands may cost when it fires.
    pub commands_limit_ns: f64,
    /// What everything that no index skips may cost for one event.
    pub type_limit_ns: f64,
    /// The most costly first.
    pub rules: Vec<RuleCost>,
    /// The most costly first.
    pub event_types: Vec<TypeCost>,
}

/// A rule's bounds.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RuleCost {
    /// The package.
    pub package: String,
    /// The rule's id.
    pub rule: String,
    /// The event type that triggers it.
    pub event: String,
    /// `path:line:column`
    pub place: String,
    /// Deciding whether it fires, for each event of its type.
    pub ns: f64,
    /// Making its commands, when it fires.
    pub commands_ns: f64,
    /// Whether every event of its type must be tried against it.
    pub on_every_event: bool,
    /// What deciding is made of, the most costly first.
    pub parts: Vec<PartCost>,
    /// What its commands are made of, the most costly first.
    pub commands: Vec<PartCost>,
    /// What its `let` gathers, each fed by events of its own type.
    pub feeds: Vec<FeedCost>,
    /// Whether one of the bounds is above its limit.
    pub is_above: bool,
}

/// What feeding a `let` may cost.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct FeedCost {
    /// The name in `let`.
    pub name: String,
    /// The event type that feeds it.
    pub event: String,
    /// For each event of that type.
    pub ns: f64,
    /// What it is made of, the most costly first.
    pub parts: Vec<PartCost>,
}

/// A part of a bound.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct PartCost {
    /// The author's words.
    pub text: String,
    /// `path:line:column`
    pub place: String,
    /// Its cost.
    pub ns: f64,
    /// Of the whole. Percent.
    pub share: f64,
    /// What makes it costly; empty where nothing stands out.
    pub why: String,
}

/// What one event of a type may cost.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct TypeCost {
    /// The event type.
    pub event: String,
    /// Rules and `let`s that no index skips, together; held against the limit.
    pub ns: f64,
    /// How many these are.
    pub on_every_event: usize,
    /// Rules and `let`s that an index can skip.
    pub skippable: usize,
    /// What one event costs where nothing is skipped, commands not among it.
    pub nothing_skipped_ns: f64,
    /// Whether it is above the limit.
    pub is_above: bool,
}

impl Compilation {
    /// What the rules may cost at worst. Rules that could not be compiled are not among them.
    pub fn costs(&self) -> Costs {
        let conditions = self.priced.iter().filter(|p| p.what == What::Condition);
        let mut rules: Vec<RuleCost> = conditions.map(|condition| self.rule_cost(condition)).collect();
        rules.sort_by(|a, b| b.ns.total_cmp(&a.ns).then_with(|| (&a.package, &a.rule).cmp(&(&b.package, &b.rule))));
        let mut event_types: Vec<TypeCost> = self.catalogue.event_types().iter().map(|t| self.type_cost(t)).collect();
        event_types.retain(|t| t.on_every_event + t.skippable > 0);
        event_types.sort_by(|a, b| b.ns.total_cmp(&a.ns).then_with(|| a.event.cmp(&b.event)));
        Costs { rule_limit_ns: RULE_NS, commands_limit_ns: COMMANDS_NS, type_limit_ns: TYPE_NS, rules, event_types }
    }

    fn rule_cost(&self, condition: &Priced) -> RuleCost {
        let of_rule = || self.priced.iter().filter(|p| p.package == condition.package && p.rule == condition.rule);
        let commands = of_rule().find(|p| p.what == What::Commands);
        let feed = |p: &Priced| match &p.what {
            What::Feed(name) => {
                Some(FeedCost { name: name.clone(), event: self.event_name(p), ns: p.ns, parts: self.part_costs(p) })
            }
            What::Condition | What::Commands => None,
        };
        let feeds: Vec<FeedCost> = of_rule().filter_map(feed).collect();
        let commands_ns = commands.map_or(0.0, |c| c.ns);
        let is_above = condition.ns > RULE_NS || commands_ns > COMMANDS_NS || feeds.iter().any(|f| f.ns > RULE_NS);
        RuleCost {
            package: condition.package.clone(),
            rule: condition.rule.clone(),
            event: self.event_name(condition),
            place: self.sources.describe(condition.span),
            ns: condition.ns,
            commands_ns,
            on_every_event: condition.is_unskippable,
            parts: self.part_costs(condition),
            commands: commands.map(|c| self.part_costs(c)).unwrap_or_default(),
            feeds,
            is_above,
        }
    }

    fn event_name(&self, priced: &Priced) -> String {
        self.catalogue.event_type(priced.event).map_or_else(String::new, |t| t.name.clone())
    }

    fn part_costs(&self, priced: &Priced) -> Vec<PartCost> {
        let part = |p: &crate::set::limits::SumPart| PartCost {
            text: self.words(p.span),
            place: self.sources.describe(p.span),
            ns: p.ns,
            share: 100.0 * p.ns / priced.ns.max(1.0),
            why: p.why.clone(),
        };
        let mut parts: Vec<PartCost> = priced.parts.iter().map(part).collect();
        parts.sort_by(|a, b| b.ns.total_cmp(&a.ns));
        parts
    }

    /// The author's words at a place, on one line.
    fn words(&self, span: Span) -> String {
        let text = &self.sources.file(span.file).text[span.range()];
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn type_cost(&self, event: &rules_catalogue::EventType) -> TypeCost {
        let of_type = || self.priced.iter().filter(|p| p.event == event.id && p.what != What::Commands);
        let unskippable = || of_type().filter(|p| p.is_unskippable);
        // A rule above its own limit is refused for that, and counts here as if it kept it.
        let ns = unskippable().map(|p| p.ns.min(RULE_NS)).fold(0.0, |sum, ns| sum + ns);
        let on_every_event = unskippable().count();
        TypeCost {
            event: event.name.clone(),
            ns,
            on_every_event,
            skippable: of_type().count() - on_every_event,
            nothing_skipped_ns: of_type().map(|p| p.ns).fold(0.0, |sum, ns| sum + ns),
            is_above: ns > TYPE_NS,
        }
    }
}

impl Costs {
    /// Whether any bound is above its limit.
    pub fn is_above(&self) -> bool {
        self.rules.iter().any(|r| r.is_above) || self.event_types.iter().any(|t| t.is_above)
    }

    /// For people.
    pub fn to_text(&self) -> String {
        let mut out = format!(
            "worst case for one event; limits: {} us a rule, {} us its commands, {} us an event type\n",
            micros(RULE_NS),
            micros(COMMANDS_NS),
            micros(TYPE_NS)
        );
        for rule in &self.rules {
            rule.write(&mut out);
        }
        if !self.event_types.is_empty() {
            self.write_types(&mut out);
        }
        out
    }

    fn write_types(&self, out: &mut String) {
        let width = self.event_types.iter().map(|t| t.event.len()).max().unwrap_or(0).max(10);
        let _ = writeln!(
            out,
            "\n{:<width$} {:>8} {:>9} {:>11} {:>10} {:>15}",
            "event type", "us", "of limit", "every event", "skippable", "us, none skipped"
        );
        for t in &self.event_types {
            let above = if t.is_above { "  ABOVE THE LIMIT" } else { "" };
            let _ = writeln!(
                out,
                "{:<width$} {:>8} {:>7.0} % {:>11} {:>10} {:>15}{above}",
                t.event,
                micros(t.ns),
                (100.0 * t.ns / TYPE_NS).ceil(),
                t.on_every_event,
                t.skippable,
                micros(t.nothing_skipped_ns)
            );
        }
    }
}

impl RuleCost {
    fn write(&self, out: &mut String) {
        let every = if self.on_every_event { ", tried on every event" } else { "" };
        let _ = writeln!(
            out,
            "\n{}/{} on {}: {} us, {:.0} % of the limit{every}{}",
            self.package,
            self.rule,
            self.event,
            micros(self.ns),
            (100.0 * self.ns / RULE_NS).ceil(),
            above(self.ns, RULE_NS)
        );
        write_parts(out, &self.parts);
        for feed in &self.feeds {
            let _ = writeln!(
                out,
                "  let `{}`, for each {}: {} us{}",
                feed.name,
                feed.event,
                micros(feed.ns),
                above(feed.ns, RULE_NS)
            );
        }
        let _ = writeln!(
            out,
            "  its commands, when it fires: {} us{}",
            micros(self.commands_ns),
            above(self.commands_ns, COMMANDS_NS)
        );
        if self.commands_ns > COMMANDS_NS {
            write_parts(out, &self.commands);
        }
    }
}

fn write_parts(out: &mut String, parts: &[PartCost]) {
    for part in parts.iter().take(PARTS_SHOWN).filter(|p| p.share >= SHARE_SHOWN) {
        let why = if part.why.is_empty() { String::new() } else { format!("  ({})", part.why) };
        let words = cut(&part.text);
        let _ = writeln!(out, "  {:>3.0} %  {words}{why}\n         --> {}", part.share, part.place);
    }
}

fn above(ns: f64, limit: f64) -> &'static str {
    if ns > limit { "  ABOVE THE LIMIT" } else { "" }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(WORDS_SHOWN) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

/// Rounded up, so that what is above a limit looks so.
fn micros(ns: f64) -> String {
    format!("{:.2}", (ns / 10.0).ceil() / 100.0)
}
