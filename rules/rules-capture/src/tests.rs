//! Captures read, and every way in which a line can be wrong.

use std::io::Write as _;

use super::*;
use edge_event::{Class, EventTypeId, Provenance, Seq, UnixMillis};
use rules_catalogue::compile::{Sources, compile};
use std::sync::Arc;

const PROTO: &str = r#"syntax = "proto3";
package game.v1;
import "edge/catalogue/v1/options.proto";
option (edge.catalogue.v1.defaults) = { owner: "team" };
message MatchJoined {
  option (edge.catalogue.v1.event) = { id: 1 };
  string region = 1 [(edge.catalogue.v1.field).max_len = 8];
  string build = 2 [(edge.catalogue.v1.field).max_len = 8];
}
message UnitBorn {
  option (edge.catalogue.v1.event) = { id: 2 };
  uint32 count = 1 [(edge.catalogue.v1.field).range = { max: 10 }];
}
"#;

fn decoder() -> Decoder {
    let compiled = compile(&Sources::new().with("a.proto", PROTO)).unwrap();
    Decoder::new(Arc::new(compiled.catalogue))
}

fn read(text: &str) -> Result<Vec<Captured>, CaptureError> {
    decoder().events(text.as_bytes()).collect()
}

fn refused(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

fn born(place: &str) -> String {
    format!(r#"{{{place},"player":"a","type":"unit_born","fields":{{"count":1}}}}"#)
}

#[test]
fn matches_follow_each_other_and_senders_count_their_events() {
    let text = [
        r#"{"match":"m1","t":0.0,"player":"a","type":"match_joined","fields":{"region":"eu","build":"1.2"}}"#,
        &born(r#""match":"m1","t":2.5004"#),
        r#"{"match":"m1","t":2.5004,"player":"b","type":"UnitBorn","fields":{"count":2},"class":0}"#,
        "",
        &born(r#""match":"m2","t":1"#),
        &born(&format!(r#""at":{}"#, FIRST_MATCH_MS + 400_000)),
        &born(r#""match":"m3","t":0"#),
    ];
    let events = read(&text.join("\n")).unwrap();
    let at: Vec<i64> = events.iter().map(|e| e.at.0 - FIRST_MATCH_MS).collect();
    assert_eq!(at, [0, 2_500, 2_500, 2_500 + PAUSE_MS + 1_000, 400_000, 400_000 + PAUSE_MS]);
    let identity: Vec<_> = events.iter().map(|e| (e.line, e.sender, e.class, e.seq.0)).collect();
    let (c0, c1) = (Class::ALL[0], Class::ALL[1]);
    assert_eq!(identity, [(1, 0, c1, 1), (2, 0, c1, 2), (3, 1, c0, 1), (5, 0, c1, 3), (6, 0, c1, 4), (7, 0, c1, 5)]);
    let conn = &events[1].conn;
    assert_eq!((&*conn.sub, &*conn.region, &*conn.build, &*conn.platform), ("a", "eu", "1.2", "pc"));
    assert_eq!(
        events[3].game.as_ref().map(|g| (&*g.name, g.began)),
        Some(("m2", UnixMillis(FIRST_MATCH_MS + 302_500)))
    );
    assert_eq!(events[4].game, None);
    assert_eq!((events[1].event_type, events[2].event_type), (EventTypeId(2), EventTypeId(2)));
}

#[test]
fn a_session_line_describes_a_sender() {
    let text = r#"{"session":{"player":"never heard of"}}
{"session":{"player":"a","region":"kr","segments":["vip","beta","vip"],"platform":"ps5","locale":"ko-KR","build":"9","attributes":{"x":"y"},"producer":"000102030405060708090a0b0c0d0e0f"}}
{"session":{"server":"a","build":"gs"}}
{"at":5,"player":"a","type":"MatchJoined","fields":{"region":"eu"}}
{"at":5,"server":"a","type":"MatchJoined","fields":{}}"#;
    let events = read(text).unwrap();
    let [client, server] = [&events[0].conn, &events[1].conn];
    assert_eq!((&*client.region, &*client.platform, &*client.locale, &*client.build), ("kr", "ps5", "ko-KR", "9"));
    assert_eq!(client.segments, [Arc::from("beta"), Arc::from("vip")]);
    assert_eq!(client.attributes, [(Arc::from("x"), Arc::from("y"))]);
    assert_eq!(client.producer.0[..3], [0, 1, 2]);
    assert_eq!((client.provenance, server.provenance), (Provenance::Client, Provenance::Server));
    assert_eq!((events[0].sender, events[1].sender), (0, 1));
    assert_ne!(client.producer, server.producer);
}

#[test]
fn an_event_may_name_its_number_and_break_limits() {
    let text = r#"{"at":1,"player":"a","type":"UnitBorn","fields":{"count":99},"seq":7}
{"at":1,"player":"a","type":"UnitBorn","fields":{},"seq":7}
{"at":1,"player":"a","type":"UnitBorn","fields":{}}
{"at":1,"player":"a","type_id":4000,"payload":"CGM="}"#;
    let events = read(text).unwrap();
    assert_eq!(events.iter().map(|e| e.seq).collect::<Vec<_>>(), [Seq(7), Seq(7), Seq(8), Seq(9)]);
    assert_eq!(&events[0].payload[..], [8, 99], "the catalogue allows 10, and admission is not ours");
    assert_eq!((events[3].event_type, &events[3].payload[..]), (EventTypeId(4000), &[8, 99][..]));
}

#[test]
fn files_go_on_where_the_one_before_ended() {
    let mut decoder = decoder();
    let first: Vec<_> = decoder.events(born(r#""match":"m1","t":1"#).as_bytes()).collect();
    let second: Vec<_> = decoder.events(born(r#""match":"m2","t":1"#).as_bytes()).collect();
    let (first, second) = (first[0].as_ref().unwrap(), second[0].as_ref().unwrap());
    assert_eq!((second.line, second.seq, second.at.0 - first.at.0), (1, Seq(2), PAUSE_MS + 1_000));
    assert_eq!((decoder.senders(), decoder.matches()), (1, 2));
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let long = "x".repeat(300_000);
    let cases = [
        ("{}", "line 1: a line names either a `player` or a `server`; an event reads"),
        ("\n\n[1]", "line 3: invalid type"),
        (r#"{"at":1,"player":"a","type":"UnitBorn","fields":{},"x":1}"#, "line 1: unknown field `x`"),
        (&born(r#""match":"m","t":-1"#), "line 1: `t` is -1; it must be seconds from 0"),
        (&born(r#""at":-1"#), "line 1: `at` is -1; it must be milliseconds since 1970"),
        (&born(r#""at":1,"t":1"#), "line 1: an event has either `match` and `t`, or `at`"),
        (&born(r#""match":"m""#), "line 1: an event has either `match` and `t`, or `at`"),
        (&[born(r#""at":5"#), born(r#""at":3"#)].join("\n"), "line 2: 2 ms earlier than the line before"),
        (
            &["m", "n", "m"].map(|m| born(&format!(r#""match":"{m}","t":1"#))).join("\n"),
            "line 3: match `m` comes again after another match",
        ),
        (r#"{"at":1,"player":"","type":"UnitBorn","fields":{}}"#, "line 1: `player` must be 1 to 128 bytes"),
        (
            r#"{"at":1,"player":"p","type":"unit_brn","fields":{}}"#,
            "line 1: `type` is `unit_brn`, which is neither the name of an event type of the catalogue game.v1",
        ),
        (r#"{"at":1,"player":"p","type":"UnitBorm","fields":{}}"#, "(did you mean `UnitBorn`?)"),
        (
            r#"{"at":1,"player":"p","type":"UnitBorn","fields":{"cout":1}}"#,
            "line 1: `fields` of UnitBorn: no field `cout` on game.v1.UnitBorn",
        ),
        (r#"{"at":1,"player":"p","type":"UnitBorn","payload":"?"}"#, "line 1: `payload` is no base64"),
        (r#"{"at":1,"player":"p","type":"UnitBorn"}"#, "line 1: an event has either `fields` or `payload`"),
        (r#"{"at":1,"player":"p","type_id":77,"fields":{}}"#, "line 1: the catalogue has no type of this `type_id`"),
        (r#"{"at":1,"player":"p","type":"UnitBorn","fields":{},"class":4}"#, "line 1: `class` is 4; it must be 0 to 3"),
        (r#"{"at":1,"player":"p","type":"UnitBorn","fields":{},"seq":0}"#, "line 1: `seq` is 0"),
        (
            &[&born(r#""at":5"#), r#"{"session":{"player":"a"}}"#].join("\n"),
            "line 2: the session of `a` is described after its first event or twice",
        ),
        (r#"{"session":{"player":"a"},"at":1}"#, "line 1: a line with `session` has nothing beside it"),
        (r#"{"session":{"player":"a","producer":"xy"}}"#, "line 1: `producer` must be 32 hexadecimal digits"),
        (r#"{"session":{"player":"a","build":"\n"}}"#, "line 1: `build` must be 0 to 64 bytes"),
        (&long, "line 1: longer than 262144 bytes"),
    ];
    for (text, expected) in cases {
        let found = refused(text);
        assert!(found.contains(expected), "{found}\nholds no\n{expected}");
    }
}

#[test]
fn after_the_first_error_nothing_more_comes() {
    let mut decoder = decoder();
    let text = ["{", &born(r#""at":5"#)].join("\n");
    assert_eq!(decoder.events(text.as_bytes()).count(), 1);
}

#[test]
fn gzip_is_unpacked_and_a_torn_one_is_an_error() {
    let text = born(r#""at":5"#);
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text.as_bytes()).unwrap();
    let packed = packer.finish().unwrap();
    for input in [text.as_bytes(), &packed] {
        assert_eq!(decoder().events(unpacked(input).unwrap()).flatten().count(), 1);
    }
    let torn = &packed[..packed.len() - 9];
    let why = decoder().events(unpacked(torn).unwrap()).find_map(Result::err).unwrap().to_string();
    assert!(why.contains("is the file whole?"), "{why}");
    assert_eq!(decoder().events(unpacked(&[][..]).unwrap()).count(), 0);
}
