//! Gates on random streams against a twin that is written from the reference, clause by clause, and not from the engine.
//!
//! Streams have late events, swaps between two revisions with other numbers, and restarts that keep what is durable, after which the
//! clock may stand earlier or later. For every event and every rule the twin says whether it fires, or the reason why not.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use edge_event::{
    Action, Class, ConnInfo, Event, EventId, Partition, PlayerKey, ProducerId, Seq, StateDelta, StateKey, UnixMillis,
};
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use proptest::prelude::*;
use rules::{Compilation, Identity, InputFile};
use rules_catalogue::{Catalogue, compile};
use rules_engine::{Evaluator, Outputs, RuleSet, State, StateLimits};
use serde_json::json;
use xxhash_rust::xxh3::xxh3_64;

/// Three minutes before the clocks of Berlin are set to summer.
const START: i64 = 1_774_745_820_000;

const ZONES: [&str; 2] = ["catacombs", "crypt"];

/// `count` in `period_s` seconds, `burst` at once.
#[derive(Clone, Copy)]
struct Rate {
    count: i128,
    period_s: i128,
    burst: i128,
}

/// What the two revisions have otherwise.
#[derive(Clone, Copy)]
struct Numbers {
    share: u32,
    cooldown_s: i64,
    own: Rate,
    shared: Rate,
    per_player: i128,
}

const REVISIONS: [Numbers; 2] = [
    Numbers {
        share: 30,
        cooldown_s: 7,
        own: Rate { count: 3, period_s: 10, burst: 2 },
        shared: Rate { count: 7, period_s: 10, burst: 5 },
        per_player: 2,
    },
    Numbers {
        share: 70,
        cooldown_s: 12,
        own: Rate { count: 9, period_s: 10, burst: 9 },
        shared: Rate { count: 4, period_s: 20, burst: 2 },
        per_player: 1,
    },
];

fn text(n: Numbers) -> String {
    let rate = |rate: Rate| format!("{} per {}s", rate.count, rate.period_s);
    format!(
        r"rules/v1: {{ package: p, catalogue: game.v1, owner: team }}
params: {{ mult: {{ type: int, default: 1, range: 1..=9 }} }}
rules:
  - {{ id: share, on: PlayerDied, rollout: {{ {share}%, salt: s }}, do: [ {{ reply: hi }} ] }}
  - id: own
    on: PlayerDied
    rate_limit: {{ {own}, by: [player, event.zone], burst: {own_burst}, durable: true }}
    do: [ {{ reply: hi }} ]
  - id: shared
    on: PlayerDied
    rate_limit: {{ {shared}, by: region, scope: shard, burst: {shared_burst}, per_player: {per_player} }}
    do: [ {{ reply: hi }} ]
  - id: g1
    on: PlayerDied
    precedence: 30
    group: g
    cooldown: {{ {cooldown}s, by: player, durable: true }}
    do: [ {{ reply: hi }} ]
  - {{ id: g2, on: PlayerDied, precedence: 25, mode: shadow, group: g, cooldown: 3s, do: [ {{ reply: hi }} ] }}
  - {{ id: g3, on: PlayerDied, precedence: 20, group: g, once: {{ by: player, per: 20s }}, do: [ {{ reply: hi }} ] }}
  - {{ id: g4, on: PlayerDied, precedence: 10, group: g, rate_limit: 2 per 15s, do: [ {{ reply: hi }} ] }}
  - id: varied
    on: PlayerDied
    variations:
      - {{ name: console, when: conn.platform == 'ps5', hold_back: true }}
      - {{ when: 'event.level == 9', params: {{ mult: 9 }} }}
      - split: {{ a: 30%, b: 50%, c: 20% }}
        by: [player, event.zone]
        salt: v
        params: {{ a: {{ mult: 2 }}, b: {{ mult: 3 }} }}
        hold_back: [c]
    do: [ {{ publish: t, message: {{ mult: params.mult, arm: variation }} }} ]
  - id: timed
    on: PlayerDied
    active: {{ tz: Europe/Berlin, weekly: [ 'Sun 01:58 - 02:01', 'Sun 03:00 - 03:02' ] }}
    cooldown: 5s
    do: [ {{ reply: hi }} ]
  - id: fails
    on: PlayerDied
    cooldown: 10s
    do: [ {{ publish: t, message: {{ x: '10 / (event.level - 5)' }} }} ]
",
        share = n.share,
        own = rate(n.own),
        own_burst = n.own.burst,
        shared = rate(n.shared),
        shared_burst = n.shared.burst,
        per_player = n.per_player,
        cooldown = n.cooldown_s,
    )
}

