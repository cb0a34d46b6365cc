//! Clients in a story: they connect, tell facts, hear receipts and replies.
//!
//! In: what is due at a client. Out: datagrams, and what a checker wants to know of what it heard. Deliberately absent: the
//! client itself (see [`client`](crate::client)).

use std::time::{Duration, Instant};

use edge_door::Clock as _;
use edge_event::{Class, NodeId};
use edge_wire::{CloseCode, RefuseCode};
use xxhash_rust::xxh3::xxh3_64;

use super::{FACTS_MAX, PROVE_ONE_IN, Story};
use crate::cast::{Actor, Thought, Way, steer};
use crate::check::{ends, receipts, sessions, tokens};
use crate::client::Heard;
use crate::fact::Fact;
use crate::link::{Road, Stage};
use crate::scribe::Promise;

/// So long a HELLO may be on its way, after what the client began later and what was quicker.
const HELLO_MAX: Duration = Duration::from_secs(15);

impl Story<'_> {
    pub(super) fn clients(&mut self, now: Instant) {
        for at in 0..self.actors.len() {
            let mut is_due = false;
            if self.actors[at].client.poll_timeout().is_some_and(|due| due <= now) {
                self.actors[at].client.handle_timeout(now);
                is_due = true;
            }
            if self.actors[at].client.reauth_due().is_some_and(|due| due <= self.clock.elapsed()) {
                is_due = true;
            }
            if self.actors[at].connects_at.is_some_and(|due| due <= now) {
                self.connect(at, now);
                is_due = true;
            }
            if self.actors[at].tells_at.is_some_and(|due| due <= now) {
                self.tell_one(at);
                let actor = &mut self.actors[at];
                actor.tells_at = Some(now + actor.until_next(self.plan.pace));
                is_due = true;
            }
            if self.is_quiet || self.invented >= FACTS_MAX {
                self.actors[at].tells_at = None;
            }
            if is_due {
                self.serve(at, now);
            }
        }
    }

    pub(super) fn connect(&mut self, at: usize, now: Instant) {
        let actor = &mut self.actors[at];
        actor.connects_at = None;
        if self.plan.absent.contains(&at) {
            return;
        }
        let local = actor.next_address();
        let (node, pop) = (actor.node, &self.nodes[actor.node].pop);
        let (shard, start) = (steer(local, pop.setup.shards), pop.next_to_hear());
        let link = actor.client.connect(now, self.nodes[node].address, Road { local, node, start });
        let mix = &mut self.scribe.mix;
        mix.reconnects += u64::from(actor.connections > 0);
        mix.reconnects_elsewhere += u64::from(actor.last.is_some_and(|last| last.0 == node && last.1 != shard));
        mix.reconnects_to_node += u64::from(actor.last.is_some_and(|last| last.0 != node));
        actor.connections += 1;
        actor.connected_at.insert(link, self.clock.elapsed());
        actor.last = Some((node, shard));
        let name = &actor.client.name;
        self.scribe.note(format_args!("{name} connects ({link}) from {local} to node {node} shard {shard}"));
    }

    /// One more fact, by itself.
    pub(super) fn tell_one(&mut self, at: usize) {
        let thought = self.actors[at].think(&self.players);
        self.tell(at, vec![thought]);
    }

    /// Many facts at once.
    pub(super) fn tell_burst(&mut self, at: usize, count: u32) {
        let thoughts = self.actors[at].burst(self.clock.elapsed(), count, &self.players);
        self.tell(at, thoughts);
    }

    /// Tells what the plan lets be told, datagram ones together.
    fn tell(&mut self, at: usize, thoughts: Vec<Thought>) {
        let (elapsed, unix_ms) = (self.clock.elapsed(), self.clock.unix_millis());
        let mut unreliable: Vec<(Fact, u64)> = Vec::new();
        for Thought { nonce, fact, way } in thoughts {
            self.invented += 1;
            let is_told = self.plan.facts.as_ref().is_none_or(|facts| facts.contains(&nonce));
            if self.invented > FACTS_MAX || !is_told || self.plan.absent.contains(&at) {
                continue;
            }
            let actor = &mut self.actors[at];
            self.told.push(nonce);
            self.scribe.mix.events += 1;
            let name = &actor.client.name;
            match way {
                Way::Datagram => {
                    self.scribe.note(format_args!("{name} tells {} {nonce} in a datagram", fact.word()));
                    unreliable.push((fact, nonce));
                }
                Way::Reliable(class) => {
                    let word = fact.word();
                    let seq = actor.client.tell(class, fact, nonce, elapsed, unix_ms);
                    let name = &actor.client.name;
                    self.scribe.note(format_args!("{name} tells {word} {nonce} as {}/{seq}", class.get()));
                }
            }
        }
        let actor = &mut self.actors[at];
        if !unreliable.is_empty() && actor.client.tell_unreliably(&unreliable, elapsed) {
            actor.unreliable.extend(unreliable);
        }
    }

    /// Lets a client work, hears what it heard, and sends what it has to send.
    pub(super) fn serve(&mut self, at: usize, now: Instant) {
        let before: [u64; 4] = std::array::from_fn(|class| self.actors[at].client.queues[class].receipt);
        self.actors[at].client.work(now, self.clock.elapsed(), self.clock.unix_millis());
        sessions::on_words(&self.actors[at].client, &mut self.scribe);
        let mut receipts = before;
        while let Some(heard) = self.actors[at].client.heard.pop_front() {
            self.hear(at, heard, &mut receipts, now);
        }
        while let Some(mail) = self.actors[at].client.outbox.pop_front() {
            self.net.send(mail.from, mail.to, mail.ecn, &mail.bytes, now);
        }
    }

    pub(super) fn hear(&mut self, at: usize, heard: Heard, receipts: &mut [u64; 4], now: Instant) {
        let client = &mut self.actors[at].client;
        self.scribe.note(format_args!("{} hears {heard:?}", client.name));
        match heard {
            Heard::Receipt { node, class, up_to, sent_at } => {
                let from = receipts[class.index()] + 1;
                receipts[class.index()] = up_to;
                for told in &mut client.queues[class.index()].told[from as usize - 1..up_to as usize] {
                    told.receipted_by = Some(node);
                    told.receipted_at = Some(self.clock.elapsed());
                }
                let actor = &self.actors[at];
                let pop = &self.nodes[node].pop;
                receipts::on_receipt(&actor.client, class, from, up_to, sent_at, pop, &mut self.scribe);
                if is_to_be_proven(&actor.client.name, class, up_to) {
                    receipts::prove(&actor.client, class, from, up_to, pop, &mut self.scribe);
                }
            }
            Heard::Rejected { class, seq } => {
                let told = &client.queues[class.index()].told[seq as usize - 1];
                if told.fact.is_sound() {
                    let what = format!("a sound {} of {} was rejected", told.fact.word(), client.name);
                    self.scribe.broken(Promise::Protocol, what);
                }
            }
            Heard::Reply { name, body, .. } => {
                self.scribe.mix.replies += 1;
                if !is_answer(&self.actors[at], &name, &body) {
                    let what = format!("{} never told what reply `{name}` answers", self.actors[at].client.name);
                    self.scribe.broken(Promise::Protocol, what);
                }
            }
            Heard::Welcomed { link, node, .. } => {
                self.on_welcome(at, link, node);
                self.actors[at].client.close_moved(link, now);
            }
            Heard::Move { .. } => self.on_move(at, now),
            Heard::Refused { link, code, retry_after_ms, .. } => {
                self.on_refusal(at, (link, code), retry_after_ms, now);
            }
            Heard::Lost { link, node, code, why } => {
                self.scribe.mix.connections_lost += 1;
                let actor = &self.actors[at];
                let here = self.clock.elapsed();
                let is_other = |(other, since): (&u64, &Duration)| {
                    *other > link || (*other < link && here.saturating_sub(*since) < HELLO_MAX)
                };
                let has_other = actor.connected_at.iter().any(is_other);
                let frame_deadline = self.nodes[node].pop.setup.sessions.frame_deadline;
                let was_cut_off = actor.cut_until.is_some_and(|until| now <= until + frame_deadline + HELLO_MAX);
                let end = ends::End { who: &actor.client.name, code, why: &why, has_other, was_cut_off };
                ends::on_lost(&end, &self.nodes[node].pop, &mut self.scribe);
                let mix = &mut self.scribe.mix;
                match code {
                    Some(CloseCode::Superseded) => mix.superseded += 1,
                    Some(CloseCode::TokenExpired) => mix.tokens_expired += 1,
                    Some(CloseCode::TokenInvalid) => mix.tokens_invalid += 1,
                    Some(CloseCode::Revoked) => mix.revoked += 1,
                    _ => {}
                }
                if !self.actors[at].client.is_connected() {
                    self.reconnect_later(at, now);
                }
            }
            Heard::Papers { node, fault } => {
                // Where the node's clock was wrong, it is `tokens` that knows what is right by it.
                if !fault.is_of_clock || !self.nodes[node].pop.chronicle.has_stepped() {
                    let what = format!("{} heard: {}", self.actors[at].client.name, fault.why);
                    self.scribe.broken(Promise::Protocol, what);
                }
            }
            Heard::Nonsense { why } => {
                let what = format!("{} heard: {why}", self.actors[at].client.name);
                self.scribe.broken(Promise::Protocol, what);
            }
        }
    }

    /// What is known of a HELLO that is answered now.
    fn hello(&self, at: usize, link: u64) -> tokens::Hello {
        let actor = &self.actors[at];
        let node = actor.client.links.iter().find(|l| l.number == link).map_or(actor.node, |l| l.node);
        let since = actor.connected_at.get(&link).copied().unwrap_or_default();
        tokens::Hello { node, since, now: self.clock.elapsed(), papers: self.plan.papers }
    }

    /// A session is refused: an overloaded node says when to come again, and the client does not come earlier.
    fn on_refusal(&mut self, at: usize, (link, code): (u64, u32), retry_after_ms: Option<u64>, now: Instant) {
        let code = RefuseCode::from_number(code);
        let hello = self.hello(at, link);
        tokens::on_refused(code, hello, &self.nodes[hello.node].pop.chronicle, &mut self.scribe);
        let mix = &mut self.scribe.mix;
        mix.refused += 1;
        mix.refused_for_denial += u64::from(code == Some(RefuseCode::TokenRevoked));
        if code == Some(RefuseCode::Overloaded) {
            // The story's own gate asks for less than a second.
            mix.refused_for_overload += u64::from(retry_after_ms.is_some_and(|ms| ms >= 1_000));
            if retry_after_ms.is_none() {
                let what =
                    format!("{} was refused for overload and not told when to come again", self.actors[at].client.name);
                self.scribe.broken(Promise::Overload, what);
            }
        }
        self.reconnect_later(at, now);
        let actor = &mut self.actors[at];
        let earliest = now + Duration::from_millis(retry_after_ms.unwrap_or_default());
        actor.connects_at = actor.connects_at.map(|when| when.max(earliest));
    }

    /// Make before break: where there is another node, it goes there at once; else it stays for as long as it may.
    fn on_move(&mut self, at: usize, now: Instant) {
        self.scribe.mix.moves += 1;
        if self.plan.nodes > 1 {
            let actor = &mut self.actors[at];
            actor.node = (actor.node + 1) % self.plan.nodes;
            actor.connects_at.get_or_insert(now);
        }
    }

    /// A session is open: at the node that was asked, and perhaps beside others of its player.
    fn on_welcome(&mut self, at: usize, link: u64, node: NodeId) {
        let hello = self.hello(at, link);
        tokens::on_welcomed(hello, &self.nodes[hello.node].pop.chronicle, &mut self.scribe);
        let me = &self.actors[at];
        let asked = me.client.links.iter().find(|l| l.number == link).map_or(0, |l| l.node);
        if node != self.nodes[asked].pop.node {
            let what = format!("{} asked node {asked} and was welcomed by {node:?}", me.client.name);
            self.scribe.broken(Promise::Protocol, what);
        }
        let others = self.actors.iter().enumerate().filter(|(n, a)| *n != at && a.client.sub == me.client.sub);
        let nodes =
            others.flat_map(|(_, a)| a.client.links.iter().filter(|l| l.stage == Stage::Welcomed)).map(|l| l.node);
        let (here, there): (Vec<usize>, Vec<usize>) = nodes.partition(|other| *other == asked);
        self.scribe.mix.players_shared += u64::from(!here.is_empty());
        self.scribe.mix.players_on_both += u64::from(!there.is_empty());
        let mine = self.actors[at].client.links.iter();
        let older = mine.filter(|l| l.number != link && l.stage == Stage::Welcomed && l.node != asked).count();
        self.scribe.mix.producers_on_both += u64::from(older > 0);
    }

    pub(super) fn reconnect_later(&mut self, at: usize, now: Instant) {
        let actor = &mut self.actors[at];
        if actor.connects_at.is_none() {
            actor.turn_elsewhere(self.plan.nodes);
            actor.connects_at = Some(now + actor.until_back(Duration::from_millis(250)));
        }
    }
}

/// One receipt in so many, the same ones however the story goes.
fn is_to_be_proven(client: &str, class: Class, up_to: u64) -> bool {
    xxh3_64(format!("{client} {} {up_to}", class.get()).as_bytes()).is_multiple_of(PROVE_ONE_IN)
}

/// Whether a reply answers something that this client told: a chat line, or a step far enough.
fn is_answer(actor: &Actor, name: &str, body: &[u8]) -> bool {
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(body) else { return false };
    let Some(nonce) = body.get("nonce").and_then(serde_json::Value::as_u64) else { return false };
    let reliable = actor.client.queues.iter().flat_map(|q| q.told.iter().map(|t| (&t.fact, t.nonce)));
    let mut told = reliable.chain(actor.unreliable.iter().map(|(fact, nonce)| (fact, *nonce)));
    told.any(|(fact, n)| {
        n == nonce
            && match fact {
                Fact::Chat => name == "tip",
                Fact::Step { far } => name == "far" && *far >= 80,
                _ => false,
            }
    })
}
