//! Windows, gates and restarts against a simple twin that keeps every event.

mod kit;

use std::collections::BTreeMap;

use edge_event::{Action, Event, StateDelta, StateKey, UnixMillis};
use kit::tree::{binary, field, int, window};
use kit::{Builder, HIT, START, World, gate, let_};
use proptest::prelude::*;
use rules_engine::ir::BinaryOp as B;
use rules_engine::{RuleSet, State, StateLimits};
use serde_json::json;

const WITHIN: u64 = 30_000;
const CAPACITY: u8 = 4;
const COOLDOWN: i64 = 20_000;
const PERIOD: i64 = 60_000;

/// One event of a random stream.
#[derive(Clone, Debug)]
struct Step {
    player: u8,
    /// Arrival after the one before.
    gap_ms: i64,
    /// How long before arrival it happened.
    age_ms: i64,
    counts: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let gap = prop_oneof![0_i64..500, 0_i64..8_000, Just(2_000), Just(30_000)];
    let age = prop_oneof![Just(0_i64), 0_i64..10_001, 9_990_i64..10_010];
    let step = (0_u8..3, gap, age, prop::bool::weighted(0.8));
    prop::collection::vec(
        step.prop_map(|(player, gap_ms, age_ms, counts)| Step { player, gap_ms, age_ms, counts }),
        1..60,
    )
}

/// One rule for each window and gate, all on one event type.
fn rule_set(durable: bool) -> RuleSet {
    let mut b = Builder::new();
    let ring = b.count("ring/n", HIT, WITHIN, Some(CAPACITY));
    let buckets = b.count("buckets/n", HIT, WITHIN, None);
    let counts = b.expr(&binary(field(kit::LEVEL), B::Equal, int(1)));
    for definition in [ring, buckets] {
        b.feed_mut(definition).filter = Some(counts.clone());
        b.ir.definitions[definition as usize].durable = durable;
    }
    b.rule("ring", HIT, None, &[("n", window(0))]).lets = vec![let_("n", ring)];
    b.rule("buckets", HIT, None, &[("n", window(0))]).lets = vec![let_("n", buckets)];
    let cooldown = b.cooldown("cooldown/gate", COOLDOWN as u64);
    b.ir.definitions[cooldown as usize].durable = durable;
    b.rule("cooldown", HIT, None, &[]).cooldown = Some(gate(cooldown));
    let ever = b.once("ever/gate", None);
    b.rule("ever", HIT, None, &[]).once = Some(gate(ever));
    let period = b.once("period/gate", Some(PERIOD as u64));
    b.rule("period", HIT, None, &[]).once = Some(gate(period));
    b.load()
}

/// Keeps everything.
#[derive(Default)]
struct Twin {
    fed: BTreeMap<u8, Vec<i64>>,
    cooled: BTreeMap<u8, i64>,
    ever: BTreeMap<u8, ()>,
    period: BTreeMap<u8, i64>,
}

impl Twin {
    /// Whether each of the gates lets the event through: cooldown, ever, period.
    fn gates(&mut self, player: u8, time: i64) -> [bool; 3] {
        let cooldown = self.cooled.get(&player).is_none_or(|last| time >= last + COOLDOWN);
        if cooldown {
            let last = self.cooled.entry(player).or_insert(time);
            *last = time.max(*last);
        }
        let ever = self.ever.insert(player, ()).is_none();
        let number = time.div_euclid(PERIOD);
        let period = self.period.get(&player).is_none_or(|last| number > *last);
        if period {
            self.period.insert(player, number);
        }
        [cooldown, ever, period]
    }

    /// Events in the window that ends at the newer of `time` and the newest event; and with one sub-bucket more.
    fn count(&self, player: u8, time: i64) -> (u64, u64) {
        let fed = self.fed.get(&player).map_or(&[][..], Vec::as_slice);
        let end = fed.iter().copied().fold(time, i64::max);
        // Nothing is fed: nothing is counted, whatever the end.
        let within = |ms: u64| fed.iter().filter(|t| **t > end - ms as i64).count() as u64;
        (within(WITHIN), within(WITHIN + WITHIN.div_ceil(16)))
    }
}

fn value_of(world: &World, rule: &str) -> Option<u64> {
    let command = world.out.commands.iter().find(|c| &*c.rule == rule)?;
    let Action::Publish { message, .. } = &command.action else { return None };
    serde_json::from_slice::<serde_json::Value>(message).ok()?["n"].as_u64()
}

