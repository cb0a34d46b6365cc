//! Types, resolutions and mistakes, as authors see them.

use crate::checked::{Comprehension, Fold, NodeKind};
use crate::env::{FieldInfo, Signature};
use crate::overload::Overload;
use crate::{Check, Constant, Env, Type, TypeProvider, check, compile, parse, render};
use expect_test::{Expect, expect};
use proptest::prelude::*;

/// A small catalogue.
struct Game;

const MESSAGES: [&str; 3] = ["game.v1.PlayerDied", "game.v1.Position", "google.protobuf.Timestamp"];

fn fields(message: &str) -> Vec<(&'static str, Type)> {
    match message {
        "game.v1.PlayerDied" => vec![
            ("level", Type::Int),
            ("zone", Type::String),
            ("gold", Type::Uint),
            ("speed", Type::Double),
            ("at", Type::Timestamp),
            ("items", Type::list(Type::String)),
            ("counts", Type::map(Type::String, Type::Int)),
            ("by_slot", Type::map(Type::Int, Type::message("game.v1.Position"))),
            ("where", Type::message("game.v1.Position")),
            ("guild", Type::wrapper(Type::String)),
            ("extra", Type::Dyn),
        ],
        "game.v1.Position" => vec![("x", Type::Double), ("y", Type::Double)],
        "google.protobuf.Timestamp" => vec![("seconds", Type::Int), ("nanos", Type::Int)],
        _ => vec![],
    }
}

impl TypeProvider for Game {
    fn has_message(&self, message: &str) -> bool {
        MESSAGES.contains(&message)
    }

    fn field(&self, message: &str, field: &str) -> Option<FieldInfo> {
        let at = fields(message).iter().position(|(name, _)| *name == field)?;
        Some(FieldInfo { ty: fields(message)[at].1.clone(), index: u32::try_from(at).ok()? })
    }

    fn field_names(&self, message: &str) -> Vec<String> {
        fields(message).iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    fn enum_value(&self, name: &str) -> Option<i64> {
        (name == "game.v1.Zone.CATACOMBS").then_some(3)
    }
}

fn env() -> Env<'static> {
    let mut env = Env::new(&Game);
    env.set_container("game.v1")
        .variable("event", Type::message("game.v1.PlayerDied"))
        .variable("player.id", Type::String)
        .variable("conn.platform", Type::String)
        .variable("conn.region", Type::String)
        .variable("deaths", Type::Int)
        .variable("any", Type::Dyn)
        .named_constant("zones.hard", Type::list(Type::String))
        .constant("limit", Constant::Int(5))
        .function(
            "geo.distance",
            Signature {
                overload: Overload::Custom(7),
                method: false,
                params: vec![Type::message("game.v1.Position"), Type::message("game.v1.Position")],
                result: Type::Double,
            },
        );
    env
}

fn run(source: &str) -> Check {
    let parsed = parse(source);
    assert!(parsed.diagnostics.is_empty(), "{}", render(source, &parsed.diagnostics));
    check(&parsed.ast, &env())
}

fn check_types(sources: &[&str], expected: &Expect) {
    let line = |source: &&str| {
        let checked = run(source);
        assert!(checked.diagnostics.is_empty(), "{}", render(source, &checked.diagnostics));
        assert!(checked.checked.nodes().all(|(_, node)| node.kind != NodeKind::Error && !node.ty.has_error()));
        format!("{source}  =>  {}\n", checked.checked.ty())
    };
    expected.assert_eq(&sources.iter().map(line).collect::<String>());
}

fn check_mistakes(sources: &[&str], expected: &Expect) {
    let text: String = sources.iter().map(|source| render(source, &run(source).diagnostics)).collect();
    expected.assert_eq(&text);
}

