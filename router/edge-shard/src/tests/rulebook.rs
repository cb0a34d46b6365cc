//! The rules of the stories, compiled once, and the payloads that they are about.

use std::sync::{Arc, OnceLock};

use rules::{Compilation, Identity, InputFile};
use rules_catalogue::{Catalogue, compile};
use rules_engine::RuleSet;

use crate::Serving;

const PROTO: &str = r#"
syntax = "proto3";
package tale.v1;
import "edge/catalogue/v1/options.proto";
option (edge.catalogue.v1.defaults) = { owner: "team-tale" tags: "tale" };

// Always ordered.
message Hit {
  option (edge.catalogue.v1.event) = { id: 1 };
  uint64 nonce = 1;
}
// Never ordered.
message Noise {
  option (edge.catalogue.v1.event) = { id: 2 };
  uint64 nonce = 1;
}
// Answered, not ordered.
message Ask {
  option (edge.catalogue.v1.event) = { id: 3 };
  uint64 nonce = 1;
}
// Ordered once a player.
message Login {
  option (edge.catalogue.v1.event) = { id: 4 };
  uint64 nonce = 1;
}
// Attested by a game server.
message Trade {
  option (edge.catalogue.v1.event) = { id: 5 provenance: SERVER subject: "player_id" };
  uint64 nonce = 1;
  string player_id = 2 [(edge.catalogue.v1.field) = { max_len: 200 personal_data: PSEUDONYMOUS }];
}
"#;

const RULES: &str = r#"
rules/v1: { package: tale.rules, catalogue: tale.v1, owner: team-tale }
rules:
  - id: hit
    on: Hit
    doc: Every hit.
    do: [ { publish: tale.hit, message: { nonce: event.nonce } } ]
  - id: ask
    on: Ask
    doc: Two answers.
    do: [ { reply: first, body: { nonce: event.nonce } }, { reply: second, body: { nonce: event.nonce } } ]
  - id: login
    on: Login
    doc: The first login of a player.
    once: { by: player, max_keys: 100000 }
    do: [ { start_workflow: Welcome, id: "'welcome-' + player.id", input: { nonce: event.nonce } } ]
  - id: trade
    on: Trade
    doc: Every trade.
    do: [ { publish: tale.trade, granting: true, message: { nonce: event.nonce } } ]
"#;

pub(super) const HIT: u32 = 1;
pub(super) const NOISE: u32 = 2;
pub(super) const ASK: u32 = 3;
pub(super) const LOGIN: u32 = 4;
pub(super) const TRADE: u32 = 5;

/// The rules as revision `revision`; all revisions decide alike.
pub(super) fn serving(revision: u64) -> Arc<Serving> {
    static CATALOGUE: OnceLock<Arc<Catalogue>> = OnceLock::new();
    let catalogue = CATALOGUE.get_or_init(|| {
        let sources = compile::Sources::new().with("tale/v1/tale.proto", PROTO);
        Arc::new(compile::compile(&sources).expect("the catalogue compiles").catalogue)
    });
    let identity = Identity { tenant: "tale".into(), revision };
    let compilation = Compilation::new(vec![InputFile::new("tale.rules.yaml", RULES)], catalogue.clone(), identity);
    let ir = compilation.rule_set().unwrap_or_else(|| panic!("{}", compilation.to_text(false))).clone();
    let rules = Arc::new(RuleSet::load(ir, catalogue.clone()).expect("the rules load"));
    Arc::new(Serving { rules, lineage: Vec::new() })
}

/// A message with nothing but its nonce.
pub(super) fn payload(nonce: u64) -> Vec<u8> {
    let mut bytes = vec![0x08];
    write_varint(&mut bytes, nonce);
    bytes
}

pub(super) fn trade(nonce: u64, player: &str) -> Vec<u8> {
    let mut bytes = payload(nonce);
    bytes.push(0x12);
    write_varint(&mut bytes, player.len() as u64);
    bytes.extend_from_slice(player.as_bytes());
    bytes
}

/// As in protobuf.
fn write_varint(bytes: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        bytes.push(n as u8 | 0x80);
        n >>= 7;
    }
    bytes.push(n as u8);
}
