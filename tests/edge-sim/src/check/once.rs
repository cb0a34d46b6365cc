//! Checker of promise 1: every receipted event's commands are upstream, once, and nothing else is.
//!
//! In: each client's own log of what it told. What must be there comes from the [`oracle`]: exactly, for rules
//! without state and for gates and windows that every start restores; within bounds, for the window that a crash may take.
//! The moment of an event (for the window that ends within a story) is the one that its record shows.

use std::collections::{BTreeMap, BTreeSet};

use edge_event::{Class, Provenance, Seq};

use super::World;
use crate::client::Told;
use crate::fact::Fact;
use crate::lines::Line;
use crate::oracle::{self, Expected};
use crate::scribe::{Promise, Scribe};

/// One told event with its name and what the upstream got of it.
struct Case<'a> {
    player: &'a str,
    name: (String, u64, u64),
    told: &'a Told,
    lines: Vec<&'a Line>,
    /// Its record, in the order of the log, with its moment.
    record: Option<(edge_event::Position, i64)>,
}

pub(crate) fn check(world: &World<'_>, scribe: &mut Scribe<'_>) {
    ids_are_unique(world, scribe);
    let cases = cases(world);
    let known: BTreeSet<_> = cases.iter().map(|case| &case.name).collect();
    for line in world.lines {
        if line.reliable.as_ref().is_some_and(|name| !known.contains(name)) {
            scribe.broken(Promise::P1, format!("a command of an event that nobody told: {line:?}"));
        }
    }
    for case in &cases {
        stateless(case, scribe);
    }
    for player in world.players {
        let of = |fact: fn(&Fact) -> bool| -> Vec<&Case<'_>> {
            cases.iter().filter(|c| c.player == player && fact(&c.told.fact)).collect()
        };
        welcome(player, &of(|f| matches!(f, Fact::Login)), scribe);
        let kills = of(|f| matches!(f, Fact::Kill));
        streak(&kills, scribe);
        rapid(&kills, scribe);
        let chats = of(|f| matches!(f, Fact::Chat));
        calm_down(&chats, scribe);
        chatter(&chats, world.deaths, scribe);
    }
    datagrams(world, scribe);
}

fn ids_are_unique(world: &World<'_>, scribe: &mut Scribe<'_>) {
    let mut ids = BTreeSet::new();
    for line in world.lines {
        if !ids.insert(&line.id) {
            scribe.broken(Promise::P1, format!("command {} is upstream twice: {line:?}", line.id));
        }
    }
}

/// Every sound event that was told, with its lines. In the order of each class.
fn cases<'a>(world: &World<'a>) -> Vec<Case<'a>> {
    let mut lines: BTreeMap<&(String, u64, u64), Vec<&Line>> = BTreeMap::new();
    for line in world.lines {
        if let Some(name) = &line.reliable {
            lines.entry(name).or_default().push(line);
        }
    }
    let mut cases = Vec::new();
    for actor in world.actors {
        let client = &actor.client;
        for class in Class::ALL {
            for (at, told) in client.queues[class.index()].told.iter().enumerate() {
                let seq = at as u64 + 1;
                let name = (client.producer.to_string(), u64::from(class.get()), seq);
                let player = match &told.fact {
                    Fact::Trade { player, .. } => world.players.iter().find(|p| *p == player),
                    _ => world.players.iter().find(|p| ***p == *client.sub),
                };
                let record = world.pop.witness.record_of((client.producer, class, Seq(seq)));
                cases.push(Case {
                    player: player.expect("every event is about one of the players"),
                    lines: lines.get(&name).cloned().unwrap_or_default(),
                    name,
                    told,
                    record: record.map(|(position, entry)| (position, entry.time.0)),
                });
            }
        }
    }
    cases
}

impl Case<'_> {
    fn of_rule(&self, rule: &str) -> impl Iterator<Item = &&Line> {
        self.lines.iter().filter(move |line| line.rule == rule)
    }

    fn fired(&self, rule: &str) -> bool {
        self.of_rule(rule).next().is_some()
    }
}

/// Rules without state: exactly what the oracle says, under the one revision that the lines name.
fn stateless(case: &Case<'_>, scribe: &mut Scribe<'_>) {
    let rev = case.lines.first().map_or(1, |line| line.revision);
    let mut wanted = if case.told.fact.is_sound() {
        oracle::stateless(&case.told.fact, case.told.nonce, case.player, rev)
    } else {
        Vec::new()
    };
    for line in &case.lines {
        if line.player != case.player {
            scribe.broken(
                Promise::P1,
                format!("a command about {} of an event about {}: {line:?}", line.player, case.player),
            );
        }
        let stateful = oracle::stateful(&line.rule, case.told.nonce, case.player, rev);
        let is_known = match stateful {
            Some(known) => shows(line, &known) && belongs(&line.rule, &case.told.fact),
            None => match wanted.iter().position(|wanted| shows(line, wanted)) {
                Some(at) => {
                    wanted.remove(at);
                    true
                }
                None => false,
            },
        };
        if !is_known {
            scribe.broken(Promise::P1, format!("no rule orders this of {:?}: {line:?}", case.told.fact));
        }
    }
    for missing in wanted {
        let what = format!("{:?} of {} lacks a command: {missing:?}", case.name, case.player);
        scribe.broken(Promise::P1, what);
    }
}