#[test]
fn types_of_rules() {
    check_types(
        &[
            "event.level >= 10 && event.zone in zones.hard && conn.platform != 'ps5' && deaths >= limit",
            "event.gold > 50000 || event.gold == 50000 || event.gold in [1, 2]",
            "event.speed > event.level",
            "'rq-' + player.id",
            "event.guild == null || event.guild == 'x' || event.guild + 'y' == 'z'",
            "event.at + duration('5m') > timestamp('2026-01-01T00:00:00Z')",
            "event.at.getHours('Europe/Berlin') - event.at.getDayOfWeek()",
            "event.items.exists(i, i.startsWith('sword')) ? event.items[0] : ''",
            "event.counts.gems + event.counts['gold']",
            "event.by_slot[1].x",
            "event.where == null || has(event.where.x)",
            "event.extra.anything[3].more > 2",
            "Zone.CATACOMBS",
            "game.v1.Zone.CATACOMBS == 3",
            "geo.distance(event.where, Position{x: 1.0})",
            "type(event.level) == int && type(event) == PlayerDied",
            "google.protobuf.Timestamp{seconds: 1}",
        ],
        &expect![[r#"
            event.level >= 10 && event.zone in zones.hard && conn.platform != 'ps5' && deaths >= limit  =>  bool
            event.gold > 50000 || event.gold == 50000 || event.gold in [1, 2]  =>  bool
            event.speed > event.level  =>  bool
            'rq-' + player.id  =>  string
            event.guild == null || event.guild == 'x' || event.guild + 'y' == 'z'  =>  bool
            event.at + duration('5m') > timestamp('2026-01-01T00:00:00Z')  =>  bool
            event.at.getHours('Europe/Berlin') - event.at.getDayOfWeek()  =>  int
            event.items.exists(i, i.startsWith('sword')) ? event.items[0] : ''  =>  string
            event.counts.gems + event.counts['gold']  =>  int
            event.by_slot[1].x  =>  double
            event.where == null || has(event.where.x)  =>  bool
            event.extra.anything[3].more > 2  =>  bool
            Zone.CATACOMBS  =>  int
            game.v1.Zone.CATACOMBS == 3  =>  bool
            geo.distance(event.where, Position{x: 1.0})  =>  double
            type(event.level) == int && type(event) == PlayerDied  =>  bool
            google.protobuf.Timestamp{seconds: 1}  =>  timestamp
        "#]],
    );
}

#[test]
fn types_inferred() {
    check_types(
        &[
            "[]",
            "{}",
            "[] + [1]",
            "[1, 2.0, 'x']",
            "[null, event.guild]",
            "[[1], []]",
            "{'a': [], 'b': [1u]}",
            "{1: 'a', 'b': true}",
            "true ? [] : ['a']",
            "true ? null : event.where",
            "any + 1",
            "any + any",
            "any.size()",
            "size(any) + size([1]) + size('x') + 'x'.size()",
            "[1, 2].map(x, x * 2).filter(y, y > 2)",
            "[1, 2].map(x, x > 1, string(x))",
            "event.counts.all(k, k != '') && event.counts.exists(k, v, v > 1) && [1].exists_one(i, v, i == v)",
            "event.counts.filter(k, k != 'x')",
            "event.items.transformList(i, v, string(i) + v)",
            "event.items.transformMap(i, v, v != '', v + 'x')",
            "event.items.transformMapEntry(i, v, {v: i})",
            "cel.bind(x, event.level * 2, x > 3 && x < 9)",
            "event.?where.x",
            "event.counts[?'a'].orValue(3) + event.counts.?b.value()",
            "optional.none().orValue('x')",
            "[?event.?zone, 'b']",
            "{?'k': event.counts[?'a']}",
            "PlayerDied{level: 1, ?zone: event.?zone, guild: null, extra: [1]}",
            "event.?where.optMap(w, w.x + 1.0)",
            "event.counts[?'a'].optFlatMap(c, optional.of(string(c)))",
            "optional.unwrap([optional.of(1)]) + [optional.of(2)].unwrapOpt()",
            "math.greatest(1, 2) + math.least([3, 4])",
            "math.greatest(1, 2.5)",
            "math.abs(-1.5) + math.sqrt(4)",
            "'a,b'.split(',').join('-').upperAscii().substring(1)",
            "base64.decode(base64.encode(b'x'))",
            "type(type(1))",
            "int",
            "dyn(1) == 'x'",
            "[1, 2] == [dyn('x')]",
            "[1] + [dyn('x')]",
            "optional.of('x').or(optional.none()[0]).value()",
        ],
        &expect![[r#"
            []  =>  list(dyn)
            {}  =>  map(dyn, dyn)
            [] + [1]  =>  list(int)
            [1, 2.0, 'x']  =>  list(dyn)
            [null, event.guild]  =>  list(string or null)
            [[1], []]  =>  list(list(int))
            {'a': [], 'b': [1u]}  =>  map(string, list(uint))
            {1: 'a', 'b': true}  =>  map(dyn, dyn)
            true ? [] : ['a']  =>  list(string)
            true ? null : event.where  =>  game.v1.Position
            any + 1  =>  int
            any + any  =>  dyn
            any.size()  =>  int
            size(any) + size([1]) + size('x') + 'x'.size()  =>  int
            [1, 2].map(x, x * 2).filter(y, y > 2)  =>  list(int)
            [1, 2].map(x, x > 1, string(x))  =>  list(string)
            event.counts.all(k, k != '') && event.counts.exists(k, v, v > 1) && [1].exists_one(i, v, i == v)  =>  bool
            event.counts.filter(k, k != 'x')  =>  list(string)
            event.items.transformList(i, v, string(i) + v)  =>  list(string)
            event.items.transformMap(i, v, v != '', v + 'x')  =>  map(int, string)
            event.items.transformMapEntry(i, v, {v: i})  =>  map(string, int)
            cel.bind(x, event.level * 2, x > 3 && x < 9)  =>  bool
            event.?where.x  =>  optional(double)
            event.counts[?'a'].orValue(3) + event.counts.?b.value()  =>  int
            optional.none().orValue('x')  =>  string
            [?event.?zone, 'b']  =>  list(string)
            {?'k': event.counts[?'a']}  =>  map(string, int)
            PlayerDied{level: 1, ?zone: event.?zone, guild: null, extra: [1]}  =>  game.v1.PlayerDied
            event.?where.optMap(w, w.x + 1.0)  =>  optional(double)
            event.counts[?'a'].optFlatMap(c, optional.of(string(c)))  =>  optional(string)
            optional.unwrap([optional.of(1)]) + [optional.of(2)].unwrapOpt()  =>  list(int)
            math.greatest(1, 2) + math.least([3, 4])  =>  int
            math.greatest(1, 2.5)  =>  dyn
            math.abs(-1.5) + math.sqrt(4)  =>  double
            'a,b'.split(',').join('-').upperAscii().substring(1)  =>  string
            base64.decode(base64.encode(b'x'))  =>  bytes
            type(type(1))  =>  type(type(int))
            int  =>  type(int)
            dyn(1) == 'x'  =>  bool
            [1, 2] == [dyn('x')]  =>  bool
            [1] + [dyn('x')]  =>  list(dyn)
            optional.of('x').or(optional.none()[0]).value()  =>  string
        "#]],
    );
}

#[test]
fn unknown_names() {
    check_mistakes(
        &[
            "event.lvl >= 10 && event.zoen == 'x'",
            "level > 3",
            "conn.platfrom == 'pc'",
            "conn.os == 'pc'",
            "zone.hard == ['x']",
            "deahts > 3",
            "event.where.z > 1.0",
            "True",
            "player.id.lenght() > 3",
            "contains(event.zone, 'x')",
            "event.items.length() + sizee(event.items)",
            "Positon{x: 1.0}",
            "Position{x: 1.0, z: 2.0}",
            "event.zone.contain('x')",
            "nothing.like.this && neither(that)",
        ],
        &expect![[r#"
            error[unknown-field]: no field `lvl` on game.v1.PlayerDied
              | event.lvl >= 10 && event.zoen == 'x'
              |       ^^^ did you mean `level`?
            error[unknown-field]: no field `zoen` on game.v1.PlayerDied
              | event.lvl >= 10 && event.zoen == 'x'
              |                          ^^^^ did you mean `zone`?
            error[unknown-name]: nothing is named `level`
              | level > 3
              | ^^^^^ did you mean `event.level`?
            error[unknown-name]: there is no `conn.platfrom`
              | conn.platfrom == 'pc'
              | ^^^^^^^^^^^^^ did you mean `conn.platform`?
            error[unknown-name]: there is no `conn.os`
              | conn.os == 'pc'
              | ^^^^^^^ there are `conn.platform`, `conn.region`
            error[unknown-name]: nothing is named `zone`
              | zone.hard == ['x']
              | ^^^^ did you mean `event.zone`?
            error[unknown-name]: nothing is named `deahts`
              | deahts > 3
              | ^^^^^^ did you mean `deaths`?
            error[unknown-field]: no field `z` on game.v1.Position
              | event.where.z > 1.0
              |             ^ there are `x`, `y`
            error[unknown-name]: nothing is named `True`
              | True
              | ^^^^ did you mean `true`?
            error[unknown-function]: there is no method `lenght`
              | player.id.lenght() > 3
              |           ^^^^^^
            error[unknown-function]: there is no function `contains`
              | contains(event.zone, 'x')
              | ^^^^^^^^ it is a method: write `x.contains(…)`
            error[unknown-function]: there is no method `length`
              | event.items.length() + sizee(event.items)
              |             ^^^^^^ did you mean `size`?
            error[unknown-function]: there is no function `sizee`
              | event.items.length() + sizee(event.items)
              |                        ^^^^^ did you mean `size`?
            error[unknown-type]: there is no message type `Positon`
              | Positon{x: 1.0}
              | ^^^^^^^
            error[unknown-field]: no field `z` on game.v1.Position
              | Position{x: 1.0, z: 2.0}
              |                  ^ there are `x`, `y`
            error[unknown-function]: there is no method `contain`
              | event.zone.contain('x')
              |            ^^^^^^^ did you mean `contains`?
            error[unknown-name]: nothing is named `nothing`
              | nothing.like.this && neither(that)
              | ^^^^^^^
            error[unknown-function]: there is no function `neither`
              | nothing.like.this && neither(that)
              |                      ^^^^^^^
            error[unknown-name]: nothing is named `that`
              | nothing.like.this && neither(that)
              |                              ^^^^
        "#]],
    );
}

#[test]
fn wrong_types() {
    check_mistakes(
        &[
            "event.level == '10'",
            "event.zone == null",
            "event.zone + event.level",
            "event.gold + 1",
            "event.gold == true",
            "!event.zone && -event.gold > 0",
            "event.level && event.items",
            "event.zone in 'catacombs'",
            "event.level in zones.hard",
            "event.at > 5",
            "event.at - 300",
            "event.level ? 1 : 2",
            "true ? 1 : 'x'",
            "event.zone[0] == 'c'",
            "event.items['a']",
            "event.level.x",
            "event.at.hour",
            "event.items.name",
            "event.by_slot.x",
            "event.zone.substring('a')",
            "event.level.contains('a')",
            "int([1])",
            "size(1)",
            "1.size()",
            "PlayerDied{gold: 5, zone: 1}",
            "{1.5: 2}",
            "[?1]",
            "math.greatest('a')",
            "math.least([])",
            "math.least([1, 'a'])",
            "event.?where.x > 1.0",
            "geo.distance(1, 2)",
        ],
        &expect![[r#"
            error[no-overload]: int and string are never equal
              | event.level == '10'
              |             ^^ numbers stand without quotes; convert a text with `int(x)`
            error[no-overload]: string and null are never equal
              | event.zone == null
              |            ^^ this value is never null; ask with `has(x.field)` whether a field is set
            error[no-overload]: `+` does not take string and int
              | event.zone + event.level
              |            ^ convert the other side: `string(x)`
            error[no-overload]: `+` does not take uint and int
              | event.gold + 1
              |            ^ convert one side: `int(x)`; a uint is written `1u`
            error[no-overload]: uint and bool are never equal
              | event.gold == true
              |            ^^
            error[no-overload]: `!` does not take string
              | !event.zone && -event.gold > 0
              | ^ compare it: `x == ''`
            error[no-overload]: `-` does not take uint
              | !event.zone && -event.gold > 0
              |                ^ convert it: `-int(x)`
            error[wrong-type]: what `&&` joins must be bool; this is int
              | event.level && event.items
              | ^^^^^^^^^^^ compare it, for example with `> 0`
            error[wrong-type]: what `&&` joins must be bool; this is list(string)
              | event.level && event.items
              |                ^^^^^^^^^^^ ask for its size, for example with `size(x) > 0`
            error[no-overload]: `in` needs a list or a map on its right, not string
              | event.zone in 'catacombs'
              |            ^^ to search inside a text write `x.contains(y)`
            error[no-overload]: int is never in list(string)
              | event.level in zones.hard
              |             ^^
            error[no-overload]: `>` does not take timestamp and int
              | event.at > 5
              |          ^ write a length of time as `duration('5m')`, a moment as `timestamp('2026-01-01T00:00:00Z')`
            error[no-overload]: `-` does not take timestamp and int
              | event.at - 300
              |          ^ write a length of time as `duration('5m')`, a moment as `timestamp('2026-01-01T00:00:00Z')`
            error[wrong-type]: the condition before `?` must be bool; this is int
              | event.level ? 1 : 2
              | ^^^^^^^^^^^ compare it, for example with `> 0`
            error[wrong-type]: the two values of `? :` differ in type: int and string
              | true ? 1 : 'x'
              |      ^ convert the other side: `string(x)`
            error[not-selectable]: string has no elements to index
              | event.zone[0] == 'c'
              |           ^^^ write `x.charAt(0)` or `x.substring(0, 1)`
            error[wrong-type]: list(string) is indexed by int, not by string
              | event.items['a']
              |             ^^^
            error[not-selectable]: int has no field `x`
              | event.level.x
              |             ^
            error[not-selectable]: timestamp has no field `hour`
              | event.at.hour
              |          ^^^^ call a method, for example `x.getHours()`
            error[not-selectable]: list(string) has no field `name`
              | event.items.name
              |             ^^^^ ask for an element: `x[0].…`, or for some: `x.exists(e, e.…)`
            error[not-selectable]: the keys of this map are int, so it has no field `x`
              | event.by_slot.x
              |               ^ write the key in brackets: `x[key]`
            error[no-overload]: `substring` of string does not take (string)
              | event.zone.substring('a')
              |            ^^^^^^^^^ it takes (int) or (int, int)
            error[no-overload]: int has no method `contains`
              | event.level.contains('a')
              |             ^^^^^^^^ it is a method of string
            error[no-overload]: `int` does not take (list(int))
              | int([1])
              | ^^^ it takes (int) or (uint) or (double) or (string) …
            error[no-overload]: `size` does not take (int)
              | size(1)
              | ^^^^ it takes (string) or (bytes) or (list(A)) or (map(A, B))
            error[no-overload]: int has no method `size`
              | 1.size()
              |   ^^^^ it is a method of string or bytes or list(A) or map(A, B)
            error[wrong-type]: field `gold` is uint; this is int
              | PlayerDied{gold: 5, zone: 1}
              |                  ^ convert it: `uint(x)`
            error[wrong-type]: field `zone` is string; this is int
              | PlayerDied{gold: 5, zone: 1}
              |                           ^
            error[wrong-type]: a key is bool, int, uint or string; this is double
              | {1.5: 2}
              |  ^^^
            error[wrong-type]: after `?` stands an optional; this is int
              | [?1]
              |   ^ leave the `?` out, or read with `.?field` or `[?key]`
            error[no-overload]: `math.greatest` does not take (string)
              | math.greatest('a')
              | ^^^^^^^^^^^^^ it takes numbers, or one list of numbers
            error[no-overload]: `math.least` needs at least one number
              | math.least([])
              | ^^^^^^^^^^ it takes numbers, or one list of numbers
            error[no-overload]: `math.least` does not take a list of (int, string)
              | math.least([1, 'a'])
              | ^^^^^^^^^^ it takes numbers, or one list of numbers
            error[no-overload]: `>` does not take optional(double) and double
              | event.?where.x > 1.0
              |                ^ take the value out: `x.orValue(default)`
            error[no-overload]: `geo.distance` does not take (int, int)
              | geo.distance(1, 2)
              | ^^^^^^^^^^^^ it takes (game.v1.Position, game.v1.Position)
        "#]],
    );
}

#[test]
fn macros_misused() {
    check_mistakes(
        &[
            "has(event)",
            "has(player.id)",
            "has(event.lvl)",
            "event.items.exists(i)",
            "event.items.exists(i.x, true)",
            "event.items.exists(i, 3)",
            "event.level.all(x, true)",
            "event.items.all(x, x, true)",
            "event.items.map(i, i, i)",
            "event.items.transformMapEntry(i, v, v)",
            "cel.bind(1, 2, 3)",
            "event.level.optMap(x, x)",
            "event.items.exists(i, i == 'a') && i == 'b'",
        ],
        &expect![[r#"
            error[bad-macro]: `has` asks for a field
              | has(event)
              |     ^^^^^ write `has(x.field)`
            error[bad-macro]: `player.id` is no field: it is always there
              | has(player.id)
              |     ^^^^^^^^^
            error[unknown-field]: no field `lvl` on game.v1.PlayerDied
              | has(event.lvl)
              |           ^^^ did you mean `level`?
            error[bad-macro]: `exists` is not written with 1 argument
              | event.items.exists(i)
              |             ^^^^^^ write `x.exists(name, condition)` or `x.exists(key, value, condition)`
            error[bad-macro]: a plain name is needed here, for the macro's variable
              | event.items.exists(i.x, true)
              |                    ^^^
            error[wrong-type]: the condition of `exists` must be bool; this is int
              | event.items.exists(i, 3)
              |                       ^ compare it, for example with `> 0`
            error[not-selectable]: `all` goes over a list or a map, not over int
              | event.level.all(x, true)
              | ^^^^^^^^^^^
            error[duplicate]: both variables are named `x`
              | event.items.all(x, x, true)
              |                    ^
            error[wrong-type]: the condition of `map` must be bool; this is string
              | event.items.map(i, i, i)
              |                    ^ compare it, for example with `!= ''`
            error[wrong-type]: `transformMapEntry` needs a map for each element; this is string
              | event.items.transformMapEntry(i, v, v)
              |                                     ^ write `{key: value}`
            error[bad-macro]: a plain name is needed here, for the macro's variable
              | cel.bind(1, 2, 3)
              |          ^
            error[wrong-type]: an optional is needed here; this is int
              | event.level.optMap(x, x)
              | ^^^^^^^^^^^ read with `.?field` or `[?key]`, or write `optional.of(x)`
            error[unknown-name]: nothing is named `i`
              | event.items.exists(i, i == 'a') && i == 'b'
              |                                    ^
        "#]],
    );
}

#[test]
fn one_mistake_is_told_once() {
    check_mistakes(
        &["(event.lvl + 1) * 2 > 3 ? event.lvl.foo() : [event.lvl].map(x, x.y)[0].z"],
        &expect![[r#"
            error[unknown-field]: no field `lvl` on game.v1.PlayerDied
              | (event.lvl + 1) * 2 > 3 ? event.lvl.foo() : [event.lvl].map(x, x.y)[0].z
              |        ^^^ did you mean `level`?
            error[unknown-field]: no field `lvl` on game.v1.PlayerDied
              | (event.lvl + 1) * 2 > 3 ? event.lvl.foo() : [event.lvl].map(x, x.y)[0].z
              |                                 ^^^ did you mean `level`?
            error[unknown-field]: no field `lvl` on game.v1.PlayerDied
              | (event.lvl + 1) * 2 > 3 ? event.lvl.foo() : [event.lvl].map(x, x.y)[0].z
              |                                                    ^^^ did you mean `level`?
        "#]],
    );
}

#[test]
fn error_nodes_of_the_parser_are_silent() {
    let parsed = parse("event.level >= && event.zoen == 'x'");
    assert_eq!(parsed.diagnostics.len(), 1);
    let checked = check(&parsed.ast, &env());
    let messages: Vec<_> = checked.diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
    assert_eq!(messages, ["no field `zoen` on game.v1.PlayerDied"]);
}

#[test]
fn what_a_tree_resolves_to() {
    let checked = compile("event.items.map(i, i != '', conn.platform + i) == zones.hard", &env()).expect("it is right");
    let lines: String = checked.nodes().map(|(id, node)| format!("{}: {:?}\n", id.index(), node.kind)).collect();
    expect![[r#"
        0: Variable { name: "event" }
        1: Field { operand: NodeId(0), field: FieldRef { message: "game.v1.PlayerDied", name: "items", index: 5 }, optional: false }
        2: Local(LocalId(0))
        3: Constant(String(""))
        4: Call { overloads: [NotEquals], args: [NodeId(2), NodeId(3)] }
        5: Variable { name: "conn.platform" }
        6: Local(LocalId(0))
        7: Call { overloads: [AddString], args: [NodeId(5), NodeId(6)] }
        8: Comprehension(Comprehension { fold: List, range: NodeId(1), first: LocalId(0), second: None, filter: Some(NodeId(4)), body: NodeId(7) })
        9: NamedConstant { name: "zones.hard" }
        10: Call { overloads: [Equals], args: [NodeId(8), NodeId(9)] }
    "#]].assert_eq(&lines);
}

#[test]
fn macro_variables_hide_names_unless_a_dot_asks() {
    let checked = compile("[1].exists(deaths, deaths == 1 && .deaths == 2)", &env()).expect("it is right");
    let kinds: Vec<_> = checked.nodes().map(|(_, node)| &node.kind).collect();
    assert!(kinds.iter().any(|kind| matches!(kind, NodeKind::Local(_))));
    assert!(kinds.iter().any(|kind| matches!(kind, NodeKind::Variable { name } if name == "deaths")));
    let NodeKind::Comprehension(Comprehension { fold: Fold::Exists, first, second: None, filter: None, .. }) =
        &checked.node(checked.root()).kind
    else {
        panic!("not a loop")
    };
    assert_eq!((checked.local(*first).name.as_str(), &checked.local(*first).ty), ("deaths", &Type::Int));
}

#[test]
fn dyn_operands_keep_all_overloads_that_are_possible() {
    let checked = compile("any < 3", &env()).expect("it is right");
    let NodeKind::Call { overloads, .. } = &checked.node(checked.root()).kind else { panic!("not a call") };
    let ids: Vec<_> = overloads.iter().map(|overload| overload.id()).collect();
    assert_eq!(ids, ["less_int", "less_uintint", "less_doubleint"]);
}

#[test]
fn children_see_parents_names_and_may_replace_them() {
    let base = env();
    let mut child = base.child();
    child.variable("losses", Type::Int).variable("deaths", Type::String);
    assert!(compile("losses > 3 && deaths == 'x' && limit == 5", &child).is_ok());
    assert!(compile("losses > 3", &base).is_err());
}

#[test]
fn the_highest_trees_fit_a_small_stack() {
    let sources = [
        "any".to_owned() + &" + any".repeat(crate::MAX_HEIGHT - 1),
        "[".repeat(crate::MAX_NESTING - 1) + &"]".repeat(crate::MAX_NESTING - 1),
        "[1]".to_owned() + &".map(x, [x])".repeat(crate::MAX_HEIGHT - 5),
        "any.all(x, ".repeat(60) + "x" + &")".repeat(60),
        "cel.bind(a, [[[[[[[[[[[[1]]]]]]]]]]]], ".to_owned()
            + &"cel.bind(a, [[[[[[[[[[[[a]]]]]]]]]]]], ".repeat(50)
            + "a"
            + &")".repeat(51),
    ];
    let small = std::thread::Builder::new().stack_size(1024 * 1024);
    let body = move || {
        for source in sources {
            let result = compile(&source, &env());
            assert!(result.is_ok(), "{:?}", result.err());
        }
    };
    small.spawn(body).expect("a thread can be made").join().expect("the stack sufficed");
}

#[test]
fn overload_words_are_unique() {
    let mut seen = std::collections::BTreeMap::new();
    for name in crate::library::names().chain(["!", "0-", "+", "-", "*", "/", "%", "<", "<=", ">", ">="]) {
        for signature in crate::library::signatures(name) {
            let other = seen.insert(signature.overload.id(), signature.overload);
            assert!(other.is_none_or(|other| other == signature.overload), "{}", signature.overload.id());
        }
    }
}

proptest! {
    #[test]
    fn any_tree_is_checked_without_panic(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "event.level", "event.zone", "event.items", "any", "1", "'x'", "[1]", "{'a': 1}", " + ", " == ", " && ",
                " in ", "(", ")", ".map(x, ", ".exists(x, x == ", "[", "]", ".size()", ".?zone", ".optMap(v, v", ", ",
                "has(", "event", "null", " ? ", " : ", "optional.none()", "[]", "!", "-", "math.greatest(",
            ]),
            0..24,
        )
    ) {
        let source = pieces.concat();
        let parsed = parse(&source);
        let checked = check(&parsed.ast, &env());
        let has_error = checked.checked.nodes().any(|(_, node)| node.kind == NodeKind::Error);
        if parsed.diagnostics.is_empty() && checked.diagnostics.is_empty() {
            prop_assert!(!has_error, "{}", source);
        }
        prop_assert!(checked.checked.nodes().all(|(_, node)| !matches!(node.ty, Type::Param(_))));
        crate::fold::fold(&checked.checked);
        render(&source, &checked.diagnostics);
    }
}

#[test]
fn a_variable_that_may_be_absent_can_be_asked_for() {
    let mut env = env();
    env.maybe("best", Type::Int);
    let seen = |source: &str| {
        let seen = check(&parse(source).ast, &env);
        (seen.checked.ty().clone(), render(source, &seen.diagnostics))
    };
    assert_eq!(seen("has(best) && best > 3"), (Type::Bool, String::new()));
    assert_eq!(seen("!has(.best)"), (Type::Bool, String::new()));
    let checked = check(&parse("has(best)").ast, &env).checked;
    assert_eq!(checked.node(checked.root()).kind, NodeKind::HasVariable { name: "best".to_owned() });
    // What is always there is no field, and a macro's own variable hides the name.
    assert!(seen("has(deaths)").1.contains("`has` asks for a field"));
    assert!(seen("[1].all(best, has(best))").1.contains("`has` asks for a field"));
}
