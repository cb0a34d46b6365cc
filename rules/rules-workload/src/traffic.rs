//! The traffic of a game in service: rules of two to four simple conditions over events with ten fields.
//!
//! Comes in: a [`Mix`] and a seed. Goes out: rules and events, as plain data that other engines can be given, and as rule set and
//! payloads for ours. Values are skewed: of 300 goods the most frequent one is in every 17th event.

use std::fmt::Write as _;
use std::sync::Arc;

use edge_event::{ConnInfo, Event, EventTypeId, UnixMillis};
use rules_catalogue::{Cardinality, Catalogue, Kind};
use rules_engine::ir::{BinaryOp, ConstIr, ExprIr, Node, RuleSetIr, SetIr};

use crate::START;
use crate::catalogue::{catalogue, field};
use crate::dice::Dice;
use crate::draft::{Draft, Expr, publish};
use crate::event::event;
use crate::payload::Payload;

/// Names of the fields that hold text, and how many values each has.
pub const TEXTS: [(&str, u64); 6] =
    [("region", 8), ("platform", 6), ("country", 40), ("weapon", 60), ("zone", 120), ("sku", 300)];

/// Names of the fields that hold numbers, and the bound below which they stay.
pub const NUMBERS: [(&str, i64); 4] = [("level", 100), ("hp", 1_000), ("price", 10_000), ("build", 5_000)];

/// The text field whose number of values a mix may change.
const SKU: usize = 5;

/// What the rules and events are like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mix {
    /// Over how many event types rules and events are spread evenly.
    pub event_types: u32,
    /// `Some(n)`: there are `n` goods, evenly spread, and each rule asks for one of them. `None`: as [`TEXTS`] says.
    pub skus: Option<u64>,
    /// How many of a hundred rules have no condition that an index can use.
    pub unindexable_percent: u64,
}

/// A rule: all conditions must hold.
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    /// From 1.
    pub event_type: u32,
    /// On different fields, but for [`Condition::Either`] and its kin.
    pub conditions: Vec<Condition>,
}

/// A condition. The first number is a field of [`TEXTS`] or [`NUMBERS`]; values of texts are numbers, see [`text`].
#[derive(Clone, PartialEq, Debug)]
pub enum Condition {
    /// The text is this one.
    Is(usize, u64),
    /// The text is one of these, which rise.
    IsIn(usize, Vec<u64>),
    /// The number is so large at least.
    AtLeast(usize, i64),
    /// The number is smaller.
    Below(usize, i64),
    /// The number is at least the first and below the second.
    Between(usize, i64, i64),
    /// One text is this, or another one that: no index over single fields helps.
    Either((usize, u64), (usize, u64)),
    /// The number leaves this rest: neither does it here.
    Rest(usize, i64, i64),
}

/// An event's fields.
#[derive(Clone, PartialEq, Debug)]
pub struct Fields {
    /// From 1.
    pub event_type: u32,
    /// Values of [`TEXTS`].
    pub texts: [u64; 6],
    /// Values of [`NUMBERS`].
    pub numbers: [i64; 4],
}

impl Mix {
    /// Forty event types.
    pub const SPREAD: Mix = Mix { event_types: 40, skus: None, unindexable_percent: 0 };
    /// All rules on one event type.
    pub const HOT: Mix = Mix { event_types: 1, ..Mix::SPREAD };

    /// All rules on one event type, and each asks for one good of as many as there are rules.
    pub const fn distinct(rules: usize) -> Mix {
        Mix { event_types: 1, skus: Some(if rules < 16 { 16 } else { rules as u64 }), unindexable_percent: 0 }
    }

    /// Forty event types, and so many rules of a hundred that no index can skip.
    pub const fn unindexable(percent: u64) -> Mix {
        Mix { unindexable_percent: percent, ..Mix::SPREAD }
    }

    const fn values(&self, text: usize) -> u64 {
        match self.skus {
            Some(skus) if text == SKU => skus,
            _ => TEXTS[text].1,
        }
    }

    fn value(&self, text: usize, dice: &mut Dice) -> u64 {
        match self.skus {
            Some(skus) if text == SKU => dice.below(skus),
            _ => dice.skewed(self.values(text)),
        }
    }

    /// So many rules.
    pub fn rules(&self, count: usize, seed: u64) -> Vec<Rule> {
        let mut dice = Dice::new(seed);
        (0..count).map(|_| self.rule(&mut dice)).collect()
    }

