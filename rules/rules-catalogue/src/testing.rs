//! A small catalogue with every kind of field, and payloads made of anything, for the tests of this crate.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, MessageDescriptor};

use crate::compile::{OPTIONS_FILE, Sources, compile, parse};
use crate::model::{EventType, Kind};
use crate::value::wire_type_of;
use crate::wire::{WireType, Writer};
use crate::{Cardinality, Catalogue};

const KINDS: &str = r#"
// Everything at once.
message Kinds {
  option (edge.catalogue.v1.event) = { id: 1 max_payload_bytes: 4096 };
  bool b = 1;
  int32 i32 = 2;
  int64 i64 = 3;
  uint32 u32 = 4;
  uint64 u64 = 5;
  sint32 s32 = 6;
  sint64 s64 = 7;
  fixed32 f32 = 8;
  fixed64 f64 = 9;
  sfixed32 sf32 = 10;
  sfixed64 sf64 = 11;
  float single = 12;
  double double = 13;
  string text = 14 [(edge.catalogue.v1.field).max_len = 32];
  bytes blob = 15 [(edge.catalogue.v1.field).max_len = 32];
  Color color = 16;
  optional int32 maybe = 17;
  Inner inner = 18;
  repeated int32 ints = 19 [(edge.catalogue.v1.field).max_items = 40];
  repeated string texts = 20 [(edge.catalogue.v1.field) = { max_items: 4 max_len: 32 }];
  repeated Inner inners = 21 [(edge.catalogue.v1.field).max_items = 4];
  map<string, int32> by_name = 22 [(edge.catalogue.v1.field) = { max_items: 4 max_key_len: 32 }];
  map<int32, Inner> by_number = 23 [(edge.catalogue.v1.field).max_items = 4];
  oneof one {
    int32 one_number = 24;
    string one_text = 25 [(edge.catalogue.v1.field).max_len = 32];
    Inner one_inner = 26;
  }
  google.protobuf.Timestamp at = 27;
  google.protobuf.Duration took = 28;
  repeated fixed32 fixeds = 29 [(edge.catalogue.v1.field).max_items = 40];
  optional string maybe_text = 30 [(edge.catalogue.v1.field).max_len = 32];
  repeated Color colors = 31 [(edge.catalogue.v1.field).max_items = 40];
  repeated bool bools = 32 [(edge.catalogue.v1.field).max_items = 40];
}
message Inner {
  sint32 x = 1;
  optional string name = 2 [(edge.catalogue.v1.field).max_len = 32];
  Deep deep = 3;
}
message Deep { repeated double values = 1 [(edge.catalogue.v1.field).max_items = 8]; }
enum Color { COLOR_NONE = 0; COLOR_RED = 1; COLOR_BLUE = -2; }

// Its numbers have ranges.
message Ranges {
  option (edge.catalogue.v1.event) = { id: 2 provenance: SERVER subject: "who.id" };
  int32 level = 1 [(edge.catalogue.v1.field).range = { min: 1 max: 200 }];
  uint64 count = 2 [(edge.catalogue.v1.field).range = { min: 0 max: 9 }];
  double ratio = 3 [(edge.catalogue.v1.field).range = { min: 0 max: 1 }];
  Who who = 4;
}
message Who { string id = 1 [(edge.catalogue.v1.field) = { max_len: 8 personal_data: PSEUDONYMOUS }]; }
"#;

/// The catalogue `t.v1` with the event types `Kinds` (1) and `Ranges` (2).
pub(crate) fn catalogue() -> Catalogue {
    static COMPILED: LazyLock<Catalogue> =
        LazyLock::new(|| compile(&sources()).expect("the test catalogue compiles").catalogue);
    COMPILED.clone()
}

/// The same, for the oracle.
pub(crate) fn descriptor(pool: &DescriptorPool, full_name: &str) -> MessageDescriptor {
    pool.get_message_by_name(full_name).expect("the message exists")
}

/// What the oracle decodes with.
pub(crate) fn pool() -> DescriptorPool {
    parse(&sources()).0
}

pub(crate) fn kinds(catalogue: &Catalogue) -> &EventType {
    catalogue.event_type_by_name("Kinds").expect("it is there")
}

