//! The control thread: one actor that owns every order to the shards and every answer to an operator.
//!
//! What comes in: [`Ask`]s (from the control socket, the pages, signals) and the shards' reports. What goes out: orders,
//! published rule sets, snapshots. It keeps a replaced rule set until every shard has adopted the next, and frees it
//! here, never on a shard. Deliberately absent: the event's path; if this thread stood still, events would go on.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use edge_admin::{Loaded, Refusal, Request, Response, ShardStatus, SinkStatus, SpoolStatus, Status};
use edge_config::Config;
use edge_door::Clock;
use edge_io::ProcessClock;
use edge_session::MoveTo;
use edge_shard::{Gate, Serving};
use edge_spool::Health;
use edge_wire::codes::RefuseCode;
use rules_store::{Deed, How};
use tokio::sync::{mpsc, oneshot};

use crate::board::{Order, Published, Report, ShardDesk, ShardFigures};
use crate::bundles::{Bundles, Checked};
use crate::ledger::Cuts;
use crate::metrics::Snapshot;
use crate::overview::Overview;
use crate::pulse::{News, Pulse, Pulses, STUCK_AFTER, Silent, Watch};
use crate::settings;
use crate::spool_thread::SpoolDesk;
use crate::threads::Word;
use crate::watch_thread;

/// How often reports are collected, while somebody waits for them and while nobody does.
const TICK_AWAITED: Duration = Duration::from_millis(2);
const TICK: Duration = Duration::from_millis(50);
/// How often the ledger is cut.
const CUT_EVERY: Duration = Duration::from_millis(500);
/// How long a bundle may take to be adopted everywhere before the answer says so.
const ADOPTION_MAX: Duration = Duration::from_secs(5);
/// What a client is told to wait when the disk is full.
const SPOOL_FULL_RETRY: Duration = Duration::from_secs(2);
/// After sessions were closed: how long their last packets may take.
const CLOSING_MAX: Duration = Duration::from_secs(1);
/// The same for an operator in a hurry.
const HURRIED_CLOSING_MAX: Duration = Duration::from_millis(250);
/// The longest name of who asks, bytes.
const BY_BYTES_MAX: usize = 128;
/// The longest reason that is taken, bytes.
const WHY_BYTES_MAX: usize = 512;

/// What others ask of the control thread.
pub(crate) enum Ask {
    /// An operator's request.
    Request(Request, Caller, oneshot::Sender<Response>),
    /// Everything there is to know.
    Snapshot(oneshot::Sender<Box<Snapshot>>),
    /// May traffic be sent here? `Err` says why not.
    Ready(oneshot::Sender<Result<(), String>>),
    /// Let a drain take no more time: close every session now.
    Hurry,
    /// Every other thread has ended: end, too.
    End,
}

/// Who asks.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Caller {
    /// The user at the other end of the control socket, as the kernel knows it.
    pub(crate) uid: Option<u32>,
}

/// What the actor is made of.
pub(crate) struct Control {
    pub(crate) config: Arc<Config>,
    pub(crate) bundles: Bundles,
    pub(crate) published: Arc<Published>,
    pub(crate) shards: Vec<ShardDesk>,
    pub(crate) spool: Arc<SpoolDesk>,
    pub(crate) overview: Overview,
    pub(crate) pulses: Pulses,
    pub(crate) asks: mpsc::Receiver<Ask>,
    pub(crate) clock: ProcessClock,
    /// Told when a drain has ended and every shard was told to stop.
    pub(crate) voice: Sender<Word>,
}

/// A publication on its way to every shard.
struct Adoption {
    number: u64,
    /// Shards that have not adopted it.
    awaited: usize,
    since: Instant,
    loaded: Loaded,
    answer: Option<oneshot::Sender<Response>>,
    /// What is to be written down once it is live: nothing waits for that disk.
    unwritten: Option<(Checked, How, Deed)>,
}

/// A drain on its way to its end.
struct Draining {
    since: Instant,
    /// How long it may take.
    cap: Duration,
    /// The cut of the ledger that began when the last connection had gone.
    cut: Option<u64>,
    /// Every shard was told to stop.
    is_over: bool,
}

/// The actor's running state.
struct Desk {
    control: Control,
    clock: ProcessClock,
    adoption: Option<Adoption>,
    /// Since when the rules serve that serve now, and whether it was written down that they proved good.
    serving_since: Instant,
    is_proven: bool,
    /// Replaced sets that somebody may still look at. They are freed here, when nobody does any more.
    retired: Vec<Arc<Serving>>,
    cuts: Cuts,
    cut_at: Instant,
    /// Looks at the thread that looks at all others.
    watch: Watch,
    /// The spool's disk has not answered for too long, and that was said.
    is_disk_silent: bool,
    gate: Gate,
    draining: Option<Draining>,
    refused: u64,
}

