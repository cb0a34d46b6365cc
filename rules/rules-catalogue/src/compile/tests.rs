//! What authors see: one golden text for each code, and a catalogue that says nothing.

use expect_test::{Expect, expect};

use super::*;
use crate::model::{Cardinality, Kind, PersonalData, Provenances, Range};

/// A file of package `t.v1` with the body at line 6.
fn file(body: &str) -> String {
    let head = "syntax = \"proto3\";\npackage t.v1;\nimport \"edge/catalogue/v1/options.proto\";\n";
    format!("{head}option (edge.catalogue.v1.defaults) = {{ owner: \"team-t\" }};\n\n{body}")
}

fn compile_body(body: &str) -> Result<Compiled, Vec<Diagnostic>> {
    compile(&Sources::new().with("t.proto", &file(body)))
}

fn shown(result: Result<Compiled, Vec<Diagnostic>>) -> String {
    let diagnostics = result.map_or_else(|d| d, |compiled| compiled.warnings);
    diagnostics.iter().map(|d| format!("{d}\n")).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "reads best at the many places that call it")]
fn check(body: &str, expected: Expect) {
    expected.assert_eq(&shown(compile_body(body)));
}

const EVENT: &str = "option (edge.catalogue.v1.event) =";

#[test]
fn a_good_file_says_nothing_and_keeps_everything() {
    let compiled = compile_body(
        "// A hit.\nmessage Hit {\n  option (edge.catalogue.v1.event) = { id: 7 tags: \"b\" tags: \"a\" provenance: ANY subject: \"who.id\" };\n  \
         // How hard.\n  int32 power = 1 [(edge.catalogue.v1.field).range = { min: 1 }];\n  Who who = 2;\n  \
         map<string, bytes> notes = 4 [(edge.catalogue.v1.field) = { max_items: 3 max_key_len: 8 max_len: 9 }];\n  \
         oneof how { bool by_hand = 5; Way way = 6 [deprecated = true]; }\n}\n\
         message Who { string id = 1 [(edge.catalogue.v1.field) = { max_len: 64 personal_data: PERSONAL }]; }\n\
         enum Way { WAY_NONE = 0; WAY_LONG = 1; }\n",
    )
    .unwrap();
    assert_eq!(compiled.warnings, []);
    let catalogue = compiled.catalogue;
    assert_eq!(catalogue.name(), "t.v1");
    let hit = catalogue.event_type_by_name("Hit").unwrap();
    assert_eq!((hit.id.0, hit.owner.as_str(), hit.doc.as_str()), (7, "team-t", "A hit."));
    assert_eq!(hit.tags, ["a", "b"]);
    assert_eq!((hit.provenance, hit.subject.as_deref()), (Provenances::Any, Some("who.id")));
    assert_eq!(hit.personal_data, PersonalData::Personal);
    assert_eq!(catalogue.place(hit.position), "t.proto:7");
    // Each with its tag: power, who, three entries of notes, by_hand, way; and 256 for fields to come.
    assert_eq!(hit.max_payload_bytes, 6 + 68 + 3 * 23 + 2 + 11 + 256);
    let fields = catalogue.fields(hit);
    assert_eq!(fields[0].limits.range, Some(Range::Int { min: 1, max: i64::from(i32::MAX) }));
    assert_eq!((fields[0].doc.as_str(), catalogue.place(fields[0].position)), ("How hard.", "t.proto:10".to_owned()));
    assert_eq!((fields[2].cardinality, fields[2].kind), (Cardinality::Map(Kind::String), Kind::Bytes));
    assert_eq!((fields[3].oneof, fields[4].oneof, fields[4].deprecated), (Some(0), Some(0), true));
    let types: Vec<String> = fields.iter().map(|f| catalogue.type_of(f)).collect();
    assert_eq!(types, ["int32", "t.v1.Who", "map<string, bytes>", "bool", "t.v1.Way"]);
    assert_eq!(catalogue.enums()[0].by_name("Long").unwrap().number, 1);
}

