//! The actor between boards that a test holds the other ends of.

use std::sync::mpsc::{Receiver, channel};

use edge_event::{ShardId, StartEpoch, UnixMillis};
use edge_session::Sessions;
use edge_shard::{Counters, Cut, Parts, Restored, Shard, ShardStats};

use super::*;
use crate::board::{self, ShardBoard};
use crate::fixtures::{self, NOW_MS};
use crate::forward_thread::ForwardDesk;
use crate::settings::Settings;
use crate::spool_thread::SpoolFigures;

/// An actor with two shards that do what the test says.
struct Stand {
    desk: Desk,
    shards: Vec<ShardBoard>,
    words: Receiver<Word>,
    /// What a shard shows that has seen nothing.
    stats: ShardStats,
    _folder: tempfile::TempDir,
}

fn stand() -> Stand {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::load(fixtures::furnish(folder.path()), NOW_MS).unwrap_or_else(|all| panic!("{all}"));
    let stats = stats(&settings);
    let Settings { config, mut bundles, first, .. } = settings;
    let published = Arc::new(Published::new(first.checked.serving().clone()));
    bundles.begin(first, NOW_MS);
    let (shards, desks) = (0..2).map(|_| board::make(&published)).unzip();
    let clock = ProcessClock::default();
    let (voice, words) = channel();
    let pulses = Pulses::new(clock.now());
    let control = Control {
        config: Arc::new(config),
        bundles,
        published,
        shards: desks,
        spool: Arc::default(),
        overview: Overview {
            started: clock.now(),
            doors: vec![("", String::new()); 2],
            wakers: Vec::new(),
            forward: Arc::new(ForwardDesk::default()),
            epoch: 1,
        },
        pulses: pulses.clone(),
        asks: mpsc::channel(1).1,
        clock: clock.clone(),
        voice,
    };
    Stand { desk: Desk::new(control, pulses.add("control"), clock), shards, words, stats, _folder: folder }
}

fn stats(settings: &Settings) -> ShardStats {
    let (shard, shards, now) = (ShardId(0), 2, ProcessClock::default().now());
    let (config, verifier) = (Arc::new(settings.config.session.clone()), settings.verifier.clone());
    let sessions =
        Sessions::new(config, settings.tls.clone(), &settings.keys, shard, shards, verifier, &[0; 32], now).unwrap();
    let parts = Parts {
        shard,
        shards,
        config: settings.config.shard.clone(),
        sessions,
        serving: settings.first.checked.serving().clone(),
        restored: Restored::default(),
        node: settings.config.node.id,
        epoch: StartEpoch(1),
        hash_seed: 1,
    };
    Shard::new(parts, now, UnixMillis(NOW_MS)).stats()
}

impl Stand {
    /// The n-th shard shows this many connections, now.
    fn show(&self, shard: usize, connections: u64) {
        let serving = self.desk.control.published.serving();
        let mut stats = self.stats.clone();
        stats.sessions.connections = connections;
        let figures = ShardFigures {
            stats,
            udp: Arc::default(),
            turns: 1,
            sleeps: 0,
            shown_at: self.desk.clock.now(),
            rules: serving.rules.clone(),
            hits: Vec::new(),
        };
        self.shards[shard].figures.store(Some(Arc::new(figures)));
    }

    fn orders(&mut self, shard: usize) -> Vec<Order> {
        std::iter::from_fn(|| self.shards[shard].orders.pop().ok()).collect()
    }

    fn has_drained(&self) -> bool {
        matches!(self.words.try_recv(), Ok(Word::Drained))
    }

    fn load(&mut self, revision: u64) -> oneshot::Receiver<Response> {
        let (to, answer) = oneshot::channel();
        self.desk.load(fixtures::bundle(revision), Deed { what: "load".into(), ..Deed::default() }, to);
        answer
    }

    fn adopt(&mut self, shard: usize) -> Arc<Serving> {
        let published = &self.shards[shard].published;
        let (number, serving) = (published.number(), published.serving());
        self.shards[shard].reports.push(Report::Adopted(number)).unwrap();
        serving
    }
}

