//! Conditions of every form, node by node.
//!
//! Every function pushes a whole expression and gives the number of its last node.

use rules_engine::ir::{BinaryOp as B, ComprehensionKind, ConstIr, Function as F, Node, Var};

use super::values::{INTS, TEXTS, double, int, item, uint};
use super::{AT, COUNTS, INNER, LEVEL, MAYBE, NAME, NUMBERS, RAW, SCALARS, SLOTS, Slot, TAGS, TOOK, ZONE};
use crate::dice::Dice;
use crate::draft::Expr;

/// What conditions of one rule set share.
#[derive(Clone, Copy)]
pub(super) struct Taste {
    /// How many names there are.
    pub(super) spread: u64,
    /// How many sets of texts, then of numbers, stand in the rule set.
    pub(super) sets: u16,
    /// `let`s of the rule.
    pub(super) lets: u16,
    /// Rules of this set mostly ask for one name.
    pub(super) by_name: bool,
}

const RELATIONS: [B; 6] = [B::Equal, B::NotEqual, B::Less, B::LessOrEqual, B::Greater, B::GreaterOrEqual];
const VARS: [Var; 7] = [
    Var::PlayerId,
    Var::ConnPlatform,
    Var::ConnLocale,
    Var::ConnBuild,
    Var::ConnRegion,
    Var::TokenSub,
    Var::TokenRegion,
];

/// A whole `when`.
pub(super) fn when(expr: &mut Expr<'_>, dice: &mut Dice, taste: Taste) {
    let count = if dice.chance(2) { dice.between(30, 36) } else { dice.between(1, 5) };
    let mut parts = Vec::new();
    if taste.by_name && dice.chance(90) {
        let (left, right) = (expr.field(NAME), expr.text(&item(dice, taste.spread)));
        parts.push(expr.binary(B::Equal, left, right));
    }
    for _ in 0..count {
        parts.push(condition(expr, dice, taste, 2));
    }
    if parts.len() > 1 {
        expr.push(Node::And(parts));
    }
}

fn condition(expr: &mut Expr<'_>, dice: &mut Dice, taste: Taste, height: u32) -> u32 {
    match dice.below(if height == 0 { 80 } else { 100 }) {
        0..=27 => comparison(expr, dice, taste),
        28..=39 => membership(expr, dice, taste),
        40..=46 => presence(expr, dice),
        47..=52 => prefix(expr, dice),
        53..=58 => of_the_session(expr, dice),
        59..=64 if taste.lets > 0 => count(expr, dice, taste),
        59..=71 => may_fail(expr, dice),
        72..=78 => of_many(expr, dice),
        79 => {
            let truth = dice.chance(80);
            expr.constant(ConstIr::Bool(truth))
        }
        80..=86 => {
            let of = condition(expr, dice, taste, height - 1);
            expr.not(of)
        }
        87..=95 => {
            let of = (0..dice.between(2, 3)).map(|_| condition(expr, dice, taste, height - 1)).collect();
            expr.push(Node::Or(of))
        }
        96..=97 => {
            let of = (0..2).map(|_| condition(expr, dice, taste, height - 1)).collect();
            expr.push(Node::And(of))
        }
        _ => {
            let condition_ = condition(expr, dice, taste, height - 1);
            let then = condition(expr, dice, taste, height - 1);
            let otherwise = condition(expr, dice, taste, height - 1);
            expr.push(Node::If { condition: condition_, then, otherwise })
        }
    }
}

/// A number of any type: numbers compare across types.
fn number(expr: &mut Expr<'_>, dice: &mut Dice) -> u32 {
    let constant = match dice.below(4) {
        0 => ConstIr::Double(double(dice)),
        1 => ConstIr::Uint(uint(dice)),
        _ => ConstIr::Int(int(dice)),
    };
    expr.constant(constant)
}

fn text(expr: &mut Expr<'_>, dice: &mut Dice, taste: Taste) -> u32 {
    let text = if dice.chance(25) { item(dice, taste.spread) } else { dice.pick(&TEXTS).to_owned() };
    expr.text(&text)
}

/// A field beside a constant or a parameter, either first.
fn comparison(expr: &mut Expr<'_>, dice: &mut Dice, taste: Taste) -> u32 {
    // Few fields are asked for often, so that their rows fill.
    let slot = if dice.chance(50) { dice.pick(&SCALARS[..10]) } else { dice.pick(&SCALARS) };
    let op = dice.pick(&RELATIONS);
    let (Slot::Int(at) | Slot::Uint(at) | Slot::Double(at) | Slot::Bool(at) | Slot::Text(at)) = slot;
    if matches!(slot, Slot::Bool(_)) && dice.chance(60) {
        return expr.field(at);
    }
    let known = |expr: &mut Expr<'_>, dice: &mut Dice| match slot {
        Slot::Text(_) if dice.chance(10) => expr.push(Node::Param(1)),
        Slot::Text(_) => text(expr, dice, taste),
        Slot::Bool(_) => {
            let truth = dice.chance(50);
            expr.constant(ConstIr::Bool(truth))
        }
        _ if dice.chance(10) => expr.push(Node::Param(0)),
        _ => number(expr, dice),
    };
    let (left, right) =
        if dice.chance(80) { (expr.field(at), known(expr, dice)) } else { (known(expr, dice), expr.field(at)) };
    expr.binary(op, left, right)
}

fn membership(expr: &mut Expr<'_>, dice: &mut Dice, taste: Taste) -> u32 {
    let set = dice.below(u64::from(taste.sets)) as u16;
    let slot =
        if set < taste.sets / 2 { dice.pick(&[ZONE, NAME, 11, 14]) } else { dice.pick(&[0, 1, 2, 3, 4, 7, MAYBE]) };
    let of = expr.field(slot);
    expr.push(Node::InSet { of, set })
}

