//! Each kind of change, as one line of an old text and one of a new one.

use std::collections::BTreeSet;

use super::*;
use crate::compile::{Sources, compile};

const OLD: &str = r#"syntax = "proto3";
package t.v1;
import "edge/catalogue/v1/options.proto";
option (edge.catalogue.v1.defaults) = { owner: "team-t" };
message Hit {
  option (edge.catalogue.v1.event) = { id: 7 provenance: ANY subject: "who" idempotent: true };
  string who = 1 [(edge.catalogue.v1.field) = { max_len: 64 personal_data: PERSONAL }];
  int32 power = 2 [(edge.catalogue.v1.field).range = { min: 0 max: 100 }];
  optional Way way = 3;
  repeated uint32 items = 4 [(edge.catalogue.v1.field).max_items = 8];
  map<string, bool> notes = 5 [(edge.catalogue.v1.field) = { max_items: 3 max_key_len: 8 }];
}
message Miss {
  option (edge.catalogue.v1.event) = { id: 8 };
  Where at = 1;
}
message Where { float x = 1; }
enum Way { WAY_NONE = 0; WAY_LONG = 1; }
"#;

fn catalogue(text: &str) -> Catalogue {
    let compiled = compile(&Sources::new().with("t.proto", text));
    compiled.unwrap_or_else(|all| panic!("{}", all.iter().map(|d| format!("{d}\n")).collect::<String>())).catalogue
}

/// The changes that replacing `from` by `to` makes.
fn of(from: &str, to: &str) -> Vec<Change> {
    assert!(OLD.contains(from), "the text has no `{from}`");
    changes(&catalogue(OLD), &catalogue(&OLD.replace(from, to)))
}

#[track_caller]
fn check(from: &str, to: &str, codes: &[ChangeCode]) {
    let found = of(from, to);
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    let found: BTreeSet<ChangeCode> = found.iter().map(|change| change.code).collect();
    assert_eq!(found, codes.iter().copied().collect(), "{}", shown.join("\n"));
}

#[test]
fn the_same_catalogue_and_other_comments_are_no_change() {
    check("message Miss {", "// Missed.\nmessage Miss {", &[]);
}

#[test]
fn event_types() {
    use ChangeCode as C;
    check("id: 8", "id: 9", &[C::EventId]);
    check("message Miss", "message Lost", &[C::EventRemoved, C::EventIdReused]);
    let gone = "message Miss {\n  option (edge.catalogue.v1.event) = { id: 8 };\n  Where at = 1;\n}\n";
    check(gone, "", &[C::EventRemoved]);
    let more = "message Miss { option (edge.catalogue.v1.event) = { id: 20 }; }\n";
    check("enum Way", &format!("{}enum Way", more.replace("Miss", "Draw")), &[C::EventAdded]);
    check("provenance: ANY", "provenance: SERVER", &[C::ProvenanceNarrowed]);
    check("idempotent: true", "", &[C::Idempotent]);
    check("id: 8", "id: 8 owner: \"team-u\"", &[C::Owner]);
    check("id: 8", "id: 8 max_payload_bytes: 20", &[C::PayloadLowered]);
    check("id: 8 };", "id: 8 }; option deprecated = true;", &[C::Deprecated]);
    check("id: 8", "id: 8 personal_data: SENSITIVE", &[C::ClassRaised]);
    check("t.v1;", "t.v2;", &[C::Renamed]);
}

#[test]
fn fields_and_the_messages_that_events_contain() {
    use ChangeCode as C;
    check("  int32 power = 2", "  int32 power = 9", &[C::FieldNumber]);
    check("  int32 power = 2", "  int32 force = 2", &[C::FieldRemoved, C::FieldReused]);
    check("  optional Way way = 3;\n", "", &[C::FieldRemoved, C::PayloadLowered]);
    check("  optional Way way = 3;", "  optional Way way = 3; bool late = 6;", &[C::FieldAdded]);
    let needed = "bool late = 6; uint32 n = 7 [(edge.catalogue.v1.field).range = { min: 1 }];";
    check("optional Way way = 3;", &format!("optional Way way = 3; {needed}"), &[C::FieldAdded, C::FieldNeeded]);
    check("float x = 1", "double x = 1", &[C::FieldType]);
    check("repeated uint32", "repeated uint64", &[C::FieldType]);
    check("optional Way way", "Way way", &[C::Presence]);
    check("optional Way way = 3;", "oneof how { Way way = 3; }", &[C::Presence]);
}

#[test]
fn limits_and_classes() {
    use ChangeCode as C;
    check("max_len: 64", "max_len: 63", &[C::LenLowered, C::PayloadLowered]);
    check("max_len: 64", "max_len: 65", &[C::Widened]);
    check("max_items = 8", "max_items = 7", &[C::ItemsLowered, C::PayloadLowered]);
    check("max_key_len: 8", "max_key_len: 7", &[C::KeyLenLowered, C::PayloadLowered]);
    check("min: 0 max: 100", "min: 0 max: 99", &[C::RangeNarrowed]);
    check("min: 0 max: 100", "min: -1 max: 100", &[C::Widened]);
    check("float x = 1", "float x = 1 [(edge.catalogue.v1.field).range = { min: 0 }]", &[C::RangeNarrowed]);
    check("personal_data: PERSONAL", "personal_data: PSEUDONYMOUS", &[C::ClassLowered]);
    check("personal_data: PERSONAL", "personal_data: SENSITIVE", &[C::ClassRaised]);
}

#[test]
fn values_of_enums() {
    use ChangeCode as C;
    check("WAY_LONG = 1;", "", &[C::EnumValueRemoved]);
    check("WAY_LONG = 1;", "WAY_LONG = 2;", &[C::EnumValueNumber]);
    check("WAY_LONG = 1;", "WAY_LONG = 1; WAY_HIGH = 2;", &[C::EnumValueAdded]);
}

#[test]
fn another_subject_is_told() {
    let two = "string who = 1 [(edge.catalogue.v1.field) = { max_len: 64 personal_data: PERSONAL }];";
    let with = OLD.replace(two, &format!("{two}\n  {}", two.replace("who = 1", "whom = 9")));
    let found = changes(&catalogue(&with), &catalogue(&with.replace("subject: \"who\"", "subject: \"whom\"")));
    assert_eq!(found.iter().map(|c| c.code).collect::<Vec<_>>(), [ChangeCode::Subject]);
}

#[test]
fn what_is_gone_is_shown_where_it_stood() {
    let found = of("message Miss", "message Lost");
    let shown: Vec<(String, bool)> = found.iter().map(|c| (c.place(), c.is_in_old)).collect();
    assert_eq!(shown, [("t.proto:13".to_owned(), true), ("t.proto:13".to_owned(), false)]);
}

#[test]
fn codes_are_unique_and_rise() {
    let codes: Vec<&str> = ChangeCode::ALL.iter().map(|c| c.as_str()).collect();
    assert!(codes.windows(2).all(|pair| pair[0] < pair[1]), "{codes:?}");
    assert!(ChangeCode::ALL.iter().all(|c| !c.help().is_empty()));
}