#[test]
fn shards_stop_when_a_cut_after_the_last_connection_shows_nothing_on_its_way() {
    let mut stand = stand();
    stand.show(0, 1);
    stand.show(1, 0);
    stand.desk.begin_drain();
    stand.desk.tick();
    assert!(stand.orders(0).iter().any(|o| matches!(o, Order::Drain { .. })));
    stand.orders(1);
    stand.show(0, 1);
    stand.show(1, 0);
    stand.desk.tick();
    assert!(stand.orders(0).is_empty(), "a client is still here");

    let mut in_flight = 3;
    for _ in 0..2 {
        stand.show(0, 0);
        stand.desk.tick();
        let orders = stand.orders(0);
        let [Order::Cut(number)] = orders[..] else { panic!("one cut, and no word of an end") };
        stand.orders(1);
        for shard in &mut stand.shards {
            let cut = Cut { number, counters: Counters { accepted: in_flight, ..Counters::default() }, in_flight };
            shard.reports.push(Report::Cut(cut)).unwrap();
        }
        stand.desk.tick();
        assert!(stand.orders(0).is_empty() && !stand.has_drained(), "the spool's part is missing");
        let figures = SpoolFigures { at_cut: vec![(number, 0); 2], ..SpoolFigures::default() };
        stand.desk.control.spool.figures.store(Arc::new(figures));
        stand.desk.tick();
        in_flight = 0;
    }
    assert!(stand.has_drained());
    for shard in 0..2 {
        assert!(stand.orders(shard).iter().any(|o| matches!(o, Order::Stop)));
    }
    stand.desk.hurry();
    stand.desk.tick();
    assert!(!stand.has_drained() && stand.orders(0).is_empty(), "it is over once");
}

#[test]
fn a_spool_that_takes_nothing_does_not_keep_a_drain() {
    let mut stand = stand();
    let mut figures = SpoolFigures::default();
    figures.status.health = Health::ReadOnly { why: "it failed twice".into() };
    stand.desk.control.spool.figures.store(Arc::new(figures));
    stand.desk.begin_drain();
    stand.show(0, 0);
    stand.show(1, 0);
    stand.desk.tick();
    assert!(stand.has_drained());
}

#[test]
fn a_replaced_set_is_freed_by_the_actor_when_nobody_looks_at_it_any_more() {
    let mut stand = stand();
    let first = stand.adopt(0);
    stand.adopt(1);
    stand.desk.tick();
    let mut answer = stand.load(6);
    stand.desk.tick();
    stand.adopt(0);
    stand.desk.tick();
    assert!(answer.try_recv().is_err(), "one shard has not adopted it");
    stand.adopt(1);
    stand.desk.tick();
    assert!(matches!(answer.try_recv(), Ok(Response::Loaded(loaded)) if loaded.revision == 6 && loaded.replaced == 5));
    assert_eq!(stand.desk.retired.len(), 1, "a shard has it still");
    let rules = first.rules.clone();
    drop(first);
    stand.desk.tick();
    assert_eq!(stand.desk.retired.len(), 1, "its figures have the rules still");
    drop(rules);
    stand.desk.tick();
    assert!(stand.desk.retired.is_empty());
}

#[test]
fn an_adoption_that_takes_too_long_is_told_and_the_next_overtakes_it() {
    let mut stand = stand();
    let mut slow = stand.load(6);
    let mut early = stand.load(7);
    assert!(matches!(early.try_recv(), Ok(Response::Refused(refusal)) if refusal.code == "busy"));
    if let Some(adoption) = &mut stand.desk.adoption {
        adoption.since -= ADOPTION_MAX;
    }
    stand.desk.tick();
    assert!(matches!(slow.try_recv(), Ok(Response::Refused(refusal)) if refusal.code == "adoption_slow"));
    let number = stand.desk.control.published.number();
    let mut next = stand.load(8);
    stand.shards[0].reports.push(Report::Adopted(number)).unwrap(); // late, and of the one that was overtaken
    stand.adopt(0);
    stand.desk.tick();
    assert!(next.try_recv().is_err());
    stand.adopt(1);
    stand.desk.tick();
    assert!(matches!(next.try_recv(), Ok(Response::Loaded(loaded)) if loaded.revision == 8));
    drop(stand.load(4));
    assert_eq!(stand.desk.refused, 2, "one was early, one was older");
}

