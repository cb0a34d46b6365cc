//! Checker of promise 1: every receipted event's commands are upstream, once, and nothing else is.
//!
//! In: each client's own log of what it told. What must be there comes from the [`oracle`]: exactly, for rules
//! without state and for gates and windows that every start restores; within bounds, for the window that a crash may take.
//! The moment of an event (for the window that ends within a story) is the one that its record shows.
//!
//! Each node keeps gates and windows of its own, so what rules with state order is judged node by node, over the events that
//! made a record there; what all nodes together must hold is in [`union`](super::union) and here in [`nobody_forgot`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use edge_event::{Class, Provenance, Seq};

use super::steps::{self, Seen};
use super::{Delivered, World};
use crate::chronicle::Chronicle;
use crate::client::Told;
use crate::fact::Fact;
use crate::lines::Line;
use crate::oracle::{self, Expected};
use crate::scribe::{Promise, Scribe};

/// One told event with its name, and what one node made of it.
struct Case<'a> {
    player: &'a str,
    name: (String, u64, u64),
    told: &'a Told,
    lines: Vec<&'a Line>,
    /// Its record, in the order of the log, with its moment.
    record: Option<(edge_event::Position, i64)>,
    /// When the record passed, in time since the story's beginning.
    seen_at: Option<Duration>,
    /// Whether it was this node whose receipt covered it.
    is_receipted: bool,
    /// When that went by, in true time.
    went_by: Duration,
}

pub(crate) fn check(world: &World<'_>, scribe: &mut Scribe<'_>) {
    let all: Vec<Vec<Case<'_>>> = (0..world.nodes.len()).map(|node| cases(world, node)).collect();
    for (node, cases) in world.nodes.iter().zip(&all) {
        one_node(node, cases, scribe);
        for player in world.players {
            with_state(player, node, cases, scribe);
        }
        datagrams(world, node, scribe);
    }
    for player in world.players {
        nobody_forgot(player, world, &all, scribe);
    }
}

fn one_node(node: &Delivered<'_>, cases: &[Case<'_>], scribe: &mut Scribe<'_>) {
    ids_are_unique(node, scribe);
    let known: BTreeSet<_> = cases.iter().map(|case| &case.name).collect();
    for line in node.lines {
        if line.reliable.as_ref().is_some_and(|name| !known.contains(name)) {
            scribe.broken(Promise::P1, format!("a command of an event that nobody told: {line:?}"));
        }
    }
    for case in cases {
        stateless(case, scribe);
    }
}

/// What rules with state ordered on one node for one player.
fn with_state(player: &str, node: &Delivered<'_>, cases: &[Case<'_>], scribe: &mut Scribe<'_>) {
    let of = |fact: fn(&Fact) -> bool| -> Vec<&Case<'_>> {
        cases.iter().filter(|c| c.player == player && fact(&c.told.fact)).collect()
    };
    welcome(player, &of(|f| matches!(f, Fact::Login)), scribe);
    first_blood(player, &of(oracle::can_be_first), scribe);
    let mut kills = of(|f| matches!(f, Fact::Kill));
    kills.retain(|case| case.record.is_some());
    let (chronicle, chats) = (&node.pop.chronicle, of(|f| matches!(f, Fact::Chat)));
    streak(&kills, chronicle, scribe);
    if chronicle.has_stepped() {
        steps::rapid(player, &seen(&kills, "rapid", chronicle), chronicle, scribe);
        steps::calm_down(player, &seen(&chats, "calm_down", chronicle), chronicle, scribe);
    } else {
        rapid(&kills, scribe);
        calm_down(&chats, scribe);
    }
}