fn events(world: &mut World, steps: &[Step]) -> Vec<Event> {
    let mut now = 0;
    steps
        .iter()
        .map(|step| {
            now += step.gap_ms;
            let mut event =
                world.event(&format!("p{}", step.player), HIT, now, &json!({ "level": u8::from(step.counts) }));
            event.happened = UnixMillis(event.arrival.0 - step.age_ms);
            event
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn windows_and_gates_are_those_of_the_twin(steps in steps()) {
        let set = rule_set(false);
        let (mut world, mut twin) = (World::new(), Twin::default());
        let events = events(&mut world, &steps);
        for (step, event) in steps.iter().zip(&events) {
            world.evaluate(&set, event);
            let late = step.age_ms > 10_000;
            let time = event.happened.max(UnixMillis(event.arrival.0 - 10_000)).0;
            if step.counts && !late {
                twin.fed.entry(step.player).or_default().push(time);
            }
            let fired = world.fired(&set);
            let gates = twin.gates(step.player, time);
            prop_assert_eq!(["cooldown", "ever", "period"].map(|rule| fired.split(' ').any(|f| f == rule)), gates);
            if late {
                prop_assert_eq!(value_of(&world, "ring"), None);
                continue;
            }
            let (exact, most) = twin.count(step.player, time);
            prop_assert_eq!(value_of(&world, "ring"), Some(exact.min(u64::from(CAPACITY))));
            let approximate = value_of(&world, "buckets").expect("fires on every event");
            prop_assert!((exact..=most).contains(&approximate), "{} not in {}..={}", approximate, exact, most);
        }
    }

    /// A shard that forgets everything at a random moment and gets its durable cells back goes on as if nothing had been.
    #[test]
    fn a_restart_changes_nothing_for_durable_state(steps in steps(), crash_at in 0_usize..60) {
        let set = rule_set(true);
        let (mut world, mut twin) = (World::new(), World::new());
        let mut disk: BTreeMap<StateKey, StateDelta> = BTreeMap::new();
        let events = events(&mut world, &steps);
        for (at, event) in events.iter().enumerate() {
            if at == crash_at {
                world.state = State::new(StateLimits::with_seed(99), event.arrival);
                for (key, delta) in &disk {
                    let value = delta.value.as_ref().expect("nothing is evicted here");
                    world.state.restore(*key, value, delta.expires).expect("own bytes");
                }
            }
            let verdict = world.evaluate(&set, event);
            prop_assert_eq!(verdict, twin.evaluate(&set, event));
            prop_assert_eq!(&world.out.commands, &twin.out.commands);
            prop_assert_eq!(&world.out.suppressed, &twin.out.suppressed);
            prop_assert_eq!(&world.out.deltas, &twin.out.deltas);
            disk.extend(world.out.deltas.iter().map(|d| (d.key, d.clone())));
        }
    }

    /// Swapping between two revisions at random moments, with layouts that differ, never under-counts what both know.
    #[test]
    fn swaps_never_lose_counts(steps in steps(), swaps in prop::collection::vec(any::<bool>(), 60)) {
        let set = |layout, revision| {
            let mut b = Builder::new();
            let hits = b.count("r/n", HIT, WITHIN, layout);
            b.ir.revision = revision;
            b.rule("r", HIT, None, &[("n", window(0))]).lets = vec![let_("n", hits)];
            b.load()
        };
        let sets = [set(Some(64), 1), set(None, 2)];
        let (mut world, mut twin) = (World::new(), Twin::default());
        let events = events(&mut world, &steps);
        for ((step, event), swap) in steps.iter().zip(&events).zip(swaps) {
            world.evaluate(&sets[usize::from(swap)], event);
            if step.age_ms > 10_000 {
                continue;
            }
            twin.fed.entry(step.player).or_default().push(event.happened.0);
            let (exact, _) = twin.count(step.player, event.happened.0);
            prop_assert!(value_of(&world, "r").expect("fires on every event") >= exact.min(64));
        }
    }

    #[test]
    fn any_bytes_are_restored_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..120), tag in 0_u8..6) {
        let mut state = State::new(StateLimits::with_seed(1), UnixMillis(START));
        let key = StateKey { definition: 5, key: 6, partition: edge_event::Partition::default() };
        let tagged: Vec<u8> = [tag].into_iter().chain(bytes).collect();
        let _ = state.restore(key, &tagged, None);
    }
}