fn sources() -> Sources {
    let imports = [OPTIONS_FILE, "google/protobuf/timestamp.proto", "google/protobuf/duration.proto"];
    let imports: String = imports.iter().map(|i| format!("import \"{i}\";\n")).collect();
    let head = "option (edge.catalogue.v1.defaults) = { owner: \"team-t\" };\n";
    Sources::new().with("t.proto", &format!("syntax = \"proto3\";\npackage t.v1;\n{imports}{head}{KINDS}"))
}

/// One field to write: which (taken modulo what exists), how odd, and what with.
pub(crate) type Op = (u8, u8, u64, Vec<u8>);

/// A payload of `Kinds`: mostly what an encoder would write, sometimes another wire type or raw bytes.
pub(crate) fn payload(catalogue: &Catalogue, ops: &[Op]) -> Vec<u8> {
    let fields = catalogue.fields(kinds(catalogue));
    let mut out = Writer::default();
    for (which, odd, n, bytes) in ops {
        let at = usize::from(*which) % (fields.len() + 1);
        let Some(field) = fields.get(at).filter(|_| *odd < 250) else {
            any_field(u32::from(*which) + 1, *odd, *n, bytes, &mut out);
            continue;
        };
        match field.cardinality {
            Cardinality::Repeated if field.kind.is_packable() && odd % 2 == 0 => {
                let mut packed = Writer::default();
                bytes.iter().for_each(|b| value(field.kind, u64::from(*b), bytes, &mut packed));
                out.tag(field.number, WireType::Len);
                out.len_delimited(&packed.bytes);
            }
            Cardinality::Map(key) => {
                let mut entry = Writer::default();
                if odd % 3 != 0 {
                    entry.tag(1, wire_type_of(key));
                    value(key, *n, bytes, &mut entry);
                }
                if odd % 5 != 0 {
                    entry.tag(2, wire_type_of(field.kind));
                    value(field.kind, *n, bytes, &mut entry);
                }
                out.tag(field.number, WireType::Len);
                out.len_delimited(&entry.bytes);
            }
            _ => {
                out.tag(field.number, wire_type_of(field.kind));
                value(field.kind, *n, bytes, &mut out);
            }
        }
    }
    out.bytes
}

fn value(kind: Kind, n: u64, bytes: &[u8], out: &mut Writer) {
    match (wire_type_of(kind), kind) {
        (WireType::Varint, _) => out.varint(n),
        (WireType::Fixed32, _) => out.bytes.extend_from_slice(&(n as u32).to_le_bytes()),
        (WireType::Fixed64, _) => out.bytes.extend_from_slice(&n.to_le_bytes()),
        (_, Kind::String) if !n.is_multiple_of(16) => out.len_delimited(String::from_utf8_lossy(bytes).as_bytes()),
        (_, Kind::Timestamp | Kind::Duration) => {
            let mut inside = Writer::default();
            inside.tag(1, WireType::Varint);
            inside.varint(n >> 32);
            inside.tag(2, WireType::Varint);
            inside.varint(n & 0x1fff_ffff);
            out.len_delimited(&inside.bytes);
        }
        (_, Kind::Message(_)) if !n.is_multiple_of(16) => {
            let mut inside = Writer::default();
            inside.tag(1, WireType::Varint);
            inside.varint(n);
            if n.is_multiple_of(2) {
                inside.tag(2, WireType::Len);
                inside.len_delimited(String::from_utf8_lossy(bytes).as_bytes());
            }
            if n.is_multiple_of(3) {
                let mut values = Writer::default();
                values.tag(1, WireType::Len);
                values.len_delimited(&n.to_le_bytes());
                inside.tag(3, WireType::Len);
                inside.len_delimited(&values.bytes);
            }
            out.len_delimited(&inside.bytes);
        }
        _ => out.len_delimited(bytes),
    }
}

fn any_field(number: u32, odd: u8, n: u64, bytes: &[u8], out: &mut Writer) {
    match odd % 5 {
        0 => {
            out.tag(number, WireType::Varint);
            out.varint(n);
        }
        1 => {
            out.tag(number, WireType::Fixed32);
            out.bytes.extend_from_slice(&(n as u32).to_le_bytes());
        }
        2 => {
            out.tag(number, WireType::Fixed64);
            out.bytes.extend_from_slice(&n.to_le_bytes());
        }
        3 => {
            out.tag(number, WireType::Len);
            out.len_delimited(bytes);
        }
        _ => out.bytes.extend_from_slice(bytes),
    }
}
