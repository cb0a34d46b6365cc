//! Texts that make sense to a function: without them most conversions would be of texts that convert to nothing.

/// For an argument of an overload; none where any value of its type makes sense.
pub(crate) fn of(overload: &str, argument: usize) -> &'static [&'static str] {
    match (overload, argument) {
        ("string_to_bool", 0) => &["'true'", "'false'", "'t'", "'F'", "'1'", "'TRUE'", "'True'", "'tRue'", "'yes'"],
        ("string_to_int64", 0) => {
            &["'12'", "'-7'", "'0'", "'+3'", "'007'", "'9223372036854775807'", "'9223372036854775808'", "' 1'", "'1.0'"]
        }
        ("string_to_uint64", 0) => &["'12'", "'0'", "'18446744073709551615'", "'18446744073709551616'", "'-1'", "'1u'"],
        ("string_to_double", 0) => {
            &["'1.5'", "'-0.25'", "'1e3'", "'-0'", "'7'", "'1E-7'", "'.5'", "'1.'", "'NaN'", "'x'", "'123456789.125'"]
        }
        ("string_to_duration", 0) => &[
            "'90s'",
            "'1h30m'",
            "'1.5s'",
            "'-2ms'",
            "'1us'",
            "'3ns'",
            "'0'",
            "'1m1.000000001s'",
            "'1d'",
            "'+1s'",
            "'5'",
        ],
        ("string_to_timestamp", 0) => &[
            "'2026-01-31T18:00:00Z'",
            "'2024-02-29T23:59:59.123456789+02:00'",
            "'1969-12-31T00:00:00.5-09:30'",
            "'0001-01-01T00:00:00Z'",
            "'9999-12-31T23:59:59.999999999Z'",
            "'2023-02-29T00:00:00Z'",
            "'2026-01-31'",
        ],
        ("int64_to_timestamp", 0) => &["0", "1700000000", "(-1)", "253402300799", "253402300800", "(-62135596800)"],
        ("bytes_to_string", 0) => &["b'abc'", "b''", "b'\\xc3\\xa4'", "b'\\xff'", "bytes('\u{1f600}')"],
        ("double_to_int64" | "double_to_uint64", 0) => &[
            "2.9",
            "0.0",
            "3.0",
            "1e18",
            "9223372036854774784.0",
            "9223372036854775808.0",
            "(-0.5)",
            "1e19",
            "(0.0 / 0.0)",
        ],
        ("int64_to_uint64", 0) => &["0", "7", "9223372036854775807", "(-1)"],
        ("uint64_to_int64", 0) => &["0u", "7u", "9223372036854775807u", "9223372036854775808u"],
        ("base64_decode_string", 0) => &["'aGVsbG8='", "'aGVsbG8'", "'AQI='", "''", "'//8='", "'a'", "'__8='"],
        ("matches_string", 1) => &[
            "'a'",
            "'^a+$'",
            "'[a-z]+'",
            "'(?i)hello'",
            "'\\\\d{1,3}'",
            "'a.c'",
            "'^$'",
            "'(a|b)*c'",
            "'\\\\bWorld\\\\b'",
            "'\u{e4}'",
            "'('",
            "'\\\\pL'",
        ],
        ("index_list" | "index_list_optional" | "index_list_of_optional", 1) | ("index_dyn", 0) => &["0", "1", "2"],
        ("index_list_mixed", 1) => &["0.0", "1.0", "0.5"],
        ("string_char_at_int", 1) => &["0", "1", "2"],
        ("string_substring_int" | "string_substring_int_int", 1) => &["0", "1"],
        ("string_substring_int_int", 2) => &["1", "2", "3"],
        ("string_index_of_string_int" | "string_last_index_of_string_int", 2) => &["0", "1", "2"],
        ("string_replace_string_string_int", 3) | ("string_split_string_int", 2) => &["0", "1", "2", "3", "(-1)"],
        ("string_replace_string_string" | "string_replace_string_string_int" | "string_split_string", 1)
        | ("contains_string" | "starts_with_string" | "ends_with_string", 1)
        | ("string_index_of_string" | "string_last_index_of_string" | "string_split_string_int", 1)
        | ("string_index_of_string_int" | "string_last_index_of_string_int", 1) => {
            &["''", "'a'", "','", "'l'", "'lo'", "'\u{e4}'", "' '"]
        }
        ("string_replace_string_string" | "string_replace_string_string_int", 2) => &["''", "'-'", "'aa'"],
        (shift, 1) if shift.starts_with("math_bitshift") => &["0", "1", "7", "63", "64", "100", "(-1)"],
        (part, 1) if part.ends_with("_with_tz") => &[
            "'UTC'",
            "'Europe/Berlin'",
            "'America/New_York'",
            "'Asia/Kathmandu'",
            "'+02:00'",
            "'-09:30'",
            "'02:00'",
            "'Middle/Earth'",
        ],
        (divided, 1) if divided.starts_with("divide_") || divided.starts_with("modulo_") => match divided {
            "divide_int64" | "modulo_int64" => &["1", "2", "7", "(-3)", "0"],
            "divide_uint64" | "modulo_uint64" => &["1u", "2u", "7u", "0u"],
            _ => &["2.0", "0.1", "(-0.0)", "1e300"],
        },
        _ => &[],
    }
}
