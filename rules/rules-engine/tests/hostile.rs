//! Intermediate forms that no compiler writes: refused or harmless, never a panic.

mod kit;

use kit::tree::{Tree, binary, call, comprehension, field, has, int, list, local, param, select, text, var, window};
use kit::{Builder, DIED, HIT, World, gate, let_};
use proptest::prelude::*;
use rules_engine::ir::{
    BinaryOp as B, ComprehensionKind as C, ConstIr, DefinitionKind, ExprIr, Function as F, JumpIr, Node, RuleSetIr,
    TemplateEntry, Var, ZoneIr, limits,
};
use rules_engine::{LoadError, RuleSet};
use serde_json::json;

/// A set that uses every part of the form.
fn rich() -> Builder {
    let mut b = Builder::new();
    let hits = b.count("rich/hits", HIT, 60_000, Some(4));
    let slow = b.count("rich/slow", DIED, 60_000, None);
    let once = b.once("rich/once", Some(1_000));
    let cooldown = b.cooldown("rich/cooldown", 500);
    let item = binary(select(local(0), 2), B::Greater, call(F::ToUint, [int(1)]));
    let when = Tree::And(vec![
        binary(field(kit::LEVEL), B::Greater, param(0)),
        Tree::InSet(Box::new(field(kit::ZONE)), 0),
        Tree::Matches(Box::new(field(kit::ZONE)), 0),
        Tree::Or(vec![has(kit::OPT), binary(window(0), B::Less, int(9))]),
        comprehension(C::Exists, field(kit::ITEMS), Some(item), None),
        binary(text("vip"), B::In, var(Var::TokenSegments)),
    ]);
    let rule = b.rule("rich", HIT, Some(when), &[("a", window(1)), ("b", list([field(kit::TAGS)]))]);
    rule.lets = vec![let_("hits", hits), let_("slow", slow)];
    rule.once = Some(gate(once));
    rule.cooldown = Some(gate(cooldown));
    b
}

fn zone(offset_s: i32, jumps: &[(i64, i32)]) -> ZoneIr {
    let jumps = jumps.iter().map(|(at_s, offset_s)| JumpIr { at_s: *at_s, offset_s: *offset_s }).collect();
    ZoneIr { name: "Test/Zone".into(), offset_s, jumps }
}

/// Loads and, where that works, runs.
fn load_and_run(b: &Builder, ir: RuleSetIr) {
    let Ok(set) = RuleSet::load(ir, b.catalogue.clone()) else { return };
    let mut world = World::new();
    let fields = json!({
        "level": 5, "zone": "crypt", "opt": 1, "items": [{ "count": 2 }], "tags": ["x"], "attrs": { "a": 1 }
    });
    for (at, event_type) in [(0, DIED), (1, HIT), (2, HIT)] {
        world.send(&set, "p1", event_type, at, &fields);
    }
}

#[test]
fn the_rich_set_fires_and_round_trips() {
    let b = rich();
    let bytes = b.ir.to_bytes();
    assert_eq!(RuleSetIr::from_bytes(&bytes).as_ref(), Ok(&b.ir));
    let (set, mut world) = (b.load(), World::new());
    let fields = json!({ "level": 5, "zone": "crypt", "items": [{ "count": 2 }], "tags": ["x"] });
    world.send(&set, "p1", HIT, 0, &fields);
    assert_eq!(world.fired(&set), "rich");
}

fn refused(change: impl FnOnce(&mut Builder)) -> String {
    let mut b = rich();
    change(&mut b);
    b.try_load().expect_err("must be refused").to_string()
}

fn expr_refused(nodes: Vec<Node>) -> String {
    refused(|b| b.ir.rules[0].when = Some(ExprIr { nodes }))
}

