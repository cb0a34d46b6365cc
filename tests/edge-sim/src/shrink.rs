//! From a story that breaks a promise to a short one that breaks the same.
//!
//! In: a [`Script`] and the promise that it breaks. Out: a script from which nothing could be taken within so many retellings.
//! Delta debugging (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002) over what a plan consists
//! of: troubles, clients, facts; then the weather, the length, and every setting that can be plain. What is left out takes
//! nothing else with it, because clients, paths and bursts have generators of their own. The same script shrinks to the
//! same script. Deliberately absent: time; effort is counted in retellings.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use edge_door::sim::LinkConfig;

use crate::plan::{Plan, Trouble};
use crate::script::Script;
use crate::story::retell;

/// What a story broke, as one word: a promise, or `Panic`. Equal words are the same finding.
pub type Finding = String;

/// A pass may take minutes: after so many retellings it says how far it is.
const SAID_EVERY: u32 = 50;

/// The result of shrinking.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The shortest script that was found.
    pub script: Script,
    /// How many stories were told for it.
    pub retellings: u32,
}

/// What telling a script finds, without a word to anybody; nothing where it is clean.
pub fn findings(script: &Script) -> BTreeSet<Finding> {
    observe(script).findings
}

/// Shortens `script` while `finding` stays, within `retellings_max`; `progress` hears how it goes.
pub fn shrink(script: Script, finding: &str, retellings_max: u32, progress: &mut dyn FnMut(&str)) -> Shrunk {
    let mut shrinker = Shrinker { best: script, finding, left: retellings_max, what: "", nonces: Vec::new(), progress };
    shrinker.nonces = observe(&shrinker.best).nonces;
    loop {
        let before = shrinker.best.to_text();
        shrinker.pass("troubles", Shrinker::troubles);
        shrinker.pass("clients", Shrinker::clients);
        shrinker.pass("facts", Shrinker::facts);
        shrinker.pass("what the troubles are", Shrinker::simpler_troubles);
        shrinker.pass("settings", Shrinker::settings);
        shrinker.pass("length", Shrinker::length);
        if shrinker.left == 0 || shrinker.best.to_text() == before {
            break;
        }
    }
    Shrunk { retellings: retellings_max - shrinker.left, script: shrinker.best }
}

/// What one telling showed.
#[derive(Default)]
struct Observed {
    findings: BTreeSet<Finding>,
    /// The facts that were told; none where it panicked.
    nonces: Vec<u64>,
}

fn observe(script: &Script) -> Observed {
    match catch_unwind(AssertUnwindSafe(|| retell(script, None))) {
        Ok(ending) => Observed {
            findings: ending.violations.iter().map(|violation| format!("{:?}", violation.promise)).collect(),
            nonces: ending.nonces,
        },
        Err(_) => Observed { findings: BTreeSet::from(["Panic".to_owned()]), nonces: Vec::new() },
    }
}

struct Shrinker<'a> {
    best: Script,
    finding: &'a str,
    left: u32,
    /// What it tries to leave out at the moment.
    what: &'static str,
    /// The facts that `best` tells.
    nonces: Vec<u64>,
    progress: &'a mut dyn FnMut(&str),
}