impl Control {
    /// Runs until [`Ask::End`].
    pub(crate) async fn run(self, pulse: Arc<Pulse>) {
        let clock = self.clock.clone();
        let mut desk = Desk::new(self, pulse.clone(), clock);
        let mut due = tokio::time::Instant::now();
        loop {
            pulse.beat(desk.clock.now());
            tokio::select! {
                ask = desk.control.asks.recv() => match ask {
                    Some(Ask::End) | None => return,
                    Some(ask) => {
                        desk.answer(ask);
                        due = due.min(tokio::time::Instant::now() + desk.pace());
                    }
                },
                () = tokio::time::sleep_until(due) => {
                    desk.tick();
                    due = tokio::time::Instant::now() + desk.pace();
                }
            }
        }
    }
}

impl Desk {
    fn new(control: Control, pulse: Arc<Pulse>, clock: ProcessClock) -> Desk {
        let now = clock.now();
        let shards = control.shards.len();
        let watch = Watch::of_one(control.pulses.clone(), pulse, watch_thread::NAME, now);
        Desk {
            control,
            clock,
            adoption: None,
            serving_since: now,
            is_proven: false,
            retired: Vec::new(),
            cuts: Cuts::new(shards),
            cut_at: now,
            watch,
            is_disk_silent: false,
            gate: Gate::Open,
            draining: None,
            refused: 0,
        }
    }

    fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Request(request, caller, to) => self.request(request, caller, to),
            Ask::Snapshot(to) => {
                let _ = to.send(Box::new(self.snapshot()));
            }
            Ask::Ready(to) => {
                let _ = to.send(self.ready());
            }
            Ask::Hurry => self.hurry(),
            Ask::End => unreachable!("INVARIANT: the loop ends on it"),
        }
    }

    fn request(&mut self, request: Request, caller: Caller, to: oneshot::Sender<Response>) {
        match request {
            Request::Status => {
                let _ = to.send(Response::Status(Box::new(self.status())));
            }
            Request::LoadBundle { bundle, by } => self.load_text(&bundle, by, caller, to),
            Request::Rollback { revision, by, why } => {
                self.roll_back(revision, self.deed("rollback", caller, by, why), to);
            }
            Request::RulesLog { last } => {
                let _ = to.send(Response::RulesLog(records::log(self.control.bundles.store(), last)));
            }
            Request::Reload => self.reload(caller, to),
            Request::Drain => {
                self.begin_drain();
                let _ = to.send(Response::Draining);
            }
        }
    }

    fn tick(&mut self) {
        let now = self.clock.now();
        self.collect_reports(now);
        self.watch_spool();
        self.watch_disk(now);
        for desk in &mut self.control.shards {
            desk.orders.push_on();
        }
        self.cuts.note_spool(&self.control.spool.figures.load());
        self.go_on_draining(now);
        if now.saturating_duration_since(self.cut_at) >= CUT_EVERY {
            self.cut_at = now;
            self.watch.look(now).iter().for_each(News::tell);
            if let Some(number) = self.cuts.begin() {
                self.order_all(|| Order::Cut(number));
            }
        }
        if let Some(adoption) = &mut self.adoption
            && now.saturating_duration_since(adoption.since) >= ADOPTION_MAX
            && let Some(answer) = adoption.answer.take()
        {
            let _ = answer.send(Response::Refused(refusal(
                "adoption_slow",
                format!("{} shards have not adopted the bundle after {ADOPTION_MAX:?}", adoption.awaited),
                "the bundle is published and will be live when they turn; look at /readyz for the stuck shard",
            )));
        }
        if !self.is_proven
            && now.saturating_duration_since(self.serving_since) >= self.control.config.rules.proved_after
        {
            self.is_proven = true;
            self.write_down();
            self.control.bundles.prove(self.clock.unix_millis());
        }
        // Nobody can look at a set anew that only we hold: these two numbers cannot rise again.
        self.retired.retain(|old| Arc::strong_count(old) > 1 || Arc::strong_count(&old.rules) > 1);
    }

    /// How long until the next tick.
    fn pace(&self) -> Duration {
        let is_adopting = self.adoption.as_ref().is_some_and(|a| a.answer.is_some());
        let is_draining = self.draining.as_ref().is_some_and(|d| !d.is_over);
        if is_adopting || is_draining { TICK_AWAITED } else { TICK }
    }

    fn collect_reports(&mut self, now: Instant) {
        for shard in 0..self.control.shards.len() {
            while let Ok(report) = self.control.shards[shard].reports.pop() {
                match report {
                    Report::Adopted(number) => self.on_adopted(number, now),
                    Report::Cut(cut) => self.cuts.note(shard, cut),
                }
            }
        }
    }

    // ---- bundles

    fn reload(&mut self, caller: Caller, to: oneshot::Sender<Response>) {
        match settings::verifier_of(&self.control.config) {
            Ok(verifier) => self.order_all(|| Order::Verifier(verifier.clone())),
            Err(why) => tracing::error!(%why, "issuers' keys stay as they were"),
        }
        match settings::deny_of(&self.control.config) {
            Ok(Some(list)) => self.order_all(|| Order::Deny(list.clone())),
            Ok(None) => {}
            Err(why) => tracing::error!(%why, "the deny list stays as it was"),
        }
        match settings::bundle_bytes(&self.control.config) {
            Ok(bytes) => self.load(bytes, self.deed("reload", caller, String::new(), String::new()), to),
            Err(why) => {
                let refusal = refusal("bundle_unreadable", why.to_string(), "the old bundle goes on serving");
                self.refuse(refusal, to);
            }
        }
    }

    fn load_text(&mut self, bundle: &str, by: String, caller: Caller, to: oneshot::Sender<Response>) {
        use base64::Engine as _;
        match base64::engine::general_purpose::STANDARD.decode(bundle) {
            Ok(bytes) => self.load(bytes, self.deed("load", caller, by, String::new()), to),
            Err(why) => {
                let refusal =
                    refusal("bundle_not_base64", why.to_string(), "send the signed file's bytes in standard base64");
                self.refuse(refusal, to);
            }
        }
    }

    /// What somebody does, now.
    fn deed(&self, what: &str, caller: Caller, by: String, why: String) -> Deed {
        Deed { at_ms: self.clock.unix_millis(), what: what.into(), uid: caller.uid, by, why, ..Deed::default() }
    }

    fn load(&mut self, bytes: Vec<u8>, deed: Deed, to: oneshot::Sender<Response>) {
        let since = self.clock.now();
        if let Err(why) = self.may_change(&deed) {
            return self.refuse(why, to);
        }
        match self.control.bundles.check(bytes, self.clock.unix_millis()) {
            Ok(checked) => self.publish(checked, How::Load, deed, since, to),
            Err(why) => self.refuse(why, to),
        }
    }

    fn roll_back(&mut self, revision: Option<u64>, deed: Deed, to: oneshot::Sender<Response>) {
        let since = self.clock.now();
        if let Err(why) = self.may_change(&deed) {
            return self.refuse(why, to);
        }
        match self.control.bundles.step_back(revision, self.clock.unix_millis()) {
            Ok(checked) => self.publish(checked, How::StepBack, deed, since, to),
            Err(why) => self.refuse(why, to),
        }
    }

    /// One change at a time, and only one whose words can be kept whole.
    fn may_change(&mut self, deed: &Deed) -> Result<(), Refusal> {
        for (name, text, most) in [("by", &deed.by, BY_BYTES_MAX), ("why", &deed.why, WHY_BYTES_MAX)] {
            if text.len() > most {
                let what = format!("`{name}` has {} bytes; at most {most} are kept", text.len());
                return Err(refusal(&format!("{name}_too_long"), what, "say it shorter"));
            }
        }
        if self.adoption.as_ref().is_some_and(|a| a.answer.is_some()) {
            return Err(refusal("busy", "another bundle is being adopted".into(), "try again in a moment"));
        }
        self.write_down();
        Ok(())
    }

    fn publish(&mut self, checked: Checked, how: How, deed: Deed, since: Instant, to: oneshot::Sender<Response>) {
        let serving = checked.serving().clone();
        let replaced = self.control.published.serving();
        let loaded = Loaded {
            revision: serving.rules.revision(),
            replaced: replaced.rules.revision(),
            rules: serving.rules.rules().len() as u64,
            live_after_ms: 0.0,
            warnings: checked.warnings(self.clock.unix_millis()),
        };
        tracing::info!(
            revision = loaded.revision,
            replaced = loaded.replaced,
            rules = loaded.rules,
            by = deed.by,
            "bundle verified"
        );
        let deed = Deed { replaced: loaded.replaced, ..deed };
        let number = self.control.published.publish(serving);
        let awaited = self.control.shards.len();
        self.retired.push(replaced);
        let unwritten = Some((checked, how, deed));
        self.adoption = Some(Adoption { number, awaited, since, loaded, answer: Some(to), unwritten });
        (self.serving_since, self.is_proven) = (since, false);
        self.control.overview.wake_shards();
    }

    /// Writes down what came to service and was not written down yet; says what of it could not be.
    fn write_down(&mut self) -> Option<String> {
        let (checked, how, deed) = self.adoption.as_mut()?.unwritten.take()?;
        self.control.bundles.took(&checked, how, deed)
    }

    fn refuse(&mut self, refusal: Refusal, to: oneshot::Sender<Response>) {
        self.refused += 1;
        tracing::warn!(code = refusal.code, what = refusal.what, "bundle refused; the old one goes on serving");
        let _ = to.send(Response::Refused(refusal));
    }

    fn on_adopted(&mut self, number: u64, now: Instant) {
        let Some(adoption) = self.adoption.as_mut().filter(|a| a.number == number) else {
            return; // the first publication, or one that was overtaken
        };
        adoption.awaited -= 1;
        if adoption.awaited > 0 {
            return;
        }
        adoption.loaded.live_after_ms = now.saturating_duration_since(adoption.since).as_secs_f64() * 1e3;
        tracing::info!(
            revision = adoption.loaded.revision,
            ms = adoption.loaded.live_after_ms,
            "bundle live on every shard"
        );
        let (mut loaded, answer) = (adoption.loaded.clone(), adoption.answer.take());
        loaded.warnings.extend(self.write_down());
        if let Some(answer) = answer {
            let _ = answer.send(Response::Loaded(loaded));
        }
    }

    // ---- health

    /// Shuts the gate while nothing could get a receipt, and opens it again.
    fn watch_spool(&mut self) {
        if self.draining.is_some() {
            return;
        }
        let gate = match &self.control.spool.figures.load().status.health {
            Health::Healthy => Gate::Open,
            Health::Full { why } => {
                Gate::Shut { code: RefuseCode::SpoolFull, detail: why.clone(), retry_after: Some(SPOOL_FULL_RETRY) }
            }
            Health::ReadOnly { why } => {
                Gate::Shut { code: RefuseCode::NotReady, detail: why.clone(), retry_after: Some(SPOOL_FULL_RETRY) }
            }
        };
        if gate != self.gate {
            match &gate {
                Gate::Open => tracing::info!("the spool takes records again: sessions are let in"),
                Gate::Shut { detail, .. } => {
                    tracing::error!(why = detail, "the spool takes nothing: new sessions are refused");
                }
            }
            self.gate = gate.clone();
            self.order_all(|| Order::Gate(gate.clone()));
        }
    }

    /// For how long the spool's disk has not answered, where that is too long. A thread that such a disk keeps waiting shows by
    /// its pulse; through io_uring none does.
    fn disk_silent(&self, now: Instant) -> Option<Duration> {
        let figures = self.control.spool.figures.load();
        // What was shown long ago says nothing about now.
        let is_fresh = figures.shown_at.is_some_and(|at| now.saturating_duration_since(at) < STUCK_AFTER);
        let silent = now.saturating_duration_since(figures.awaited_since.filter(|_| is_fresh)?);
        (silent >= STUCK_AFTER).then_some(silent)
    }

    fn watch_disk(&mut self, now: Instant) {
        let silent = self.disk_silent(now);
        if silent.is_some() && !self.is_disk_silent {
            tracing::error!("the spool's disk does not answer: receipts wait for it");
        } else if silent.is_none() && self.is_disk_silent {
            tracing::info!("the spool's disk answers again");
        }
        self.is_disk_silent = silent.is_some();
    }

    fn is_starting(&self) -> bool {
        !self.control.shards.iter().all(|desk| desk.figures.load().as_ref().is_some_and(|figures| figures.turns > 0))
    }

    /// Who stands still is told by who asks us, who hears of it also where it is us.
    fn ready(&self) -> Result<(), String> {
        if self.draining.is_some() {
            return Err("draining".into());
        }
        if let Gate::Shut { detail, .. } = &self.gate {
            return Err(format!("spool: {detail}"));
        }
        if let Some(silent) = self.disk_silent(self.clock.now()) {
            return Err(format!("spool: its disk has not answered for {:.1} s", silent.as_secs_f64()));
        }
        if self.is_starting() { Err("starting".into()) } else { Ok(()) }
    }

    // ---- the end

    fn begin_drain(&mut self) {
        if self.draining.is_some() {
            return;
        }
        let within = self.control.config.drain.within;
        tracing::info!(?within, "draining: no new session, the others are told to move");
        self.drain(within, within + CLOSING_MAX);
    }

    /// Ends a drain before its time. Where none is under way, it begins and ends.
    fn hurry(&mut self) {
        if self.draining.as_ref().is_some_and(|d| d.is_over) {
            return;
        }
        tracing::warn!("told to hurry: every session is closed now");
        self.drain(Duration::ZERO, HURRIED_CLOSING_MAX);
    }

    fn drain(&mut self, within: Duration, cap: Duration) {
        self.draining = Some(Draining { since: self.clock.now(), cap, cut: None, is_over: false });
        let to =
            MoveTo { endpoints: self.control.config.drain.endpoints.clone(), reason: edge_wire::MoveReason::Drain };
        self.order_all(|| Order::Drain { to: to.clone(), within });
    }

    /// Once every connection has gone, what they sent may still be between the shards: it has arrived when a cut of the ledger
    /// that began then shows nothing on its way, and has passed the spool's rings. Only then shards are told to stop.
    fn go_on_draining(&mut self, now: Instant) {
        let Some(draining) = self.draining.as_mut().filter(|d| !d.is_over) else { return };
        let is_late = now.saturating_duration_since(draining.since) > draining.cap;
        if is_late {
            tracing::warn!(cap = ?draining.cap, "not every connection, or what it sent, has come to its end in time");
        } else {
            let since = draining.since;
            let has_gone = |f: &ShardFigures| f.shown_at > since && f.stats.sessions.connections == 0;
            if !self.control.shards.iter().all(|d| d.figures.load().as_deref().is_some_and(has_gone)) {
                return;
            }
            let closed = self.cuts.closed();
            // A spool that takes nothing lets no cut pass.
            let is_healthy = self.control.spool.figures.load().status.health == Health::Healthy;
            if is_healthy && draining.cut.is_none_or(|cut| closed.number < cut) {
                if draining.cut.is_none() {
                    let number = self.cuts.begin_anew();
                    draining.cut = Some(number);
                    self.order_all(|| Order::Cut(number));
                }
                return;
            }
            if is_healthy && closed.in_flight > 0 {
                draining.cut = None;
                return;
            }
        }
        draining.is_over = true;
        self.write_down();
        self.control.bundles.rest();
        // In this order: a shard that ends before would be taken for one that failed.
        let _ = self.control.voice.send(Word::Drained);
        self.order_all(|| Order::Stop);
    }

    fn order_all(&mut self, order: impl Fn() -> Order) {
        for desk in &mut self.control.shards {
            desk.orders.give(order());
        }
        self.control.overview.wake_shards();
    }

    // ---- figures

    fn phase(&self) -> &'static str {
        if self.draining.is_some() {
            "draining"
        } else if self.is_starting() {
            "starting"
        } else {
            "serving"
        }
    }

    fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.control.overview.snapshot(&self.control.shards, &self.control.spool, &self.cuts);
        snapshot.phase = self.phase();
        snapshot.revision = self.control.published.serving().rules.revision();
        snapshot.bundles_refused = self.refused;
        snapshot.bundle_expired = self.control.bundles.is_expired(self.clock.unix_millis());
        snapshot
    }

    fn status(&self) -> Status {
        let snapshot = self.snapshot();
        Status {
            version: edge_admin::VERSION,
            release: snapshot.release.into(),
            phase: snapshot.phase.into(),
            uptime_s: self.control.overview.uptime().as_secs(),
            node: self.control.config.node.id.0,
            epoch: snapshot.spool.epoch,
            revision: snapshot.revision,
            rules: records::status(&self.control.bundles),
            shards: snapshot
                .shards
                .iter()
                .map(|s| ShardStatus {
                    shard: s.shard,
                    door: s.door.into(),
                    sessions: s.sessions.sessions,
                    revision: s.revision,
                })
                .collect(),
            spool: SpoolStatus {
                state: snapshot.spool.state.clone(),
                door: snapshot.spool.door.into(),
                bytes: snapshot.spool.bytes,
                appended: snapshot.spool.appended,
                committed: snapshot.spool.committed,
            },
            sink: SinkStatus {
                name: snapshot.forward.sink.into(),
                trouble: snapshot.forward.trouble.clone().unwrap_or_default(),
            },
            stuck: self.control.pulses.silent(self.clock.now()).iter().map(Silent::to_string).collect(),
            ledger: snapshot.ledger,
            residual_events: snapshot.residual_events,
            residual_commands: snapshot.residual_commands,
        }
    }
}

fn refusal(code: &str, what: String, help: &str) -> Refusal {
    Refusal { code: code.into(), what, help: help.into() }
}

mod records;
#[cfg(test)]
mod tests;