static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue");
    let sources = compile::Sources::read_dir(&root).expect("the example catalogue is there");
    Arc::new(compile::compile(&sources).expect("and compiles").catalogue)
});

static SETS: LazyLock<[Arc<RuleSet>; 2]> = LazyLock::new(|| {
    [0, 1].map(|at| {
        let identity = Identity { tenant: "studio".to_owned(), revision: at as u64 + 1 };
        let input = InputFile::new("p.rules.yaml", text(REVISIONS[at]));
        let compilation = Compilation::new(vec![input], CATALOGUE.clone(), identity);
        compilation.loaded().unwrap_or_else(|| panic!("{}", compilation.to_text(false)))
    })
});

static BERLIN: LazyLock<TimeZone> =
    LazyLock::new(|| TimeZoneDatabase::bundled().get("Europe/Berlin").expect("a name of the database"));

/// What happens next.
#[derive(Clone, Debug)]
struct Step {
    player: u8,
    gap_ms: i64,
    age_ms: i64,
    zone: u8,
    level: i64,
    before: Before,
}

/// What happens before an event comes.
#[derive(Clone, Copy, Debug)]
enum Before {
    Nothing,
    /// The other revision is put to service.
    Swap,
    /// The shard loses what is not durable, and the clock is set by this much.
    Restart(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let gap = prop_oneof![4 => 0_i64..900, 2 => 0_i64..6_000, 1 => Just(1_000), 1 => 0_i64..40_000];
    let age = prop_oneof![3 => Just(0_i64), 1 => 0_i64..14_000];
    let before = prop_oneof![
        20 => Just(Before::Nothing),
        1 => Just(Before::Swap),
        1 => prop_oneof![Just(0), Just(-8_000_i64), Just(15_000), -60_000_i64..60_000].prop_map(Before::Restart),
    ];
    let step = (0_u8..5, gap, age, 0_u8..2, 1_i64..10, before);
    let step = step.prop_map(|(player, gap_ms, age_ms, zone, level, before)| Step {
        player,
        gap_ms,
        age_ms,
        zone,
        level,
        before,
    });
    prop::collection::vec(step, 1..120)
}

fn conn(player: u8) -> ConnInfo {
    ConnInfo {
        sub: format!("p{player}").into(),
        region: ["eu", "br"][usize::from(player % 2)].into(),
        platform: ["pc", "ps5", "pc"][usize::from(player % 3)].into(),
        ..ConnInfo::default()
    }
}

/// What may still be owed, in nanoseconds, and since when.
#[derive(Clone, Copy)]
struct Debt {
    owed: i128,
    at_ms: i64,
}

type Key = (String, String);

/// What the reference says, and nothing else.
#[derive(Default)]
struct Twin {
    cooled: BTreeMap<Key, i64>,
    once: BTreeMap<Key, i64>,
    debts: BTreeMap<Key, Debt>,
    /// As they were written last.
    written_cooled: BTreeMap<Key, i64>,
    written_debts: BTreeMap<Key, Debt>,
}

/// Rules whose cooldown or limit survives a crash.
const DURABLE: [&str; 2] = ["own", "g1"];

/// One event, as the twin sees it.
struct Seen<'a> {
    step: &'a Step,
    numbers: Numbers,
    /// The shard's time.
    now: i64,
    /// The event's, bounded.
    time: i64,
}

fn bucket(salt: &str, key: &str) -> u32 {
    (xxh3_64(format!("{salt}\0{key}").as_bytes()) % 100_000) as u32
}

impl Seen<'_> {
    fn player(&self) -> String {
        format!("p{}", self.step.player)
    }

    fn zone(&self) -> &'static str {
        ZONES[usize::from(self.step.zone)]
    }
}

impl Twin {
    /// 6.8: `burst` at once, one more each time an interval has passed, the debt never more than can be owed now.
    fn may_pass(&self, key: &Key, rate: Rate, now: i64) -> (bool, i128) {
        let interval = rate.period_s * 1_000_000_000 / rate.count;
        let most = interval * rate.burst;
        let owed = self.debts.get(key).map_or(0, |debt| {
            let passed = i128::from((now - debt.at_ms).max(0)) * 1_000_000;
            (debt.owed.min(most) - passed).max(0)
        });
        (most - owed >= interval, owed + interval)
    }