fn shows(line: &Line, expected: &Expected) -> bool {
    line.rule == expected.rule && line.action == expected.action && line.data == expected.data
}

/// Whether a rule with state listens to such facts at all.
fn belongs(rule: &str, fact: &Fact) -> bool {
    match rule {
        "welcome" => matches!(fact, Fact::Login),
        "streak" | "rapid" => matches!(fact, Fact::Kill),
        "calm_down" | "chatter" => matches!(fact, Fact::Chat),
        _ => false,
    }
}

/// Exactly one, whichever login came first.
fn welcome(player: &str, logins: &[&Case<'_>], scribe: &mut Scribe<'_>) {
    let fired = logins.iter().map(|case| case.of_rule("welcome").count()).sum::<usize>();
    let wanted = usize::from(!logins.is_empty());
    if fired != wanted {
        let what = format!("{player} logged in {} times and was welcomed {fired} times", logins.len());
        scribe.broken(Promise::P1, what);
    }
}

/// The window outlasts the story, and one device in one class tells all kills: the third and every later one fires.
fn streak(kills: &[&Case<'_>], scribe: &mut Scribe<'_>) {
    for (at, case) in kills.iter().enumerate() {
        let should = at + 1 >= oracle::STREAK_COUNT;
        if case.fired("streak") != should {
            scribe
                .broken(Promise::P1, format!("kill {} of {}: streak should {}fire", at + 1, case.player, not(should)));
        }
    }
}

/// By the moments in the records: kills within three seconds of the newest moment so far, this one included.
fn rapid(kills: &[&Case<'_>], scribe: &mut Scribe<'_>) {
    let mut moments: Vec<i64> = Vec::new();
    for (at, case) in kills.iter().enumerate() {
        let Some((_, moment)) = case.record else {
            scribe.broken(Promise::P1, format!("kill {} of {} has no record of its window", at + 1, case.player));
            continue;
        };
        moments.push(moment);
        let newest = *moments.iter().max().expect("one was just pushed");
        let within = moments.iter().filter(|m| **m > newest - oracle::RAPID_WITHIN_MS).count();
        let should = within >= oracle::RAPID_COUNT;
        if case.fired("rapid") != should {
            let what = format!("kill {} of {} at {moment} ms: rapid should {}fire", at + 1, case.player, not(should));
            scribe.broken(Promise::P1, what);
        }
    }
}

/// Two passages are a cooldown apart; and a line that did not pass had one within a cooldown before it.
fn calm_down(chats: &[&Case<'_>], scribe: &mut Scribe<'_>) {
    let mut passed: Vec<(edge_event::Position, i64)> =
        chats.iter().filter(|case| case.fired("calm_down")).filter_map(|case| case.record).collect();
    passed.sort_unstable();
    for pair in passed.windows(2) {
        if pair[1].1 < pair[0].1 + oracle::CALM_MS {
            let what = format!("the cooldown passed at {} ms and again at {} ms", pair[0].1, pair[1].1);
            scribe.broken(Promise::P1, what);
        }
    }
    for case in chats.iter().filter(|case| !case.fired("calm_down")) {
        // The event's moment is never before it was told.
        let told_at = case.told.at_unix_ms;
        if !passed.iter().any(|(_, at)| at + oracle::CALM_MS >= told_at) {
            let what =
                format!("{:?}: a chat line told at {told_at} ms met an open cooldown and ordered nothing", case.name);
            scribe.broken(Promise::P1, what);
        }
    }
}

/// The window lives in memory: exact where no daemon died, never more than with memory.
fn chatter(chats: &[&Case<'_>], deaths: u64, scribe: &mut Scribe<'_>) {
    let fired = chats.iter().filter(|case| case.fired("chatter")).count();
    let most = chats.len().saturating_sub(oracle::CHATTER_COUNT - 1);
    if fired > most || (deaths == 0 && fired < most) {
        let what = format!("{} chat lines, {deaths} deaths: chatter fired {fired} times of {most}", chats.len());
        scribe.broken(Promise::P1, what);
    }
}

/// What datagrams ordered: at most once each, and only what was told.
fn datagrams(world: &World<'_>, scribe: &mut Scribe<'_>) {
    let mut told = BTreeMap::new();
    for actor in world.actors.iter().filter(|a| a.client.provenance == Provenance::Client) {
        told.extend(actor.unreliable.iter().map(|(fact, nonce)| (*nonce, (fact, &*actor.client.sub))));
    }
    let mut seen = BTreeSet::new();
    for line in world.lines.iter().filter(|line| line.reliable.is_none()) {
        let nonce = line.nonce().unwrap_or_default();
        let is_right = told.get(&nonce).is_some_and(|(fact, player)| {
            let wanted = oracle::stateless(fact, nonce, player, line.revision);
            line.player == **player && wanted.iter().any(|wanted| shows(line, wanted))
        });
        if !is_right || !seen.insert((nonce, line.rule.clone(), line.action)) {
            scribe.broken(Promise::P1, format!("a command of a datagram that nobody told, or told once: {line:?}"));
        }
    }
}

fn not(should: bool) -> &'static str {
    if should { "" } else { "not " }
}