#[test]
fn each_fault_is_named() {
    let message = refused(|b| b.ir.catalogue_digest = [0; 32]);
    assert!(message.contains("another catalogue"), "{message}");
    for (wanted, message) in [
        ("format 9", refused(|b| b.ir.format = 9)),
        ("rise strictly", refused(|b| b.ir.packages = vec!["b".into(), "a".into()])),
        ("no such event type", refused(|b| b.ir.events[0].event_type = edge_event::EventTypeId(0))),
        ("field does not exist", refused(|b| b.ir.events[0].slots[0].numbers = vec![99])),
        ("hash of its shape", refused(|b| b.ir.definitions[0].id ^= 1)),
        ("max_keys is 0", refused(|b| b.ir.definitions[0].max_keys = 0)),
        ("always durable", refused(|b| b.ir.definitions[2].durable = false)),
        (
            "belongs to one rule",
            refused(|b| b.ir.rules.push(b.ir.rules[0].clone())).replace("the id stands twice", "belongs to one rule"),
        ),
        ("another kind", refused(|b| b.ir.rules[0].once = Some(gate(0)))),
        ("reads a window", refused(|b| b.ir.rules[0].lets[0].definition = 3)),
        ("not defined", refused(|b| b.ir.rules[0].lets[0].definition = 99)),
        ("no bool", refused(|b| b.ir.rules[0].when = Some(b.expr(&int(1))))),
        ("rise strictly", refused(|b| b.ir.rules[0].actions[0].input.entries.reverse())),
        (
            "not closed",
            refused(|b| {
                b.ir.rules[0].actions[0].input.entries.push(TemplateEntry::Open { name: "z".into() });
            }),
        ),
        ("closed twice", refused(|b| b.ir.rules[0].actions[0].input.entries.push(TemplateEntry::Close))),
        ("need an id", refused(|b| b.ir.rules[0].actions[0].id = Some(b.expr(&text("x"))))),
        ("regular expression", refused(|b| b.ir.regexes[0] = "(".into())),
        ("regular expression", refused(|b| b.ir.regexes[0] = "(a{1000}){1000}".into())),
        ("it stands twice", refused(|b| b.ir.zones = vec![zone(0, &[]), zone(0, &[])])),
        ("do not rise", refused(|b| b.ir.zones = vec![zone(0, &[(5, 0), (5, 3_600)])])),
        ("set back by more", refused(|b| b.ir.zones = vec![zone(0, &[(0, -3_600), (3_600, 0)])])),
        ("NaN", refused(|b| b.ir.sets[1].items.push(ConstIr::Double(f64::NAN)))),
        (
            "possible are 1 to",
            refused(|b| {
                let DefinitionKind::Cooldown { duration_ms } = &mut b.ir.definitions[3].kind else {
                    panic!("a cooldown")
                };
                *duration_ms = limits::MAX_SPAN_MS + 1;
            }),
        ),
        ("empty", expr_refused(vec![])),
        ("used twice", expr_refused(vec![Node::Const(0), Node::Binary { op: B::Equal, left: 0, right: 0 }])),
        ("not before it", expr_refused(vec![Node::Unary { op: rules_engine::ir::UnaryOp::Not, of: 0 }])),
        ("no part of", expr_refused(vec![Node::Const(0), Node::Const(0)])),
        ("no such constant", expr_refused(vec![Node::Const(9_999)])),
        ("no such field slot", expr_refused(vec![Node::Field(999)])),
        ("no such local", expr_refused(vec![Node::Local(0)])),
        ("no such `let`", expr_refused(vec![Node::Let(2)])),
        (
            "does not take",
            expr_refused(vec![
                Node::Field(kit::ZONE),
                Node::Field(kit::LEVEL),
                Node::Binary { op: B::Add, left: 0, right: 1 },
            ]),
        ),
        ("has no fields", expr_refused(vec![Node::Field(kit::ZONE), Node::Select { of: 0, number: 1 }])),
        (
            "name its fields",
            refused(|b| {
                let first = b.expr(&binary(field(kit::ITEMS), B::Index, int(0)));
                b.ir.rules[0].actions[0].input.entries = vec![TemplateEntry::Value { name: "i".into(), value: first }];
            }),
        ),
    ] {
        assert!(message.contains(wanted), "wanted `{wanted}`, got `{message}`");
    }
}

#[test]
fn depth_is_bounded() {
    let deep = |levels: usize| {
        let mut nodes = vec![Node::Field(kit::OK)];
        nodes.extend((0..levels as u32).map(|of| Node::Unary { op: rules_engine::ir::UnaryOp::Not, of }));
        let mut b = Builder::new();
        b.rule("deep", HIT, None, &[]).when = Some(ExprIr { nodes });
        b.try_load()
    };
    assert!(deep(limits::MAX_DEPTH - 1).is_ok());
    assert!(matches!(deep(limits::MAX_DEPTH), Err(LoadError::Expression { .. })));
    // The deepest expression that loads also runs.
    let mut b = Builder::new();
    let mut tree = int(1);
    for _ in 0..limits::MAX_DEPTH - 3 {
        tree = binary(int(1), B::Add, tree);
    }
    b.rule("sum", HIT, Some(binary(tree, B::Greater, int(0))), &[]);
    let (set, mut world) = (b.load(), World::new());
    world.send(&set, "p1", HIT, 0, &json!({}));
    assert_eq!(world.fired(&set), "sum");
}

