//! Whole rule sets: conditions with windows, gates, precedences, shadows and commands around them.

use edge_event::EventTypeId;
use rules_engine::ir::{
    ActionIr, ActionKind, Aggregate, AtCapacity, BinaryOp as B, ConstIr, DefinitionKind, ExprIr, FeedIr, GateIr,
    KeyType, LetIr, Mode, Node, ParamIr, RuleSetIr, SetIr, Var, Window,
};

use super::conditions::{Taste, when};
use super::values::{TEXTS, double, int, item, uint};
use super::{COUNTS, EVENT_TYPES, LEVEL, NAME, ZONE, slots, the_catalogue};
use crate::dice::Dice;
use crate::draft::{Draft, publish};

/// Sets of texts, and as many of numbers.
const SETS: u16 = 8;
/// Windows that rules may read.
const WINDOWS: u16 = 3;

/// So many rules, some of them not enabled. `spread` is the number of names.
pub fn rule_set(rules: usize, spread: u64, seed: u64) -> RuleSetIr {
    let mut dice = Dice::new(seed);
    let mut draft = Draft::new(&the_catalogue(), &slots());
    draft.ir.regexes = vec!["^s[a-z]+_".to_owned()];
    draft.ir.params = vec![
        ParamIr { package: 0, name: "number".to_owned(), value: ConstIr::Int(int(&mut dice)) },
        ParamIr { package: 0, name: "text".to_owned(), value: ConstIr::String(dice.pick(&TEXTS).to_owned()) },
    ];
    draft.ir.sets = (0..2 * SETS).map(|at| set(&mut dice, at, spread)).collect();
    for at in 0..WINDOWS {
        window(&mut draft, &mut dice, at);
    }
    // Many on one event type, or spread over all.
    let types = dice.between(1, u64::from(EVENT_TYPES));
    let taste = Taste { spread, sets: 2 * SETS, lets: 0, by_name: dice.chance(20) };
    for _ in 0..rules {
        rule(&mut draft, &mut dice, types, taste);
    }
    draft.finish()
}

/// The same with a rule or two changed, added or taken out, as the next revision.
pub fn changed(before: &RuleSetIr, spread: u64, seed: u64) -> RuleSetIr {
    let mut dice = Dice::new(seed);
    let mut ir = before.clone();
    ir.revision += 1;
    // Another set of as many rules lends its constants; its definitions are the same ones.
    for _ in 0..dice.between(1, 2) {
        if ir.rules.is_empty() {
            break;
        }
        let at = dice.below(ir.rules.len() as u64) as usize;
        match dice.below(4) {
            0 => drop(ir.rules.remove(at)),
            1 => ir.rules[at].precedence += 1,
            2 => ir.rules[at].enabled = !ir.rules[at].enabled,
            _ => {
                let text = item(&mut dice, spread);
                ir.consts.push(ConstIr::String(text));
                let constant = ir.consts.len() as u32 - 1;
                let nodes =
                    vec![Node::Field(NAME), Node::Const(constant), Node::Binary { op: B::Equal, left: 0, right: 1 }];
                ir.rules[at].when = Some(ExprIr { nodes });
            }
        }
    }
    ir
}

fn set(dice: &mut Dice, at: u16, spread: u64) -> SetIr {
    let count = dice.pick(&[0, 1, 2, 3, 8, 30]);
    let mut one = |_| match at < SETS {
        true if dice.chance(50) => ConstIr::String(item(dice, spread)),
        true => ConstIr::String(dice.pick(&TEXTS).to_owned()),
        false => match dice.below(3) {
            0 => ConstIr::Int(int(dice)),
            1 => ConstIr::Uint(uint(dice)),
            // No set may hold it.
            _ => ConstIr::Double(Some(double(dice)).filter(|d| !d.is_nan()).unwrap_or(0.5)),
        },
    };
    let items = (0..count).map(&mut one).collect();
    SetIr { name: format!("set_{at}"), items }
}

fn window(draft: &mut Draft, dice: &mut Dice, at: u16) {
    let filter = dice.chance(50).then(|| {
        let mut filter = draft.expr();
        let (left, right) = (filter.field(LEVEL), filter.int(dice.below(20) as i64));
        filter.binary(dice.pick(&[B::Less, B::GreaterOrEqual]), left, right);
        filter.done()
    });
    let key = if at == 2 { vec![field(draft, ZONE)] } else { Vec::new() };
    let event_type = EventTypeId(1 + dice.below(u64::from(EVENT_TYPES)) as u32);
    let aggregate = Aggregate::Count { ring: dice.pick(&[Some(4), None]) };
    let window = Window::Sliding { within_ms: dice.pick(&[5_000, 60_000]) };
    let kind = DefinitionKind::Feed(FeedIr { event_type, filter, key, aggregate, window });
    let definition = draft.define(&format!("window_{at}"), kind);
    let definition = &mut draft.ir.definitions[definition as usize];
    definition.durable = dice.chance(30);
    if at == 2 {
        definition.key_types = vec![KeyType::String];
    }
}

