//! JSON to payload and back.

use expect_test::expect;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::testing::{catalogue, kinds, payload};

#[test]
fn everything_there_and_back() {
    let catalogue = catalogue();
    let value = json!({
        "b": true, "i32": -1, "i64": i64::MIN, "u32": u32::MAX, "u64": u64::MAX, "s32": i32::MIN, "s64": i64::MAX,
        "f32": 1, "f64": u64::MAX, "sf32": -1, "sf64": -1, "single": 66.79, "double": -0.1, "text": "é", "blob": "AP8=",
        "color": "blue", "maybe": 0, "inner": {"x": -3, "name": "", "deep": {"values": [1.5, -2.0]}}, "ints": [1, -1, 0],
        "texts": ["", "a"], "inners": [{"x": 0}, {"x": 1}], "by_name": {"a": 1, "": 0}, "by_number": {"-1": {"x": 2}},
        "one_text": "t", "at": "2010-07-30T21:54:59.500Z", "took": "-1.500s", "fixeds": [7], "maybe_text": "m",
        "colors": ["red", "none", "blue"], "bools": [true, false],
    });
    let bytes = catalogue.encode_json(kinds(&catalogue), &value).unwrap();
    assert_eq!(catalogue.decode_json(kinds(&catalogue), &bytes).unwrap(), value);
}

#[test]
fn other_spellings_are_taken() {
    let catalogue = catalogue();
    let back = |value: Value| {
        let bytes = catalogue.encode_json(kinds(&catalogue), &value).unwrap();
        catalogue.decode_json(kinds(&catalogue), &bytes).unwrap()
    };
    assert_eq!(back(json!({"i64": "-9007199254740993"}))["i64"], json!(-9_007_199_254_740_993_i64));
    assert_eq!(back(json!({"i32": 6.0}))["i32"], json!(6));
    assert_eq!(back(json!({"color": "COLOR_RED"}))["color"], json!("red"));
    assert_eq!(back(json!({"color": -2}))["color"], json!("blue"));
    assert_eq!(back(json!({"color": 77}))["color"], json!(77));
    assert_eq!(back(json!({"blob": "AP8"}))["blob"], json!("AP8="));
    assert_eq!(back(json!({"double": "NaN", "single": "-Infinity"}))["double"], json!("NaN"));
    assert_eq!(back(json!({"maybe": null, "text": null}))["text"], json!(""));
    assert_eq!(back(json!({"at": "2010-07-30 21:54:59+00:00"}))["at"], json!("2010-07-30T21:54:59Z"));
}

#[test]
fn defaults_are_left_out_and_shown() {
    let catalogue = catalogue();
    let bytes =
        catalogue.encode_json(kinds(&catalogue), &json!({"b": false, "i32": 0, "text": "", "ints": []})).unwrap();
    assert!(bytes.is_empty());
    let shown = catalogue.decode_json(kinds(&catalogue), &bytes).unwrap();
    assert_eq!((&shown["i32"], &shown["ints"], shown.get("maybe")), (&json!(0), &json!([]), None));
}

#[test]
fn refusals_name_the_field() {
    let catalogue = catalogue();
    let refused = [
        json!([]),
        json!({"txt": 1}),
        json!({"inner": {"nam": ""}}),
        json!({"inner": 1}),
        json!({"inner": {"deep": {"values": 1}}}),
        json!({"b": 1}),
        json!({"i32": "x"}),
        json!({"i32": 1.5}),
        json!({"i32": 2_147_483_648_i64}),
        json!({"u32": -1}),
        json!({"i64": 1e300}),
        json!({"i64": true}),
        json!({"single": 1e300}),
        json!({"double": "x"}),
        json!({"text": 1}),
        json!({"blob": "%"}),
        json!({"color": "rde"}),
        json!({"color": 4_294_967_296_i64}),
        json!({"texts": "a"}),
        json!({"by_name": []}),
        json!({"by_number": {"x": {}}}),
        json!({"one_text": "a", "one_number": 1}),
        json!({"at": "yesterday"}),
        json!({"took": "5m"}),
        json!({"text": "123456789012345678901234567890123"}),
    ];
    let shown: String = refused
        .iter()
        .map(|value| catalogue.encode_json(kinds(&catalogue), value).unwrap_err())
        .map(|e| format!("{}: {e}\n", e.code()))
        .collect();
    expect![[r#"
        encode_mismatch: `Kinds` must be an object, not a list
        encode_unknown_field: no field `txt` on t.v1.Kinds; did you mean `text`?
        encode_unknown_field: no field `inner.nam` on t.v1.Inner; did you mean `name`?
        encode_mismatch: `inner` must be an object, not a number
        encode_mismatch: `inner.deep.values` must be a list, not a number
        encode_mismatch: `b` must be true or false, not a number
        encode_not_of_kind: `i32` is "x", which is no int32
        encode_not_of_kind: `i32` is 1.5, which is no int32
        encode_not_of_kind: `i32` is 2147483648, which is no int32
        encode_not_of_kind: `u32` is -1, which is no uint32
        encode_not_of_kind: `i64` is 1e+300, which is no int64
        encode_mismatch: `i64` must be a whole number, not true or false
        encode_not_of_kind: `single` is 1e+300, which is no float
        encode_mismatch: `double` must be a number, not text
        encode_mismatch: `text` must be text, not a number
        encode_not_of_kind: `blob` is "%", which is no base64 text
        encode_unknown_enum_value: `color` has no value `rde`
        encode_not_of_kind: `color` is 4294967296, which is no number of an enum
        encode_mismatch: `texts` must be a list, not text
        encode_mismatch: `by_name` must be an object, not a list
        encode_not_of_kind: `by_number` is "x", which is no int32
        encode_oneof: `one_text` and another member of the oneof `one` are both set
        encode_not_of_kind: `at` is "yesterday", which is no RFC 3339 timestamp
        encode_not_of_kind: `took` is "5m", which is no duration in seconds such as `1.5s`
        payload_too_long: `text` has 33 bytes; the limit is 32
    "#]]
    .assert_eq(&shown);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// What a payload says survives a trip through JSON.
    #[test]
    fn payloads_there_and_back(ops in vec((any::<u8>(), 0..250_u8, any::<u64>(), vec(0..128_u8, 0..8)), 0..4)) {
        let catalogue = catalogue();
        let kinds = kinds(&catalogue);
        let bytes = payload(&catalogue, &ops);
        if let Ok(value) = catalogue.decode_json(kinds, &bytes) {
            let again = catalogue.encode_json(kinds, &value).unwrap();
            prop_assert_eq!(catalogue.decode_json(kinds, &again).unwrap(), value);
        }
    }
}