    fn rule(&self, dice: &mut Dice) -> Rule {
        let event_type = 1 + dice.below(u64::from(self.event_types)) as u32;
        if dice.chance(self.unindexable_percent) {
            let either = Condition::Either((4, self.value(4, dice)), (3, self.value(3, dice)));
            let modulus = dice.between(20, 60) as i64;
            let rest = Condition::Rest(1, modulus, dice.below(modulus as u64) as i64);
            return Rule { event_type, conditions: vec![either, rest] };
        }
        let wanted = dice.between(2, 4) as usize;
        let mut fields: Vec<usize> = if self.skus.is_some() { vec![SKU] } else { Vec::new() };
        while fields.len() < wanted {
            let field = dice.below(10) as usize;
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        let conditions = fields.iter().map(|of| match of.checked_sub(TEXTS.len()) {
            None => self.text_condition(*of, dice),
            Some(of) => number_condition(of, dice),
        });
        Rule { event_type, conditions: conditions.collect() }
    }

    fn text_condition(&self, of: usize, dice: &mut Dice) -> Condition {
        if (of == SKU && self.skus.is_some()) || dice.chance(80) {
            return Condition::Is(of, self.value(of, dice));
        }
        let share = 0.1 + 0.25 * dice.unit();
        let members = ((self.values(of) as f64 * share) as usize).clamp(2, 12);
        let mut set = Vec::new();
        while set.len() < members {
            let value = self.value(of, dice);
            if !set.contains(&value) {
                set.push(value);
            }
        }
        set.sort_unstable();
        Condition::IsIn(of, set)
    }

    /// So many events.
    pub fn events(&self, count: usize, seed: u64) -> Vec<Fields> {
        let mut dice = Dice::new(seed ^ 0x00ab_cdef);
        let mut fields = || Fields {
            event_type: 1 + dice.below(u64::from(self.event_types)) as u32,
            texts: std::array::from_fn(|of| self.value(of, &mut dice)),
            numbers: std::array::from_fn(|of| dice.below(NUMBERS[of].1 as u64) as i64),
        };
        (0..count).map(|_| fields()).collect()
    }

    /// What the events are of.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        let texts = TEXTS.iter().map(|(name, _)| (*name, Kind::String));
        let numbers = NUMBERS.iter().map(|(name, _)| (*name, Kind::Int32));
        let fields: Vec<_> = texts
            .chain(numbers)
            .zip(1..)
            .map(|((name, kind), number)| field(number, name, kind, Cardinality::Implicit))
            .collect();
        catalogue(self.event_types, &fields, None, Vec::new())
    }
}

fn number_condition(of: usize, dice: &mut Dice) -> Condition {
    let bound = NUMBERS[of].1 as f64;
    match dice.below(3) {
        0 => Condition::AtLeast(of, (dice.unit() * 0.7 * bound) as i64),
        1 => Condition::Below(of, ((0.3 + 0.7 * dice.unit()) * bound) as i64),
        _ => {
            let width = (0.3 + 0.4 * dice.unit()) * bound;
            let low = (dice.unit() * (bound - width)) as i64;
            Condition::Between(of, low, low + width as i64)
        }
    }
}

/// The text behind a value.
pub fn text(of: usize, value: u64) -> String {
    format!("{}_{value}", TEXTS[of].0)
}

impl Rule {
    /// Whether it holds for an event: what every engine must say.
    pub fn holds(&self, event: &Fields) -> bool {
        self.event_type == event.event_type && self.conditions.iter().all(|condition| condition.holds(event))
    }
}

impl Condition {
    fn holds(&self, event: &Fields) -> bool {
        match self {
            Condition::Is(of, value) => event.texts[*of] == *value,
            Condition::IsIn(of, values) => values.contains(&event.texts[*of]),
            Condition::AtLeast(of, bound) => event.numbers[*of] >= *bound,
            Condition::Below(of, bound) => event.numbers[*of] < *bound,
            Condition::Between(of, low, high) => (*low..*high).contains(&event.numbers[*of]),
            Condition::Either((a, x), (b, y)) => event.texts[*a] == *x || event.texts[*b] == *y,
            Condition::Rest(of, modulus, rest) => event.numbers[*of] % modulus == *rest,
        }
    }
}

