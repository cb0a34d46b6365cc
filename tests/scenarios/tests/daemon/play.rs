//! Short cuts that several scenarios take.

use std::time::Duration;

use edge_client::{Class, Client, Notice, Notices};
use edge_event::ProducerId;
use scenarios::{Node, Peer, World};
use serde_json::json;

/// The most urgent class.
pub(crate) const C0: Class = Class::ALL[0];
/// Another one.
pub(crate) const C1: Class = Class::ALL[1];

/// How long clients may take for anything.
pub(crate) const PATIENCE: Duration = scenarios::wait::PATIENCE;

/// A player's client in memory.
pub(crate) fn player(world: &World, node: &Node, sub: &str) -> Client {
    world.player(sub).endpoint(node.endpoint()).memory_only().start().expect("a client")
}

/// A player's client by hand.
pub(crate) async fn peer(world: &World, node: &Node, sub: &str, producer: ProducerId) -> Peer {
    let token = world.players.token(sub);
    let (peer, _) = Peer::hello(world, node.address(), token, producer).await.expect("WELCOME");
    peer
}

/// A game server's client by hand.
pub(crate) async fn game_server(world: &World, node: &Node, producer: ProducerId) -> Peer {
    let token = world.servers.token("server-1");
    let (peer, _) = Peer::hello(world, node.address(), token, producer).await.expect("WELCOME");
    peer
}

/// Sends an event that has a nonce and nothing else that matters.
pub(crate) async fn tell(world: &World, client: &Client, class: Class, name: &str, nonce: u64) -> u64 {
    let (event_type, payload) = world.event(name, &json!({ "nonce": nonce }));
    client.send(class, event_type, payload).await.expect("the queue takes it").0
}

/// Sends an event and waits for its receipt.
pub(crate) async fn tell_and_wait(world: &World, client: &Client, class: Class, name: &str, nonce: u64) {
    let seq = tell(world, client, class, name, nonce).await;
    receipt(client, class, seq).await;
}

/// The scenarios' rules, but what carries a long text orders a command with it, by the rule [`FLOOD`]: segments fill in a moment.
pub(crate) fn flooding_bundle(world: &World) -> Vec<u8> {
    let step = "    on: Step\n    do: [ { publish: scenario.step, message: { nonce: event.nonce } } ]";
    let flood = "    on: Noise\n    when: event.text != ''\n    do: [ { publish: scenario.step, message: { nonce: event.nonce, text: event.text } } ]";
    world.bundle_with(1, step, flood)
}

/// The rule of floods.
pub(crate) const FLOOD: &str = "far_step";

/// An event of a flood.
pub(crate) fn long_event(world: &World, nonce: u64) -> (edge_client::EventTypeId, Vec<u8>) {
    world.event("Noise", &json!({ "nonce": nonce, "text": "x".repeat(12_000) }))
}

/// Waits for a receipt.
pub(crate) async fn receipt(client: &Client, class: Class, seq: u64) {
    let waiting = client.wait_receipt(class, edge_client::Seq(seq));
    tokio::time::timeout(PATIENCE, waiting).await.expect("a receipt in time").expect("a receipt");
}

/// Waits for the first notice that `wanted` picks.
pub(crate) async fn notice<T>(notices: &mut Notices, what: &str, wanted: impl Fn(Notice) -> Option<T>) -> T {
    let found = async {
        loop {
            let notice = notices.next().await.unwrap_or_else(|| panic!("the client ended before {what}"));
            if let Some(it) = wanted(notice) {
                return it;
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("waited for {what}, in vain"))
}

/// The nonces of a rule's commands, in the order of the file.
pub(crate) fn nonces(node: &Node, rule: &str) -> Vec<u64> {
    node.lines().iter().filter(|line| line.rule() == rule).filter_map(scenarios::Line::nonce).collect()
}