fn presence(expr: &mut Expr<'_>, dice: &mut Dice) -> u32 {
    let slot = dice.below(u64::from(SLOTS)) as u16;
    expr.push(Node::HasField(slot))
}

fn prefix(expr: &mut Expr<'_>, dice: &mut Dice) -> u32 {
    let of = if dice.chance(80) { expr.field(ZONE) } else { expr.push(Node::Var(Var::ConnPlatform)) };
    let with = expr.text(dice.pick(&["", "a", "ab", "sky_", "item_1", "crypt", "beginning_", "\u{e4}"]));
    let function = if dice.chance(80) { F::StartsWith } else { dice.pick(&[F::EndsWith, F::Contains]) };
    expr.call(function, &[of, with])
}

fn of_the_session(expr: &mut Expr<'_>, dice: &mut Dice) -> u32 {
    let left = expr.push(Node::Var(dice.pick(&VARS)));
    let right = expr.text(dice.pick(&["pc", "ps5", "p1", "p2", "abc", "1.2.3", "de", ""]));
    expr.binary(dice.pick(&RELATIONS), left, right)
}

fn count(expr: &mut Expr<'_>, dice: &mut Dice, taste: Taste) -> u32 {
    let left = expr.push(Node::Let(dice.below(u64::from(taste.lets)) as u16));
    let right = expr.int(dice.between(0, 4) as i64);
    expr.binary(dice.pick(&RELATIONS), left, right)
}

/// What has no value for some events.
fn may_fail(expr: &mut Expr<'_>, dice: &mut Dice) -> u32 {
    match dice.below(6) {
        0 => {
            let (left, right) = (expr.int(100), expr.field(LEVEL));
            let (left, right) = (expr.binary(dice.pick(&[B::Divide, B::Modulo]), left, right), expr.int(9));
            expr.binary(B::Greater, left, right)
        }
        1 => {
            let (left, right) = (expr.field(2), expr.int(dice.pick(&INTS)));
            let (left, right) = (expr.binary(dice.pick(&[B::Add, B::Multiply]), left, right), expr.int(0));
            expr.binary(B::GreaterOrEqual, left, right)
        }
        2 => {
            let (left, right) = (expr.field(COUNTS), expr.text("abc"));
            let (left, right) = (expr.binary(B::Index, left, right), expr.int(5));
            expr.binary(B::Less, left, right)
        }
        3 => {
            let (left, right) = (expr.push(Node::Var(Var::ConnAttributes)), expr.text("clan"));
            let (left, right) = (expr.binary(B::Index, left, right), expr.text(dice.pick(&TEXTS)));
            expr.binary(dice.pick(&[B::Equal, B::NotEqual]), left, right)
        }
        4 => {
            let left = expr.field(AT);
            let right = expr.constant(ConstIr::Timestamp { seconds: 1_000_000_000, nanos: 0 });
            expr.binary(dice.pick(&RELATIONS), left, right)
        }
        _ => {
            let left = expr.field(TOOK);
            let right = expr.constant(ConstIr::Duration { nanos: 1_000_000_000_000_000_000 });
            expr.binary(dice.pick(&RELATIONS), left, right)
        }
    }
}

/// What looks at more than one value.
fn of_many(expr: &mut Expr<'_>, dice: &mut Dice) -> u32 {
    match dice.below(7) {
        0 => {
            let (left, right) =
                (expr.text(dice.pick(&["vip", "beta", "abc"])), expr.push(Node::Var(Var::TokenSegments)));
            expr.binary(B::In, left, right)
        }
        1 => {
            let (left, right) = (expr.text(dice.pick(&TEXTS)), expr.field(TAGS));
            expr.binary(B::In, left, right)
        }
        2 => {
            let range = expr.field(TAGS);
            let (of, with) = (expr.push(Node::Local(0)), expr.text("a"));
            let predicate = expr.call(F::StartsWith, &[of, with]);
            let kind = dice.pick(&[ComprehensionKind::Exists, ComprehensionKind::All, ComprehensionKind::ExistsOne]);
            expr.push(Node::Comprehension { kind, range, predicate: Some(predicate), transform: None })
        }
        3 => steps(expr),
        4 => {
            let of = expr.field(dice.pick(&[TAGS, NUMBERS, RAW, ZONE]));
            let (left, right) = (expr.call(F::Size, &[of]), expr.int(dice.between(0, 5) as i64));
            expr.binary(dice.pick(&RELATIONS), left, right)
        }
        5 => {
            let of = expr.field(ZONE);
            expr.push(Node::Matches { of, regex: 0 })
        }
        _ => {
            let of = expr.field(INNER);
            let (left, right) = (expr.push(Node::Select { of, number: 2 }), expr.field(LEVEL));
            expr.binary(dice.pick(&RELATIONS), left, right)
        }
    }
}

/// Every number beside every number: with many of them more steps than a rule may take.
fn steps(expr: &mut Expr<'_>) -> u32 {
    let range = expr.field(NUMBERS);
    let inner_range = expr.field(NUMBERS);
    let (left, right) = (expr.push(Node::Local(0)), expr.push(Node::Local(1)));
    let differ = expr.binary(B::NotEqual, left, right);
    let (left, right) = (expr.push(Node::Local(1)), expr.int(-77));
    let never = expr.binary(B::Equal, left, right);
    let both = expr.push(Node::And(vec![differ, never]));
    let inner = Node::Comprehension {
        kind: ComprehensionKind::Exists,
        range: inner_range,
        predicate: Some(both),
        transform: None,
    };
    let predicate = expr.push(inner);
    expr.push(Node::Comprehension {
        kind: ComprehensionKind::Exists,
        range,
        predicate: Some(predicate),
        transform: None,
    })
}