/// What must be upstream of one of the nodes, whichever it is.
fn nobody_forgot(player: &str, world: &World<'_>, all: &[Vec<Case<'_>>], scribe: &mut Scribe<'_>) {
    let Some(first) = all.first() else { return };
    let count = |rule: &str| {
        let fired = |at: usize| all.iter().any(|cases| cases[at].fired(rule));
        (0..first.len()).filter(|at| first[*at].player == player && fired(*at)).count()
    };
    let told = |fact: fn(&Fact) -> bool| first.iter().filter(|c| c.player == player && fact(&c.told.fact)).count();
    let logins = told(|f| matches!(f, Fact::Login));
    if logins > 0 && count("welcome") == 0 {
        scribe.broken(Promise::P1, format!("{player} logged in {logins} times and was never welcomed"));
    }
    let may_forget = world
        .nodes
        .iter()
        .any(|node| node.deaths > 0 || steps::may_end_an_hour(&node.pop.chronicle, Duration::ZERO, Duration::MAX));
    chatter(player, told(|f| matches!(f, Fact::Chat)), count("chatter"), may_forget, all.len(), scribe);
    for (at, case) in first.iter().enumerate().filter(|(_, c)| c.player == player && c.told.fact.is_sound()) {
        let has_record = all.iter().any(|cases| cases[at].record.is_some());
        if oracle::needs_record(&case.told.fact) && !has_record {
            let what = format!("{:?} {:?} of {player} has no record on any node", case.told.fact, case.name);
            scribe.broken(Promise::P1, what);
        }
    }
}

fn ids_are_unique(node: &Delivered<'_>, scribe: &mut Scribe<'_>) {
    let mut ids = BTreeSet::new();
    for line in node.lines {
        if !ids.insert(&line.id) {
            scribe.broken(Promise::P1, format!("command {} is upstream twice: {line:?}", line.id));
        }
    }
}