#[test]
fn a_disk_that_does_not_answer_makes_the_node_unready_and_says_for_how_long() {
    let mut stand = stand();
    stand.show(0, 0);
    stand.show(1, 0);
    assert_eq!(stand.desk.ready(), Ok(()));
    let now = stand.desk.clock.now();
    let awaited = |since| SpoolFigures { awaited_since: since, shown_at: Some(now), ..SpoolFigures::default() };
    stand.desk.control.spool.figures.store(Arc::new(awaited(Some(now - Duration::from_millis(5_000)))));
    stand.desk.tick();
    assert!(stand.desk.is_disk_silent);
    let why = stand.desk.ready().unwrap_err();
    assert!(why.starts_with("spool: its disk has not answered for 5.0"), "{why}");
    stand.desk.control.spool.figures.store(Arc::new(awaited(Some(now))));
    stand.desk.tick();
    assert_eq!((stand.desk.ready(), stand.desk.is_disk_silent), (Ok(()), false));
}

#[test]
fn a_full_spool_shuts_the_gate_once_and_opens_it_again() {
    let mut stand = stand();
    let mut set = |health: Health| {
        let mut figures = SpoolFigures::default();
        figures.status.health = health;
        stand.desk.control.spool.figures.store(Arc::new(figures));
        stand.desk.tick();
        stand.desk.tick();
        let gates = stand.orders(0).into_iter().filter(|o| matches!(o, Order::Gate(_))).count();
        (gates, stand.desk.gate == Gate::Open)
    };
    assert_eq!(set(Health::Healthy), (0, true));
    assert_eq!(set(Health::Full { why: "disk".into() }), (1, false));
    assert_eq!(set(Health::Healthy), (1, true));
}

#[test]
fn rules_that_proved_good_are_stepped_back_to_and_every_change_is_written_down() {
    let mut stand = stand();
    stand.desk.control.bundles.prove(NOW_MS);
    let mut answers = vec![stand.load(6)];
    for step in [None, Some(9)] {
        (0..2).for_each(|shard| drop(stand.adopt(shard)));
        stand.desk.tick();
        let (to, answer) = oneshot::channel();
        let (by, why) = ("ops".to_owned(), "offers went to everybody".to_owned());
        stand.desk.request(Request::Rollback { revision: step, by, why }, Caller { uid: Some(7) }, to);
        answers.push(answer);
    }
    let told: Vec<String> = answers
        .iter_mut()
        .map(|answer| match answer.try_recv() {
            Ok(Response::Loaded(loaded)) => format!("{} after {}", loaded.revision, loaded.replaced),
            Ok(Response::Refused(why)) => why.code,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, ["6 after 5", "5 after 6", "BUNDLE_NOT_KEPT"]);
    let status = stand.desk.status().rules;
    assert!(status.is_stepped_back_to && !status.log_is_broken);
    let (to, mut answer) = oneshot::channel();
    stand.desk.request(Request::RulesLog { last: 2 }, Caller::default(), to);
    let Ok(Response::RulesLog(log)) = answer.try_recv() else { panic!("a log") };
    let told: Vec<_> = log.entries.iter().map(|e| (e.n, &*e.what, e.uid, e.revision, e.replaced)).collect();
    assert_eq!(told, [(3, "load", None, 6, 5), (4, "rollback", Some(7), 5, 6)]);
    assert_eq!(log.entries[1].why, "offers went to everybody");
}

#[test]
fn words_that_cannot_be_kept_whole_are_refused() {
    let mut stand = stand();
    for (by, why, code) in
        [("x".repeat(129), String::new(), "by_too_long"), (String::new(), "x".repeat(513), "why_too_long")]
    {
        let (to, mut answer) = oneshot::channel();
        stand.desk.request(Request::Rollback { revision: None, by, why }, Caller::default(), to);
        let Ok(Response::Refused(refusal)) = answer.try_recv() else { panic!("refused") };
        assert_eq!(refusal.code, code);
    }
}
