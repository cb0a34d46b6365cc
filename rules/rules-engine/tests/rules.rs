//! What a rule set makes of events: order, gates, windows, lateness, errors, shadow, verdicts.

mod kit;

use edge_event::{Action, Command, Priority, UnixMillis};
use expect_test::expect;
use kit::tree::{Tree, binary, call, field, int, param, text, window};
use kit::{Builder, DIED, HIT, LEVEL, START, World, ZONE, gate, let_};
use rules_engine::ir::{
    ActionIr, ActionKind, Aggregate, AtCapacity, BinaryOp as B, DefinitionKind, FeedIr, Function as F, LetIr, Mode,
    Scope, TemplateEntry, TemplateIr, Window, limits,
};
use rules_engine::{Reason, RuleIndex, RuleSet, Verdict, explain};
use serde_json::json;

fn body(command: &Command) -> &str {
    let bytes = match &command.action {
        Action::Publish { message, .. } => message,
        Action::StartWorkflow { input, .. } | Action::SignalWorkflow { input, .. } => input,
        Action::Reply { body, .. } => body,
        Action::CancelWorkflow { .. } => return "",
    };
    std::str::from_utf8(bytes).expect("JSON is UTF-8")
}

fn third_death() -> RuleSet {
    let mut b = Builder::new();
    let deaths = b.count("offer/deaths", DIED, 300_000, Some(3));
    let cooldown = b.cooldown("offer/cooldown", 86_400_000);
    let when = Tree::And(vec![
        binary(field(LEVEL), B::GreaterOrEqual, int(10)),
        Tree::InSet(Box::new(field(ZONE)), 0),
        binary(window(0), B::GreaterOrEqual, param(0)),
    ]);
    let rule = b.rule("offer", DIED, Some(when), &[("deaths", window(0)), ("zone", field(ZONE))]);
    rule.lets = vec![let_("deaths", deaths)];
    rule.cooldown = Some(gate(cooldown));
    b.load()
}