fn field(draft: &mut Draft, slot: u16) -> ExprIr {
    let mut expr = draft.expr();
    expr.field(slot);
    expr.done()
}

fn rule(draft: &mut Draft, dice: &mut Dice, types: u64, taste: Taste) {
    let on = EventTypeId(1 + dice.below(types) as u32);
    let lets = if dice.chance(15) { 1 + dice.below(u64::from(WINDOWS)) as u16 } else { 0 };
    let lets: Vec<LetIr> = (0..lets).map(|at| let_(draft, at)).collect();
    let taste = Taste { lets: lets.len() as u16, ..taste };
    let condition = dice.chance(98).then(|| {
        let mut expr = draft.expr();
        when(&mut expr, dice, taste);
        expr.done()
    });
    let gates = dice.below(100);
    let name = draft.ir.rules.len();
    let once = (gates < 4).then(|| once(draft, dice, name));
    let cooldown = (2..8).contains(&gates).then(|| cooldown(draft, dice, name));
    let actions = actions(draft, dice, taste);
    let package = dice.below(2) as u16;
    let rule = draft.rule(on, condition, actions);
    rule.package = package;
    (rule.lets, rule.once, rule.cooldown) = (lets, once, cooldown);
    rule.precedence = dice.pick(&[0, 0, 0, 5, -5]);
    rule.mode = if dice.chance(5) { Mode::Shadow } else { Mode::Live };
    rule.enabled = dice.chance(97);
    let own = [rule.once.as_ref(), rule.cooldown.as_ref()].map(|gate| gate.map(|gate| gate.definition));
    for definition in own.into_iter().flatten() {
        draft.ir.definitions[definition as usize].package = package;
    }
}

fn let_(draft: &mut Draft, at: u16) -> LetIr {
    let key = if at == 2 { vec![field(draft, NAME)] } else { Vec::new() };
    LetIr { name: format!("count_{at}"), definition: u32::from(at), key, default: None }
}

fn once(draft: &mut Draft, dice: &mut Dice, name: usize) -> GateIr {
    let period_ms = dice.pick(&[None, Some(20_000)]);
    let definition = draft.define(&format!("rule_{name}/once"), DefinitionKind::Once { generation: 0, period_ms });
    let state = &mut draft.ir.definitions[definition as usize];
    (state.durable, state.at_capacity, state.max_keys) = (true, AtCapacity::Deny, dice.pick(&[2, 1_000]));
    GateIr { definition, key: Vec::new() }
}

fn cooldown(draft: &mut Draft, dice: &mut Dice, name: usize) -> GateIr {
    let duration_ms = dice.pick(&[1_000, 30_000]);
    let definition = draft.define(&format!("rule_{name}/cooldown"), DefinitionKind::Cooldown { duration_ms });
    GateIr { definition, key: Vec::new() }
}

fn actions(draft: &mut Draft, dice: &mut Dice, taste: Taste) -> Vec<ActionIr> {
    let message = match dice.below(4) {
        0 => vec![("level", field(draft, LEVEL)), ("zone", field(draft, ZONE))],
        1 if taste.lets > 0 => {
            let mut count = draft.expr();
            count.push(Node::Let(0));
            vec![("count", count.done())]
        }
        // Fails where the key is not there.
        2 => {
            let mut count = draft.expr();
            let (left, right) = (count.field(COUNTS), count.text("zz"));
            count.binary(B::Index, left, right);
            vec![("zz", count.done())]
        }
        _ => Vec::new(),
    };
    let mut action = publish("made", message);
    match dice.below(6) {
        0 => action.kind = ActionKind::Reply { name: "made".to_owned() },
        1 => {
            action.kind = ActionKind::StartWorkflow { workflow: "Made".to_owned() };
            // An empty one fails.
            action.id = Some(if dice.chance(50) { field(draft, ZONE) } else { player(draft) });
        }
        _ => {}
    }
    vec![action]
}

fn player(draft: &mut Draft) -> ExprIr {
    let mut expr = draft.expr();
    expr.push(Node::Var(Var::PlayerId));
    expr.done()
}