#[test]
fn text_that_is_no_protobuf() {
    check(
        "message Hit {",
        expect![[r#"
        error[C0001]: expected a message field, oneof, reserved range, enum, message, option or '}', but reached end of file
          --> t.proto
           = help: make the file valid protobuf; `protoc` would refuse it, too
    "#]],
    );
    check(
        "message Hit { Missing a = 1; }",
        expect![[r#"
        error[C0001]: name 'Missing' is not defined
          --> t.proto:6:15
           = help: make the file valid protobuf; `protoc` would refuse it, too
    "#]],
    );
    let import = "syntax = \"proto3\";\nimport \"gone.proto\";\n";
    expect![[r#"
        error[C0001]: import 'gone.proto' not found
          --> a.proto:2:1
           = help: make the file valid protobuf; `protoc` would refuse it, too
    "#]]
    .assert_eq(&shown(compile(&Sources::new().with("a.proto", import))));
}

#[test]
fn several_broken_files_are_told_together() {
    let sources = Sources::new()
        .with("a.proto", "syntax = \"proto3\";\nmessage {")
        .with("b.proto", "syntax = \"proto3\";\nimport \"a.proto\";\n")
        .with("c.proto", &file(&format!("message Hit {{ {EVENT} {{ id: 0 }}; }}")));
    expect![[r#"
        error[C0001]: expected an identifier, but found '{'
          --> a.proto:2:9
           = help: make the file valid protobuf; `protoc` would refuse it, too
        error[C0101]: event type `Hit` has id 0
          --> c.proto:6:9
           = help: choose an id from 1 to 65535 that was never used, e.g. `id: 1041`
        warning[C0403]: event type `Hit` has no comment
          --> c.proto:6:9
           = help: say in a comment above it when it is sent: that text is shown to the authors of rules
    "#]]
    .assert_eq(&shown(compile(&sources)));
}

#[test]
fn catalogues_without_events_or_packages() {
    check(
        "message Hit {}",
        expect![[r#"
        error[C0002]: no message is an event type
          --> t.proto
           = help: import `edge/catalogue/v1/options.proto` and give messages the option `(edge.catalogue.v1.event)`
    "#]],
    );
    expect![[r#"
        error[C0002]: no message is an event type
           = help: import `edge/catalogue/v1/options.proto` and give messages the option `(edge.catalogue.v1.event)`
    "#]]
    .assert_eq(&shown(compile(&Sources::new())));
    let a = file(&format!("// A.\nmessage Ann {{ {EVENT} {{ id: 1 }}; }}"));
    let b = a.replace("t.v1", "u.v1").replace("Ann", "Bob").replace("id: 1", "id: 2");
    let c = a.replace("package t.v1;", "").replace("Ann", "Cid").replace("id: 1", "id: 3");
    let sources = Sources::new().with("a.proto", &a).with("b.proto", &b).with("c.proto", &c);
    expect![[r#"
        error[C0003]: event type `Bob` is in package `u.v1`, others are in `t.v1`
          --> b.proto:7:9
           = help: put all event types of a catalogue into one package; its name is the catalogue's name
        error[C0004]: the file of event type `Cid` has no package
          --> c.proto:7:9
           = help: add a line such as `package game.v1;`
    "#]]
    .assert_eq(&shown(compile(&sources)));
}

#[test]
fn ids_owners_and_words() {
    check(
        &format!(
            "// A.\nmessage Ann {{ {EVENT} {{ id: 1 }}; }}\n// B.\nmessage Bob {{ {EVENT} {{ id: 1 }}; }}\n\
             // C.\nmessage Cid {{ {EVENT} {{ }}; }}\n// D.\nmessage Dan {{ {EVENT} {{ id: 70000 tags: \"Big Word\" }}; }}\n"
        ),
        expect![[r#"
            error[C0102]: event types `Ann` and `Bob` both have id 1
              --> t.proto:9:9
               = help: choose another id; an id belongs to one event type for ever
            error[C0101]: event type `Cid` has id 0
              --> t.proto:11:9
               = help: choose an id from 1 to 65535 that was never used, e.g. `id: 1041`
            error[C0101]: event type `Dan` has id 70000
              --> t.proto:13:9
               = help: choose an id from 1 to 65535 that was never used, e.g. `id: 1041`
            error[C0105]: `Big Word` is no tag or owner
              --> t.proto:13:9
               = help: use 1 to 64 lower-case letters, digits, `-`, `_`, `.` or `/`
        "#]],
    );
    let no_owner = file(&format!("// A.\nmessage Ann {{ {EVENT} {{ id: 1 }}; }}")).replace("owner: \"team-t\"", "");
    expect![[r#"
        error[C0103]: event type `Ann` has no owner
          --> t.proto:7:9
           = help: add `owner: "team-…"` to the event, or a default for the file with `option (edge.catalogue.v1.defaults) = { owner: "team-…" }`
    "#]].assert_eq(&shown(compile(&Sources::new().with("t.proto", &no_owner))));
}

#[test]
fn subjects() {
    let with = |event: &str, fields: &str| format!("// A.\nmessage Ann {{ {EVENT} {{ id: 1 {event} }}; {fields} }}");
    let id = "string id = 1 [(edge.catalogue.v1.field).max_len = 8];";
    check(
        &with("provenance: SERVER", id),
        expect![[r#"
        error[C0201]: event type `Ann` can come from game servers and names no subject
          --> t.proto:7:9
           = help: name the string field that holds the player's id, e.g. `subject: "player_id"`
    "#]],
    );
    check(
        &with("provenance: ANY subject: \"idd\"", id),
        expect![[r#"
        error[C0202]: the subject `idd` is no field of `t.v1.Ann`; did you mean `id`?
          --> t.proto:7:9
           = help: name one string field by its path, e.g. `subject: "player_id"`
    "#]],
    );
    check(
        &with("provenance: SERVER subject: \"n\"", "int32 n = 1;"),
        expect![[r#"
        error[C0202]: the subject `n` is not one string field
          --> t.proto:7:9
           = help: name one string field by its path, e.g. `subject: "player_id"`
    "#]],
    );
    check(
        &with("subject: \"id\"", id),
        expect![[r#"
        error[C0203]: event type `Ann` of clients has a subject field
          --> t.proto:7:9
           = help: remove `subject`: the subject of a client's event is the `sub` of its token
    "#]],
    );
    check(
        &with("provenance: SERVER subject: \"id\"", id),
        expect![[r#"
        warning[C0404]: the subject `id` has no personal-data class
          --> t.proto:7:9
           = help: a player's id is at least `personal_data: PSEUDONYMOUS`
    "#]],
    );
}

#[test]
fn limits() {
    check(
        &format!(
            "// A.\nmessage Ann {{\n  {EVENT} {{ id: 1 }};\n  string s = 1;\n  repeated bytes b = 2;\n  map<string, int32> m = 3;\n  \
             int32 n = 4 [(edge.catalogue.v1.field).max_len = 1];\n  bool o = 5 [(edge.catalogue.v1.field).range = {{ min: 1 }}];\n  \
             int32 p = 6 [(edge.catalogue.v1.field).range = {{ min: 1.5 }}];\n  uint32 q = 7 [(edge.catalogue.v1.field).range = {{ min: -1 }}];\n  \
             int64 r = 8 [(edge.catalogue.v1.field).range = {{ max: 1e18 }}];\n  double t = 9 [(edge.catalogue.v1.field).range = {{ min: 2 max: 1 }}];\n  \
             double u = 10 [(edge.catalogue.v1.field).max_items = 2];\n}}\n"
        ),
        expect![[r#"
            error[C0301]: `s` has no `max_len`
              --> t.proto:9:10
               = help: add `[(edge.catalogue.v1.field).max_len = N]`, in bytes
            error[C0301]: `b` has no `max_len`
              --> t.proto:10:18
               = help: add `[(edge.catalogue.v1.field).max_len = N]`, in bytes
            error[C0302]: `b` has no `max_items`
              --> t.proto:10:18
               = help: add `[(edge.catalogue.v1.field).max_items = N]`
            error[C0302]: `m` has no `max_items`
              --> t.proto:11:22
               = help: add `[(edge.catalogue.v1.field).max_items = N]`
            error[C0303]: `m` has no `max_key_len`
              --> t.proto:11:22
               = help: add `[(edge.catalogue.v1.field).max_key_len = N]`, in bytes
            error[C0304]: `n` has `max_len`, which is for strings and bytes
              --> t.proto:12:9
               = help: remove it, or put it on the field that it is meant for
            error[C0304]: `o` has `range`, which is for numbers
              --> t.proto:13:8
               = help: remove it, or put it on the field that it is meant for
            error[C0305]: `p` has a range that ends at 1.5, which is no whole int32
              --> t.proto:14:9
               = help: give whole ends that the type can hold, the smaller one as `min`
            error[C0305]: `q` has a range that ends at -1, which is no whole uint32
              --> t.proto:15:10
               = help: give whole ends that the type can hold, the smaller one as `min`
            error[C0305]: `r` has a range that ends at 1000000000000000000, which is no whole int64
              --> t.proto:16:9
               = help: give whole ends that the type can hold, the smaller one as `min`
            error[C0305]: `t` has the empty range 2 to 1
              --> t.proto:17:10
               = help: give whole ends that the type can hold, the smaller one as `min`
            error[C0304]: `u` has `max_items`, which is for lists and maps
              --> t.proto:18:10
               = help: remove it, or put it on the field that it is meant for
        "#]],
    );
}

#[test]
fn sizes() {
    let with = |event: &str, len: u32| {
        format!(
            "// A.\nmessage Ann {{ {EVENT} {{ id: 1 {event} }}; string s = 1 [(edge.catalogue.v1.field).max_len = {len}]; }}"
        )
    };
    check(&with("", 65_532), expect![[r#""#]]);
    check(
        &with("", 65_533),
        expect![[r#"
        error[C0106]: event type `Ann` can have 65537 bytes; at most 65536 fit
          --> t.proto:7:9
           = help: lower max_len or max_items of its fields, or set `max_payload_bytes` (at most 65536) and have larger events refused
    "#]],
    );
    check(&with("max_payload_bytes: 65536", 65_533), expect![[r#""#]]);
    check(
        &with("max_payload_bytes: 65537", 1),
        expect![[r#"
        error[C0106]: `max_payload_bytes` is 65537; at most 65536 is allowed
          --> t.proto:7:9
           = help: lower max_len or max_items of its fields, or set `max_payload_bytes` (at most 65536) and have larger events refused
    "#]],
    );
    let fields: String = (1..=65).map(|n| format!("Bob f{n} = {n};")).collect();
    check(
        &format!("// A.\nmessage Ann {{ {EVENT} {{ id: 1 }}; {fields} }} message Bob {{}}"),
        expect![[r#"
        error[C0007]: `Ann` has 65 lists, maps, messages and fields whose range excludes 0; at most 64 are allowed
          --> t.proto:7:9
           = help: split the message
    "#]],
    );
}

#[test]
fn shapes() {
    check(
        &format!(
            "import \"google/protobuf/wrappers.proto\";\nimport \"google/protobuf/any.proto\";\n// A.\nmessage Ann {{\n  {EVENT} {{ id: 1 }};\n  \
             google.protobuf.StringValue a = 1;\n  google.protobuf.Any b = 2;\n  int32 camelCase = 3;\n}}\n"
        ),
        expect![[r#"
            error[C0005]: `a` is a `google.protobuf.StringValue`, which is not supported; write `optional` instead
              --> t.proto:11:31
               = help: use proto3 with scalar, enum, message, list, map and oneof fields, `google.protobuf.Timestamp` and `Duration`
            error[C0005]: `b` is a `google.protobuf.Any`, which is not supported; declare a message of its own
              --> t.proto:12:23
               = help: use proto3 with scalar, enum, message, list, map and oneof fields, `google.protobuf.Timestamp` and `Duration`
            warning[C0402]: `camelCase` is not lower_snake_case
              --> t.proto:13:9
               = help: use `lower_snake_case`, as protobuf's style guide does
        "#]],
    );
    check(
        &format!("// A.\nmessage Ann {{ {EVENT} {{ id: 1 }}; Ann again = 1; }}"),
        expect![[r#"
        error[C0006]: event type `Ann` nests too deep or contains itself
          --> t.proto:7:9
           = help: flatten the messages: an event nests at most 8 messages, and none contains itself
    "#]],
    );
    let chain = |n: u32| {
        let links: String = (2..n).map(|i| format!("message M{i} {{ M{} m = 1; }}\n", i + 1)).collect();
        format!("// A.\nmessage M1 {{ {EVENT} {{ id: 1 }}; M2 m = 1; }}\n{links}message M{n} {{ bool end = 1; }}\n")
    };
    check(&chain(8), expect![[r#""#]]);
    check(
        &chain(9),
        expect![[r#"
        error[C0006]: event type `M1` nests too deep or contains itself
          --> t.proto:7:9
           = help: flatten the messages: an event nests at most 8 messages, and none contains itself
    "#]],
    );
    let proto2 = "syntax = \"proto2\";\npackage t.v1;\nmessage Old { required int32 n = 1; }\n";
    let uses = file(&format!("import \"old.proto\";\n// A.\nmessage Ann {{ {EVENT} {{ id: 1 }}; Old old = 1; }}"));
    let sources = Sources::new().with("old.proto", proto2).with("t.proto", &uses);
    expect![[r#"
        error[C0005]: `Old` is not proto3
          --> old.proto:3:9
           = help: use proto3 with scalar, enum, message, list, map and oneof fields, `google.protobuf.Timestamp` and `Duration`
        error[C0005]: `n` is required, which proto3 does not have
          --> old.proto:3:30
           = help: use proto3 with scalar, enum, message, list, map and oneof fields, `google.protobuf.Timestamp` and `Duration`
    "#]].assert_eq(&shown(compile(&sources)));
}

#[test]
fn names_and_comments() {
    check(
        &format!("message lower_case {{ {EVENT} {{ id: 1 }}; message Inner {{ {EVENT} {{ id: 2 }}; }} }}"),
        expect![[r#"
            warning[C0401]: `lower_case` is not UpperCamelCase
              --> t.proto:6:9
               = help: use `UpperCamelCase`: a recorded event `unit_born` is the message `UnitBorn`
            warning[C0403]: event type `lower_case` has no comment
              --> t.proto:6:9
               = help: say in a comment above it when it is sent: that text is shown to the authors of rules
            error[C0104]: event type `Inner` stands inside another message
              --> t.proto:6:76
               = help: move the message out of the message around it: rules name event types by their short name
            warning[C0403]: event type `Inner` has no comment
              --> t.proto:6:76
               = help: say in a comment above it when it is sent: that text is shown to the authors of rules
        "#]],
    );
}

#[test]
fn codes_are_unique_and_rise() {
    let codes: Vec<&str> = Code::ALL.iter().map(|c| c.as_str()).collect();
    assert!(codes.windows(2).all(|pair| pair[0] < pair[1]), "{codes:?}");
    assert!(Code::ALL.iter().all(|c| !c.help().is_empty()));
}

#[test]
fn comments_and_lines_do_not_change_the_digest() {
    let plain = format!("// A.\nmessage Ann {{ {EVENT} {{ id: 1 }}; bool b = 1; }}");
    let moved = format!("\n\n// Another comment.\nmessage Ann {{\n  {EVENT} {{ id: 1 }};\n  // B.\n  bool b = 1; }}");
    let wider = plain.replace("bool b = 1;", "bool b = 1; bool c = 2;");
    let digest = |body: &str| *compile_body(body).unwrap().catalogue.digest();
    assert_eq!(digest(&plain), digest(&moved));
    assert_ne!(digest(&plain), digest(&wider));
}