/// Every event that was told, with its lines at one node. In the order of each class, the same for every node.
fn cases<'a>(world: &World<'a>, node: usize) -> Vec<Case<'a>> {
    let Delivered { pop, lines: delivered, .. } = &world.nodes[node];
    let mut lines: BTreeMap<&(String, u64, u64), Vec<&Line>> = BTreeMap::new();
    for line in *delivered {
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
                let record = pop.witness.record_of((client.producer, class, Seq(seq)));
                cases.push(Case {
                    player: player.expect("every event is about one of the players"),
                    lines: lines.get(&name).cloned().unwrap_or_default(),
                    name,
                    told,
                    seen_at: record.map(|(_, entry)| entry.seen_at),
                    record: record.map(|(position, entry)| (position, entry.time.0)),
                    is_receipted: told.receipted_by == Some(node),
                    went_by: record.map_or(Duration::ZERO, |(_, entry)| entry.seen_at),
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

/// Rules without state: exactly what the oracle says, under the one revision that the lines name, at each node that keeps a
/// record of the event.
fn stateless(case: &Case<'_>, scribe: &mut Scribe<'_>) {
    let rev = case.lines.first().map_or(1, |line| line.revision);
    let mut wanted = if case.told.fact.is_sound() && (case.record.is_some() || case.is_receipted) {
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
        "first_blood" => oracle::can_be_first(fact),
        "streak" | "rapid" => matches!(fact, Fact::Kill),
        "calm_down" | "chatter" => matches!(fact, Fact::Chat),
        _ => false,
    }
}

/// At most one, whichever login came first; exactly one where a login was receipted.
fn welcome(player: &str, logins: &[&Case<'_>], scribe: &mut Scribe<'_>) {
    let fired = logins.iter().map(|case| case.of_rule("welcome").count()).sum::<usize>();
    let is_due = logins.iter().any(|case| case.is_receipted);
    if fired > 1 || (is_due && fired == 0) {
        let what = format!("{player} logged in {} times and was welcomed {fired} times", logins.len());
        scribe.broken(Promise::P1, what);
    }
}

/// At most one, whichever hit came first of those that a command can be made of; exactly one where such a hit was receipted.
fn first_blood(player: &str, hits: &[&Case<'_>], scribe: &mut Scribe<'_>) {
    let fired = hits.iter().map(|case| case.of_rule("first_blood").count()).sum::<usize>();
    let is_due = hits.iter().any(|case| case.is_receipted);
    if fired > 1 || (is_due && fired == 0) {
        let what = format!("of {} hits of {player} that could be the first one, {fired} were", hits.len());
        scribe.broken(Promise::P1, what);
    }
}

/// The window outlasts the story, and one device in one class tells all kills: of those that the node keeps, the third and
/// every later one fires.
fn streak(kills: &[&Case<'_>], chronicle: &Chronicle, scribe: &mut Scribe<'_>) {
    for (at, case) in kills.iter().enumerate() {
        let should = at + 1 >= oracle::STREAK_COUNT;
        let has_fired = case.fired("streak");
        if should && !has_fired && steps::may_end_an_hour(chronicle, Duration::ZERO, case.went_by) {
            continue;
        }
        if has_fired != should {
            scribe
                .broken(Promise::P1, format!("kill {} of {}: streak should {}fire", at + 1, case.player, not(should)));
        }
    }
}

/// The events of a rule as the rooms beside this one see them.
fn seen(cases: &[&Case<'_>], rule: &str, chronicle: &Chronicle) -> Vec<Seen> {
    let one = |case: &&Case<'_>| Seen {
        told: chronicle.elapsed_at(case.told.at_unix_ms),
        record: case.record.map(|(position, _)| (position, case.went_by)),
        has_fired: case.fired(rule),
        is_receipted: case.is_receipted,
    };
    cases.iter().map(one).collect()
}

/// By the moments in the records: kills within three seconds of the newest moment so far, this one included.
fn rapid(kills: &[&Case<'_>], scribe: &mut Scribe<'_>) {
    let mut moments: Vec<i64> = Vec::new();
    for (at, case) in kills.iter().enumerate() {
        let Some((_, moment)) = case.record else { continue };
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
    let fired: Vec<&&Case<'_>> = chats.iter().filter(|case| case.fired("calm_down")).collect();
    let mut passed: Vec<(edge_event::Position, i64)> = fired.iter().filter_map(|case| case.record).collect();
    passed.sort_unstable();
    for pair in passed.windows(2) {
        if pair[1].1 < pair[0].1 + oracle::CALM_MS {
            let what = format!("the cooldown passed at {} ms and again at {} ms", pair[0].1, pair[1].1);
            scribe.broken(Promise::P1, what);
        }
    }
    for case in chats.iter().filter(|case| case.is_receipted && !case.fired("calm_down")) {
        // The event's moment is never before it was told, and what held it back was on its way before its receipt.
        let (told_at, receipted_at) = (case.told.at_unix_ms, case.told.receipted_at);
        let holds_back = |other: &Case<'_>| {
            other.record.is_some_and(|(_, at)| at + oracle::CALM_MS >= told_at) && other.seen_at < receipted_at
        };
        if !fired.iter().any(|other| holds_back(other)) {
            let what =
                format!("{:?}: a chat line told at {told_at} ms met an open cooldown and ordered nothing", case.name);
            scribe.broken(Promise::P1, what);
        }
    }
}

/// The window lives in memory, and each node has one of its own: exact where no daemon of one node died and no step of the clock
/// ended it, never more than with one memory where there is one, and never less than where each node saw as little as it can have.
fn chatter(player: &str, chats: usize, fired: usize, may_forget: bool, nodes: usize, scribe: &mut Scribe<'_>) {
    let silent = oracle::CHATTER_COUNT - 1;
    // What the one node was told first, the other may have been told last.
    let most = if nodes > 1 { chats } else { chats.saturating_sub(silent) };
    let least = chats.saturating_sub(nodes * silent);
    if fired > most || (!may_forget && fired < least) {
        let what = format!("{player}: {chats} chat lines, chatter fired {fired} times of {most}");
        scribe.broken(Promise::P1, what);
    }
}

/// What datagrams ordered: at most once each, and only what was told.
fn datagrams(world: &World<'_>, node: &Delivered<'_>, scribe: &mut Scribe<'_>) {
    let mut told = BTreeMap::new();
    for actor in world.actors.iter().filter(|a| a.client.provenance == Provenance::Client) {
        told.extend(actor.unreliable.iter().map(|(fact, nonce)| (*nonce, (fact, &*actor.client.sub))));
    }
    let mut seen = BTreeSet::new();
    for line in node.lines.iter().filter(|line| line.reliable.is_none()) {
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