impl Fields {
    /// As protobuf: the texts are fields 1 to 6, the numbers 7 to 10.
    pub fn payload(&self) -> Vec<u8> {
        let (mut payload, mut word) = (Payload::default(), String::new());
        for (of, number) in (0..TEXTS.len()).zip(1..) {
            word.clear();
            let _ = write!(word, "{}_{}", TEXTS[of].0, self.texts[of]);
            payload.delimited(number, word.as_bytes());
        }
        for (value, number) in self.numbers.iter().zip(7..) {
            payload.varint(number, *value as u64);
        }
        payload.bytes
    }
}

/// Our events: ten a second, of a thousand players in turn.
pub fn events(fields: &[Fields]) -> Vec<Event> {
    let conn = Arc::new(ConnInfo { platform: "pc".into(), region: "eu".into(), ..ConnInfo::default() });
    let of = |(at, fields): (usize, &Fields)| {
        let time = UnixMillis(START.0 + at as i64 * 100);
        let (player, seq) = (at as u64 % 1_000, at as u64 / 1_000 + 1);
        event(player, EventTypeId(fields.event_type), time, seq, &conn, fields.payload())
    };
    fields.iter().enumerate().map(of).collect()
}

/// Our rule set: each rule publishes a small message.
pub fn rule_set(mix: &Mix, rules: &[Rule]) -> RuleSetIr {
    let slots: Vec<Vec<u32>> = (1..=10).map(|number| vec![number]).collect();
    let mut draft = Draft::new(&mix.catalogue(), &slots);
    for rule in rules {
        let when = condition(&mut draft, rule);
        let mut sku = draft.expr();
        sku.field(SKU as u16);
        let message = vec![("sku", sku.done())];
        draft.rule(EventTypeId(rule.event_type), Some(when), vec![publish("made", message)]);
    }
    draft.finish()
}

fn condition(draft: &mut Draft, rule: &Rule) -> ExprIr {
    let mut expr = draft.expr();
    let mut parts = Vec::new();
    for condition in &rule.conditions {
        lower(&mut expr, condition, &mut parts);
    }
    if parts.len() > 1 {
        expr.push(Node::And(parts));
    }
    expr.done()
}

/// Appends a condition's parts, which `&&` joins.
fn lower(expr: &mut Expr<'_>, condition: &Condition, parts: &mut Vec<u32>) {
    let number = |of: usize| (TEXTS.len() + of) as u16;
    let mut bound = |expr: &mut Expr<'_>, of: usize, op, bound| {
        let (left, right) = (expr.field(number(of)), expr.int(bound));
        parts.push(expr.binary(op, left, right));
    };
    match condition {
        Condition::AtLeast(of, low) => bound(expr, *of, BinaryOp::GreaterOrEqual, *low),
        Condition::Below(of, high) => bound(expr, *of, BinaryOp::Less, *high),
        Condition::Between(of, low, high) => {
            bound(expr, *of, BinaryOp::GreaterOrEqual, *low);
            bound(expr, *of, BinaryOp::Less, *high);
        }
        Condition::Is(of, value) => {
            let is = is(expr, *of, *value);
            parts.push(is);
        }
        Condition::IsIn(of, values) => {
            let items = values.iter().map(|value| ConstIr::String(text(*of, *value))).collect();
            let sets = &mut expr.draft().ir.sets;
            let set = sets.len() as u16;
            sets.push(SetIr { name: format!("set_{set}"), items });
            let of = expr.field(*of as u16);
            parts.push(expr.push(Node::InSet { of, set }));
        }
        Condition::Either((a, x), (b, y)) => {
            let either = vec![is(expr, *a, *x), is(expr, *b, *y)];
            parts.push(expr.push(Node::Or(either)));
        }
        Condition::Rest(of, modulus, rest) => {
            let (left, right) = (expr.field(number(*of)), expr.int(*modulus));
            let (left, right) = (expr.binary(BinaryOp::Modulo, left, right), expr.int(*rest));
            parts.push(expr.binary(BinaryOp::Equal, left, right));
        }
    }
}

fn is(expr: &mut Expr<'_>, of: usize, value: u64) -> u32 {
    let (left, right) = (expr.field(of as u16), expr.text(&text(of, value)));
    expr.binary(BinaryOp::Equal, left, right)
}