    /// Each rule with its outcome, in the order in which rules go.
    fn settle(&mut self, seen: &Seen<'_>) -> Vec<(&'static str, &'static str)> {
        let mut won = false;
        let mut won_in_shadow = false;
        let order = ["g1", "g2", "g3", "g4", "fails", "own", "share", "shared", "timed", "varied"];
        order
            .map(|rule| {
                let in_group = rule.starts_with('g');
                let is_won = in_group && (won || rule == "g2" && won_in_shadow);
                let outcome = self.rule(rule, seen, is_won);
                if in_group && outcome == "fires" {
                    won |= rule != "g2";
                    won_in_shadow |= rule == "g2";
                }
                let shadow = rule == "g2" && outcome == "fires";
                (rule, if shadow { "shadow" } else { outcome })
            })
            .to_vec()
    }

    fn rule(&mut self, rule: &'static str, seen: &Seen<'_>, is_won: bool) -> &'static str {
        let player = (rule.to_owned(), seen.player());
        let n = seen.numbers;
        match rule {
            "share" => {
                if bucket("s", &seen.player()) < n.share * 1_000 {
                    "fires"
                } else {
                    "rollout"
                }
            }
            "varied" => self.varied(seen),
            "timed" if !berlin_is_on(seen.now) => "active",
            "timed" => self.cooldown(player, 5, seen, true),
            "g1" => self.cooldown(player, n.cooldown_s, seen, !is_won).replace_fired(is_won),
            "g2" => self.cooldown(player, 3, seen, !is_won).replace_fired(is_won),
            // A command without a value uses nothing.
            "fails" if seen.step.level == 5 => match self.cooldown(player, 10, seen, false) {
                "fires" => "error",
                held => held,
            },
            "fails" => self.cooldown(player, 10, seen, true),
            "g3" => {
                let period = seen.time.div_euclid(20_000);
                if self.once.get(&player).is_some_and(|last| *last >= period) {
                    return "once";
                }
                if is_won {
                    return "group";
                }
                self.once.insert(player, period);
                "fires"
            }
            "g4" if is_won => "group",
            "g4" => self.limits(&[(player, Rate { count: 2, period_s: 15, burst: 2 })], seen),
            "own" => self.limits(&[((rule.to_owned(), format!("{} {}", seen.player(), seen.zone())), n.own)], seen),
            "shared" => {
                let region = conn(seen.step.player).region.to_string();
                let own = Rate { count: n.per_player, burst: n.per_player.min(n.shared.burst), ..n.shared };
                let of_player = ("shared/player".to_owned(), format!("{} {region}", seen.player()));
                self.limits(&[((rule.to_owned(), region), n.shared), (of_player, own)], seen)
            }
            _ => unreachable!("{rule}"),
        }
    }

    fn cooldown(&mut self, key: Key, length_s: i64, seen: &Seen<'_>, uses: bool) -> &'static str {
        if self.cooled.get(&key).is_some_and(|last| seen.time < last + length_s * 1_000) {
            return "cooldown";
        }
        if uses {
            self.written_cooled.insert(key.clone(), seen.time);
            self.cooled.insert(key, seen.time);
        }
        "fires"
    }

    fn limits(&mut self, limits: &[(Key, Rate)], seen: &Seen<'_>) -> &'static str {
        let found: Vec<_> = limits.iter().map(|(key, rate)| (key, self.may_pass(key, *rate, seen.now))).collect();
        if found.iter().any(|(_, (open, _))| !open) {
            return "rate_limit";
        }
        let debt = |(key, (_, owed)): (&Key, (bool, i128))| (key.clone(), Debt { owed, at_ms: seen.now });
        let debts: Vec<_> = found.into_iter().map(debt).collect();
        self.written_debts.extend(debts.iter().cloned());
        self.debts.extend(debts);
        "fires"
    }

    fn varied(&self, seen: &Seen<'_>) -> &'static str {
        if &*conn(seen.step.player).platform == "ps5" {
            return "variation";
        }
        match arm(seen) {
            ("c", _) => "variation",
            _ => "fires",
        }
    }

    /// What each clause says of crashes, and 8.4: only what is durable comes back as it was written, and what lies in the future has
    /// just happened.
    fn restart(&mut self, now: i64) {
        let durable = |key: &Key| DURABLE.contains(&key.0.as_str());
        let kept = |(key, last): (&Key, &i64)| (key.clone(), (*last).min(now));
        self.cooled = self.written_cooled.iter().filter(|(key, _)| durable(key)).map(kept).collect();
        let kept = |(key, debt): (&Key, &Debt)| (key.clone(), Debt { at_ms: debt.at_ms.min(now), ..*debt });
        self.debts = self.written_debts.iter().filter(|(key, _)| durable(key)).map(kept).collect();
    }
}

trait Fired {
    /// `group` in place of `fires`, where another rule of the group fired.
    fn replace_fired(self, is_won: bool) -> Self;
}

impl Fired for &'static str {
    fn replace_fired(self, is_won: bool) -> &'static str {
        if is_won && self == "fires" { "group" } else { self }
    }
}

