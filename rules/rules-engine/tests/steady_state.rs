//! In the steady state an event that fires nothing allocates nothing; and the same inputs give the same bytes.

#![allow(unsafe_code, reason = "counting allocations takes a global allocator")]

mod kit;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use edge_event::UnixMillis;
use kit::tree::{Tree, binary, call, comprehension, double, field, int, local, select, text, uint, var, window};
use kit::{Builder, DIED, HIT, START, World, gate, let_};
use rules_engine::ir::{BinaryOp as B, ComprehensionKind as C, Function as F, Var};
use rules_engine::{RuleSet, State, StateLimits, Verdict};
use serde_json::json;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: passes everything on to the system's allocator; the counter is a plain thread-local without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(ptr, layout, new_size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Rules that look at everything and hold for nothing; windows that are fed by every event.
fn busy() -> RuleSet {
    let mut b = Builder::new();
    let ring = b.count("w/ring", HIT, 60_000, Some(8));
    let buckets = b.count("w/buckets", HIT, 60_000, None);
    let never = |t: Tree| Some(Tree::And(vec![t, binary(field(kit::LEVEL), B::GreaterOrEqual, int(0))]));
    let impossible = binary(window(0), B::Greater, int(1_000_000));
    let rule = b.rule("windows", HIT, never(Tree::And(vec![impossible, binary(window(1), B::Less, int(0))])), &[]);
    rule.lets = vec![let_("ring", ring), let_("buckets", buckets)];
    let lower = binary(call(F::LowerAscii, [field(kit::ZONE)]), B::Equal, text("nowhere"));
    b.rule("strings", HIT, never(lower), &[]);
    let joined = binary(call(F::Join, [field(kit::TAGS), text("-")]), B::Equal, text("nothing"));
    b.rule("joined", HIT, never(joined), &[]);
    let rich = binary(select(local(0), 2), B::Greater, uint(1_000));
    b.rule("items", HIT, never(comprehension(C::Exists, field(kit::ITEMS), Some(rich), None)), &[]);
    let replaced = call(F::Replace, [field(kit::ZONE), text("y"), text("yy")]);
    b.rule("replaced", HIT, never(binary(replaced, B::Equal, text("no"))), &[]);
    let clan = binary(var(Var::ConnAttributes), B::Index, text("clan"));
    b.rule("clan", HIT, never(binary(clan, B::Equal, text("bears"))), &[]);
    let regex = Tree::Matches(Box::new(binary(field(kit::ZONE), B::Add, text("!"))), 0);
    b.rule("regex", HIT, never(regex), &[]);
    b.rule("attrs", HIT, never(binary(call(F::Size, [field(kit::ATTRS)]), B::Greater, int(99))), &[]);
    for at in 0..50 {
        let level = binary(field(kit::LEVEL), B::Equal, int(1_000 + at));
        let damage = binary(field(kit::DAMAGE), B::Greater, double(1e9));
        b.rule(&format!("scan{at}"), HIT, Some(Tree::And(vec![level, damage])), &[]);
    }
    b.load()
}

#[test]
fn events_that_fire_nothing_allocate_nothing() {
    let set = busy();
    let mut world = World::new();
    let fields = json!({
        "level": 12, "zone": "CRYPT", "damage": 2.5, "tags": ["a", "bb"], "attrs": { "str": 5, "dex": -2 },
        "items": [{ "sku": "x1", "count": 3 }, { "sku": "y2" }]
    });
    let events: Vec<_> = (0..400_i64).map(|n| world.event(&format!("p{}", n % 7), HIT, n * 40, &fields)).collect();
    for event in &events[..200] {
        assert_eq!(world.evaluate(&set, event), Verdict::NoMatch);
    }
    let before = ALLOCATIONS.with(Cell::get);
    for event in &events[200..] {
        world.evaluate(&set, event);
    }
    let after = ALLOCATIONS.with(Cell::get);
    assert_eq!(after - before, 0, "200 events allocated");
    assert_eq!(world.evaluator.counters().no_match, 400);
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let mut b = Builder::new();
    let hits = b.count("r/hits", HIT, 60_000, None);
    let once = b.once("s/once", Some(1_000));
    let values = [("attrs", field(kit::ATTRS)), ("n", window(0))];
    b.rule("r", HIT, None, &values).lets = vec![let_("hits", hits)];
    b.rule("s", DIED, None, &[("who", var(Var::PlayerId))]).once = Some(gate(once));
    let run = |seed: u64| {
        let set = b.load();
        let mut world = World::new();
        world.state = State::new(StateLimits::with_seed(seed), UnixMillis(START));
        let mut story = Vec::new();
        for n in 0..100_i64 {
            let event_type = if n % 3 == 0 { DIED } else { HIT };
            let fields = json!({ "attrs": { "b": n, "a": -n, "c": 0 } });
            let verdict = world.send(&set, &format!("p{}", n % 5), event_type, n * 137, &fields);
            story.push(format!("{verdict:?} {:?} {:?}", world.out.commands, world.out.deltas));
        }
        story
    };
    // The seed of the indices shows nowhere.
    assert_eq!(run(1), run(2));
}