impl Shrinker<'_> {
    fn pass(&mut self, what: &'static str, pass: fn(&mut Self)) {
        if self.left > 0 {
            self.what = what;
            pass(self);
            self.say();
        }
    }

    fn say(&mut self) {
        let (plan, left, what) = (&self.best.plan, self.left, self.what);
        let (troubles, facts) = (plan.troubles.len(), self.nonces.len());
        let clients = plan.clients() - plan.absent.len();
        (self.progress)(&format!(
            "shrinking, {what}: {troubles} troubles, {clients} clients, {facts} facts, {:?}; {left} retellings left",
            plan.length
        ));
    }

    /// Tells the story with a change; keeps the change where the finding stays.
    fn attempt(&mut self, change: impl FnOnce(&mut Plan)) -> bool {
        let mut script = self.best.clone();
        change(&mut script.plan);
        if self.left == 0 || script.to_text() == self.best.to_text() {
            return false;
        }
        self.left -= 1;
        if self.left.is_multiple_of(SAID_EVERY) {
            self.say();
        }
        let observed = observe(&script);
        let stays = observed.findings.contains(self.finding);
        if stays {
            (self.best, self.nonces) = (script, observed.nonces);
        }
        stays
    }

    /// Leaves out as many of `items` as it can, in halves, quarters, … and at last one by one.
    fn leave_out<T: Clone>(&mut self, mut items: Vec<T>, keep: impl Fn(&mut Plan, &[T])) {
        let mut chunk = items.len();
        while chunk > 0 && self.left > 0 {
            let mut at = 0;
            while at < items.len() && self.left > 0 {
                let mut fewer = items.clone();
                fewer.drain(at..(at + chunk).min(items.len()));
                if self.attempt(|plan| keep(plan, &fewer)) {
                    items = fewer;
                } else {
                    at += chunk;
                }
            }
            chunk /= 2;
        }
    }

    fn troubles(&mut self) {
        self.leave_out(self.best.plan.troubles.clone(), |plan, kept| plan.troubles = kept.to_vec());
    }

    fn clients(&mut self) {
        let all = 0..self.best.plan.clients();
        let here = all.clone().filter(|client| !self.best.plan.absent.contains(client)).collect();
        self.leave_out(here, |plan, kept| plan.absent = all.clone().filter(|client| !kept.contains(client)).collect());
    }

    fn facts(&mut self) {
        let told: Vec<u64> = self.nonces.clone();
        self.leave_out(told, |plan, kept| plan.facts = Some(kept.iter().copied().collect()));
    }

    fn simpler_troubles(&mut self) {
        for at in 0..self.best.plan.troubles.len() {
            for simpler in simpler(&self.best.plan.troubles[at].1) {
                self.attempt(|plan| plan.troubles[at].1 = simpler);
            }
        }
    }

    /// Each setting that can be plain.
    fn settings(&mut self) {
        let calm = LinkConfig { latency: Duration::from_millis(5), ..LinkConfig::default() };
        self.attempt(|plan| plan.link = calm.clone());
        if self.best.plan.link != calm {
            self.attempt(|plan| plan.link = LinkConfig { loss_ppm: 0, corrupt_ppm: 0, ..plan.link.clone() });
            self.attempt(|plan| plan.link = LinkConfig { duplicate_ppm: 0, reorder_ppm: 0, ..plan.link.clone() });
            self.attempt(|plan| plan.link.jitter = Duration::ZERO);
        }
        let plain: [fn(&mut Plan); 17] = [
            |plan| plan.nodes = 1,
            |plan| plan.setup.shards = 2,
            |plan| plan.paths.fill(None),
            |plan| (plan.papers, plan.setup.token_leeway) = (Plan::QUIET_PAPERS, Plan::QUIET_PAPERS.leeway),
            |plan| (plan.setup.disk.latency, plan.setup.disk.jitter) = (Duration::from_micros(50), Duration::ZERO),
            |plan| plan.setup.wake = Duration::ZERO,
            |plan| (plan.setup.ring_slots, plan.setup.spool_slots) = (16, 16),
            |plan| plan.setup.sessions.window_events = [48; 4],
            |plan| plan.setup.sessions.receipt_batch = 1,
            |plan| plan.setup.sessions.receipt_delay = Duration::ZERO,
            |plan| plan.setup.sessions.retry_above = 64,
            |plan| (plan.setup.shard.forward_slots, plan.setup.shard.back_slots) = (32, 64),
            |plan| (plan.setup.shard.record_slots, plan.setup.shard.waiting_slots) = (32, 64),
            |plan| plan.setup.spool.queue_bytes_max = 64 << 10,
            |plan| plan.setup.spool.commit_window = Duration::ZERO,
            |plan| plan.setup.spool.cursor_interval = Duration::from_millis(5),
            |plan| plan.setup.spool.lanes = 1,
        ];
        for change in plain {
            self.attempt(change);
        }
    }

    /// Ends the trouble sooner.
    fn length(&mut self) {
        for percent in [10, 25, 50, 75, 90] {
            if self.attempt(|plan| plan.length = plan.length * percent / 100) {
                break;
            }
        }
    }
}

/// Less of the same trouble.
fn simpler(trouble: &Trouble) -> Vec<Trouble> {
    match trouble.clone() {
        Trouble::Death { death, from_ambush, down, fuse } => {
            let plain = |fuse, down| Trouble::Death { death, from_ambush, down, fuse };
            vec![plain(None, down), plain(fuse, Duration::from_millis(50)), plain(None, Duration::from_millis(50))]
        }
        Trouble::Burst { client, facts } => {
            [facts / 8, facts / 4, facts / 2].map(|facts| Trouble::Burst { client, facts: facts.max(1) }).to_vec()
        }
        _ => Vec::new(),
    }
}