/// The name and the multiplier of who is no console player.
fn arm(seen: &Seen<'_>) -> (&'static str, i64) {
    if seen.step.level == 9 {
        return ("2", 9);
    }
    match bucket("v", &format!("{}\0{}", seen.player(), seen.zone())) {
        0..30_000 => ("a", 2),
        30_000..80_000 => ("b", 3),
        _ => ("c", 1),
    }
}

fn berlin_is_on(now: i64) -> bool {
    let shows = BERLIN.to_datetime(Timestamp::from_millisecond(now).expect("a moment"));
    let minute = i64::from(shows.hour()) * 60 + i64::from(shows.minute());
    shows.weekday() == jiff::civil::Weekday::Sunday && ((118..121).contains(&minute) || (180..182).contains(&minute))
}

fn event(step: &Step, seq: u64, now: i64) -> Event {
    let fields = json!({ "level": step.level, "zone": (ZONES[usize::from(step.zone)]) });
    let of_type = CATALOGUE.event_type_by_name("PlayerDied").expect("an event type of the examples");
    let payload = CATALOGUE.encode_json(of_type, &fields).expect("sound fields");
    let conn = Arc::new(conn(step.player));
    let player = PlayerKey(u128::from(step.player) + 77);
    Event {
        id: EventId::Reliable {
            sub: conn.sub.clone(),
            producer: ProducerId([7; 16]),
            class: Class::ALL[0],
            seq: Seq(seq),
        },
        event_type: of_type.id,
        subject: conn.sub.clone(),
        player,
        partition: Partition::of(player),
        arrival: UnixMillis(now),
        happened: UnixMillis(now - step.age_ms),
        conn,
        payload: Bytes::from(payload),
    }
}

/// Everything that an event made of the rules, by their ids.
fn outcomes(set: &RuleSet, out: &Outputs) -> BTreeMap<String, &'static str> {
    let fired = out.fired.iter().map(|at| (set.rule(*at).id.to_string(), "fires"));
    fired.chain(out.suppressed.iter().map(|(at, reason)| (set.rule(*at).id.to_string(), reason.word()))).collect()
}

/// What the rule `varied` published.
fn published(out: &Outputs) -> Option<serde_json::Value> {
    let command = out.commands.iter().find(|command| &*command.rule == "varied")?;
    let Action::Publish { message, .. } = &command.action else { return None };
    serde_json::from_slice(message).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn gates_are_those_of_the_reference(steps in steps()) {
        let limits = StateLimits::with_seed(3);
        let (mut state, mut evaluator, mut out) =
            (State::new(limits, UnixMillis(START)), Evaluator::new(), Outputs::default());
        let mut disk: BTreeMap<StateKey, StateDelta> = BTreeMap::new();
        let mut twin = Twin::default();
        let (mut now, mut revision) = (START, 0);
        for (seq, step) in (1_u64..).zip(&steps) {
            match step.before {
                Before::Nothing => {}
                Before::Swap => revision = 1 - revision,
                Before::Restart(by) => {
                    now += by;
                    state = State::new(limits, UnixMillis(now));
                    for (key, delta) in &disk {
                        let value = delta.value.as_ref().expect("nothing is evicted here");
                        state.restore(*key, value, delta.expires).expect("own bytes");
                    }
                    twin.restart(now);
                }
            }
            now += step.gap_ms;
            let event = event(step, seq, now);
            let set = &SETS[revision];
            evaluator.evaluate(set, &mut state, &event, event.arrival, &mut out);
            disk.extend(out.deltas.iter().map(|delta| (delta.key, delta.clone())));
            let time = (now - step.age_ms).max(now - 10_000);
            let seen = Seen { step, numbers: REVISIONS[revision], now, time };
            let wanted: BTreeMap<String, &str> =
                twin.settle(&seen).into_iter().map(|(rule, outcome)| (rule.to_owned(), outcome)).collect();
            prop_assert_eq!(outcomes(set, &out), wanted, "event {} at {}", seq, now - START);
            let varied = published(&out).map(|message| (message["arm"].clone(), message["mult"].clone()));
            let (name, mult) = arm(&seen);
            let fires = twin.varied(&seen) == "fires";
            prop_assert_eq!(varied, fires.then(|| (json!(name), json!(mult))));
        }
    }
}