#[test]
fn the_third_death_in_five_minutes_fires_once() {
    let set = third_death();
    let mut w = World::new();
    let died = json!({ "level": 12, "zone": "crypt" });
    let at = |w: &mut World, ms| w.send(&set, "p1", DIED, ms, &died);
    assert_eq!(at(&mut w, 0), Verdict::NoMatch);
    assert_eq!(at(&mut w, 100_000), Verdict::NoMatch);
    assert_eq!(at(&mut w, 299_999), Verdict::Commanded);
    assert_eq!(body(&w.out.commands[0]), r#"{"deaths":3,"zone":"crypt"}"#);
    assert_eq!(at(&mut w, 299_999), Verdict::Suppressed(Reason::Cooldown));
    assert_eq!(at(&mut w, 86_400_000 + 299_998), Verdict::NoMatch);
    assert_eq!(w.out.suppressed, []);
    // Another player is another key.
    assert_eq!(w.send(&set, "p2", DIED, 86_400_000 + 299_999, &died), Verdict::NoMatch);
}

#[test]
fn a_window_is_open_at_its_old_end_and_closed_at_its_new_one() {
    let set = third_death();
    let died = json!({ "level": 12, "zone": "crypt" });
    for (third, wanted) in [(299_999, Verdict::Commanded), (300_000, Verdict::NoMatch)] {
        let mut w = World::new();
        w.send(&set, "p1", DIED, 0, &died);
        w.send(&set, "p1", DIED, 10, &died);
        assert_eq!(w.send(&set, "p1", DIED, third, &died), wanted, "{third}");
    }
}

#[test]
fn a_cooldown_ends_with_its_last_millisecond() {
    let mut b = Builder::new();
    let cooldown = b.cooldown("r/cooldown", 1_000);
    b.rule("r", HIT, None, &[]).cooldown = Some(gate(cooldown));
    let (set, mut w) = (b.load(), World::new());
    let mut at = |ms| w.send(&set, "p1", HIT, ms, &json!({}));
    assert_eq!(at(0), Verdict::Commanded);
    assert_eq!(at(999), Verdict::Suppressed(Reason::Cooldown));
    assert_eq!(at(1_000), Verdict::Commanded);
}

#[test]
fn once_is_once_and_once_a_period_is_once_a_period() {
    let mut b = Builder::new();
    let ever = b.once("ever/once", None);
    let daily = b.once("daily/once", Some(86_400_000));
    b.rule("ever", HIT, None, &[]).once = Some(gate(ever));
    b.rule("daily", HIT, None, &[]).once = Some(gate(daily));
    let (set, mut w) = (b.load(), World::new());
    w.send(&set, "p1", HIT, 0, &json!({}));
    assert_eq!(w.fired(&set), "daily ever");
    assert_eq!(w.out.deltas.len(), 2, "`once` is always durable");
    let first: Vec<_> = w.out.commands.iter().map(|c| c.id).collect();
    w.send(&set, "p1", HIT, 1_000, &json!({}));
    assert_eq!(w.out.suppressed, [(RuleIndex(0), Reason::Once), (RuleIndex(1), Reason::Once)]);
    assert!(w.out.deltas.is_empty());
    w.send(&set, "p1", HIT, 86_400_000, &json!({}));
    assert_eq!(w.fired(&set), "daily");
    assert_ne!(w.out.commands[0].id, first[0], "a period has an id of its own");
    // Elsewhere, on another event, the same gate gives the same id.
    let mut elsewhere = World::new();
    elsewhere.seq = 99;
    elsewhere.send(&set, "p1", HIT, 5, &json!({}));
    assert_eq!(elsewhere.out.commands.iter().map(|c| c.id).collect::<Vec<_>>(), first);
}

#[test]
fn rules_go_by_falling_precedence_then_name() {
    let mut b = Builder::new();
    b.rule("b", HIT, None, &[]).precedence = 1;
    b.rule("c", HIT, None, &[]);
    b.rule("a", HIT, None, &[]);
    b.rule("z", HIT, None, &[]).precedence = 900;
    b.rule("off", HIT, None, &[]).enabled = false;
    let (set, mut w) = (b.load(), World::new());
    assert_eq!(w.send(&set, "p1", HIT, 0, &json!({})), Verdict::Commanded);
    assert_eq!(w.fired(&set), "z b a c");
    assert_eq!(w.send(&set, "p1", DIED, 0, &json!({})), Verdict::NoMatch);
}

#[test]
fn late_events_meet_rules_without_windows_only() {
    let mut b = Builder::new();
    let hits = b.count("windowed/hits", HIT, 60_000, Some(5));
    let level = binary(field(LEVEL), B::Greater, int(5));
    let windowed = Tree::And(vec![level.clone(), binary(window(0), B::GreaterOrEqual, int(1))]);
    b.rule("plain", HIT, Some(level), &[]);
    b.rule("windowed", HIT, Some(windowed), &[("n", window(0))]).lets = vec![let_("hits", hits)];
    let (set, mut w) = (b.load(), World::new());
    let mut late = w.event("p1", HIT, 20_000, &json!({ "level": 9 }));
    late.happened = UnixMillis(late.arrival.0 - 10_001);
    assert_eq!(w.evaluate(&set, &late), Verdict::Commanded);
    assert_eq!(w.fired(&set), "plain");
    assert_eq!(w.out.suppressed, [(RuleIndex(1), Reason::Late)]);
    assert_eq!(w.out.time, UnixMillis(START + 10_000), "bounded");
    assert_eq!(w.evaluator.counters().late, 1);
    // What needs no window decides without it.
    let mut low = w.event("p1", HIT, 20_000, &json!({ "level": 3 }));
    low.happened = UnixMillis(0);
    assert_eq!(w.evaluate(&set, &low), Verdict::NoMatch);
    // Nothing was fed: the next event is the first.
    w.send(&set, "p1", HIT, 20_001, &json!({ "level": 9 }));
    assert_eq!(body(&w.out.commands[1]), r#"{"n":1}"#);
    // A clock that runs ahead is bounded by arrival.
    let mut ahead = w.event("p1", HIT, 20_002, &json!({ "level": 9 }));
    ahead.happened = UnixMillis(i64::MAX);
    w.evaluate(&set, &ahead);
    assert_eq!(w.out.time, ahead.arrival);
}

#[test]
fn an_error_holds_back_its_rule_alone() {
    let mut b = Builder::new();
    let once = b.once("bad_command/once", None);
    let inverse = || binary(int(10), B::Divide, call(F::ToInt, [field(LEVEL)]));
    b.rule("bad_condition", HIT, Some(binary(inverse(), B::Greater, int(1))), &[]);
    b.rule("bad_command", HIT, None, &[("n", inverse())]).once = Some(gate(once));
    b.rule("good", HIT, None, &[]);
    let (set, mut w) = (b.load(), World::new());
    assert_eq!(w.send(&set, "p1", HIT, 0, &json!({ "level": 0 })), Verdict::Commanded);
    assert_eq!(w.fired(&set), "good");
    let errors = [(RuleIndex(0), Reason::Error), (RuleIndex(1), Reason::Error)];
    assert_eq!(w.out.suppressed, errors);
    assert!(w.out.deltas.is_empty(), "a gate is used by winners only");
    w.send(&set, "p1", HIT, 1, &json!({ "level": 5 }));
    assert_eq!(w.fired(&set), "bad_command bad_condition good");
    let counters: Vec<_> = w.evaluator.rule_counters().collect();
    assert_eq!((counters[0].evaluated, counters[0].fired), (2, 1));
    assert_eq!(counters[0].suppressed[Reason::Error as usize], 1);
}

#[test]
fn a_shadow_rule_orders_nothing_and_has_gates_of_its_own() {
    let mut b = Builder::new();
    let once = b.once("ghost/once", None);
    let rule = b.rule("ghost", HIT, None, &[("level", field(LEVEL))]);
    rule.once = Some(gate(once));
    rule.mode = Mode::Shadow;
    let shadow = b.load();
    b.ir.rules[0].mode = Mode::Live;
    let live = b.load();
    let mut w = World::new();
    assert_eq!(w.send(&shadow, "p1", HIT, 0, &json!({ "level": 4 })), Verdict::Suppressed(Reason::Shadow));
    assert!(!w.out.is_durable());
    assert_eq!(body(&w.out.shadow[0]), r#"{"level":4}"#);
    assert_eq!(w.send(&shadow, "p1", HIT, 1, &json!({})), Verdict::Suppressed(Reason::Once));
    assert_eq!(w.send(&live, "p1", HIT, 2, &json!({})), Verdict::Commanded);
    assert_eq!(shadow.worst_case(HIT).records, 0);
}

#[test]
fn every_kind_of_action_has_its_form() {
    let mut b = Builder::new();
    let id = b.expr(&binary(text("rq-"), B::Add, field(ZONE)));
    let zone = b.expr(&field(ZONE));
    let level = b.expr(&field(LEVEL));
    let input = TemplateIr {
        entries: vec![
            TemplateEntry::Open { name: "a".to_owned() },
            TemplateEntry::Value { name: "zone".to_owned(), value: zone },
            TemplateEntry::Close,
            TemplateEntry::Value { name: "level".to_owned(), value: level },
        ],
    };
    let action =
        |kind, id, input| ActionIr { kind, id, input, priority: Priority::P1, deadline_ms: Some(500), granting: false };
    let rule = b.rule("all", HIT, None, &[]);
    rule.actions = vec![
        action(ActionKind::StartWorkflow { workflow: "Offer".to_owned() }, Some(id.clone()), input),
        action(ActionKind::SignalWorkflow { signal: "poke".to_owned() }, Some(id.clone()), TemplateIr::default()),
        action(ActionKind::CancelWorkflow, Some(id), TemplateIr::default()),
        action(ActionKind::Publish { topic: "t.v1".to_owned() }, None, TemplateIr::default()),
        action(ActionKind::Reply { name: "hello".to_owned() }, None, TemplateIr::default()),
    ];
    let (set, mut w) = (b.load(), World::new());
    w.send(&set, "p1", HIT, 0, &json!({ "zone": "cr\"ypt", "level": 7 }));
    let kinds: Vec<_> = w.out.commands.iter().map(|c| (c.action.kind(), c.action_index)).collect();
    assert_eq!(kinds, [("start_workflow", 0), ("signal_workflow", 1), ("cancel_workflow", 2), ("publish", 3)]);
    assert_eq!(w.out.replies[0].action.kind(), "reply");
    assert_eq!(body(&w.out.commands[0]), r#"{"a":{"zone":"cr\"ypt"},"level":7}"#);
    let ids: String = w.out.commands.iter().chain(&w.out.replies).map(|c| format!("{}\n", c.id)).collect();
    expect![[r#"
        26d7df24eba7d904bea2eeef734e200a
        92b4d2883b953a6e165de14f24509883
        1274d12cc447170d84c78c7bff41847c
        e73d37226bd9ff1a03d0ccd99a133c38
        c346775590c1a78bda05049ddaa9147d
    "#]]
    .assert_eq(&ids);
    let first = &w.out.commands[0];
    assert_eq!((first.priority, first.deadline), (Priority::P1, Some(UnixMillis(START + 500))));
    let Action::StartWorkflow { workflow, workflow_id, .. } = &first.action else { panic!("a start") };
    assert_eq!((&**workflow, &**workflow_id), ("Offer", "rq-cr\"ypt"));
    let most = set.worst_case(HIT);
    assert_eq!((most.records, most.commands, most.replies, most.deltas), (1, 4, 1, 0));
    assert!(most.bytes >= 64 * 6 && most.bytes < 8_192, "{most:?}");
}

#[test]
fn correlated_keys_split_windows() {
    let mut b = Builder::new();
    let key = vec![b.expr(&field(ZONE))];
    let kind = DefinitionKind::Feed(FeedIr {
        event_type: HIT,
        filter: None,
        key: key.clone(),
        aggregate: Aggregate::Count { ring: Some(9) },
        window: Window::Sliding { within_ms: 60_000 },
    });
    let mut definition = kit::definition("r/n", kind);
    definition.key_types = kit::string_key();
    let definition = b.define(definition);
    let rule = b.rule("r", DIED, None, &[("n", window(0))]);
    rule.lets = vec![LetIr { name: "n".to_owned(), definition, key, default: None }];
    let (set, mut w) = (b.load(), World::new());
    for zone in ["a", "b", "a"] {
        assert_eq!(w.send(&set, "p1", HIT, 0, &json!({ "zone": zone })), Verdict::NoMatch);
    }
    w.send(&set, "p1", DIED, 1, &json!({ "zone": "a" }));
    assert_eq!(body(&w.out.commands[0]), r#"{"n":2}"#);
    w.send(&set, "p1", DIED, 1, &json!({ "zone": "c" }));
    assert_eq!(body(&w.out.commands[0]), r#"{"n":0}"#);
}

#[test]
fn full_tables_evict_the_oldest_or_deny() {
    let mut b = Builder::new();
    let cooldown = b.cooldown("r/cooldown", 60_000);
    b.ir.definitions[0].max_keys = 2;
    b.rule("r", HIT, None, &[]).cooldown = Some(gate(cooldown));
    let (set, mut w) = (b.load(), World::new());
    for player in ["a", "b", "c"] {
        assert_eq!(w.send(&set, player, HIT, 0, &json!({})), Verdict::Commanded);
    }
    assert_eq!(w.send(&set, "b", HIT, 1, &json!({})), Verdict::Suppressed(Reason::Cooldown));
    assert_eq!(w.send(&set, "a", HIT, 1, &json!({})), Verdict::Commanded, "forgotten: it made room for c");
    assert_eq!(w.state.tables().next().map(|t| (t.cells, t.evicted)), Some((2, 2)));

    let mut b = Builder::new();
    let key = vec![b.expr(&field(ZONE))];
    let mut once = kit::definition("r/once", DefinitionKind::Once { generation: 0, period_ms: None });
    (once.durable, once.at_capacity, once.key_types) = (true, AtCapacity::Deny, kit::string_key());
    (once.max_keys, once.max_keys_per_player) = (3, 2);
    let definition = b.define(once);
    b.rule("r", HIT, None, &[]).once = Some(rules_engine::ir::GateIr { definition, key });
    let (set, mut w) = (b.load(), World::new());
    let mut hit = |player: &str, zone: &str| w.send(&set, player, HIT, 0, &json!({ "zone": zone }));
    assert_eq!(hit("cheat", "1"), Verdict::Commanded);
    assert_eq!(hit("cheat", "2"), Verdict::Commanded);
    assert_eq!(hit("cheat", "3"), Verdict::Suppressed(Reason::Capacity), "one player cannot fill it");
    assert_eq!(hit("cheat", "2"), Verdict::Suppressed(Reason::Once));
    assert_eq!(hit("p", "1"), Verdict::Commanded);
    assert_eq!(hit("q", "1"), Verdict::Suppressed(Reason::Capacity), "full");
}

/// However many rules of one event fire, what they order fits into its record; who finds no room keeps its gate.
#[test]
fn an_event_orders_no_more_than_its_record_can_hold() {
    let mut b = Builder::new();
    let cooldown = b.cooldown("r60/cooldown", 60_000);
    let long = "x".repeat(12_000);
    for n in 0..60 {
        b.rule(&format!("r{n:02}"), HIT, None, &[("long", text(&long))]);
    }
    b.rule("r60", HIT, None, &[("long", text(&long))]).cooldown = Some(gate(cooldown));
    let (set, mut w) = (b.load(), World::new());
    assert_eq!(w.send(&set, "p", HIT, 0, &json!({})), Verdict::Commanded);
    let bytes: usize = w.out.commands.iter().map(|c| body(c).len()).sum();
    assert!((400_000..limits::MAX_EVENT_BYTES).contains(&bytes), "{bytes} bytes of {}", w.out.commands.len());
    assert_eq!(w.out.fired.len() + w.out.suppressed.len(), 61);
    assert!(w.out.suppressed.iter().all(|(_, reason)| *reason == Reason::Capacity));
    assert_eq!(w.state.tables().next().map(|t| t.cells), Some(0), "its gate is not used");
}

#[test]
fn state_survives_swaps_for_equal_definitions() {
    let mut b = Builder::new();
    let hits = b.count("r/hits", HIT, 60_000, Some(3));
    let cooldown = b.cooldown("r/cooldown", 60_000);
    let rule = b.rule("r", HIT, Some(binary(window(0), B::GreaterOrEqual, int(3))), &[("n", window(0))]);
    rule.lets = vec![let_("hits", hits)];
    rule.cooldown = Some(gate(cooldown));
    let one = b.load();
    // Another threshold needs another layout; another condition, window and duration change nothing about the key.
    b.ir.revision = 2;
    let feed = b.feed_mut(hits);
    (feed.aggregate, feed.window) = (Aggregate::Count { ring: None }, Window::Sliding { within_ms: 120_000 });
    b.ir.rules[0].when = None;
    b.rule("new", HIT, None, &[]).precedence = 5;
    let two = b.load();
    let mut w = World::new();
    w.send(&one, "p1", HIT, 0, &json!({}));
    w.send(&one, "p1", HIT, 1, &json!({}));
    w.send(&two, "p1", HIT, 2, &json!({}));
    assert_eq!(w.fired(&two), "new r");
    assert_eq!(body(&w.out.commands[1]), r#"{"n":3}"#, "the window went on");
    assert_eq!(
        w.send(&one, "p1", HIT, 3, &json!({})),
        Verdict::Suppressed(Reason::Cooldown),
        "rolled back, gate and all"
    );
    assert_eq!(w.evaluator.rule_counters().next().map(|c| (c.evaluated, c.fired)), Some((4, 1)));
    // Without its definition a table is kept for a grace, then dropped.
    let empty = Builder::new().load();
    w.send(&empty, "p1", HIT, 4, &json!({}));
    assert!(w.state.tables().all(|t| t.retired && t.cells > 0));
    w.state.tick(UnixMillis(START + 5 + 86_400_000));
    assert_eq!(w.state.tables().count(), 0);
}

#[test]
fn explanations_show_values_and_gates() {
    let set = third_death();
    let mut w = World::new();
    let event = w.event("p1", DIED, 0, &json!({ "level": 8, "zone": "crypt" }));
    w.evaluate(&set, &event);
    let e = explain(&set, &w.state, &event, RuleIndex(0)).expect("about deaths");
    assert_eq!(e.lets, [("deaths".to_owned(), Ok("1".to_owned()))]);
    assert_eq!(e.conjuncts.iter().map(|(_, holds)| *holds).collect::<Vec<_>>(), [Ok(false), Ok(true), Ok(false)]);
    assert_eq!(e.holds, Ok(false));
    assert_eq!(e.gates[0].gate, "cooldown");
    assert_eq!(e.gates[0].answer, Ok(()));
    assert!(e.fields.contains(&("zone".to_owned(), "\"crypt\"".to_owned())));
    let hit = w.event("p1", HIT, 0, &json!({}));
    assert_eq!(explain(&set, &w.state, &hit, RuleIndex(0)), None);
}

#[test]
fn unreadable_payloads_are_counted_and_disturb_nothing() {
    let set = third_death();
    let mut w = World::new();
    let mut event = w.event("p1", DIED, 0, &json!({}));
    event.payload = vec![0xff; 3].into();
    assert_eq!(w.evaluate(&set, &event), Verdict::Suppressed(Reason::Error));
    assert_eq!(w.evaluator.counters().unreadable, 1);
    assert_eq!(w.state.tables().map(|t| t.cells).sum::<usize>(), 0);
}

#[test]
fn shard_scope_shares_cells_between_players() {
    let mut b = Builder::new();
    let hits = b.count("r/hits", HIT, 60_000, None);
    b.ir.definitions[0].scope = Scope::Shard;
    b.ir.definitions[0].id = rules_engine::stable_id("eu.test", &b.ir.definitions[0]);
    b.rule("r", HIT, None, &[("n", window(0))]).lets = vec![let_("hits", hits)];
    let (set, mut w) = (b.load(), World::new());
    w.send(&set, "p1", HIT, 0, &json!({}));
    w.send(&set, "p2", HIT, 0, &json!({}));
    assert_eq!(body(&w.out.commands[0]), r#"{"n":2}"#);
}

#[test]
fn cells_expire_when_no_window_reaches_them_and_work_is_bounded() {
    let mut b = Builder::new();
    b.count("r/hits", HIT, 1_000, Some(2));
    let (set, mut w) = (b.load(), World::new());
    for n in 0..600 {
        w.send(&set, &format!("p{n}"), HIT, 0, &json!({}));
    }
    let cells = |w: &World| w.state.tables().map(|t| t.cells).sum::<usize>();
    assert_eq!(cells(&w), 600);
    // Window, lateness and a minute of slack.
    w.state.tick(UnixMillis(START + 70_999));
    assert_eq!(cells(&w), 600);
    w.state.tick(UnixMillis(START + 71_000));
    assert_eq!(cells(&w), 344, "a tick removes at most 256");
    w.state.tick(UnixMillis(0));
    assert_eq!(w.state.now(), UnixMillis(START + 71_000), "shard time never runs backwards");
    assert_eq!(cells(&w), 88);
    w.send(&set, "new", HIT, 71_001, &json!({}));
    assert_eq!(cells(&w), 85, "an event removes at most 4, and adds one");
}

/// The clock was an hour ahead when the cells were written, and the process starts again with a right one.
#[test]
fn what_was_in_the_future_has_just_happened_when_it_is_restored() {
    for kind in [Some(3), None] {
        let mut b = Builder::new();
        let hits = b.count("twice/hits", HIT, 3_000, kind);
        b.ir.definitions[0].durable = true;
        let twice = binary(window(0), B::GreaterOrEqual, int(2));
        b.rule("twice", HIT, Some(twice), &[]).lets = vec![let_("hits", hits)];
        let cooldown = b.cooldown("calm/cooldown", 60_000);
        b.ir.definitions[1].durable = true;
        b.rule("calm", HIT, None, &[]).cooldown = Some(gate(cooldown));
        let (set, mut ahead) = (b.load(), World::new());
        ahead.send(&set, "p1", HIT, 3_600_000, &json!({}));
        assert_eq!(ahead.fired(&set), "calm");
        let mut right = World::new();
        for delta in &ahead.out.deltas {
            right.state.restore(delta.key, delta.value.as_ref().expect("a value"), delta.expires).expect("own bytes");
        }
        right.send(&set, "p1", HIT, 1_000, &json!({}));
        assert_eq!(right.fired(&set), "twice", "the window goes on, and the cooldown holds");
        right.send(&set, "p1", HIT, 59_999, &json!({}));
        assert_eq!(right.fired(&set), "", "the window has ended, and the cooldown not yet");
        right.send(&set, "p1", HIT, 60_000, &json!({}));
        assert_eq!(right.fired(&set), "calm twice");
    }
}

#[test]
fn durable_changes_stand_in_the_deltas() {
    let mut b = Builder::new();
    let hits = b.count("r/hits", HIT, 1_000, Some(2));
    (b.ir.definitions[0].durable, b.ir.definitions[0].max_keys) = (true, 1);
    b.rule("r", DIED, None, &[("n", window(0))]).lets = vec![let_("hits", hits)];
    let (set, mut w) = (b.load(), World::new());
    assert_eq!(w.send(&set, "a", HIT, 0, &json!({})), Verdict::NoMatch);
    assert!(w.out.is_durable(), "a window that lasts leaves a record without a command");
    let first = w.out.deltas[0].clone();
    w.send(&set, "b", HIT, 1, &json!({}));
    assert_eq!(
        (w.out.deltas[0].key, &w.out.deltas[0].value),
        (first.key, &None),
        "the evicted cell is removed on disk, too"
    );
    assert_eq!(w.out.deltas[1].expires, Some(UnixMillis(START + 1 + 71_000)));
    assert!(w.out.deltas.len() as u32 <= set.worst_case(HIT).deltas);
    // Restored after its end it is not there.
    let value = first.value.as_ref().expect("a value");
    w.state.tick(UnixMillis(START + 80_000));
    w.state.restore(first.key, value, first.expires).expect("own bytes");
    assert_eq!(w.state.tables().map(|t| t.cells).sum::<usize>(), 0);
    assert!(w.state.restore(first.key, &[9], None).is_err());
}