fn node() -> impl Strategy<Value = Node> {
    let at = || 0_u32..12;
    prop_oneof![
        (0_u32..20).prop_map(Node::Const),
        (0_u16..3).prop_map(Node::Param),
        (0_u16..16).prop_map(Node::Field),
        (0_u16..16).prop_map(Node::HasField),
        (0_u16..3).prop_map(Node::Let),
        (0_u8..5).prop_map(Node::Local),
        (at(), 0_u32..4).prop_map(|(of, number)| Node::Select { of, number }),
        (at(), 0_u32..4).prop_map(|(of, number)| Node::HasSelect { of, number }),
        (at(), any::<bool>()).prop_map(|(of, not)| Node::Unary {
            op: if not { rules_engine::ir::UnaryOp::Not } else { rules_engine::ir::UnaryOp::Negate },
            of
        }),
        (at(), at(), 0_usize..13).prop_map(|(left, right, op)| Node::Binary {
            op: [
                B::Add,
                B::Subtract,
                B::Multiply,
                B::Divide,
                B::Modulo,
                B::Equal,
                B::NotEqual,
                B::Less,
                B::LessOrEqual,
                B::Greater,
                B::GreaterOrEqual,
                B::In,
                B::Index
            ][op],
            left,
            right
        }),
        prop::collection::vec(at(), 0..3).prop_map(Node::And),
        prop::collection::vec(at(), 0..3).prop_map(Node::Or),
        prop::collection::vec(at(), 0..3).prop_map(Node::List),
        prop::collection::vec((at(), at()), 0..2).prop_map(Node::Map),
        (at(), at(), at()).prop_map(|(condition, then, otherwise)| Node::If { condition, then, otherwise }),
        (at(), 0_u16..3).prop_map(|(of, set)| Node::InSet { of, set }),
        (at(), 0_u16..2).prop_map(|(of, regex)| Node::Matches { of, regex }),
        (prop::collection::vec(at(), 0..3), 0_usize..8).prop_map(|(args, f)| Node::Call {
            function: [F::Size, F::Join, F::Split, F::ToInt, F::ToString, F::Greatest, F::Abs, F::HasKey][f],
            args
        }),
        (at(), prop::option::of(at()), prop::option::of(at()), 0_usize..5).prop_map(
            |(range, predicate, transform, k)| {
                let kind = [C::All, C::Exists, C::ExistsOne, C::Filter, C::Map][k];
                Node::Comprehension { kind, range, predicate, transform }
            }
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_expression_is_refused_or_runs(nodes in prop::collection::vec(node(), 1..12)) {
        let mut b = rich();
        // As a condition, and, whatever its type, as a value.
        let mut ir = b.ir.clone();
        ir.rules[0].when = Some(ExprIr { nodes: nodes.clone() });
        load_and_run(&b, ir);
        b.ir.rules[0].when = None;
        b.ir.rules[0].actions[0].input.entries =
            vec![TemplateEntry::Value { name: "v".into(), value: ExprIr { nodes } }];
        load_and_run(&b, b.ir.clone());
    }

    #[test]
    fn flipped_bits_are_refused_or_harmless(at in 0_usize..4_096, bit in 0_u8..8) {
        let b = rich();
        let mut bytes = b.ir.to_bytes();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(ir) = RuleSetIr::from_bytes(&bytes) {
            load_and_run(&b, ir);
        }
    }

    #[test]
    fn any_bytes_are_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = RuleSetIr::from_bytes(&bytes);
        if let Some(first) = bytes.first_mut() {
            *first = 1;
        }
        let _ = RuleSetIr::from_bytes(&bytes);
    }

    #[test]
    fn truncations_are_refused(cut in 0_usize..4_096) {
        let bytes = rich().ir.to_bytes();
        prop_assert!(RuleSetIr::from_bytes(&bytes[..cut % bytes.len()]).is_err());
    }
}
