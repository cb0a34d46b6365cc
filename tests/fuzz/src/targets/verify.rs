//! A condition, compiled and evaluated by the engine, and the same text asked of CEL's reference interpreter.
//!
//! The bytes are choices, by which an expression about an event's fields is drawn; the last ones choose the fields. What must hold: what
//! compiles loads, and both say that the condition holds, or that it does not, or that it has no value. What rules cannot say is
//! refused, and that is all of it.

use std::sync::{Arc, LazyLock};

use cel_differential::dice::{Seeded, Written};
use cel_differential::{Grammar, Manner, draw};
use rules::{Compilation, InputFile};
use rules_capture::Decoder;
use rules_catalogue::Catalogue;
use rules_catalogue::compile::{Sources, compile};
use rules_verify::{Verified, Verify, drawn};
use serde_json::Value as Json;

use super::bundles;
use crate::input::Input;

/// Events of one input.
const EVENTS: usize = 8;

/// An event with a field for each variable that drawn expressions know.
const EVENT: &str = r#"syntax = "proto3";
package fuzz.v1;
import "edge/catalogue/v1/options.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/timestamp.proto";
option (edge.catalogue.v1.defaults) = { owner: "team-fuzz" };
message Seen {
  option (edge.catalogue.v1.event) = { id: 1 max_payload_bytes: 4096 };
  int64 n = 1;
  int64 k = 2;
  uint64 u = 3;
  double x = 4;
  string s = 5 [(edge.catalogue.v1.field).max_len = 32];
  string t = 6 [(edge.catalogue.v1.field).max_len = 32];
  bytes y = 7 [(edge.catalogue.v1.field).max_len = 32];
  bool b = 8;
  google.protobuf.Timestamp at = 9;
  google.protobuf.Duration long = 10;
  repeated int64 ln = 11 [(edge.catalogue.v1.field).max_items = 4];
  repeated string ls = 12 [(edge.catalogue.v1.field) = { max_items: 4 max_len: 16 }];
  map<string, int64> ms = 13 [(edge.catalogue.v1.field) = { max_items: 4 max_key_len: 16 }];
  map<int64, string> mn = 14 [(edge.catalogue.v1.field) = { max_items: 4 max_len: 16 }];
}
"#;

/// Forms that rules refuse, or that speak of what no event has; others of their kind would only make fewer expressions rules.
const REFUSED: [&str; 16] = [
    "_dyn",
    "_mixed",
    "_optional",
    "_two",
    "_with_tz",
    "base64_",
    "bind",
    "format_",
    "map_optional",
    "math_bit",
    "math_sqrt",
    "message_",
    "optional_",
    "reverse",
    "to_dyn",
    "transform_",
];

pub(super) fn run(bytes: &[u8]) {
    if let Some(verified) = verified(bytes) {
        assert!(verified.is_same(), "{}", verified.to_text());
    }
}

/// What both said; nothing where the condition is none that rules can have.
fn verified(bytes: &[u8]) -> Option<Verified> {
    let mut input = Input(bytes);
    let (form, height, seed) = (input.u16(), input.below(4), input.u8());
    let condition = with_grammar(|grammar| {
        let manner = Manner { height: 1 + height, mischief: false, prefix: "event." };
        let truths = grammar.of_type(&rules_cel::Type::Bool);
        let form = truths[usize::from(form) % truths.len()];
        draw(grammar, form, manner, &mut Written(input.rest())).text(grammar)
    });
    let rules = format!(
        "rules/v1: {{ package: eu.fuzz, catalogue: fuzz.v1, owner: team }}\nrules:\n  - id: it\n    on: Seen\n    when: {}\n    \
         do: [ {{ reply: it }} ]\n",
        Json::from(condition.as_str())
    );
    let compilation =
        Compilation::new(vec![InputFile::new("it.rules.yaml", rules)], catalogue().clone(), bundles::identity());
    let set = compilation.loaded()?;
    let mut verify = Verify::new(&compilation, set.clone());
    let lines = drawn::capture(&compilation, EVENTS, seed.into());
    for captured in Decoder::new(set.catalogue().clone()).events(lines.as_bytes()) {
        verify.take(captured.expect("what is drawn is a capture"));
    }
    Some(verify.verified().clone())
}

fn catalogue() -> &'static Arc<Catalogue> {
    static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
        let sources = Sources::new().with("fuzz/v1/seen.proto", EVENT);
        Arc::new(compile(&sources).unwrap_or_else(|why| panic!("{why:?}")).catalogue)
    });
    &CATALOGUE
}

fn with_grammar<T>(with: impl FnOnce(&Grammar) -> T) -> T {
    thread_local! {
        static GRAMMAR: Grammar = {
            let names: Vec<String> = Grammar::without(&[]).forms().iter().map(|form| form.name.clone()).collect();
            let refused: Vec<String> =
                names.into_iter().filter(|name| REFUSED.iter().any(|part| name.contains(part))).collect();
            Grammar::without(&refused)
        };
    }
    GRAMMAR.with(with)
}

/// Choices for each form that is true or false.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut dice = Seeded::new(2);
    let truths = with_grammar(|grammar| grammar.of_type(&rules_cel::Type::Bool).len());
    let seed = |form: usize| {
        let head = [(form & 255) as u8, (form >> 8) as u8, (form % 4) as u8, (form % 7) as u8];
        head.into_iter().chain((0..40).map(|_| dice.number() as u8)).collect()
    };
    (0..truths).map(seed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_seeds_are_rules_that_hold_and_do_not_and_have_no_value() {
        let seeds = seeds();
        let verified: Vec<Verified> = seeds.iter().filter_map(|seed| verified(seed)).collect();
        assert!(verified.len() * 2 > seeds.len(), "{} of {} are rules", verified.len(), seeds.len());
        let [asked, held, without_value] = verified
            .iter()
            .flat_map(|of| &of.rules)
            .fold([0, 0, 0], |sum, rule| [sum[0] + rule.asked, sum[1] + rule.held, sum[2] + rule.without_value]);
        assert!(
            held * 5 > asked && without_value * 20 > asked && held + without_value < asked,
            "{asked} {held} {without_value}"
        );
    }
}
